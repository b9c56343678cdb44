"""How long a class takes to be marked, and that nothing is lost: ``python benchmarks/marking.py [--out FILE]``.

Generated students hand in a tiny lesson, every tenth something that is hard to mark. They are collected and graded by
the commands that an instructor calls; in the middle grading is killed with -9, and called again. What must hold is
checked.
"""

import argparse
import os
import runpy
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import nbformat

from ddkit.foundation.errors import require
from ddkit.foundation.files import sha256, write_json
from ddkit.grading import sample
from ddkit.grading.course import Course
from ddkit.grading.findings import read
from ddkit.grading.release import release

TINY = "01_tiny"
TESTS = Path(__file__).parents[1] / "tests" / "grading" / "conftest.py"
LIMITS = ("--cell-seconds", "20", "--notebook-seconds", "300")


def handed_in(folder: Path, count: int) -> Course:
    """A course of the tests' tiny lesson that so many students have handed in."""
    (folder / "notebooks").mkdir()
    nbformat.write(runpy.run_path(str(TESTS))["tiny_lesson"](), folder / "notebooks" / f"{TINY}.ipynb")
    course, _ = release(folder / "course", folder / "notebooks")
    source = nbformat.read(course.notebook("source", TINY), as_version=4)
    for student, notebook in sample.many(source, count).items():
        path = folder / "inbox" / student / f"{TINY}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(notebook if isinstance(notebook, str) else nbformat.writes(notebook), encoding="utf-8")
    return course


def called(*words: str, done=None) -> float:
    """Seconds that a command of ``ddkit.grading`` took; it is killed once ``done()``."""
    begun = time.monotonic()
    with subprocess.Popen([sys.executable, "-m", "ddkit.grading", *words], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if done and done():
                process.send_signal(signal.SIGKILL)
            time.sleep(0.5)
    require(process.returncode in (0, 1, -signal.SIGKILL), f"{words[0]} ended with {process.returncode}")
    return time.monotonic() - begun


def marked(course: Course) -> dict[str, dict]:
    """What is known of every submission that was marked, by student."""
    return {path.parent.name: read(path)[1] for path in course.root.glob(f"findings/*/{TINY}.graded.json")}


def contents(course: Course) -> str:
    return sha256(*(path.read_bytes() for path in sorted((course.root / "submitted").rglob("*.ipynb"))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", metavar="FILE", help="also write the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ddkit-marking-") as folder:
        course = handed_in(Path(folder), options.students)
        figures = {"students": options.students, "jobs": options.jobs,
                   "collect": called("collect", str(course.root), f"{folder}/inbox")}
        before = contents(course)
        words = ("grade", str(course.root), "--jobs", str(options.jobs), *LIMITS)
        figures["until killed"] = called(*words, done=lambda: len(marked(course)) >= options.students // 2)
        first = marked(course)
        figures |= {"marked when killed": len(first), "after that": called(*words)}
        figures |= {name: called(name, str(course.root)) for name in ("export", "feedback")}
        figures = {name: round(value / 60, 2) if isinstance(value, float) else value for name, value in figures.items()}
        told = _checked(course, before, first, options.students)
        figures |= {"unit of times": "minutes", "submissions": told}
    _tell(figures, options.out)


def _checked(course: Course, before: str, first: dict[str, dict], students: int) -> dict[str, int]:
    """How many submissions came to what; refused unless all are there, each once and as they came."""
    last = marked(course)
    there = {path.parents[1].name for path in (course.root / "submitted").glob(f"*/{TINY}/*.ipynb")}
    require(contents(course) == before, "a submission was written to")
    require(last.keys() == there, f"not marked: {sorted(there - last.keys())}")
    require(all(last[student] == told for student, told in first.items()), "something was marked twice")
    with sqlite3.connect(course.root / "gradebook.db") as book:
        rows = Counter(row[0] for row in book.execute("SELECT student_id FROM submitted_assignment"))
    good = {student for student, told in last.items() if not {"failed", "unreadable"} & told.keys()}
    require(rows == Counter(good), "the gradebook does not have each submission once")
    kinds = Counter(f"with: {found.kind}" for student in there for found in course.all_findings(student, TINY))
    return {"marked": len(good), "failed": len(last) - len(good), "unreadable": students - len(there),
            **dict(sorted(kinds.items()))}


def _tell(figures: dict, out: str | None) -> None:
    for name, value in figures.items():
        print(f"{name}: {value}")
    if out:
        from ddkit.foundation.device import default_device, describe

        write_json(Path(out), figures | {"processors": os.cpu_count(), "load": round(os.getloadavg()[0], 1),
                                         "device": describe(default_device()),
                                         "made": datetime.now(timezone.utc).isoformat(timespec="seconds")})


if __name__ == "__main__":
    main()
