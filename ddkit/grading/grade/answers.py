"""Written answers whose cells are as they were handed out: nothing there, or written into cells beside them.

nbgrader gives 0 where the text of an answer's cell has not changed. Where texts of the student's own stand beside it,
the mark is taken back and left to a person.
"""

from collections.abc import Iterable
from itertools import takewhile

from ddkit.grading.findings import Finding
from ddkit.grading.grade.orders import Order

ELSEWHERE, NONE = "answer elsewhere", "no answer"  # kinds of findings
SCHEME = "mark-scheme"  # the tag of cells that students do not get


def unanswered(notebook, lesson) -> dict[str, list[str]]:
    """The answers whose cells have not changed, by name, each with the student's own texts beside it.

    Those are the texts right above it, and all below it down to the next exercise, check or answer, that the lesson
    does not have so.

    Args:
        notebook: marked by nbgrader.
        lesson: as it lies in the course's ``source``.
    """
    from nbgrader.utils import compute_checksum, is_grade, is_solution

    from ddkit.exercises.cells import student

    known = {cell.source.strip() for cell in (*student(lesson).cells, *lesson.cells)}
    found = {}
    for place, cell in enumerate(notebook.cells):
        if (cell.cell_type == "markdown" and is_grade(cell) and is_solution(cell)
                and cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)):
            above = takewhile(lambda one: _is_own(one, known), reversed(notebook.cells[:place]))
            below = takewhile(lambda one: "nbgrader" not in one.metadata, notebook.cells[place + 1:])
            found[cell.metadata.nbgrader.grade_id] = [
                one.source for one in (*reversed(list(above)), *below) if _is_own(one, known)]
    return found


def _is_own(cell, known: set[str]) -> bool:
    text = cell.source.strip()
    return (cell.cell_type != "code" and "nbgrader" not in cell.metadata and bool(text) and text not in known
            and SCHEME not in cell.metadata.get("tags", []))


def left_to_a_person(order: Order, notebook, lesson) -> list[Finding]:
    """Take the marks back of answers that were perhaps written elsewhere; say which those are, and which are empty."""
    found = unanswered(notebook, lesson)
    _take_back(order, [name for name, texts in found.items() if texts])
    return [Finding(ELSEWHERE, name, f"nothing is written in its cell; {_counted(len(texts))} beside it: a person has "
                                     "to look whether the answer is there") if texts else
            Finding(NONE, name, "nothing is written in its cell: 0 marks") for name, texts in found.items()]


def _counted(many: int) -> str:
    return "a text of the student's own stands" if many == 1 else f"{many} texts of the student's own stand"


def _take_back(order: Order, names: Iterable[str]) -> None:
    from nbgrader.api import Gradebook

    with Gradebook(order.course.gradebook, "ddkit") as book:
        for name in names:
            given = order.lesson, order.lesson, order.student
            grade = book.find_grade(name, *given)
            grade.auto_score, grade.needs_manual_grade = None, True
            book.find_comment(name, *given).auto_comment = None  # "No response."
        book.db.commit()
