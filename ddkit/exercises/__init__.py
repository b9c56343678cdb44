"""What the lessons ask for: exercises with their right functions and typical slips, marks, and the kinds of cells.

``check`` and ``made`` are all that a lesson calls. Each lesson's exercises stand in a file of
``ddkit.exercises.lessons`` and are found by being there.
"""

from collections.abc import Callable

from ddkit.exercises import checking, lessons, owned
from ddkit.exercises.checking import Exercise
from ddkit.exercises.owned import Wanted
from ddkit.foundation.errors import one_of
from ddkit.foundation.finding import modules_in


def _every(kind: str) -> dict:
    """What the lessons' files have under that name, also those in folders."""
    return {name: found for module in modules_in(lessons, deep=True)
            for name, found in getattr(module, kind, {}).items()}


def exercises() -> dict[str, Exercise]:
    """Every exercise by the name of its check."""
    return _every("EXERCISES")


def practice() -> dict[str, Exercise]:
    """Every exercise that earns no mark, by its name."""
    return _every("PRACTICE")


def records() -> dict[str, Wanted]:
    """Every exercise whose answer is records, by the name of its check."""
    return _every("RECORDS")


def check(name: str, mine: Callable) -> None:
    """Say whether a student's function does what the exercise asks; where it is wrong, a Slip says why."""
    known = exercises() | practice()
    checking.check(name, known[one_of(name, known, "exercise")], mine)


def made(name: str, *given) -> None:
    """Say whether records (also lists and dicts of them) are what an exercise asks for, and one's own."""
    known = records()
    owned.made(name, known[one_of(name, known, "exercise")], given)
