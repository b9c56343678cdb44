"""Marking one submission, in a process of its own."""

import time
from datetime import datetime, timezone
from pathlib import Path

from ddkit.foundation.files import first_line, write_bytes
from ddkit.grading.findings import Finding, write
from ddkit.grading.grade import answers, byhand, ways
from ddkit.grading.grade.answers import SCHEME
from ddkit.grading.grade.orders import Order
from ddkit.grading.grade.unusual import unusual
from ddkit.grading.release.gradebook import nbgraders_ways

NOTED = "ddkit_findings"  # in a notebook's metadata: what was noticed while it was executed


def mark(order: Order) -> None:
    """Mark a submission: its row of the gradebook, its notebook in ``autograded``, and last what was noticed.

    Raises:
        RuntimeError: nbgrader came to no end.
    """
    begun, identity = time.monotonic(), order.identity()
    with nbgraders_ways():
        byhand.set_aside(order.course, order.student, order.lesson)
        order.clear()
        told = identity | {"when": datetime.now(timezone.utc).isoformat(timespec="seconds")}
        unreadable = objection(order.submitted)
        if unreadable:
            write(order.graded, [Finding("unreadable", "", unreadable)], unreadable=unreadable, **told)
            return
        _autograde(order)
        found = _finish(order)
        byhand.put_back(order.course, order.student, order.lesson)
    write(order.graded, found, seconds=round(time.monotonic() - begun, 1), **told)


def objection(path: Path) -> str:
    """Why a file is no notebook that can be marked, in a sentence; "" if it is one."""
    import nbformat

    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat's own are of many kinds, and so are files
        return f"the file is no notebook ({first_line(error)}): ask for it again"
    return ""


def _autograde(order: Order) -> None:
    from nbgrader.apps import NbGraderAPI

    result = NbGraderAPI(config=ways.config_of(order)).autograde(order.lesson, order.student, force=True)
    if not result["success"]:
        print(result.get("log", ""), result.get("error", ""), sep="\n", flush=True)
        raise RuntimeError("nbgrader came to no end")


def _finish(order: Order) -> list[Finding]:
    """Put the schemes beside the answers, leave those to a person that may stand elsewhere, and take out what the
    kernel's watch noticed."""
    import nbformat

    notebook = nbformat.read(order.autograded, as_version=4)
    lesson = nbformat.read(order.course.notebook("source", order.lesson), as_version=4)
    found = [Finding(**one) for one in notebook.metadata.pop(NOTED, [])]
    found += [*answers.left_to_a_person(order, notebook, lesson), *unusual(notebook, lesson),
              *ways.noticed(order, notebook)]
    schemes = order.course.schemes(order.lesson)
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in schemes:
            cells.append(_scheme(name, schemes[name]))
    notebook.cells = cells
    write_bytes(order.autograded, nbformat.writes(notebook).encode())
    return found


def _scheme(name: str, text: str):
    from nbformat.v4 import new_markdown_cell

    return new_markdown_cell(f"**Mark scheme** (students do not get this cell)\n\n{text.strip()}",
                             id=f"scheme-{name}"[:64], metadata={"tags": [SCHEME], "editable": False})
