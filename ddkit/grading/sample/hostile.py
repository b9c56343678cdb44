"""A class that tries what marking has to bear: each student does one thing, to the last exercise of a lesson."""

import copy
from pathlib import Path

from ddkit.grading.sample import making, tricks
from ddkit.grading.sample.making import Handed, after, index, perfect, place, unsolved, with_text


def students(source, aim: Path | None = None, port: int = 9) -> dict[str, Handed]:
    """The class, by what each one does.

    Args:
        source: a lesson with its solutions.
        aim: a course folder that they try to read and write by its absolute path; None: they look around only.
        port: of this machine, that one tries to reach.
    """
    good, name = perfect(source), making.exercises(source)[-1]
    return {**_structures(source, good, name), **_files(source, good),
            **_codes(source, good, name, tricks.burglary(str(aim or ".."), port))}


def _structures(source, good, name: str) -> dict[str, Handed]:
    """Graded cells that are gone, there twice, moved, or of another kind."""
    exercise = f"exercise-{name}"
    stub = place(unsolved(source), exercise).source
    answers = [cell.id for cell in good.cells if cell.cell_type == "markdown" and "nbgrader" in cell.metadata]
    made = {
        "deleted-check": Handed(_without(good, name)),
        "deleted-exercise": Handed(_without(good, exercise), loses=(name,)),
        "duplicated-check": Handed(_twice(good, name, place(good, name).source), may_lose=(name,)),
        "duplicated-exercise": Handed(_twice(good, exercise, stub), may_lose=(name,)),
        "reordered": Handed(_moved(good, name, index(good, exercise)), may_lose=(name,)),
        "retyped-check": Handed(_retyped(good, name, "markdown"), may_lose=(name,)),
        "retyped-exercise": Handed(_retyped(good, exercise, "markdown"), may_lose=(name,)),
        "overwritten-check": Handed(with_text(with_text(good, name, "assert True"), exercise, stub), loses=(name,)),
        "more-points": Handed(_with_points(good, name, 50)),
    }
    if answers:
        made["retyped-answer"] = Handed(_retyped(good, answers[-1], "code"))
        made["deleted-answer"] = Handed(_without(good, answers[-1]))
    return made


def _files(source, good) -> dict[str, Handed]:
    """Files of other names, and what is no notebook."""
    lost = making.checks(source)
    return {
        "renamed-copy": Handed(good, file="LESSON (1).ipynb"),
        "renamed": Handed(good, file="Untitled7.ipynb"),
        "broken": Handed(making.broken(good), loses=lost),
        "empty": Handed("", loses=lost),
        "other-json": Handed('{"cells": 3}', loses=lost),
        "untouched": Handed(unsolved(source), may_lose=lost),
    }


def _codes(source, good, name: str, burglary: dict[str, str]) -> dict[str, Handed]:
    """Code that does not end, takes the machine or the checks, or goes where it has no business."""
    exercise = f"exercise-{name}"
    stub = with_text(good, exercise, place(unsolved(source), exercise).source)
    patching = {kind: code for kind, code in tricks.PATCHING.items()
                if kind != "patches-ddkit" or "exercises.check" in place(good, name).source}
    others = tricks.UNENDING | tricks.ENDING | tricks.HEAVY | burglary
    return {
        **{kind: Handed(after(good, exercise, code), may_lose=(name,)) for kind, code in others.items()},
        **{kind: Handed(after(stub, exercise, code), loses=(name,)) for kind, code in patching.items()},
    }


def _without(notebook, name: str):
    made = copy.deepcopy(notebook)
    made.cells = [cell for cell in made.cells if cell.id != name]
    return made


def _twice(notebook, name: str, text: str):
    """A copy of a cell behind it, as an editor pastes it, with another text."""
    made = copy.deepcopy(notebook)
    pasted = copy.deepcopy(place(made, name))
    pasted.id, pasted.source = f"{name}-pasted"[:64], text
    made.cells.insert(index(made, name) + 1, pasted)
    return made


def _moved(notebook, name: str, to: int):
    made = copy.deepcopy(notebook)
    made.cells.insert(to, made.cells.pop(index(made, name)))
    return made


def _retyped(notebook, name: str, kind: str):
    made = copy.deepcopy(notebook)
    cell = place(made, name)
    cell.cell_type = kind
    if kind == "code":
        cell.update(outputs=[], execution_count=None)
    else:
        for key in ("outputs", "execution_count"):
            cell.pop(key, None)
    return made


def _with_points(notebook, name: str, points: float):
    made = copy.deepcopy(notebook)
    place(made, name).metadata.nbgrader["points"] = points
    return made
