"""Who is in the class: all who handed something in, and whom ``students.csv`` in the course's folder names.

It has the columns ``student`` (the name of their folder), ``name`` and ``pair``; two students with the same word in
``pair`` work together and are marked as a pair.
"""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ddkit.foundation.errors import InputError, require
from ddkit.grading.course import Course

FILE = "students.csv"


@dataclass(frozen=True)
class Student:
    """Somebody in the class.

    Attributes:
        student: the name of their folder.
        name: in words; "" if it is not known.
        pair: what both of a pair have in common; "" for who works alone.
    """

    student: str
    name: str = ""
    pair: str = ""


def roster(course: Course) -> list[Student]:
    """The class, in the order of the names of their folders.

    Raises:
        InputError: ``students.csv`` is no such table, names somebody twice, or a pair is not of two.
    """
    path = course.root / FILE
    listed = _read(path) if path.exists() else []
    _require_sound(path, listed)
    known = {one.student: one for one in listed}
    return [known.get(student, Student(student)) for student in sorted({*known, *course.students})]


def _read(path: Path) -> list[Student]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: save it as CSV in UTF-8") from error
    head = text.splitlines()[0] if text.strip() else ""
    rows = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=head.count))
    columns = [name.strip().lower() for name in rows.fieldnames or ()]
    require("student" in columns, f"{path} has no column 'student': its first line is student,name,pair")
    rows.fieldnames = columns
    return [Student(*((row.get(key) or "").strip() for key in ("student", "name", "pair"))) for row in rows
            if (row["student"] or "").strip()]


def _require_sound(path: Path, listed: list[Student]) -> None:
    twice = [student for student, count in Counter(one.student for one in listed).items() if count > 1]
    require(not twice, f"{path} names {', '.join(twice)} twice: leave one line each")
    pairs = Counter(one.pair for one in listed if one.pair)
    odd = [f"{pair} has {count}" for pair, count in sorted(pairs.items()) if count != 2]
    require(not odd, f"a pair has two students; in {path}, {', '.join(odd)}")
