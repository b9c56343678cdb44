"""Exercises whose answer is a run: whether the records are of the kind that is asked for, and whose they are.

A mark is given for one's own runs. Records that came with ddkit are shown everywhere else, but earn nothing here.
"""

import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from ddkit.course.lesson import WIDE
from ddkit.course.profiles import POLYPS, PROFILES
from ddkit.data import own_size, parse_name
from ddkit.exercises import marks
from ddkit.exercises.checking import Slip
from ddkit.runs import Record
from ddkit.runs.spec import Spec, restore_spec
from ddkit.specs import Evaluate


@dataclass(frozen=True)
class Wanted:
    """Records that an exercise asks for.

    Attributes:
        what: in words.
        fits: whether the specs of all records given are of that kind.
    """

    what: str
    fits: Callable[[list[Spec]], bool]


def made(name: str, wanted: Wanted, given: Iterable) -> None:
    """Say whose the records are; a :class:`Slip` says that they are of another kind than asked for."""
    records = list(_flat(given))
    if not records or any(record is None for record in records):
        return _not_yet(name, f"wanted: {wanted.what}")
    strange = next((record for record in records if not isinstance(record, Record)), None)
    if strange is not None:
        raise Slip(f"a {type(strange).__name__} is no record: give what ddkit.run(...) returns")
    if not wanted.fits([restore_spec(record.spec) for record in records]):
        raise Slip(f"wanted: {wanted.what}")
    shipped = sum(record.shipped for record in records)
    if shipped:
        return _not_yet(name, f"{shipped} of {len(records)} records came with ddkit; DDKIT_REFERENCE=0 makes yours")
    print(f"{name}: yours ({marks.words(marks.named(name).points)})")


def of_digits_and_polyps(datasets: Iterable[str]) -> bool:
    """Whether digits, as a profile of the course has them, and polyps are among data sets, all classes or some."""
    whole = {parse_name(name)[0] for name in datasets}
    return not whole.isdisjoint(one.dataset for one in PROFILES.values()) and not whole.isdisjoint(POLYPS)


def judge(spec: Evaluate) -> tuple:
    """All that an evaluation is but what it is of, and the data: alike where only the images differ."""
    size = spec.size or own_size(spec.dataset)
    return spec.dataset, size, *(getattr(spec, one.name) for one in fields(spec) if one.name != "of")


def _not_yet(name: str, why: str) -> None:
    print(textwrap.fill(f"{name}: not earned yet: {why}", WIDE, subsequent_indent=" " * 4), file=sys.stderr)


def _flat(given: object) -> Iterable:
    """Records out of lists and dicts of them; whatever else is given, texts and single numbers too, as it is."""
    parts = _parts(given)
    if parts is None:
        yield given
    else:
        for part in parts:
            yield from _flat(part)


def _parts(given: object) -> Iterable | None:
    """What it holds; None of what is one thing, as a text is, whose letters are texts again."""
    if isinstance(given, str | bytes):
        return None
    try:
        return iter(given.values() if isinstance(given, dict) else given)
    except TypeError:  # a tensor of no dimension says that it can be iterated, and cannot
        return None
