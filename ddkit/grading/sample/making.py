"""Notebooks as students hand them in, made from a lesson and its solutions."""

import ast
import copy
import re
from dataclasses import dataclass

from ddkit.exercises import cells
from ddkit.foundation.errors import require

_FLIPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Lt: ast.Gt, ast.Gt: ast.Lt}


@dataclass(frozen=True)
class Handed:
    """What one student of a sample class hands in.

    Attributes:
        notebook: a notebook, or a text that is none.
        loses: the checks that give no mark for it; all others give full marks.
        may_lose: checks that may or may not, as it is marked.
        file: its name as handed in, with ``LESSON`` for the lesson's; "" for the lesson's own.
    """

    notebook: object
    loses: tuple[str, ...] = ()
    may_lose: tuple[str, ...] = ()
    file: str = ""


def exercises(source) -> list[str]:
    """The names of a lesson's exercises that have a check of the same name, in their order."""
    ids = [cell.id for cell in source.cells]
    found = [name for name in ids if f"exercise-{name}" in ids]
    require(bool(found), "the lesson has no exercise with a check: choose another one for a sample class")
    return found


def checks(source) -> tuple[str, ...]:
    """The names of all checks that give marks by themselves."""
    return tuple(cell.id for cell in source.cells if cell.metadata.get("nbgrader", {}).get("locked"))


def unsolved(source):
    """What students get."""
    return cells.student(source)


def perfect(source):
    """Every exercise solved and every answer written."""
    made = cells.student(source)
    for cell, whole in zip(made.cells, source.cells, strict=True):
        data = cell.metadata.get("nbgrader", {})
        if data.get("solution"):
            written = f"{cells.UNWRITTEN}\n\nWhat I know of {cell.id}, in a few words."
            cell.source = written if data["grade"] else cells.solved(whole.source)
    return made


def with_mistake(source, name: str):
    """A copy of the perfect student's, whose exercise ``name`` has a slip: a flipped operator, else nothing written."""
    made = perfect(source)
    cell = place(made, f"exercise-{name}")
    cell.source = _slipped(cell.source) or place(unsolved(source), cell.id).source
    return made


def _slipped(text: str) -> str | None:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and type(node.op) in _FLIPPED:
            node.op = _FLIPPED[type(node.op)]()
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in _FLIPPED:
            node.ops[0] = _FLIPPED[type(node.ops[0])]()
        else:
            continue
        return ast.unparse(tree)
    return None


def place(notebook, name: str):
    """The cell of that id."""
    return next(cell for cell in notebook.cells if cell.id == name)


def index(notebook, name: str) -> int:
    """Where the cell of that id stands."""
    return [cell.id for cell in notebook.cells].index(name)


def with_text(notebook, name: str, text: str):
    """A copy in which the cell of that id holds another text."""
    made = copy.deepcopy(notebook)
    place(made, name).source = text
    return made


def after(notebook, name: str, code: str):
    """A copy in which code follows what the cell of that id holds."""
    return with_text(notebook, name, f"{place(notebook, name).source}\n\n{code.strip()}")


def broken(notebook) -> str:
    """The file of a notebook whose upload ended half-way."""
    import nbformat

    text = nbformat.writes(notebook)
    return text[: len(text) // 2]


def edited(notebook):
    """A copy in whose outputs every number with a decimal point was made another by hand."""
    made = copy.deepcopy(notebook)
    for cell in made.cells:
        for output in cell.get("outputs", []):
            for holder, key in ((output, "text"), (output.get("data", {}), "text/plain")):
                if key in holder:
                    holder[key] = re.sub(r"(?<=\d\.)\d", lambda found: str((int(found[0]) + 5) % 10), holder[key])
    return made
