"""Marking submissions: right marks, nothing lost, nothing touched, whatever happens on the way."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

pytest.importorskip("nbgrader", reason="marking needs nbgrader")

import nbformat
from nbgrader.api import Gradebook

from ddkit.foundation.errors import InputError
from ddkit.grading import sample
from ddkit.grading.course import Course
from ddkit.grading.findings import read
from ddkit.grading.grade import byhand, crew, orders, ways
from ddkit.grading.grade.command import Outcome, chosen, grade
from ddkit.grading.grade.one import SCHEME
from ddkit.grading.grade.orders import AS_EXECUTED, RE_EXECUTED, Order, Way
from ddkit.grading.kernel.sandbox import Sandbox
from ddkit.grading.kernel.watch import Limits

pytestmark = pytest.mark.filterwarnings("ignore")  # SQLAlchemy's, of nbgrader's use of it
TINY = "01_tiny"
WAY = Way(RE_EXECUTED, Limits(), Sandbox("none"))  # what is handed in here is the project's own


def put(course: Course, student: str, notebook) -> Path:
    path = course.notebook("submitted", TINY, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    (course.root / "handed_in" / student).mkdir(parents=True, exist_ok=True)
    path.write_text(notebook if isinstance(notebook, str) else nbformat.writes(notebook))
    return path


def source_of(course: Course):
    return nbformat.read(course.notebook("source", TINY), as_version=4)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def automatic(course: Course) -> dict[str, dict[str, float | None]]:
    """What the checks gave, by student; of all rows that there are."""
    with Gradebook(course.gradebook, "ddkit") as book:
        return {submission.student.id: {one.name: one.auto_score for notebook in submission.notebooks
                                        for one in notebook.grades}
                for submission in book.assignment_submissions(TINY)}


def by_hand(course: Course, student: str, name: str, mark: float | None = None, comment: str = "") -> None:
    """What formgrader does when a person marks."""
    with Gradebook(course.gradebook, "ddkit") as book:
        if mark is not None:
            found = book.find_grade(name, TINY, TINY, student)
            found.manual_score, found.needs_manual_grade = mark, False
        if comment:
            book.find_comment(name, TINY, TINY, student).manual_comment = comment
        book.db.commit()


def given(course: Course, student: str, name: str) -> tuple[float | None, bool]:
    with Gradebook(course.gradebook, "ddkit") as book:
        found = book.find_grade(name, TINY, TINY, student)
        return found.manual_score, found.needs_manual_grade


@pytest.fixture(scope="module")
def _graded_once(_released_once, tmp_path_factory):
    course = Course.at(shutil.copytree(_released_once, tmp_path_factory.mktemp("graded") / "course"))
    for student, notebook in sample.students(source_of(course)).items():
        put(course, student, notebook)
    before = contents(course.root / "submitted")
    outcome = grade(course, WAY, jobs=2)
    return course, before, outcome


@pytest.fixture
def graded(_graded_once, tmp_path) -> Course:
    """The sample class of three, marked; each test has its own."""
    return Course.at(shutil.copytree(_graded_once[0].root, tmp_path / "course"))


# the sample class

def test_the_perfect_student_has_all_automatic_marks_and_the_mistaken_loses_the_mistakes(_graded_once):
    course, _, _ = _graded_once
    source = source_of(course)
    points = {cell.id: cell.metadata.nbgrader.points for cell in source.cells
              if cell.metadata.get("nbgrader", {}).get("locked")}
    found = automatic(course)
    for student in ("perfect", "mistaken"):
        loses = sample.three(source)[student].loses
        assert {name: found[student][name] for name in points} == {name: 0 if name in loses else most
                                                                   for name, most in points.items()}
        assert found[student]["why"] is None  # a person's
    assert sample.three(source)["mistaken"].loses


def test_a_file_that_is_no_notebook_is_reported_has_no_row_and_the_rest_goes_on(_graded_once):
    course, _, outcome = _graded_once
    assert outcome == Outcome(2, 0, outcome.left_out)
    assert len(outcome.left_out) == 1
    assert outcome.left_out[0].startswith(f"broken, {TINY}: the file is no notebook")
    assert automatic(course).keys() == {"perfect", "mistaken"}  # no 0 without a word
    assert [one.kind for one in course.all_findings("broken", TINY)] == ["unreadable"]


def test_what_was_handed_in_is_not_touched(_graded_once):
    course, before, _ = _graded_once
    assert contents(course.root / "submitted") == before


def test_the_scheme_stands_after_the_answer_and_nothing_is_left_in_the_metadata(_graded_once):
    course, _, _ = _graded_once
    notebook = nbformat.read(course.notebook("autograded", TINY, "perfect"), as_version=4)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    scheme = notebook.cells[ids.index("why") + 1]
    assert course.schemes(TINY)["why"].strip() in scheme.source
    assert scheme.metadata.tags == [SCHEME]
    assert "ddkit_findings" not in notebook.metadata


def test_the_command_says_what_it_left_out_and_ends_with_1(graded, capfd):
    from ddkit.grading.__main__ import main

    with pytest.raises(SystemExit, match="1"):
        main(["grade", str(graded.root), "--sandbox", "none"])
    said = capfd.readouterr()
    assert "marked 0 submissions; 3 had been marked as they are now" in said.out
    assert "broken, 01_tiny: the file is no notebook" in said.out
    assert "NOTHING" in said.err  # what the sandbox does not protect


# again, and not again

def change_bytes(course: Course) -> None:
    path = course.notebook("submitted", TINY, "perfect")
    path.write_bytes(path.read_bytes() + b"\n")


def change_release(course: Course) -> None:
    path = course.notebook("source", TINY)
    path.write_bytes(path.read_bytes() + b"\n")


def change_schemes(course: Course) -> None:
    path = course.root / "source" / TINY / "schemes.json"
    path.write_bytes(path.read_bytes() + b"\n")


def lose_autograded(course: Course) -> None:
    shutil.rmtree(course.root / "autograded" / "perfect")


CHANGES = {"nothing": lambda course: None, "bytes": change_bytes, "release": change_release, "schemes": change_schemes,
           "marked notebook": lose_autograded}


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_has_changed_is_marked_again(graded, change):
    order = Order(graded.root, "perfect", TINY, WAY)
    assert not order.due(row=True)
    CHANGES[change](graded)
    assert order.due(row=True) == (change != "nothing")


def test_other_limits_another_way_or_a_lost_row_make_it_due(graded):
    order = Order(graded.root, "perfect", TINY, WAY)
    assert replace(order, way=replace(WAY, limits=Limits(cell_seconds=7))).due(row=True)
    assert replace(order, way=replace(WAY, name="as-executed")).due(row=True)
    assert not replace(order, way=replace(WAY, threads=2)).due(row=True)  # which changes no mark
    assert order.due(row=False)


def test_other_checks_of_ddkit_make_it_due(graded, monkeypatch):
    assert grade(graded, WAY).marked == 0
    monkeypatch.setattr(orders, "_checks", lambda: "of another version")
    assert [Order(graded.root, student, TINY, WAY).due(row=True) for student in ("perfect", "mistaken")] == [True, True]


def test_marking_again_leaves_one_row_for_each_and_the_same_marks(graded):
    before = automatic(graded)
    assert grade(graded, WAY, again=True, jobs=2).marked == 2
    assert automatic(graded) == before
    assert len(list((graded.root / "backups").glob("gradebook.*.db"))) >= 1


def test_what_is_not_handed_in_any_more_has_no_row(graded):
    shutil.rmtree(graded.root / "submitted" / "mistaken")
    grade(graded, WAY)
    assert automatic(graded).keys() == {"perfect"}
    assert not graded.notebook("autograded", TINY, "mistaken").exists()


def test_a_better_file_takes_the_place_of_one_that_was_unreadable_and_the_other_way_round(graded):
    good = graded.notebook("submitted", TINY, "perfect").read_text()
    put(graded, "broken", good)
    put(graded, "mistaken", good[:99])
    outcome = grade(graded, WAY, jobs=2)
    assert automatic(graded).keys() == {"perfect", "broken"}
    assert [sentence.split(",")[0] for sentence in outcome.left_out] == ["mistaken"]


def test_chosen_students_and_lessons_alone_are_marked(graded):
    assert grade(graded, WAY, ["1", TINY], ["perfect", "perfect"], again=True).marked == 1
    with pytest.raises(InputError, match="nothing was handed in by nobody: choose among broken, mistaken, perfect"):
        grade(graded, WAY, students=["nobody"])
    with pytest.raises(InputError, match="lesson '7' was not released"):
        grade(graded, WAY, ["7"])
    with pytest.raises(InputError, match="--jobs must be at least 1"):
        grade(graded, WAY, jobs=0)
    assert chosen(" a, b,") == ["a", "b"]
    with pytest.raises(InputError, match="names nothing"):
        chosen(" , ")


# by hand

def test_marks_and_comments_given_by_hand_survive_and_stay_resolved(graded):
    by_hand(graded, "perfect", "why", 1.25, "short & good")
    by_hand(graded, "perfect", "largest", 0.5)
    grade(graded, WAY, students=["perfect"], again=True)
    assert given(graded, "perfect", "why") == (1.25, False)
    assert given(graded, "perfect", "largest") == (0.5, False)
    with Gradebook(graded.gradebook, "ddkit") as book:
        assert book.find_comment("why", TINY, TINY, "perfect").manual_comment == "short & good"
    assert automatic(graded)["perfect"]["largest"] == 2  # what the check gave is there, too
    assert not graded.findings("perfect", TINY, byhand.STAGE).exists()


def test_what_a_person_marked_and_what_changed_since_is_theirs_to_look_at_again(graded):
    by_hand(graded, "perfect", "why", 1.25)
    by_hand(graded, "perfect", "double", 1)
    notebook = nbformat.read(graded.notebook("submitted", TINY, "perfect"), as_version=4)
    for cell in notebook.cells:
        if cell.id == "why":
            cell.source += " And more."
    put(graded, "perfect", notebook)
    grade(graded, WAY, students=["perfect"])
    assert given(graded, "perfect", "why") == (1.25, True)
    assert given(graded, "perfect", "double") == (1, False)


def test_marks_given_by_hand_survive_a_kill_between_and_a_file_that_is_broken_for_a_while(graded):
    by_hand(graded, "perfect", "why", 1.25, "kept")
    good = graded.notebook("submitted", TINY, "perfect").read_text()
    put(graded, "perfect", good[:200])
    grade(graded, WAY, students=["perfect"])
    assert "perfect" not in automatic(graded)
    byhand.set_aside(graded, "perfect", TINY)  # as a marking that is killed right after it
    put(graded, "perfect", good)
    grade(graded, WAY, students=["perfect"])
    assert given(graded, "perfect", "why")[0] == 1.25


# killed, crashed, hanging

def running(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def test_killed_in_the_middle_and_run_again_nothing_is_lost_marked_twice_or_stale(tiny):
    good = sample.students(source_of(tiny))["perfect"]
    names = [f"s{number}" for number in range(4)]
    for name in names:
        put(tiny, name, good)
    before = contents(tiny.root / "submitted")
    command = [sys.executable, "-m", "ddkit.grading", "grade", str(tiny.root), "--jobs", "1", "--sandbox", "none"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 120
        while not (done := list(tiny.root.glob("findings/*/*.graded.json"))):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        workers = running(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert workers
    assert not psutil.wait_procs(workers, timeout=30)[1]  # nobody goes on behind the next run
    first = {path: path.stat().st_mtime_ns for path in done}
    outcome = grade(tiny, WAY, jobs=2)
    assert outcome.marked + outcome.unchanged == len(names) and outcome.unchanged >= 1 and not outcome.left_out
    assert {path: path.stat().st_mtime_ns for path in first} == first
    assert automatic(tiny) == {name: {"double": 1, "largest": 2, "why": None} for name in names}
    assert contents(tiny.root / "submitted") == before


def test_of_jobs_that_crash_fail_or_hang_the_others_know_nothing(tmp_path):
    jobs = {"crashes": crew.Job(signal.raise_signal, signal.SIGKILL, tmp_path / "crashes.log", 60),
            "exits": crew.Job(os._exit, 3, tmp_path / "exits.log", 60),
            "fails": crew.Job(int, "no number", tmp_path / "fails.log", 60),
            "hangs": crew.Job(time.sleep, 600, tmp_path / "hangs.log", 1),
            "prints": crew.Job(print, "all well", tmp_path / "prints.log", 60)}
    found = {job.log.stem: failure for job, failure in crew.at_once(jobs.values(), 2, [])}
    assert found == {"crashes": "its process was ended by SIGKILL", "exits": "it failed", "fails": "it failed",
                     "hangs": "it took more than 1 s", "prints": ""}
    assert "no number" in (tmp_path / "fails.log").read_text()
    assert (tmp_path / "prints.log").read_text() == "all well\n"


def test_a_submission_that_cannot_be_marked_is_said_and_tried_again_the_next_time(graded, monkeypatch):
    from ddkit.grading.grade import command

    monkeypatch.setattr(command, "_most", lambda order: 0.01)
    outcome = grade(graded, WAY, students=["perfect"], again=True)
    assert outcome.left_out == [f"perfect, {TINY}: it was not marked: it took more than 0 s (see findings/perfect/"
                                f"{TINY}.graded.log)"]
    assert "perfect" not in automatic(graded)
    assert [one.kind for one in read(graded.findings("perfect", TINY, "graded"))[0]] == ["not marked"]
    monkeypatch.undo()
    assert grade(graded, WAY, students=["perfect"]).marked == 1
    assert automatic(graded)["perfect"]["double"] == 1


def test_nobody_else_marks_in_the_same_course_meanwhile(graded):
    with graded.held(), pytest.raises(InputError, match="another command is at work"):
        grade(graded, WAY)


# as executed

@pytest.mark.parametrize(("stated", "kinds"), [("(4, 3)", []), ("(4, 9)", ["stated, not given"])])
def test_as_executed_numbers_are_held_against_what_comes_of_the_records(tiny, stated, kinds):
    notebook = sample.students(source_of(tiny))["perfect"]
    notebook.cells[6].outputs = [nbformat.v4.new_output("execute_result", {"text/plain": stated}, execution_count=7)]
    put(tiny, "ann", notebook)
    assert grade(tiny, replace(WAY, name=AS_EXECUTED)).marked == 1
    findings, told = read(tiny.findings("ann", TINY, "graded"))
    assert [(one.kind, one.cell) for one in findings] == [(kind, "cell-06") for kind in kinds]
    assert told["way"] == AS_EXECUTED
    assert automatic(tiny)["ann"] == {"double": 1, "largest": 2, "why": None}
    order = Order(tiny.root, "ann", TINY, replace(WAY, name=AS_EXECUTED))
    assert not order.due(row=True)
    (tiny.records("ann") / "run-1").mkdir(parents=True)
    (tiny.records("ann") / "run-1" / "record.json").write_text("{}")
    assert order.due(row=True)  # what a mark rests on is another now


@pytest.mark.parametrize(("name", "profile"), [(RE_EXECUTED, "quick"), (AS_EXECUTED, "laptop")])
def test_each_way_tells_the_kernel_what_is_its_own(tiny, name, profile):
    put(tiny, "ann", sample.students(source_of(tiny))["perfect"])
    environment, binds = ways.told(Order(tiny.root, "ann", TINY, replace(WAY, name=name, threads=3)))
    assert environment["DDKIT_PROFILE"] == profile and environment["DDKIT_NAME"] == "ann"
    assert environment["OMP_NUM_THREADS"] == "3" and environment["DDKIT_REFERENCE"] == "0"
    assert (environment.get("DDKIT_MAKE") == "0") == (name == AS_EXECUTED) == bool(binds)
