"""Classes to try marking on: three students, a hostile class, and any number of mixed ones for a benchmark."""

import random

from ddkit.grading.sample import hostile, making
from ddkit.grading.sample.making import Handed

_ODD = ("broken", "deleted-check", "deleted-exercise", "duplicated-check", "duplicated-exercise", "endless",
        "exits-at-once", "output-lines", "patches-stderr", "reordered", "retyped-answer")


def three(source) -> dict[str, Handed]:
    """A class of three: all right; the first exercise wrong; a file that cannot be read.

    Args:
        source: a lesson with its solutions, as it lies in a course's ``source``.
    """
    first, good = making.exercises(source)[0], making.perfect(source)
    return {"perfect": Handed(good, words="all right"),
            "mistaken": Handed(making.with_mistake(source, first), loses=(first,), words="one slip"),
            "broken": Handed(making.broken(good), loses=making.checks(source), words="the upload ended half-way")}


def students(source) -> dict:
    """The notebooks of the class of three, by student; that of ``broken`` is a text."""
    return {name: handed.notebook for name, handed in three(source).items()}


def many(source, n: int, seed: int = 0) -> dict:
    """``n`` students of all kinds, by names such as ``s007``; every tenth hands in what is hard to mark.

    Args:
        source: a lesson with its solutions.
        seed: decides who does what.

    Returns:
        their notebooks, or texts where a file is no notebook.
    """
    draw, class_of_all = random.Random(seed), hostile.students(source)
    odd, width = draw.sample(_ODD, len(_ODD)), max(3, len(str(n)))
    return {f"s{number:0{width}d}": _solving_some(source, draw) if number % 10
            else class_of_all[odd[number // 10 % len(odd)]].notebook for number in range(1, n + 1)}


def _solving_some(source, draw: random.Random):
    """A notebook in which each exercise is most likely right, else wrong or not written."""
    made = making.perfect(source)
    for name in making.exercises(source):
        cell = f"exercise-{name}"
        kind = draw.choices(("right", "wrong", "unwritten"), (8, 1, 1))[0]
        if kind != "right":
            other = making.with_mistake(source, name) if kind == "wrong" else making.unsolved(source)
            made = making.with_text(made, cell, making.place(other, cell).source)
    return made
