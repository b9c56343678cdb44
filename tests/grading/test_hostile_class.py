"""The hostile class, collected and marked as an instructor does: each costs its own marks at most, is named, and harms
nothing."""

import contextlib
import json
import shutil
import socket
import sqlite3
import tempfile
import threading
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="marking needs nbgrader")

import nbformat

from ddkit.grading.collect import collect
from ddkit.grading.course import Course
from ddkit.grading.findings import read
from ddkit.grading.grade.command import grade
from ddkit.grading.grade.orders import RE_EXECUTED, Way
from ddkit.grading.kernel import bubblewrap
from ddkit.grading.kernel.sandbox import Sandbox
from ddkit.grading.kernel.watch import Limits
from ddkit.grading.release.gradebook import nbgraders_ways
from ddkit.grading.sample import hostile, tricks

pytestmark = [pytest.mark.filterwarnings("ignore"),  # SQLAlchemy's, of nbgrader's use of it
              pytest.mark.skipif(not bubblewrap.works(), reason="needs bubblewrap")]
TINY = "01_tiny"
NAMED = {  # students, and what is noticed about each, by the kinds of findings
    "deleted-check": {"missing cell"}, "deleted-exercise": {"missing cell"}, "deleted-answer": {"missing cell"},
    "duplicated-check": {"duplicated cell"}, "duplicated-exercise": {"duplicated cell"},
    "reordered": {"moved cell", "check before exercise"}, "retyped-check": {"retyped cell"},
    "retyped-exercise": {"retyped cell"}, "retyped-answer": {"retyped cell"}, "overwritten-check": {"changed check"},
    "more-points": {"changed metadata"}, "renamed-copy": set(), "broken": {"unreadable"}, "other-json": {"unreadable"},
    "endless": {"over time"}, "output-one-line": {"too much output"}, "memory": {"over memory"},
    "exits-at-once": {"kernel ended"}, "patches-cells": {"changed checks"},
    **{name: {"unusual code"} for name in (
        "forks", "exits", "patches-stderr", "patches-errors", "patches-asserts", "reads-hidden-tests",
        "writes-outside", "writes-gradebook", "calls-out")},
}
LIMITS = Limits(cell_seconds=30, memory=1500)


class Listener:
    """Counts who calls a port of this machine."""

    def __init__(self):
        self.socket, self.calls = socket.create_server(("127.0.0.1", 0)), 0
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.socket.accept()[0].close()
                self.calls += 1


@pytest.fixture(scope="module")
def listener():
    found = Listener()
    yield found
    found.socket.close()


@pytest.fixture(scope="module")
def students(_released_once, listener) -> dict:
    source = nbformat.read(Course.at(_released_once).notebook("source", TINY), as_version=4)
    everybody = hostile.students(source, _released_once, listener.port)
    return {name: everybody[name] for name in NAMED}


@pytest.fixture(scope="module")
def inbox(tmp_path_factory, students) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "inbox"
    for student, one in students.items():
        path = folder / student / (one.file.replace("LESSON", TINY) or f"{TINY}.ipynb")
        path.parent.mkdir(parents=True)
        path.write_text(one.notebook if isinstance(one.notebook, str) else nbformat.writes(one.notebook))
    return folder


@pytest.fixture(scope="module")
def marked(_released_once, inbox) -> Course:
    """The course in which they are marked; the one that they aim at has the same hidden tests and another gradebook."""
    course = Course.at(shutil.copytree(_released_once, inbox.parent / "course"))
    collect(course.root, [inbox])
    grade(course, Way(RE_EXECUTED, LIMITS, Sandbox.chosen("bubblewrap")), jobs=2)
    return course


def marks(course: Course) -> dict[str, dict[str, float | None]]:
    """What the checks gave, by student; of all rows that there are."""
    from nbgrader.api import Gradebook

    with nbgraders_ways(), Gradebook(course.gradebook, "ddkit") as book:
        return {submission.student.id: {one.name: one.auto_score for notebook in submission.notebooks
                                        for one in notebook.grades}
                for submission in book.assignment_submissions(TINY)}


@pytest.mark.parametrize("student", NAMED)
def test_each_costs_its_own_marks_at_most_and_is_named(marked, students, student):
    found, points = marks(marked).get(student), {"double": 1, "largest": 2}
    if NAMED[student] == {"unreadable"}:
        assert found is None
    else:
        lost = {name for name, most in points.items() if found[name] != most}
        assert set(students[student].loses) <= lost <= {*students[student].loses, *students[student].may_lose}
        assert all(found[name] == 0 for name in lost) and not found["why"]
    files = (marked.root / "findings" / student).glob("*.json")
    assert {one.kind for path in files for one in read(path)[0]} >= NAMED[student]


def test_nobody_saw_wrote_or_called_what_is_not_theirs(marked, students, listener, inbox, _released_once):
    assert listener.calls == 0
    shown = [json.dumps(cell.outputs) for path in marked.root.glob("autograded/*/*/*.ipynb")
             for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    assert len(shown) > len(students)
    assert not [text for text in shown if tricks.SEEN in text or tricks.CONNECTED in text]
    places = (marked.root, _released_once, Path.home(), Path.cwd(), Path(tempfile.gettempdir()))
    assert not [place for place in places if (place / tricks.NOTE).exists()]
    for course in (marked.root, _released_once):
        with contextlib.closing(sqlite3.connect(course / "gradebook.db")) as book:
            assert book.execute("SELECT count(*) FROM grade WHERE manual_score = 99").fetchone() == (0,)
    for student in students:
        handed = {path.read_bytes() for path in (marked.root / "handed_in" / student).rglob("*.ipynb")}
        assert {path.read_bytes() for path in (inbox / student).iterdir()} <= handed
