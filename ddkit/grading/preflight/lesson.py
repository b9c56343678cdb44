"""Which lesson a notebook is of, and that lesson's own notebook where it lies beside ddkit."""

import re
from dataclasses import dataclass
from pathlib import Path

from ddkit.exercises import marks
from ddkit.foundation.errors import InputError, require
from ddkit.grading.release import lessons
from ddkit.grading.restore import read

_NUMBERED = re.compile(r"(?:^|.*[^0-9])(\d\d)_[a-z]")


@dataclass(frozen=True)
class Lesson:
    """A lesson as a notebook is held against it.

    Attributes:
        number: of the lesson.
        name: of its notebook's file, without ``.ipynb``; "" where the lesson's own notebook is not at hand.
        own: that notebook as the repository has it, with the solutions; None where it is not at hand.
    """

    number: int
    name: str = ""
    own: object = None

    @property
    def marks(self) -> tuple[marks.Mark, ...]:
        return marks.of_lesson(self.number)


def opened(path: Path):
    """The notebook in a file.

    Raises:
        InputError: there is no such file, or it is no notebook.
    """
    try:
        import nbformat  # noqa: F401
    except ImportError as error:
        raise InputError("a notebook is read with nbformat, which comes with Jupyter: pip install nbformat") from error
    require(path.is_file(), f"there is no notebook {path}: name the file that you want to hand in")
    try:
        return read(path.read_bytes())
    except InputError as error:
        raise InputError(f"{path.name} is not a notebook that can be handed in: {error}") from error


def lesson_of(path: Path, notebook, folder: str | Path | None = None) -> Lesson:
    """The lesson that a notebook is of: by its cells, or by its file's name.

    Args:
        folder: that the lessons' own notebooks lie in; None: ``notebooks`` beside ddkit, else here.

    Raises:
        InputError: it is of none.
    """
    number = _by_cells(notebook) or _by_name(path)
    require(number is not None, f"{path.name} is none of the lessons: neither its name (such as 02_attention_matching."
                                "ipynb) nor any cell tells which")
    return next((Lesson(number, one.stem, own) for one in _notebooks(folder) if int(one.stem[:2]) == number
                 and (own := _own(one, path)) is not None), Lesson(number))


def _by_cells(notebook) -> int | None:
    """The lesson that most of the graded cells belong to."""
    names = {str(name) for cell in notebook.cells for name in names_of(cell)}
    counts = {mark.lesson: sum(other.name in names for other in marks.of_lesson(mark.lesson)) for mark in marks.MARKS}
    best = max(counts, key=counts.get)
    return best if counts[best] else None


def names_of(cell) -> list:
    """What a cell says that it is: its id, wherever an editor keeps it, and its name in nbgrader's metadata."""
    if not isinstance(cell, dict):
        return []
    told = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
    graded = told.get("nbgrader") if isinstance(told.get("nbgrader"), dict) else {}
    return [name for name in (cell.get("id"), told.get("id"), graded.get("grade_id")) if name]


def _by_name(path: Path) -> int | None:
    found = _NUMBERED.match(path.stem)
    return int(found[1]) if found else None


def _notebooks(folder: str | Path | None) -> list[Path]:
    try:
        return lessons.found(folder)
    except InputError:
        if folder is not None:
            raise
        return []


def _own(place: Path, handed: Path):
    """The lesson's own notebook; None if it is the one that is to be handed in, or has been worked in itself."""
    if place.resolve() == handed.resolve():
        return None
    try:
        return lessons.read(place)
    except InputError:
        return None
