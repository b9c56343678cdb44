"""Who is in the class: all who handed something in, and whom ``students.csv`` in the course's folder names.

It has the columns ``student`` (the name of their folder, or the name that they handed in under, in small or capital
letters), ``name`` and ``pair``; two students with the same word in ``pair`` work together and are marked as a pair.
"""

import csv
import io
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from ddkit.foundation.errors import InputError, require
from ddkit.grading.collect.whose import safe
from ddkit.grading.course import Course

FILE = "students.csv"
_SHOWN = 10  # names in a sentence


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
    there = {student.lower(): student for student in course.students}
    known = {there.get(one.student.lower(), one.student): one for one in _listed(course)}
    return [replace(known[student], student=student) if student in known else Student(student)
            for student in sorted({*known, *course.students})]


def strangers(course: Course) -> list[str]:
    """Whom ``students.csv`` names and who handed nothing in, and who handed in and is not named, in sentences; none
    where there is no such file.

    Raises:
        InputError: as ``roster``.
    """
    if not (course.root / FILE).exists():
        return []
    named, there = ({name.lower(): name for name in names}
                    for names in ([one.student for one in _listed(course)], course.students))
    absent = [name for key, name in sorted(named.items()) if key not in there]
    unnamed = [name for key, name in sorted(there.items()) if key not in named]
    return [f"{FILE} names {_some(absent)}, who handed nothing in"] * bool(absent) + [
        f"{_some(unnamed)} handed in and {'is' if len(unnamed) == 1 else 'are'} not named in {FILE}"] * bool(unnamed)


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _listed(course: Course) -> list[Student]:
    """Whom the file names, by ids as collecting makes them of names."""
    path = course.root / FILE
    listed = [replace(one, student=safe(one.student), name=one.name or ("" if safe(one.student) == one.student
                                                                       else one.student))
              for one in (_read(path) if path.exists() else [])]
    _require_sound(path, listed)
    return listed


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
    twice = [student for student, count in Counter(one.student.lower() for one in listed).items() if count > 1]
    require(not twice, f"{path} names {', '.join(twice)} twice: leave one line each")
    pairs = Counter(one.pair for one in listed if one.pair)
    odd = [f"{pair} has {count}" for pair, count in sorted(pairs.items()) if count != 2]
    require(not odd, f"a pair has two students; in {path}, {', '.join(odd)}")
