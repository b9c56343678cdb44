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
        with contextlib.closing(sqlite3.connect(copy)) as other:
            book.backup(other)
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
    from nbgrader.api import Gradebook, MissingEntry

    with nbgraders_ways(), Gradebook(course.gradebook, "ddkit") as book:
        try:
            before = book.find_notebook(lesson, lesson)
        except MissingEntry:
            return []
        students = len(before.submissions)
        points = {cell.name: (cell.cell_type, cell.max_score) for cell in before.grade_cells}
        sources = {cell.name: cell.source for cell in before.source_cells}
    if not students:
        return []
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    now = {name: (cell.cell_type, float(cell.metadata.nbgrader.points)) for name, cell in cells.items()
           if cell.metadata.nbgrader.grade}
    _require_same(lesson, students, sources.keys(), cells.keys())
    _require_same(lesson, students, {name: kind for name, (kind, _) in points.items()}.items(),
                  {name: kind for name, (kind, _) in now.items()}.items())
    other = [f"{name} ({points[name][1]:g}, now {now[name][1]:g})" for name in sorted(now) if now[name] != points[name]]
    require(again or not other,
            f"{students} students have marks for {lesson}, and points changed: {', '.join(other)}; --again releases it "
            "all the same and keeps the marks, for you to grade again")
    rewritten = [name for name in sorted(now) if cells[name].source != sources[name] and now[name][0] == "code"]
    return [f"{lesson}: {what} changed since {students} students were marked: {', '.join(names)}; their marks stay as "
            "they are until you grade again" for what, names in (("points", other), ("checks", rewritten)) if names]


def _require_same(lesson: str, students: int, before, now) -> None:
    gone, new = (sorted(map(str, one - other)) for one, other in ((set(before), set(now)), (set(now), set(before))))
    require(not gone and not new,
            f"{students} students have marks for {lesson}, and its cells are not the same any more (gone: "
            f"{', '.join(gone) or 'none'}; new: {', '.join(new) or 'none'}): release it into a folder of its own")


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
