"""Whether every graded cell is there once and of its kind, and whether the file is one that is taken."""

from collections.abc import Iterator
from pathlib import Path

from ddkit.exercises import exercises, records
from ddkit.foundation.errors import require
from ddkit.foundation.files import write_bytes
from ddkit.grading.findings import Finding
from ddkit.grading.preflight.lesson import Lesson, names_of
from ddkit.grading.preflight.notices import Notice, named
from ddkit.grading.restore import restore, written
from ddkit.grading.restore.tidy import OUTPUTS, tidied

_ADVICE = {
    "missing cell": "is not there: copy it from the lesson, or --mend puts it back unsolved",
    "duplicated cell": "is there more than once: keep one, and delete the copies",
    "retyped cell": "is of another kind than in the lesson: change it back in the menu Cell type",
    "changed check": "is not as it was handed out: it is marked with the lesson's own, so change it back",
    "check before exercise": "stands above the exercise that it checks: move it below",
    "guessed cell": "has lost its name, and only its place tells which it is",
    "changed metadata": "has other marks or locks than in the lesson",
}
_HARMLESS = {"moved cell", "changed lesson", "lost metadata", "guessed cell", "changed metadata", "unknown cell"}
_LARGE = 10_000_000  # bytes of a file, above which many portals take none


def in_shape(notebook, lesson: Lesson) -> tuple[object, list[Finding]]:
    """The notebook with its graded cells named, and what was mended for that.

    Raises:
        InputError: no valid notebook can be made of it.
    """
    if lesson.own is not None:
        return restore(notebook, lesson.own)
    made, findings = tidied(notebook)
    return made, findings + list(_by_marks(made, lesson))


def told(findings: list[Finding]) -> list[Notice]:
    """Findings about cells as what a student is to do."""
    found = []
    for one in findings:
        words = f"{one.cell} {_ADVICE[one.kind]}" if one.kind in _ADVICE else str(one)
        at_stake = "" if one.kind == "changed check" else named(one.cell)
        found.append(Notice("cells", words, at_stake, one.kind not in _HARMLESS))
    return found


def _by_marks(notebook, lesson: Lesson) -> Iterator[Finding]:
    """What the table of marks alone tells about a lesson's cells, which get their names as ids."""
    functions, runs = exercises(), records()
    for mark in lesson.marks:
        kinds = {mark.name: "code" if mark.name in functions | runs else "markdown"}
        if mark.name in functions:
            kinds = {f"exercise-{mark.name}": "code"} | kinds
        for name, kind in kinds.items():
            yield from _one(name, kind, [cell for cell in notebook.cells if name in names_of(cell)])


def _one(name: str, kind: str, cells: list) -> Iterator[Finding]:
    if not cells:
        yield Finding("missing cell", name, "")
        return
    cells[0].id = name
    if len(cells) > 1:
        yield Finding("duplicated cell", name, "")
    if cells[0].cell_type != kind:
        yield Finding("retyped cell", name, "")


def of_file(path: Path, lesson: Lesson) -> Iterator[Notice]:
    """What is noticed about the file itself."""
    if lesson.name and path.stem != lesson.name:
        yield Notice("file", f"is named {path.name}: name it {lesson.name}.ipynb, as it was handed out", mend=False)
    size = path.stat().st_size
    if size > OUTPUTS:
        yield Notice("file", f"has {size / 1e6:.0f} MB, and what is above {OUTPUTS / 1e6:.0f} MB is cut: clear the "
                             "outputs of cells that print or draw much")
    elif size > _LARGE:
        yield Notice("file", f"has {size / 1e6:.0f} MB, which some portals refuse: clear the outputs of cells that "
                             "print or draw much", mend=False)


def mended(path: Path, notebook, lesson: Lesson) -> tuple[Path, list[Finding]]:
    """Write a copy in which ids, kinds and copies of cells are mended; the file itself stays as it is.

    Returns:
        (the copy, what was mended), both as nothing if there was nothing to mend.

    Raises:
        InputError: the lesson's own notebook is not at hand.
    """
    require(lesson.own is not None, f"the notebook of lesson {lesson.number} as it was handed out is not at hand, and "
                                    "nothing can be mended without: name its folder with --notebooks")
    made, findings = restore(notebook, lesson.own)
    if not findings:
        return path, []
    place = _free(path)
    write_bytes(place, written(made))
    return place, findings


def _free(path: Path) -> Path:
    """A name beside the file that nothing has yet."""
    stem, number = path.stem.removesuffix(".mended"), 1
    while True:
        found = path.with_name(f"{stem}.mended{f'-{number}' if number > 1 else ''}.ipynb")
        if not found.exists():
            return found
        number += 1
