"""What is to be mended in a notebook before it is handed in, and how it is told."""

from collections.abc import Iterable
from dataclasses import dataclass

from ddkit.exercises import marks

GROUPS = ("file", "cells", "run", "exercises", "answers", "records")  # in this order
_HEADS = {"file": "The file", "cells": "Its cells", "run": "How it was run", "exercises": "Exercises",
          "answers": "Written answers", "records": "Your runs"}


@dataclass(frozen=True)
class Notice:
    """One thing that was noticed.

    Attributes:
        group: of ``GROUPS``.
        words: what it is and what to do, in a clause or two.
        name: of the check or the answer whose mark is at stake; "" if none is.
        mend: whether it is to be mended; else it is good to know.
    """

    group: str
    words: str
    name: str = ""
    mend: bool = True


def at_stake(notices: Iterable[Notice]) -> float:
    """The marks of all checks and answers with something to mend, each counted once."""
    return sum(marks.named(name).points for name in {one.name for one in notices if one.mend and one.name})


def shown(notices: list[Notice]) -> str:
    """All notices by group, each on a line, with the marks at stake."""
    lines = []
    for group in GROUPS:
        ours = [one for one in notices if one.group == group]
        lost = at_stake(ours)
        lines += [_HEADS[group] + (f" ({marks.words(lost)} at stake)" if lost else "")] if ours else []
        lines += [f"  {'-' if one.mend else 'i'} {one.words}" for one in sorted(ours, key=lambda one: not one.mend)]
    return "\n".join(lines)


def named(name: str) -> str:
    """The name of a check or an answer if it earns marks; "" otherwise. An exercise's cell is known by its check's."""
    name = name.removeprefix("exercise-")
    return name if any(name == mark.name for mark in marks.MARKS) else ""
