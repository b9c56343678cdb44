"""From what a student handed in to what is marked: a notebook for each lesson, the runs, and what was noticed.

Everything follows from ``handed_in/STUDENT`` alone, so that it can be done again at any time, and comes out the same.
"""

import os
import re
import shutil
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path, PurePosixPath

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import write_bytes
from ddkit.grading import findings as written_findings
from ddkit.grading.collect.arriving import told
from ddkit.grading.collect.keeping import LEFT_OUT, RECORD, deliveries, digest_of, is_notebook, runs_in
from ddkit.grading.collect.lessons import LARGEST, Lessons
from ddkit.grading.collect.whose import is_late
from ddkit.grading.course import Course
from ddkit.grading.findings import LATER, Finding
from ddkit.grading.restore import read, restore, tidied, written

STAGE = "collected"
_NUMBERED = re.compile(r".*(?:-| \()(\d{1,3})\)?")  # by Canvas or a browser
_SHIPPED = ("data", "reference")  # where the repository's own runs lie in a copy of it
_RUN = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Candidate:
    """A notebook that a student handed in.

    Attributes:
        path: of it, absolute.
        shown: its name as it was handed in.
        digest: sha256 of the file.
        lesson: that it belongs to; "" if it is none of the course's.
        content: restored, as a file.
        noticed: when it was restored.
        order: what sorts from old to new: time, the number in its name, delivery, name.
        delivery: the number of that in which it came.
    """

    path: Path
    shown: str
    digest: str
    lesson: str
    content: bytes
    noticed: list[Finding]
    order: tuple
    delivery: int

    @property
    def when(self) -> str:
        return datetime.fromtimestamp(self.order[0], timezone.utc).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        student: by their id; "" if it is about nobody's files.
        lesson: that the line is about; "" for none in particular.
        file, when: the notebook that is taken, and of when it is; else "".
        findings: what was noticed.
    """

    student: str
    lesson: str
    file: str
    when: str
    findings: list[Finding]


def submit(course: Course, lessons: Lessons, student: str, work: Path) -> tuple[list[Row], list[Finding]]:
    """Put a student's newest notebook of each lesson into ``submitted``, and the runs into ``records``.

    Args:
        work: an empty place on the same disk.

    Returns:
        the lessons handed in, and findings that belong to none of them.
    """
    folder, general = course.root / "handed_in" / student, []
    by_lesson: dict[str, list[Candidate]] = {}
    for one in _candidates(folder, lessons, general):
        by_lesson.setdefault(one.lesson, []).append(one)
    rows = [_submit(course, student, lesson, sorted(ones, key=lambda one: one.order))
            for lesson, ones in sorted(by_lesson.items())]
    if not rows and not general:
        general.append(Finding("no notebook", "", "no notebook of a lesson is among what was handed in"))
    general += _records(folder, course.records(student), work)
    return rows, general


def _candidates(folder: Path, lessons: Lessons, general: list[Finding]) -> list[Candidate]:
    """The notebooks of all deliveries, each content once; those of no use are named, unless one of the same name came
    later that is."""
    found: dict[str, Candidate] = {}
    useless: dict[str, Finding] = {}
    for place in deliveries(folder):
        for path in sorted(path for path in place.rglob("*") if path.is_file()):
            shown = path.relative_to(place).as_posix()
            if not is_notebook(PurePosixPath(shown)):
                continue
            digest = digest_of(path)
            try:
                lesson, content, noticed = _restored(path, lessons)
            except InputError as error:
                useless[shown] = Finding("unreadable", "", f"{shown}: {error}")
                continue
            number = _NUMBERED.fullmatch(path.name.split(".")[0])
            order = (path.stat().st_mtime, int(number[1]) if number else 0, int(place.name), shown)
            if digest not in found or order > found[digest].order:
                found[digest] = Candidate(path, shown, digest, lesson, content, noticed, order, int(place.name))
            if lesson:
                useless.pop(shown, None)
            else:
                useless[shown] = Finding(LEFT_OUT, "", f"{shown}: it is a notebook of none of the lessons released")
    general += useless.values()
    return [one for one in found.values() if one.lesson]


def _restored(path: Path, lessons: Lessons) -> tuple[str, bytes, list[Finding]]:
    """The lesson of a notebook, "" if it is of none, the restored notebook's file, and what was noticed.

    Raises:
        InputError: it cannot be read, whatever the reason.
    """
    require(path.stat().st_size <= LARGEST, f"it is larger than {LARGEST >> 20} MiB: ask for it again, without so long "
                                            "outputs")
    try:
        notebook = read(path.read_bytes())
        lesson = lessons.of_notebook(tidied(notebook)[0])
        if lesson is None:
            return "", b"", []
        made, noticed = restore(notebook, lessons.sources[lesson])
        return lesson, written(made), noticed
    except InputError:
        raise
    except Exception as error:  # whatever a strange notebook leads to
        raise InputError(f"it cannot be restored ({told(error)}): have it saved again by Jupyter") from error


def _submit(course: Course, student: str, lesson: str, ones: list[Candidate]) -> Row:
    """Put the newest of a lesson's notebooks where it is marked, and say which that is."""
    *older, newest = ones
    noticed = list(newest.noticed)
    if older:
        others = ", ".join(f"{one.shown} of {one.when[:16]}" for one in older[-5:])
        noticed.insert(0, Finding("several notebooks", "", f"{newest.shown} of {newest.when[:16]} is taken, the newest "
                                                           f"of {len(ones)}; not {others}"))
    later = [one for one in older if one.delivery > newest.delivery]
    if later:
        noticed.insert(0, Finding(LATER, "", f"{later[-1].shown} of {later[-1].when[:16]} came in a later delivery "
                                             f"than {newest.shown} of {newest.when[:16]}, which is taken, as its file "
                                             "is newer: ask which of them counts"))
    if any(map(is_late, PurePosixPath(newest.shown).parts)):
        noticed.insert(0, Finding("late", "", f"{newest.shown}: handed in late, says Canvas"))
    target = course.notebook("submitted", lesson, student)
    if not target.exists() or target.read_bytes() != newest.content:
        write_bytes(target, newest.content)
    written_findings.write(course.findings(student, lesson, STAGE), noticed,
                           file=newest.path.relative_to(course.root).as_posix(), sha256=newest.digest,
                           when=newest.when, attempt=len(ones))
    return Row(student, lesson, newest.shown, newest.when, noticed)


def _records(folder: Path, target: Path, work: Path) -> list[Finding]:
    """Copy the newest version of every run that was handed in."""
    versions: dict[str, list[Path]] = {}
    found = []
    for place in deliveries(folder):
        inside = [PurePosixPath(path.relative_to(place).as_posix()) for path in place.rglob(RECORD) if path.is_file()]
        runs = [run for run in runs_in(inside) if _RUN.fullmatch(run.name)]
        found += [Finding(LEFT_OUT, "", f"{path}: a record lies in a folder of its own, which has the run's name")
                  for path in inside if path.parent not in runs]
        for run in runs:
            name = run.name.removesuffix(".zip")
            if _SHIPPED not in pairwise(run.parts):
                versions.setdefault(name, []).append(place / run)
    for name, places in sorted(versions.items()):
        newest = max(places, key=lambda place: (place / RECORD).stat().st_mtime)
        if len({digest_of(place / RECORD) for place in places}) > 1:
            found.append(Finding("several records", "", f"the run {name} was handed in in {len(places)} versions; the "
                                                        "newest is taken"))
        if not _same(newest, target / name):
            _replace(newest, target / name, work)
    return found


def _same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files with the same content."""
    names = [{path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
             for folder in (one, other)]
    return names[0] == names[1] and all(digest_of(one / name) == digest_of(other / name) for name in names[0])


def _replace(source: Path, target: Path, work: Path) -> None:
    """Copy a folder; it takes its name when it is whole."""
    shutil.copytree(source, work, copy_function=shutil.copyfile)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        os.rename(target, work.with_name(f"{work.name}.old"))
    os.rename(work, target)
    shutil.rmtree(work.with_name(f"{work.name}.old"), ignore_errors=True)
