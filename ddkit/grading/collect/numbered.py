"""Whose a file is that is named after a person and a number: the number is a lesson's, or the person's own.

``jane_doe_02.ipynb`` is jane_doe's notebook of lesson 2, and ``group_2.zip`` is what group_2 handed in. A number is the
lesson's, and cut off, where the name says so (``lesson`` before it, or a word of that lesson's title after it) or where
the notebook is of that lesson; never after words such as ``group``, which name nobody without their number. If files
would fall onto one person by numbers alone and one of those is not its notebooks' lesson, all keep their whole names:
nobody is merged with somebody else.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ddkit.grading.collect.arriving import Entry, Limits, unpacked
from ddkit.grading.collect.keeping import is_notebook
from ddkit.grading.collect.lessons import Lessons
from ddkit.grading.collect.whose import Whose, safe

MOST = 40  # notebooks of one file that are looked at
_NUMBER = re.compile(r"[_ -]+(?P<word>lesson|task|)[_ -]?(?P<number>\d{1,2})(?=[_ .(-]|$)", re.IGNORECASE)
_MANY = re.compile(r"(group|team|pair|student|user|participant|candidate|member|person|gruppe)s?", re.IGNORECASE)
Handed = dict[Whose, list[Entry]]


@dataclass(frozen=True)
class _Cut:
    """A way to read a name.

    Attributes:
        person: what stands before the number.
        number: perhaps a lesson's.
        sure: whether the name itself says that it is.
    """

    person: str
    number: int
    sure: bool


def settled(handed: Handed, released: list[str], known: set[str], lessons_in: Callable[[list[Entry]], set[str]]
            ) -> Handed:
    """What each student handed in, files named with numbers given to whom they belong.

    Args:
        handed: as names tell at first.
        released: the names of the lessons.
        known: ids of those who handed something in before, in small letters.
        lessons_in: the names of the lessons whose notebooks are in files.
    """
    named: dict[Whose, str] = {}  # whom the name tells, the notebooks do, or a guess where none can be read
    told: dict[Whose, str] = {}
    guessed: dict[Whose, _Cut] = {}
    apart: set[str] = set()
    numbers_of = {int(name[:2]) for name in released}
    for whose in (one for one in handed if one.by_file and safe(one.name).lower() not in known):
        cuts = _cuts(whose.name, released)
        sure = next((cut for cut in cuts if cut.sure), None)
        numbers = {int(name[:2]) for name in lessons_in(handed[whose])} if cuts and not sure else set()
        right = next((cut for cut in reversed(cuts) if numbers == {cut.number}), None)
        if sure:
            named[whose] = sure.person
        elif right:
            told[whose] = right.person
        elif numbers:
            apart |= {safe(cut.person).lower() for cut in cuts}
        elif cuts:
            guessed[whose] = cuts[-1]
    there = known | {safe(person).lower() for person in (*named.values(), *told.values())}
    alone = Counter(safe(cut.person).lower() for cut in guessed.values())
    for whose, cut in guessed.items():
        one = safe(cut.person).lower()
        if one in there or (alone[one] == 1 and cut.number in numbers_of):
            told[whose] = cut.person
    named |= {whose: person for whose, person in told.items() if safe(person).lower() not in apart}
    found: Handed = {}
    for whose, entries in handed.items():
        one = Whose(named.get(whose, whose.name)) if whose.by_file else whose
        found.setdefault(one, []).extend(entries)
    return found


def _cuts(stem: str, released: list[str]) -> list[_Cut]:
    """The ways to read a name, from the left."""
    found = []
    for one in _NUMBER.finditer(stem):
        person, number = stem[:one.start()], int(one["number"])
        last = re.split(r"[_ .-]+", person)[-1]
        if not person or (not one["word"] and _MANY.fullmatch(last)):
            continue
        titles = {word for name in released if int(name[:2]) == number for word in _words(name[2:])}
        found.append(_Cut(person, number, bool(one["word"]) or not titles.isdisjoint(_words(stem[one.end():]))))
    return found


def _words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[^\W\d_]{3,}", text)}


def lessons_in(entries: list[Entry], lessons: Lessons, limits: Limits, folder) -> set[str]:
    """The names of the lessons whose notebooks are in files, also in zips; none for what cannot be read.

    Args:
        folder: where copies of zips may lie meanwhile.
    """
    with contextlib.ExitStack() as stack:
        flat = [entry for entry in unpacked(entries, limits, folder, stack)
                if not entry.refused and is_notebook(entry.path)]
        return {name for entry in flat[:MOST] if (name := lessons.of_file(entry))}
