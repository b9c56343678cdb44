"""The marks are the sheet's, every question has one home, and every mark stands in its lesson once."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from ddkit.exercises import exercises, marks, practice, records

SOURCES = Path(__file__).parents[2] / "notebooks" / "src"
QUESTIONS = {1: ("1a", "1b", "1c", "1d", "1e", "2a", "2b", "2c", "2d", "2e", "3", "4"),
             2: ("1a", "1b", "1c", "1d", "2a", "2b"), 3: ("",)}
SHEET = {(1, "1a"): 1, (1, "1b"): 1, (1, "1c"): 1, (1, "1d"): 1, (1, "1e"): 1, (1, "2a"): 1, (1, "2b"): 4, (1, "2c"): 1,
         (1, "2d"): 2, (1, "2e"): 2, (1, "3"): 2, (1, "4"): 3, (2, "1a"): 1, (2, "1b"): 1, (2, "1c"): 1, (2, "1d"): 2,
         (2, "2a"): 10, (2, "2b"): 5, (3, ""): 5}


def named_in(source: Path) -> list[tuple[str, str]]:
    """The exercises, checks and answers of a lesson."""
    return re.findall(r'^# %%.*\b(exercise|check|answer)="([\w-]+)"', source.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("application", marks.APPLICATIONS)
@pytest.mark.parametrize("pair", [False, True])
def test_the_tasks_add_up_to_the_sheets_marks(application, pair):
    assert [marks.points(task, application, pair) for task in (1, 2, 3)] == [20, 20, 5]


def test_every_question_has_its_points_whichever_choice_is_taken():
    for choice in marks.APPLICATIONS:
        found = defaultdict(float)
        for mark in marks.MARKS:
            if mark.choice in ("", choice):
                found[mark.task, mark.question] += mark.points
        assert found == SHEET


def test_points_are_halves_and_names_are_unique():
    assert all(mark.points > 0 and float(2 * mark.points).is_integer() for mark in marks.MARKS)
    assert len({mark.name for mark in marks.MARKS}) == len(marks.MARKS)


@pytest.mark.parametrize("source", sorted(SOURCES.glob("*.py")), ids=lambda path: path.stem)
def test_a_lesson_holds_its_marks_and_no_others(source):
    graded = [name for kind, name in named_in(source) if kind != "exercise"]
    assert sorted(graded) == sorted(mark.name for mark in marks.of_lesson(int(source.stem[:2])))


def test_every_exercise_has_a_check_that_is_known():
    for source in SOURCES.glob("*.py"):
        named = named_in(source)
        known = exercises().keys() | records().keys()
        assert {name for kind, name in named if kind == "check"} <= known
        checked = {name for kind, name in named if kind == "check"} | practice().keys()
        assert {name for kind, name in named if kind == "exercise"} <= checked


@pytest.mark.parametrize(("points", "words"), [(0.5, "½ mark"), (1, "1 mark"), (1.5, "1½ marks"), (2, "2 marks")])
def test_points_in_words(points, words):
    assert marks.words(points) == words


def test_the_heads_say_what_the_table_says():
    assert marks.course_part(2).startswith("Task 1: 1a (1 mark)") and marks.course_part(2).endswith("2b (4 marks)")
    assert marks.course_part(8) == "Task 3 (5 marks)" and "no marks" in marks.course_part(10)
