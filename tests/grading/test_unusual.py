"""Attempts that came to nothing are named, and what a lesson itself does is not."""

from pathlib import Path

import pytest

pytest.importorskip("nbformat")

import nbformat

from ddkit.grading.grade.unusual import KIND, unusual
from ddkit.grading.sample import making, tricks

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))
ATTEMPTS = tricks.ENDING | tricks.PATCHING | tricks.burglary("/root/course", 9) | {
    kind: tricks.HEAVY[kind] for kind in ("processes", "forks")}


@pytest.fixture
def lesson():
    return nbformat.read(NOTEBOOKS[0], as_version=4)


@pytest.mark.parametrize("kind", ATTEMPTS)
def test_an_attempt_is_named_with_its_cell(lesson, kind):
    name = making.exercises(lesson)[-1]
    found = list(unusual(making.after(making.perfect(lesson), f"exercise-{name}", ATTEMPTS[kind]), lesson))
    assert [(one.kind, one.cell) for one in found] == [(KIND, f"exercise-{name}")], found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_a_lesson_with_its_own_solutions_is_usual(path):
    lesson = nbformat.read(path, as_version=4)
    for made in (making.perfect(lesson), making.unsolved(lesson)):
        assert list(unusual(made, lesson)) == []


def test_a_cell_that_a_student_added_is_told_by_its_first_line(lesson):
    made = making.perfect(lesson)
    made.cells.append(nbformat.v4.new_code_cell("# mine\nimport socket"))
    (found,) = unusual(made, lesson)
    assert found.cell == "" and "begins with '# mine': it speaks of the network" in found.words


@pytest.mark.parametrize(("code", "what"), [
    ("from ddkit.exercises.lessons import search", "ddkit's own solutions"),
    ("from ddkit.exercises import check, lessons", "ddkit's own solutions"),
    ("import ddkit.exercises.lessons.search as s", "ddkit's own solutions"),
    ("import importlib\nimportlib.import_module('dd' + 'kit')", "code that is made while it runs"),
    ("eval('1')", "code that is made while it runs"), ("exec('x = 1')", "code that is made while it runs"),
    ("network.eval()", ""), ("my_eval(3)", ""), ("from ddkit import exercises", "")])
def test_what_may_hide_ddkits_own_solution_is_named(lesson, code, what):
    made = making.perfect(lesson)
    made.cells.append(nbformat.v4.new_code_cell(code))
    told = [one.words.partition("it speaks of ")[2].partition(":")[0] for one in unusual(made, lesson)]
    assert told == ([what] if what else [])
