"""What a report is put together from: tables, figures, sentences with numbers, and what is missing.

Cells are plain text; ``latex`` and ``markdown`` write them down, each with its own special characters.
"""

from dataclasses import dataclass
from pathlib import Path

SHIPPED = " (shipped)"  # behind every number of a run that came with the repository


class Symbol(str):
    """A cell that is a symbol of a paper, such as ``eta_S``."""


@dataclass(frozen=True)
class Table:
    """Rows of text below headings.

    Attributes:
        question: whose answer it belongs to, a key of ``questions.QUESTIONS``.
        name: of its files.
        title: a line above it.
        headers, rows: as many cells each.
        note: what stands below it: what the errors are of, whose runs these are.
        wraps: the last column holds sentences, which take several lines.
    """

    question: str
    name: str
    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    wraps: bool = False


@dataclass(frozen=True)
class Figure:
    """A picture that was drawn.

    Attributes:
        question, name: as of a table.
        caption: what it shows, with its numbers.
        pdf, png: its files.
        size: width and height of the page of the PDF, in inches.
        images: shows images, whose letters matter less than those of a chart.
    """

    question: str
    name: str
    caption: str
    pdf: Path
    png: Path
    size: tuple[float, float]
    images: bool = False


@dataclass(frozen=True)
class Said:
    """Sentences with numbers from the records."""

    question: str
    text: str


@dataclass(frozen=True)
class Missing:
    """A run that the report would show and that was not made yet.

    Attributes:
        question: whose answer needs it.
        what: it is, in words.
        how: the line of Python that makes it, or why what there is cannot be used.
    """

    question: str
    what: str
    how: str


Piece = Table | Figure | Said
