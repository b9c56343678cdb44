"""``python -m ddkit.grading export``: the marks of the class and what was noticed, as tables for a spreadsheet."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from ddkit.exercises.marks import MARKS, Mark
from ddkit.foundation.errors import require
from ddkit.foundation.files import write_bytes
from ddkit.grading.course import Course, require_nbgrader
from ddkit.grading.findings import LATER, Finding
from ddkit.grading.grade.arrived import COLLECTED, LEFT_OUT, UNREADABLE, general
from ddkit.grading.release.gradebook import nbgraders_ways
from ddkit.grading.results.scores import NOT_HANDED_IN, NOT_RELEASED, TO_MARK, Lesson, graded_cells, lessons_of
from ddkit.grading.results.totals import FULL, questions, tasks
from ddkit.grading.roster import Student, roster, strangers

FINDINGS = "findings.csv"
_FORMULA = tuple("=+-@＝＋－＠")  # what spreadsheets take a text for a formula by
_TOTALLED = [(task, question) for task, question in FULL if question]  # the rest is a whole task
FILES = "files"  # in place of a lesson: what was noticed about a student's files as a whole
Class = list[tuple[Student, dict[str, Lesson], tuple[Finding, ...]]]


def add_to(add) -> None:
    command = add("export", _export, "write the table of marks, and beside it that of what was noticed")
    command.add_argument("course", metavar="FOLDER", help="of the course")
    command.add_argument("--out", metavar="FILE", help="the table of marks (None: marks.csv in the course's folder)")


def _export(options) -> None:
    course = Course.at(options.course)
    for line in (*export(course, Path(options.out) if options.out else None), *strangers(course)):
        print(line)


def export(course: Course, out: Path | None = None) -> tuple[Path, Path]:
    """Write the table of marks, and ``findings.csv`` beside it; returns their paths.

    Raises:
        InputError: nbgrader is not installed, ``students.csv`` is unsound, or a file cannot be written.
    """
    require_nbgrader()
    out = out or course.root / "marks.csv"
    require(out.name != FINDINGS, f"{FINDINGS} is the other table's name: choose another for the marks")
    everybody = of_class(course)
    _write(out, rows(graded_cells(course), everybody))
    beside = out.with_name(FINDINGS)
    _write(beside, findings(everybody))
    return out, beside


def of_class(course: Course) -> Class:
    """Everybody in the class, with their lessons, and what was noticed about their files as a whole."""
    from nbgrader.api import Gradebook

    with nbgraders_ways(), Gradebook(course.gradebook, "ddkit") as book:
        return [(one, lessons_of(book, course, one.student), tuple(general(course, one.student)))
                for one in roster(course)]


def rows(cells: dict[str, dict[str, float]], everybody: Class) -> list[list[str]]:
    """The table of marks: a head, and a row for each student.

    Args:
        cells: the graded cells of each released lesson with their points.
    """
    table = _Table(cells)
    return [table.head(), *(table.row(*one) for one in everybody)]


def findings(everybody: Class) -> list[list[str]]:
    """The table of what was noticed."""
    return [["student", "lesson", "stage", "kind", "cell", "what was noticed"],
            *([one.student, lesson, stage, found.kind, found.cell, found.words]
              for one, lessons, files in everybody for lesson, stage, found in _noticed(lessons, files))]


def _noticed(lessons: dict[str, Lesson], files: tuple[Finding, ...]) -> Iterator[tuple[str, str, Finding]]:
    """(lesson, stage, finding), those of the files as a whole first."""
    yield from ((FILES, COLLECTED, found) for found in files)
    yield from ((lesson.name, stage, found) for lesson in lessons.values() for stage, found in lesson.found)


def totals(cells: dict[str, dict[str, float]], one: Student, lessons: dict[str, Lesson]) -> list[tuple[str, str]]:
    """What a student's marks add up to for questions, tasks and in all: (such as ``Task 1 2b in all /4``, points).

    Questions of which nothing was released are left out.
    """
    table = _Table(cells)
    row = dict(zip(table.head(), table.row(one, lessons, ()), strict=True))
    return [(head, row[head]) for head in table.totals_head() if row[head] != NOT_RELEASED]


class _Table:
    """The columns of the table of marks.

    Attributes:
        cells: of each released lesson, with their points.
        others: graded cells that are no marks of the assignment, as (lesson, cell).
        marks: of the assignment; none where no lesson released has any.
    """

    def __init__(self, cells: dict[str, dict[str, float]]):
        self.cells = cells
        self.lesson_of = {mark.name: lesson for lesson, names in cells.items() for mark in MARKS
                          if mark.name in names and mark.lesson == int(lesson[:2])}
        self.marks = MARKS if self.lesson_of else ()
        self.others = [(lesson, name) for lesson, names in cells.items() for name in names
                       if self.lesson_of.get(name) != lesson]

    def head(self) -> list[str]:
        return ["student", "name", "pair", *self.cells, *(f"{mark.name} /{mark.points:g}" for mark in self.marks),
                *(f"{lesson} {name} /{self.cells[lesson][name]:g}" for lesson, name in self.others),
                *self.totals_head(), "needs a person", "noticed"]

    def row(self, one: Student, lessons: dict[str, Lesson], files: tuple[Finding, ...]) -> list[str]:
        by_question = questions(lambda mark: self._points(lessons, mark), bool(one.pair))
        extra = sum(_known(lessons[lesson], name) for lesson, name in self.others)
        totals = [*map(self._in_all(by_question).get, _TOTALLED),
                  *(f"{value:g}" for value in tasks(by_question).values())] if self.marks else []
        return [one.student, one.name, one.pair, *(lesson.state or lesson.way for lesson in lessons.values()),
                *(self._shown(lessons, mark) for mark in self.marks),
                *(_shown(lessons[lesson], name) for lesson, name in self.others),
                *totals, f"{sum(by_question.values()) * bool(self.marks) + extra:g}",
                "; ".join(_to_do(lessons, files)), "; ".join(_kinds(lessons, files))]

    def totals_head(self) -> list[str]:
        of_all = [f"all /{self._most():g}"]
        if not self.marks:
            return of_all
        return [*(f"Task {task} {question} in all /{FULL[task, question]:g}" for task, question in _TOTALLED),
                *(f"Task {task} /{most:g}" for task, most in tasks(FULL).items()), *of_all]

    def _in_all(self, by_question: dict[tuple[int, str], float]) -> dict[tuple[int, str], str]:
        """The points for each question, or that nothing of it was released."""
        released = {(mark.task, mark.question) for mark in MARKS if mark.name in self.lesson_of}
        return {one: f"{value:g}" if one in released else NOT_RELEASED for one, value in by_question.items()}

    def _most(self) -> float:
        return bool(self.marks) * sum(FULL.values()) + sum(self.cells[lesson][name] for lesson, name in self.others)

    def _points(self, lessons: dict[str, Lesson], mark: Mark) -> float:
        return _known(lessons[self.lesson_of[mark.name]], mark.name) if mark.name in self.lesson_of else 0.0

    def _shown(self, lessons: dict[str, Lesson], mark: Mark) -> str:
        return _shown(lessons[self.lesson_of[mark.name]], mark.name) if mark.name in self.lesson_of else NOT_RELEASED


def _known(lesson: Lesson, name: str) -> float:
    score = lesson.scores.get(name)
    return score.points if score and score.points is not None else 0.0


def _shown(lesson: Lesson, name: str) -> str:
    if lesson.state:
        return lesson.state
    score = lesson.scores.get(name)
    return TO_MARK if score is None or score.points is None else f"{score.points:g}"


def _to_do(lessons: dict[str, Lesson], files: tuple[Finding, ...]) -> list[str]:
    """What a person has to do, lesson by lesson."""
    lost = ", ".join(dict.fromkeys(found.kind for found in files if found.kind in (UNREADABLE, LEFT_OUT)))
    of_lessons = [f"{lesson.name}: {', '.join(todo)}" for lesson in lessons.values() if (todo := _of_lesson(lesson))]
    return [f"{FILES}: {lost}", *of_lessons] if lost else of_lessons


def _of_lesson(lesson: Lesson) -> list[str]:
    later = [LATER] if any(found.kind == LATER for _, found in lesson.found) else []
    if lesson.state:
        return [lesson.state, *later] if lesson.state != NOT_HANDED_IN else []
    return [*lesson.to_look_at, *later]


def _kinds(lessons: dict[str, Lesson], files: tuple[Finding, ...]) -> list[str]:
    kinds: dict[str, dict[str, None]] = {}
    for lesson, _, found in _noticed(lessons, files):
        kinds.setdefault(lesson, {})[found.kind] = None
    return [f"{lesson}: {', '.join(names)}" for lesson, names in kinds.items()]


def _write(path: Path, table: list[list[str]]) -> None:
    """Write a table that spreadsheets open: with the mark of UTF-8, and no cell that they take for a formula."""
    text = io.StringIO()
    csv.writer(text).writerows([_plain(cell) for cell in row] for row in table)
    write_bytes(path, ("\ufeff" + text.getvalue()).encode("utf-8", "replace"))


def _plain(cell: str) -> str:
    """A cell on one line that no spreadsheet computes."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in cell).split())
    return f"'{line}" if line.startswith(_FORMULA) else line
