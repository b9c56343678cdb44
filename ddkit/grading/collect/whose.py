"""Whose a file is, from its name or its folder's.

The exports of learning-management systems, in a folder or zip or in one within it::

    Moodle      Full Name_1234567_assignsubmission_file_/02_attention.ipynb, or the same without the slash
    Canvas      lastnamefirst_12345_67890_02_attention-1.ipynb, with _LATE after the name if it was late
    Blackboard  task_userid_attempt_2026-11-20-10-00-00_file.ipynb

Otherwise a folder is the student's of its name, and so is a file or zip, as ``jane_doe.zip``; whether a number in the
name of a file is a lesson's, as in ``jane_doe_02.ipynb``, ``numbered`` says. Names that are none of a person, as
``02.ipynb`` or ``runs``, are nobody's.
"""

import hashlib
import re
import time
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ddkit.foundation.errors import InputError
from ddkit.grading.collect.arriving import Entry

LONGEST = 64  # characters of an id
_MOODLE = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_[a-z]+(?:_.*)?")
_CANVAS = re.compile(r"(?P<name>[^\W_]+)(?P<late>_LATE)?_(?P<number>\d{2,})_\d{4,}_.+")
_BLACKBOARD = re.compile(r".+_(?P<name>[^_]+)_attempt_(?P<when>\d{4}(?:-\d\d){5})(?:_.+|\.txt)")
_NO_PERSON = re.compile(r"(untitled|notebook|lesson|task|solution|submission|copy|run|record|data|figure|src|ddkit"
                        r"|readme|\d{1,2}(?!\d))s?([^a-z0-9].*|\d*)", re.IGNORECASE)


@dataclass(frozen=True)
class Whose:
    """A student as an export or a name says.

    Attributes:
        name: as it is written there.
        number: the system's for them, "" if there is none.
        where: in which numbers tell students apart: one export of Moodle, all of Canvas.
        by_file: whether the name is a file's, whole, in which the number of a lesson may stand.
    """

    name: str
    number: str = ""
    where: str = ""
    by_file: bool = False

    @property
    def id(self) -> str:
        """The name that is safe for a folder and for nbgrader."""
        return safe(self.name)

    def is_other(self, whose: "Whose") -> bool:
        """Whether two are surely two students."""
        numbers = self.number and whose.number and self.where == whose.where and self.number != whose.number
        return bool(numbers) or _spelled(self.name) != _spelled(whose.name)

    def __str__(self) -> str:
        return f"{self.name} ({self.number})" if self.number else self.name


def safe(name: str) -> str:
    """A name in letters, digits, ``_``, ``.`` and ``-`` alone, beginning with a letter or digit."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    found = re.sub(r"[^A-Za-z0-9_.-]+", "_", plain.strip()).strip("._-")[:LONGEST].rstrip("._-")
    return found or "student_" + hashlib.sha256(_spelled(name).encode()).hexdigest()[:8]


def assigned(entries: list[Entry], export: str) -> Iterator[tuple[Whose | None, Entry]]:
    """Each entry with the student whose it is, its path below their folder; None if it is nobody's.

    Args:
        export: a name for the source, to which the numbers of Moodle belong.
    """
    groups = _groups(entries)
    for name, group in groups.items():
        below = _below(group)
        of_export = _of_export(name, export)
        if not of_export and (is_export(below) or (len(groups) == 1 and _holds_students(below))):
            yield from assigned(below, f"{export}/{name}")
            continue
        whose, when = of_export or (None if _is_run(below) else _of_name(name, bool(below)), None)
        for entry in below if below and whose else group:
            yield whose, entry if when is None else replace(entry, when=when)


def is_export(entries: list[Entry]) -> bool:
    """Whether a learning-management system named most of this, at the top or in folders."""
    groups = _groups(entries)
    return 2 * sum(_of_export(name, "") is not None or is_export(_below(group))
                   for name, group in groups.items()) > len(groups)


def _groups(entries: list[Entry]) -> dict[str, list[Entry]]:
    """The entries by the file or folder at the top that they are or lie in."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.parts[0], []).append(entry)
    return groups


def _below(group: list[Entry]) -> list[Entry]:
    """What lies in a folder at the top."""
    return [entry.at(*entry.parts[1:]) for entry in group if len(entry.parts) > 1]


def require_one_each(all_whose: Iterable[Whose]) -> None:
    """Raise InputError if two students would get one id."""
    first: dict[str, Whose] = {}
    for whose in all_whose:
        other = first.setdefault(whose.id.lower(), whose)
        if whose.is_other(other):
            raise InputError(f"{other} and {whose} would both be {whose.id!r} here: collect the files of one of them "
                             "alone, with --student and another name; nothing was collected")


def _of_export(name: str, export: str) -> tuple[Whose, float | None] | None:
    """Whose a file or folder of an export is, and when it was handed in if the name says so."""
    if found := _MOODLE.fullmatch(name):
        blind = found["name"] == "Participant"  # as all are called where names are hidden
        person = f"{found['name']} {found['number']}" if blind else found["name"]
        return Whose(person, found["number"], f"Moodle {export}"), None
    if found := _BLACKBOARD.fullmatch(name):
        try:
            return Whose(found["name"]), time.mktime(time.strptime(found["when"], "%Y-%m-%d-%H-%M-%S"))
        except (ValueError, OverflowError):
            return Whose(found["name"]), None
    if found := _CANVAS.fullmatch(name):
        return Whose(found["name"], found["number"], "Canvas"), None
    return None


def is_late(name: str) -> bool:
    """Whether Canvas says of a file that it was handed in late."""
    found = _CANVAS.fullmatch(name)
    return bool(found and found["late"])


def _of_name(name: str, folder: bool) -> Whose | None:
    stem = name if folder else re.sub(r"\.(ipynb|zip)(\.\w+)?$", "", name, flags=re.IGNORECASE)
    if stem == name and not folder:  # of other files the name says nothing
        return None
    return None if _NO_PERSON.fullmatch(stem) else Whose(stem, by_file=not folder)


def _holds_students(below: list[Entry]) -> bool:
    """Whether a folder holds the folders or zips of several students, and nothing else."""
    names = {entry.parts[0]: len(entry.parts) > 1 for entry in below if len(entry.parts) > 1 or entry.is_zip}
    runs = any(entry.parts[1:] == ("record.json",) for entry in below)
    return len(names) > 1 and not runs and all(
        entry.parts[0] in names and _of_name(entry.parts[0], names[entry.parts[0]]) for entry in below)


def _is_run(below: list[Entry]) -> bool:
    """Whether a folder is a run's, and no student's in which a record lies."""
    return any(entry.parts == ("record.json",) for entry in below) and not any(
        ".ipynb" in entry.parts[-1].lower() for entry in below)


def _spelled(name: str) -> str:
    """A name, however it is written with blanks."""
    return re.sub(r"[\s_]+", "_", unicodedata.normalize("NFC", name).strip())
