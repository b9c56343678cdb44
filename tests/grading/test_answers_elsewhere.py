"""An answer that is not in its own cell is left to a person, and an empty one has 0, and both are said."""

import pytest

pytest.importorskip("nbgrader", reason="marking needs nbgrader")

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook

from ddkit.exercises.cells import student
from ddkit.grading.findings import read
from ddkit.grading.grade.command import grade
from ddkit.grading.grade.orders import RE_EXECUTED, STAGE, Way
from ddkit.grading.kernel.sandbox import Sandbox
from ddkit.grading.kernel.watch import Limits
from ddkit.grading.results import marks

pytestmark = pytest.mark.filterwarnings("ignore")  # SQLAlchemy's, of nbgrader's use of it
TINY = "01_tiny"
WAY = Way(RE_EXECUTED, Limits(), Sandbox("none"))
TEXT = new_markdown_cell("It looks at each number once.", id="mine")
BESIDE = {  # what stands around the answer's cell: how many texts of the student's own that are
    "nothing": ([], [], 0), "an empty text and code": ([], [new_markdown_cell(" "), new_code_cell("1 + 1")], 0),
    "below": ([], [new_code_cell("1 + 1"), TEXT], 1), "above": ([TEXT], [], 1), "around": ([TEXT], [TEXT, TEXT], 3)}


def written(lesson, above: list, below: list):
    made = student(lesson)
    made.cells = [*made.cells[:-1], *above, made.cells[-1], *below]
    for place, cell in enumerate(made.cells):
        cell.id = cell.id if "nbgrader" in cell.metadata else f"place-{place}"
    return nbformat.from_dict(made)


def test_an_answer_beside_its_cell_is_left_to_a_person_and_an_empty_one_has_0(tiny, hand_in, tiny_source):
    for place, (above, below, _) in enumerate(BESIDE.values()):
        hand_in(f"s{place}", written(tiny_source, above, below))
    grade(tiny, WAY, jobs=2)
    table = marks.rows(marks.graded_cells(tiny), marks.of_class(tiny))
    rows = [dict(zip(table[0], row, strict=True)) for row in table[1:]]
    for place, (_, _, many) in enumerate(BESIDE.values()):
        found = [one for one in read(tiny.findings(f"s{place}", TINY, STAGE))[0] if one.cell == "why"]
        assert [one.kind for one in found] == ["answer elsewhere" if many else "no answer"]
        assert rows[place][f"{TINY} why /1.5"] == ("to mark" if many else "0")
        assert rows[place]["needs a person"] == (f"{TINY}: why" if many else "")
        assert not many or f"nothing is written in its cell; {'a text' if many == 1 else many}" in found[0].words
    _marked_by_hand(tiny, "s2", 1.5)
    grade(tiny, WAY, students=["s2"], again=True)
    assert _given(tiny, "s2") == (1.5, False)
    hand_in("s2", written(tiny_source, [], [new_markdown_cell("It sorts.", id="mine")]))
    grade(tiny, WAY, students=["s2"])
    assert _given(tiny, "s2") == (1.5, True)  # other words than those that the person saw


def _marked_by_hand(course, who: str, mark: float) -> None:
    with Gradebook(course.gradebook, "ddkit") as book:
        found = book.find_grade("why", TINY, TINY, who)
        found.manual_score, found.needs_manual_grade = mark, False
        book.db.commit()


def _given(course, who: str) -> tuple[float | None, bool]:
    with Gradebook(course.gradebook, "ddkit") as book:
        found = book.find_grade("why", TINY, TINY, who)
        return found.manual_score, found.needs_manual_grade
