"""A notebook file as a valid notebook of format 4.5, however an editor saved it, and of a size that can be marked."""

import json
import re
from collections.abc import Iterator

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import first_line
from ddkit.grading.findings import Finding

SOURCE = 100_000  # characters of a code cell that are kept
WRITTEN = 4_000_000  # of a text, into which Colab writes the pictures that are pasted there
PRINTED = 100_000  # characters of a text that a cell printed
SHOWN = 4_000_000  # characters of a picture or a page that a cell showed
OUTPUTS = 30_000_000  # characters of all outputs of a notebook
CELLS = 2_000  # of a notebook: ten times those of the longest lesson
_AGAIN = "have it saved again by Jupyter"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEPT = ("tags", "nbgrader", "id")  # of a cell's metadata, "id" being Colab's
_JSON = re.compile(r"application/(.*\+)?json")


def read(content: bytes):
    """The notebook in a file.

    Raises:
        InputError: it is damaged, or no notebook of format 4.
    """
    import nbformat

    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"it cannot be read ({first_line(error)}): {_AGAIN}") from error
    require(isinstance(found, dict) and "nbformat" in found, f"it is no notebook: {_AGAIN}")
    require(found["nbformat"] == 4, f"it is a notebook of format {found['nbformat']!r:.20}, not 4: {_AGAIN}")
    require(isinstance(found.get("cells"), list), f"it is a notebook without cells: {_AGAIN}")
    require(len(found["cells"]) <= CELLS, f"it has {len(found['cells']):,} cells, more than {CELLS:,}: {_AGAIN}")
    return nbformat.from_dict(found)


def tidied(notebook):
    """A copy that is valid, with every cell of the notebook in it, and what had to be cut or left out.

    Returns:
        (the notebook, list of findings).

    Raises:
        InputError: no valid notebook can be made of it.
    """
    import nbformat

    findings: list[Finding] = []
    room = _Room(findings)
    cells = [_cell(cell, place, room) for place, cell in enumerate(notebook.cells, 1)]
    made = nbformat.from_dict({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    _name_cells(made.cells)
    try:
        nbformat.validate(made)
    except nbformat.ValidationError as error:
        raise InputError(f"it is no valid notebook ({first_line(error)}): {_AGAIN}") from error
    return made, findings


def written(notebook) -> bytes:
    """A notebook as a file; what no file can hold (halves of characters) becomes question marks."""
    import nbformat

    return (nbformat.writes(notebook) + "\n").encode("utf-8", "replace")


def _cell(cell, place: int, room: "_Room") -> dict:
    cell = cell if isinstance(cell, dict) else {}
    kind = cell.get("cell_type")
    told = cell.get("metadata")
    told = {key: value for key, value in told.items() if key in _KEPT} if isinstance(told, dict) else {}
    if not (isinstance(told.get("tags", []), list) and all(isinstance(tag, str) for tag in told.get("tags", []))):
        del told["tags"]
    if not _is_id(told.get("id", "")):
        told.pop("id", None)
    made = {"cell_type": kind if kind in ("code", "markdown") else "raw", "metadata": told,
            "id": next((name for name in (cell.get("id"), told.get("id")) if _is_id(name)), ""),
            "source": room.source(_text(cell.get("source")), place, SOURCE if kind == "code" else WRITTEN)}
    if kind == "code":
        count, outputs = cell.get("execution_count"), cell.get("outputs")
        made["execution_count"] = count if isinstance(count, int) and count >= 0 else None
        made["outputs"] = room.outputs(outputs if isinstance(outputs, list) else [], place)
    elif isinstance(cell.get("attachments"), dict):
        made["attachments"] = {str(name): {str(kind): _text(data) for kind, data in bundle.items()}
                               for name, bundle in cell["attachments"].items() if isinstance(bundle, dict)}
    return made


def _is_id(name) -> bool:
    return isinstance(name, str) and _ID.fullmatch(name) is not None


def _name_cells(cells: list) -> None:
    """Give ids to the cells that have none or another's, the same ones each time; of another's a note is kept."""
    taken, seen = {cell.id for cell in cells}, {""}
    for place, cell in enumerate(cells, 1):
        if cell.id in seen:
            cell.metadata["id"] = cell.id
            cell.id = free_id(taken, place)
        seen.add(cell.id)


def free_id(taken: set[str], place: int) -> str:
    """An id that no cell has yet, for one at a place; from then on it is taken."""
    found = f"handed-in-{place}"
    while found in taken:
        found += "-"
    taken.add(found)
    return found


def _text(value) -> str:
    """A text of a notebook file, which may stand there in lines."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


class _Room:
    """How much of the notebook still fits, and what did not."""

    def __init__(self, findings: list[Finding]):
        self.findings, self.left = findings, OUTPUTS

    def source(self, text: str, place: int, most: int) -> str:
        if len(text) <= most:
            return text
        self._found("cut cell", f"cell {place} has {len(text):,} characters; the first {most:,} were kept")
        return text[:most]

    def outputs(self, given: list, place: int) -> list[dict]:
        made, cut = [], False
        for one in given:
            output, whole = _output(one) if isinstance(one, dict) else (None, False)
            size = len(json.dumps(output))
            if output is None or size > self.left:
                cut = True
                continue
            self.left -= size
            cut |= not whole
            made.append(output)
        if cut:
            self._found("cut output", f"what cell {place} printed or showed is too much or damaged: not all was kept; "
                                      "the file as it was handed in has it")
        return made

    def _found(self, kind: str, words: str) -> None:
        self.findings.append(Finding(kind, "", words))


def _output(given: dict) -> tuple[dict | None, bool]:
    """An output as the format has it, or None; and whether all of it is there."""
    kind = given.get("output_type")
    if kind == "stream":
        text = _text(given.get("text"))
        name = "stderr" if given.get("name") == "stderr" else "stdout"
        return {"output_type": kind, "name": name, "text": _cut(text)}, len(text) <= PRINTED
    if kind == "error":
        lines = given.get("traceback")
        lines = [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []
        whole = sum(map(len, lines)) <= PRINTED
        return {"output_type": kind, "ename": _text(given.get("ename")), "evalue": _cut(_text(given.get("evalue"))),
                "traceback": lines if whole else []}, whole
    if kind not in ("display_data", "execute_result") or not isinstance(given.get("data"), dict):
        return None, False
    shown = dict(_shown(given["data"]))
    made = {"output_type": kind, "data": shown, "metadata": {}}
    if kind == "execute_result":
        count = given.get("execution_count")
        made["execution_count"] = count if isinstance(count, int) and count >= 0 else None
    return made, len(shown) == len(given["data"])


def _shown(data: dict) -> Iterator[tuple[str, object]]:
    """What of an output's forms is small enough, by MIME type."""
    for kind, value in data.items():
        value = value if _JSON.fullmatch(kind) else _text(value)
        if len(json.dumps(value)) <= (PRINTED if kind == "text/plain" else SHOWN):
            yield kind, value


def _cut(text: str) -> str:
    return text if len(text) <= PRINTED else text[:PRINTED] + "\n... cut ...\n"
