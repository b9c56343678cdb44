"""Which marks are not earned yet: exercises that are not solved, and answers that are not written."""

import re
from collections.abc import Iterator

from ddkit.exercises.cells import STUB, UNWRITTEN
from ddkit.grading.executed import outputs
from ddkit.grading.preflight.lesson import Lesson
from ddkit.grading.preflight.notices import Notice

_SCHEME = re.compile(r"<!-- BEGIN MARK SCHEME -->.*?<!-- END MARK SCHEME -->", re.DOTALL)
_STALE = "says right, and its exercise is not written: run both again"


def earned(cells: list, lesson: Lesson, missing: set[str]) -> Iterator[Notice]:
    """What stands between a lesson and its marks.

    Args:
        cells: of the notebook, with graded ones named by their ids.
        missing: names of cells that are not there, which is told elsewhere.
    """
    by_name = {cell.id: cell for cell in cells}
    for mark in lesson.marks:
        cell = by_name.get(mark.name)
        if cell is None or mark.name in missing:
            continue
        if cell.cell_type == "code":
            words = _open(cell, by_name.get(f"exercise-{mark.name}"))
            group = "exercises"
        else:
            words, group = ("" if _written(cell.source) else "is not written yet"), "answers"
        if words:
            yield Notice(group, f"{mark.name} {words}", mark.name)


def _open(check, exercise) -> str:
    """Why a check gives no mark yet; "" if it gives it."""
    if not check.get("execution_count"):
        return "was not run: run it"
    error = outputs.failed(check)
    if error:
        return f"is not right: {error.removeprefix('Slip: ')}"
    complaint = " ".join(" ".join(output.get("text", "") for output in check.outputs
                                  if output.output_type == "stream" and output.name == "stderr").split())
    if complaint:
        return f"is {complaint.removeprefix(f'{check.id}: ')}"
    return _STALE if exercise is not None and STUB in exercise.source else ""


def _written(text: str) -> bool:
    return bool(_SCHEME.sub("", text).replace(UNWRITTEN, "").strip())
