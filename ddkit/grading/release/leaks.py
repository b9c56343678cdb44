"""That a lesson to hand out holds nothing of what the instructor keeps, before anybody can see it."""

import json
from pathlib import Path

from ddkit.exercises import cells
from ddkit.foundation.errors import require

KEPT = ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME")
_METADATA = {"nbgrader", "deletable", "editable", "tags"}  # of a cell, that may be handed out


def require_tight(path: Path, whole) -> None:
    """Raise InputError unless a written notebook is what students may get of the ``whole`` lesson.

    It must be the lesson's cells, one by one, as ``cells.student`` leaves them, without outputs and further metadata;
    and what was taken out must not stand anywhere else in it.
    """
    import nbformat

    made, wanted = nbformat.read(path, as_version=4), cells.student(whole)
    for one, other in zip(made.cells, wanted.cells, strict=True):
        require((one.id, one.cell_type, one.source) == (other.id, other.cell_type, other.source),
                f"the cell {other.id} of {path.name} would be handed out as another than it is meant to be: write it "
                "as the other lessons have theirs (an answer holds its prompt and its scheme, and nothing else)")
        require(not one.get("outputs") and one.get("execution_count") is None and one.metadata.keys() <= _METADATA
                and "attachments" not in one,
                f"the cell {one.id} of {path.name} holds outputs, attachments or metadata that are not handed out")
    raw = json.dumps(json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False)
    for what in KEPT:
        require(f"BEGIN {what}" not in raw and f"END {what}" not in raw, f"{path.name} still has a line of a {what}")
    _require_not_elsewhere(path.name, whole, "\n".join(_plain(cell.source) for cell in made.cells))


def _require_not_elsewhere(name: str, whole, handed_out: str) -> None:
    for cell in whole.cells:
        for what in KEPT:
            kept = _plain(cells.region(cell.source, what))
            require(not kept or kept not in handed_out,
                    f"the {what.lower()} of {cell.id} stands in another cell of {name}, too: it would be handed out")


def _plain(text: str) -> str:
    """A text without its indentation and empty lines."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())
