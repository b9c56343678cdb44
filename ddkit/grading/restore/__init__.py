"""A notebook handed in, back in the shape that nbgrader marks, without a word of the student's changed.

Editors lose metadata and ids of cells; students delete, copy, move and retype them. What was handed in keeps its cells,
their texts, order and outputs; the graded ones get their ids, points, locks and types back, those that are gone are put
back as they were handed out, and whatever had to be mended is named.

Of several cells that claim to be one, ``pairs`` says which is taken; the others stay as plain cells.
"""

import copy

from ddkit.grading.findings import Finding
from ddkit.grading.restore.pairs import Pairs, grade_id, is_graded, longest_rising, paired, same_text
from ddkit.grading.restore.tidy import free_id, read, tidied, written

__all__ = ["read", "restore", "tidied", "written"]

_FIXED = ("grade_id", "points", "locked", "grade", "solution", "task")  # of the metadata


def restore(notebook, source):
    """Restore a notebook.

    Args:
        notebook: as handed in; it stays as it is.
        source: the lesson with solutions, hidden tests and nbgrader's metadata; the id of a graded cell is its name.

    Returns:
        (the restored notebook, list of findings), whose ``cell`` is a graded cell's id.

    Raises:
        InputError: the notebook is so damaged that no valid one can be made of it.
    """
    from ddkit.exercises.cells import student

    asked = student(source)
    made, findings = tidied(notebook)
    pairs = paired(made.cells, asked.cells)
    findings += _lost(made.cells, asked.cells, pairs)
    findings += _plain_again(made.cells, asked.cells, pairs)
    for index, place in sorted(pairs.chosen.items()):
        findings += _as_asked(made.cells[place], asked.cells[index], source.cells[index])
    findings += _moved(asked.cells, pairs)
    findings += _put_back(made.cells, asked.cells, pairs)
    made.metadata = copy.deepcopy(asked.metadata)
    return made, findings


def _lost(handed: list, asked: list, pairs: Pairs) -> list[Finding]:
    """Say so if no cell has nbgrader's metadata any more, as after some editors, and which cells were guessed."""
    found = []
    if pairs.chosen and not any(is_graded(cell) for cell in handed):
        found.append(Finding("lost metadata", "", "the editor that saved it dropped what nbgrader knows of its cells; "
                                                  "it was put back"))
    return found + [Finding("guessed cell", asked[index].id, "only its place, between cells that are known, tells that "
                                                             f"cell {pairs.chosen[index] + 1} is this one")
                    for index in sorted(pairs.guessed)] + _without(asked, pairs)


def _without(asked: list, pairs: Pairs) -> list[Finding]:
    """Count the lesson's own code cells that are gone or changed, on which others build."""
    gone = [index for index, cell in enumerate(asked)
            if cell.cell_type == "code" and not is_graded(cell) and index not in pairs.known]
    return [Finding("changed lesson", "", f"{len(gone)} of the lesson's own code cells were changed, moved or deleted: "
                                          "what builds on them may fail")] if gone else []


def _plain_again(handed: list, asked: list, pairs: Pairs) -> list[Finding]:
    """Make plain cells of those that claim to be graded ones and are not taken for them."""
    found, taken = [], {cell.id for cell in (*handed, *asked)}
    for place, cell in enumerate(handed):
        cell.metadata.pop("id", None)
        if place in pairs.chosen.values():
            continue
        if place in pairs.copies:
            name = asked[pairs.copies[place]].id
            found.append(Finding("duplicated cell", name, f"it is there more than once; cell {place + 1} is not taken "
                                                          f"for it, cell {pairs.chosen[pairs.copies[place]] + 1} is"))
            cell.id = free_id(taken, place + 1)
        elif is_graded(cell):
            found.append(Finding("unknown cell", "", f"cell {place + 1} says that it is graded as "
                                                     f"{str(grade_id(cell))[:40]!r}, which this lesson has not"))
        cell.metadata.pop("nbgrader", None)
    return found


def _as_asked(cell, asked, solved) -> list[Finding]:
    """Give a cell the id, type and metadata of the graded cell that it is."""
    found = []
    if same_text(cell, solved) and not same_text(asked, solved):
        found.append(Finding("the lesson's solution", asked.id, "it is the lesson's own text, with what no student "
                                                                "gets"))
    told, right = cell.metadata.get("nbgrader"), asked.metadata.nbgrader
    changed = [key for key in _FIXED if isinstance(told, dict) and told.get(key) != right.get(key)]
    if changed:
        was = ", ".join(f"{key} {told.get(key)!r:.20}, not {right.get(key)}" for key in changed)
        found.append(Finding("changed metadata", asked.id, f"it said: {was}; restored"))
    if cell.cell_type != asked.cell_type:
        found.append(Finding("retyped cell", asked.id, f"it was a {cell.cell_type} cell, not {asked.cell_type}; "
                                                       "restored with its text"))
        _retype(cell, asked.cell_type)
    if not right.solution and not same_text(cell, asked):
        found.append(Finding("changed check", asked.id, "its text was changed; it is marked with the lesson's own"))
    cell.id, cell.metadata = asked.id, copy.deepcopy(asked.metadata)
    return found


def _retype(cell, kind: str) -> None:
    cell.cell_type = kind
    cell.pop("attachments", None)
    if kind == "code":
        cell.outputs, cell.execution_count = [], None
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


def _moved(asked: list, pairs: Pairs) -> list[Finding]:
    """Name the cells that stand in another order than in the lesson, as few as explain it, and checks that come before
    what they check."""
    order = [pairs.chosen[index] for index in sorted(pairs.chosen)]
    still = longest_rising(order)
    found = [Finding("moved cell", asked[index].id, "it stands in another place than in the lesson; it was left there")
             for index in sorted(pairs.chosen) if pairs.chosen[index] not in still]
    places = {asked[index].id: place for index, place in pairs.chosen.items()}
    return found + [Finding("check before exercise", name, "it comes before the exercise that it checks")
                    for name, place in places.items() if place < places.get(f"exercise-{name}", -1)]


def _put_back(handed: list, asked: list, pairs: Pairs) -> list[Finding]:
    """Put the graded cells that are gone back, each after the cell that the lesson has before it."""
    found, where = [], {index: handed[place] for index, place in pairs.known.items()}
    for index, cell in enumerate(asked):
        if not is_graded(cell) or index in pairs.chosen:
            continue
        before = max((one for one in where if one < index), default=None)
        place = next((at + 1 for at, one in enumerate(handed) if before is not None and one is where[before]), 0)
        where[index] = copy.deepcopy(cell)
        handed.insert(place, where[index])
        found.append(Finding("missing cell", cell.id, "it was not there; it was put back as it was handed out"))
    return found
