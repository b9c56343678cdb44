"""Which lesson a notebook belongs to, whatever its file is called: that of its graded cells, else of its texts."""

import contextlib
from dataclasses import dataclass

from ddkit.grading.collect.arriving import Entry
from ddkit.grading.course import Course
from ddkit.grading.restore import read, tidied
from ddkit.grading.restore.pairs import grade_id, is_graded, words

LARGEST = 100 << 20  # bytes of a notebook that is read
LEAST = 3  # texts of a lesson's own that tell it if no graded cell does


@dataclass(frozen=True)
class Lessons:
    """The lessons of a course.

    Attributes:
        sources: by name, as notebooks.
        ids: of each lesson's graded cells.
        texts: of each lesson's cells that no other lesson has.
    """

    sources: dict
    ids: dict[str, set[str]]
    texts: dict[str, set[str]]

    @classmethod
    def of(cls, course: Course) -> "Lessons":
        import nbformat

        from ddkit.exercises.cells import student

        sources = {name: nbformat.read(course.notebook("source", name), 4) for name in course.lessons}
        ids = {name: {cell.id for cell in source.cells if is_graded(cell)} for name, source in sources.items()}
        texts = {name: {words(cell) for cell in student(source).cells} for name, source in sources.items()}
        others = {name: set().union(*(found for other, found in texts.items() if other != name)) for name in texts}
        return cls(sources, ids, {name: found - others[name] for name, found in texts.items()})

    def of_file(self, entry: Entry) -> str | None:
        """The name of the lesson of a file that arrived; None also where it cannot be read, which is told later."""
        if entry.size > LARGEST:
            return None
        with contextlib.suppress(Exception):  # whatever a strange notebook leads to
            return self.of_notebook(tidied(read(b"".join(entry.pieces())))[0])
        return None

    def of_notebook(self, notebook) -> str | None:
        """The name of the lesson, or None if it is none of them."""
        said = {name for cell in notebook.cells for name in (cell.id, cell.metadata.get("id"), grade_id(cell))}
        texts = {words(cell) for cell in notebook.cells}
        votes = {name: (len(self.ids[name] & said), len(self.texts[name] & texts)) for name in self.sources}
        best = max(votes, key=votes.get, default=None)
        return best if best and (votes[best][0] or votes[best][1] >= LEAST) else None
