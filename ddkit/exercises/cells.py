"""The kinds of cells of a lesson, and the student's version of it.

In a lesson's source (jupytext, py:percent) a cell is text, code, or one of these, named on the cell's line:

* ``# %% exercise="NAME"``: to be filled in; the solution stands between ``### BEGIN SOLUTION`` and
  ``### END SOLUTION``;
* ``# %% check="NAME"``: tests of what was filled in; those between ``### BEGIN HIDDEN TESTS`` and
  ``### END HIDDEN TESTS`` stay with the instructor;
* ``# %% [markdown] answer="NAME"``: to be written, and marked by a person, by the scheme between
  ``<!-- BEGIN MARK SCHEME -->`` and ``<!-- END MARK SCHEME -->``;
* ``# %% shared="NAME"``: the cell ``NAME`` of the folder ``shared``, which all lessons have.

Checks and answers get their points from ``marks``, and all three kinds nbgrader's metadata, with the name as id;
``{MARK NAME}`` in a text becomes what it earns, ``{PART}`` the lesson's part of the course.
"""

import copy
import re

import nbformat

from ddkit.exercises import marks
from ddkit.foundation.errors import require

KINDS = ("exercise", "check", "answer", "shared")
STUB = "...  # your code here"
UNWRITTEN = "*Your answer:*"
_REGION = re.compile(r"^([ \t]*)[^\n]*BEGIN (SOLUTION|HIDDEN TESTS|MARK SCHEME)[^\n]*\n.*?END \2[^\n]*(?:\n|\Z)",
                     re.DOTALL | re.MULTILINE)


def kind(cell: nbformat.NotebookNode) -> tuple[str, str] | None:
    """The kind of a source's cell and its name, or None for plain text and code."""
    found = [(name, cell.metadata[name]) for name in KINDS if name in cell.metadata]
    require(len(found) <= 1, f"a cell is of one kind; this one is of {len(found)}: {dict(found)}")
    return found[0] if found else None


def cell_id(kind: str, name: str) -> str:
    """The id of an exercise, a check or an answer, in the notebook and for nbgrader."""
    return {"exercise": f"exercise-{name}", "check": name, "answer": name}[kind]


def finish(notebook: nbformat.NotebookNode, lesson: int, shared: dict[str, str]) -> None:
    """Make a lesson's cells of their kinds, in place; ``shared`` holds the texts of the shared cells by name."""
    for index, cell in enumerate(notebook.cells):
        found = kind(cell)
        tags = {key: value for key, value in cell.metadata.items() if key == "tags"}
        cell.metadata, cell.id = nbformat.from_dict(tags), f"cell-{index:02d}"
        if found and found[0] == "shared":
            cell.source = shared[found[1]]
        elif found:
            cell.id = cell_id(*found)
            cell.metadata["nbgrader"] = nbformat.from_dict(_nbgrader(*found, cell.cell_type))
        cell.source = _worded(cell.source, lesson)


def _nbgrader(kind: str, name: str, cell_type: str) -> dict:
    """nbgrader's metadata, of its schema 3."""
    graded = kind != "exercise"
    data = {"grade": graded, "grade_id": cell_id(kind, name), "locked": kind == "check", "schema_version": 3,
            "solution": kind != "check", "task": False, "cell_type": cell_type}
    return data | ({"points": marks.named(name).points} if graded else {})


def _worded(text: str, lesson: int) -> str:
    text = re.sub(r"\{MARK ([\w-]+)\}", lambda found: marks.named(found[1]).label, text)
    return text.replace("{PART}", marks.course_part(lesson))


def region(text: str, what: str) -> str:
    """What stands between a text's lines ``BEGIN`` and ``END`` of a solution, hidden tests or a scheme; "" if nothing.

    Args:
        what: ``SOLUTION``, ``HIDDEN TESTS`` or ``MARK SCHEME``.
    """
    return "".join(_inner(found) for found in _REGION.finditer(text) if found[2] == what)


def solved(text: str) -> str:
    """The text of an exercise with its solution, without the lines around it."""
    return _REGION.sub(lambda found: _inner(found) if found[2] == "SOLUTION" else found[0], text).rstrip("\n")


def _inner(found: re.Match) -> str:
    return "".join(found[0].splitlines(keepends=True)[1:-1])


def student(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy to hand out: solutions replaced by a prompt; hidden tests, mark schemes and outputs removed."""
    made = copy.deepcopy(notebook)
    for cell in made.cells:
        cell.source = _REGION.sub(lambda found, markdown=cell.cell_type == "markdown": _prompt(found, markdown),
                                  cell.source).rstrip("\n")
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return made


def _prompt(region: re.Match, markdown: bool) -> str:
    if region[2] != "SOLUTION":
        return ""
    return f"{region[1]}{UNWRITTEN if markdown else STUB}\n"
