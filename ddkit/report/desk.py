"""The desk that a report is laid out on: it looks records up, writes tables and figures, and remembers what it had."""

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ddkit import plots
from ddkit.foundation.errors import InputError
from ddkit.foundation.files import expanded, write_bytes
from ddkit.plots.style import Picture
from ddkit.report import latex, markdown, records
from ddkit.report.pieces import SHIPPED, Figure, Missing, Piece, Said, Table
from ddkit.runs import Record
from ddkit.specs import Spec

_PAGE = re.compile(rb"/MediaBox \[\s*([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+)\s*\]")
_OF_IMAGES = (plots.image_grid, plots.evolution, plots.start_end_difference)
_MANY = 3  # shipped runs that a caption still names


class Desk:
    """What was laid out so far.

    Args:
        folder: of the report; tables go into ``tables/``, figures into ``figures/``.
        root, data: as for ``runs.find``.

    Attributes:
        pieces: in the order in which they were laid out.
        missing: runs that were asked for in vain, each once for a question.
        used: records that were found, by name.
    """

    def __init__(self, folder: str | Path = "report", root: str | Path | None = None, data: str | Path | None = None):
        self.folder, self.root, self.data = expanded(folder), root, data
        self.pieces: list[Piece] = []
        self.missing: list[Missing] = []
        self.used: dict[str, Record] = {}

    def find(self, question: str, what: str, spec: Spec) -> Record | None:
        """The record of a spec; one that is not there is remembered as missing, with the line that makes it."""
        record, how = records.readable(spec, self.root, self.data)
        if record is None:
            self._miss(Missing(question, what, how))
        else:
            self.used.setdefault(record.name, record)
        return record

    def find_all(self, question: str, what: str, specs: dict[str, Spec]) -> dict[str, Record | None]:
        """The records of several specs by their names, which are told in words as ``what: name``."""
        return {name: self.find(question, f"{what}: {name}", spec) for name, spec in specs.items()}

    def _miss(self, one: Missing) -> None:
        if one not in self.missing:
            self.missing.append(one)

    def say(self, question: str, text: str) -> None:
        """Put down sentences with numbers."""
        self.pieces.append(Said(question, text))

    def table(self, question: str, name: str, title: str, headers: Sequence[str], rows: Iterable[Sequence[str]],
              note: str = "", wraps: bool = False) -> None:
        """Write a table as LaTeX and as Markdown; one without rows is left out."""
        rows = tuple(tuple(row) for row in rows)
        if not rows:
            return
        if any(SHIPPED in cell for row in rows for cell in row):
            note = f"{note} (shipped): of a run that came with ddkit, not of one's own.".strip()
        one = Table(question, name, title, tuple(headers), rows, note, wraps)
        for suffix, text in (("tex", latex.table(one)), ("md", markdown.table(one))):
            write_bytes(self.folder / "tables" / f"{name}.{suffix}", text.encode())
        self.pieces.append(one)

    def figure(self, question: str, name: str, caption: str, sources: dict[str, Record | None],
               draw: Callable[..., Picture], *given, **options) -> None:
        """Draw a figure as PDF and PNG, if there is any record to draw it from.

        Args:
            sources: what it is drawn from; the caption names those that were shipped.
            draw: makes the picture of ``given`` and ``options``.
        """
        there = {name: record for name, record in sources.items() if record}
        if not there:
            return
        try:
            png, pdf = plots.save(draw(*given, **options), self.folder / "figures", name)
        except InputError as error:
            self._miss(Missing(question, f"figure {name}", f"# {error}"))
            return
        self.pieces.append(Figure(question, name, caption + _whose(there), pdf, png, _size(pdf), draw in _OF_IMAGES))

    def __repr__(self) -> str:
        counts = {"table": Table, "figure": Figure}
        told = [f"{n} {word}{'s' * (n != 1)}" for word, kind in counts.items()
                for n in [sum(isinstance(piece, kind) for piece in self.pieces)]]
        lines = [f"{' and '.join(told)} in {self.folder}"]
        shipped = sum(record.shipped for record in self.used.values())
        if shipped:
            lines.append(f"{shipped} of {len(self.used)} records came with ddkit and are marked as shipped")
        lines += [line for one in self.missing for line in (f"missing: {one.what}", *folded(one.how))]
        return "\n".join(lines)


def folded(how: str) -> list[str]:
    """The line that makes a run, in lines that a page shows whole, and Python still reads as one."""
    if how.startswith("#"):
        return [f"    {how}"]
    return textwrap.wrap(how, 112, initial_indent=" " * 4, subsequent_indent=" " * 8, break_long_words=False,
                         break_on_hyphens=False)


def _whose(sources: dict[str, Record]) -> str:
    """What a caption says of shipped records; nothing where all are one's own."""
    shipped = [name for name, record in sources.items() if record.shipped]
    if not shipped:
        return ""
    if len(shipped) == len(sources):
        return " (Shipped with ddkit, not of one's own runs.)"
    named = ", ".join(shipped) if len(shipped) <= _MANY else f"{len(shipped)} of {len(sources)}"
    return f" (Shipped with ddkit, not of one's own runs: {named}.)"


def _size(pdf: Path) -> tuple[float, float]:
    """Width and height of the page, in inches."""
    left, bottom, right, top = map(float, _PAGE.search(pdf.read_bytes()).groups())
    return (right - left) / 72, (top - bottom) / 72
