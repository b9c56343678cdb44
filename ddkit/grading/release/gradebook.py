"""The gradebook while lessons are released into it: other writers wait, and no mark is lost."""

import contextlib
import os
import sqlite3
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from ddkit.foundation.errors import require
from ddkit.grading.course import WAITS, Course


@contextlib.contextmanager
def changed(live: Path, copy: Path) -> Iterator[None]:
    """While the block runs, ``copy`` is the gradebook to work on; if it succeeds, what it holds is taken over at once.

    Whoever else writes to the gradebook waits meanwhile, so that no mark comes between the copy and its return.
    """
    if not live.exists():
        yield
        copy.chmod(0o600)  # before it has the name: it holds the hidden tests
        os.replace(copy, live)
        return
    with contextlib.closing(sqlite3.connect(live, timeout=WAITS, isolation_level=None)) as book:
        book.execute("BEGIN IMMEDIATE")
        with contextlib.closing(sqlite3.connect(live)) as reader, contextlib.closing(sqlite3.connect(copy)) as other:
            reader.backup(other)  # by a connection of its own: SQLite copies from none that is about to write
        yield
        with contextlib.closing(sqlite3.connect(copy)) as other:
            _take_over(book, other)
        book.execute("COMMIT")


def _take_over(book: sqlite3.Connection, other: sqlite3.Connection) -> None:
    """Make the rows of all tables those of another book of the same tables."""
    for (table,) in other.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        rows = other.execute(f'SELECT * FROM "{table}"').fetchall()
        if rows == book.execute(f'SELECT * FROM "{table}"').fetchall():
            continue
        book.execute(f'DELETE FROM "{table}"')
        places = ", ".join("?" * len(rows[0])) if rows else ""
        book.executemany(f'INSERT INTO "{table}" VALUES ({places})', rows)


def marks_kept(course: Course, lesson: str, notebook, again: bool) -> list[str]:
    """What changes for marks that students have for an earlier release of a lesson, in sentences.

    Args:
        course: whose gradebook holds the earlier release.
        notebook: the lesson as nbgrader will take it.
        again: whether other points are wanted.

    Raises:
        InputError: marks would have no place any more; or points changed, and that was not asked for.
    """
    students, before = _released(course, lesson)
    if not students:
        return []
    now = {cell.metadata.nbgrader.grade_id: (cell.cell_type, cell.metadata.nbgrader.get("points"), cell.source)
           for cell in notebook.cells if "nbgrader" in cell.metadata}
    marked = f"{students} student{'s' * (students > 1)} handed {lesson} in"
    gone, new = ({(name, kind) for name, (kind, *_) in one.items()} for one in (before, now))
    require(gone == new, f"{marked}, and its cells are not the same any more (gone: {_names(gone - new)}; new: "
                         f"{_names(new - gone)}): release it into a folder of its own")
    points = [f"{name} ({before[name][1]:g}, now {now[name][1]:g})" for name in now if before[name][1] != now[name][1]]
    require(again or not points, f"{marked}, and points changed: {', '.join(points)}; --again releases it all the same "
                                 "and keeps the marks, for you to grade again")
    checks = [name for name, (kind, worth, text) in now.items() if kind == "code" and worth and text != before[name][2]]
    return [f"{marked} before {what} changed: {', '.join(names)}; marks stay as they are until you grade again"
            for what, names in (("points", points), ("checks", checks)) if names]


def _names(cells: set) -> str:
    return ", ".join(sorted(name for name, _ in cells)) or "none"


def _released(course: Course, lesson: str) -> tuple[int, dict[str, tuple]]:
    """How many handed a lesson in; and of each cell that nbgrader keeps of it its type, points and text."""
    from nbgrader.api import Gradebook, MissingEntry

    with nbgraders_ways(), Gradebook(course.gradebook, "ddkit") as book:
        try:
            found = book.find_notebook(lesson, lesson)
        except MissingEntry:
            return 0, {}
        points = {cell.name: cell.max_score for cell in found.grade_cells}
        return len(found.submissions), {cell.name: (cell.cell_type, points.get(cell.name), cell.source)
                                        for cell in found.source_cells}


@contextlib.contextmanager
def nbgraders_ways() -> Iterator[None]:
    """What nbgrader needs around it: ``alembic``, which it calls by its name, installed beside this Python; and nobody
    who hears the warnings of its use of SQLAlchemy 2, none of which is about the data."""
    from sqlalchemy.exc import SAWarning

    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), before))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)
            yield
    finally:
        os.environ["PATH"] = before
