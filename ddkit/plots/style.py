"""The one look of all pictures: settings, grids of images, and a figure that shows itself in a notebook.

What a colour stands for is said in ``looks``.
"""

import contextlib
import functools
import io
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter
from PIL import Image

from ddkit.foundation.files import atomic
from ddkit.plots.alt import described, kind_of, words

STYLE = {
    "font.size": 10, "axes.titlesize": 11, "axes.labelsize": 10, "xtick.labelsize": 9, "ytick.labelsize": 9,
    "legend.fontsize": 9, "axes.titlelocation": "left", "axes.titlepad": 8,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#555555", "axes.linewidth": 0.8,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#e2e2e2", "grid.linewidth": 0.7,
    "lines.linewidth": 1.6, "lines.markersize": 5, "legend.frameon": False,
    "image.cmap": "gray", "image.interpolation": "nearest",
    "figure.dpi": 100, "savefig.dpi": 150, "savefig.bbox": "tight", "savefig.pad_inches": 0.08, "pdf.fonttype": 42,
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
TICKS = (20, 50, 80, 90, 95, 98, 99, 99.5, 99.8)  # accuracies in %, of scales that are logarithmic in the error
LEAST_ERROR = 0.1  # %, where such a scale ends

# Lightness rises all the way: in grey, darker than the middle is negative and lighter is positive.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#04123a", "#2b5aa6", "#9b9b9b", "#efb24c", "#fffbe6"])

CELL = 0.6  # inches that an image and the gap around it take
GAP = 1 / 30  # of a cell, on every side: a pixel of 28 is then 2 dots wide at 100 dpi, 3 at 150
BETWEEN = 0.25  # inches from block to block
FOOTNOTE_INCHES = 0.062  # that a letter of a footnote takes

# Settings are matplotlib's global state: one thread at a time changes them, and puts them back.
_ONE_AT_A_TIME = threading.RLock()


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The settings of ``STYLE``, until the block ends."""
    with _ONE_AT_A_TIME, matplotlib.rc_context(STYLE):
        yield


class Picture(Figure):
    """A figure that keeps its style whenever it is drawn, and shows itself in a notebook without pyplot.

    Attributes:
        alt: what it shows, in words for those who do not see it; a notebook keeps them beside the image, or what is
            written in the figure if nothing is said here.
        told: its numbers in words, a part of ``alt`` that only the function that draws it can know.
    """

    alt = told = ""

    def draw(self, renderer) -> None:
        with style(), warnings.catch_warnings():  # matplotlib makes the tick labels only now
            warnings.filterwarnings("ignore", 'Creating legend with loc="best"')  # a slow processor is no fault
            super().draw(renderer)

    def savefig(self, *args, **options) -> None:
        with style():
            super().savefig(*args, **options)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=self.dpi)
        return small(buffer)

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        return {"image/png": self._repr_png_()}, {"image/png": {"alt": words(self)}}


def small(image: io.BytesIO) -> bytes:
    """A PNG with the same pixels in fewer bytes: nothing is transparent, and grey needs one channel of three."""
    pixels = Image.open(image).convert("RGB")
    red, green, blue = pixels.split()
    grey = red.tobytes() == green.tobytes() == blue.tobytes()
    out = io.BytesIO()
    (red if grey else pixels).save(out, "PNG", optimize=True)
    return out.getvalue()


def picture(draw: Callable[..., Picture]) -> Callable[..., Picture]:
    """Decorate a function that makes one picture: it runs under ``style``, below the picture stand the notes of
    whatever it was drawn from, such as that the images are synthetic, and ``alt`` begins with its title and with the
    first paragraph of the function's docstring."""
    kind = kind_of(draw.__doc__)

    @functools.wraps(draw)
    def styled(*args, **options) -> Picture:
        with style():
            figure = draw(*args, **options)
            notes = list(dict.fromkeys(_notes([*args, *options.values()])))
            figure.alt = described(figure, kind, ". ".join(filter(None, [figure.told, *notes])))
            _footnote(figure, notes)
            return figure

    return styled


def _notes(source) -> Iterator[str]:
    """The ``notes`` of records, scores and synthetic sets, alone or in lists and dictionaries."""
    if isinstance(source, dict | list | tuple):
        for part in source.values() if isinstance(source, dict) else source:
            yield from _notes(part)
    else:
        yield from getattr(source, "notes", ())


def _footnote(figure: Picture, notes: list[str]) -> None:
    """Write notes below everything in the figure, in lines as wide as it."""
    if notes:
        FigureCanvasAgg(figure)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the arrangement is made, and must not shift under the note
        width, height = figure.get_size_inches()
        box = figure.get_tightbbox()
        lines = [line for note in notes for line in textwrap.wrap(note, max(24, int(box.width / FOOTNOTE_INCHES)))]
        figure.text(box.x0 / width, (box.y0 - 0.08) / height, "\n".join(lines), va="top", size=8, style="italic")


def series(index: int, color: str) -> dict:
    """One of several series that stand for the same and so have one colour, as options of ``Axes.plot``."""
    return {"color": color, "marker": MARKERS[index % len(MARKERS)], "linestyle": LINES[index % len(LINES)],
            "markerfacecolor": "white" if index % 2 else color, "markeredgecolor": "#222222", "markeredgewidth": 0.6}


def spread(counts: Iterable[int]) -> str:
    """Over how many each number is, in words: ``5``, or ``1 to 5``."""
    counts = sorted(counts)
    return f"{counts[0]}" + f" to {counts[-1]}" * (counts[0] < counts[-1])


def blocks(rows: Sequence[str], columns: Sequence[str], down: int = 1, across: int = 1, top: bool = True,
           column_names_in: Sequence[int] | None = None) -> tuple[Picture, list[Axes]]:
    """A picture of ``down`` x ``across`` blocks, each a grid of cells for ``tile``, with names at their edges.

    Args:
        rows, columns: the names of a block's rows and columns, "" for none.
        top: names of columns above the block rather than below.
        column_names_in: the blocks that show the names of columns (default all).
    """
    width, height = CELL * len(columns), CELL * len(rows)
    figure = Picture(figsize=(width * across + BETWEEN * (across - 1), height * down + BETWEEN * (down - 1)))
    edges = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": BETWEEN / width, "hspace": BETWEEN / height}
    grid = list(figure.subplots(down, across, squeeze=False, gridspec_kw=edges).flat)
    tilted = {"rotation": 30, "ha": "left" if top else "right"} if max(map(len, columns)) > 8 else {}
    for index, axes in enumerate(grid):
        named = column_names_in is None or index in column_names_in
        axes.set(xlim=(0, len(columns)), ylim=(len(rows), 0), aspect="equal")
        axes.set_xticks(np.arange(len(columns)) + 0.5, columns if named else [""] * len(columns), **tilted)
        axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
        axes.tick_params(bottom=False, left=False, labelbottom=not top, labeltop=top)
        bare(axes)
    return figure, grid


def bare(axes: Axes) -> None:
    """Leave nothing of the axes but their contents and names."""
    axes.spines[:].set_visible(False)
    axes.grid(False)
    axes.tick_params(length=0)


def tile(axes: Axes, pixels: np.ndarray, row: int, column: int, cmap: str | Colormap = "gray", low: float = 0,
         high: float = 1) -> None:
    """Show an image, [H, W] with values from ``low`` to ``high`` or [H, W, 3], in a cell of a block."""
    axes.imshow(pixels, cmap=cmap, vmin=low, vmax=high, interpolation="nearest",
                extent=(column + GAP, column + 1 - GAP, row + 1 - GAP, row + GAP))


def log_ticks(axis: Axis, shown: str | Callable = "{x:g}", long: bool = False) -> None:
    """Number a logarithmic axis plainly: 1, 2, 5, 10, ..., or powers of ten if it spans many, more if it spans little.

    Args:
        shown: how a number is written; if that is ``long``, fewer fit.
    """
    low, high = axis.get_view_interval()
    steps = ((4, (1, 2, 3, 4, 6, 8)), (20 if long else 300, (1, 2, 5)), (300, (1, 3)))
    axis.set_major_locator(LogLocator(subs=next((subs for span, subs in steps if high < span * low), (1,))))
    axis.set_major_formatter(shown)
    axis.set_minor_formatter(NullFormatter())


def error_scale(axes: Axes, which: str, reached: Iterable[float]) -> None:
    """Let an axis (``x`` or ``y``) of accuracies in % be logarithmic in the error, over what was reached (in %)."""
    def forwards(accuracy):
        return -np.log10(np.maximum(100 - np.asarray(accuracy), LEAST_ERROR))

    axis, reached = getattr(axes, f"{which}axis"), list(reached)
    getattr(axes, f"set_{which}scale")("function", functions=(forwards, lambda value: 100 - 10.0 ** -np.asarray(value)))
    low, high = 100 - 1.3 * (100 - min(reached)), 100 - max(LEAST_ERROR, (100 - max(reached)) / 1.5)
    getattr(axes, f"set_{which}lim")(max(low, 0), high)
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axis.set_major_locator(FixedLocator(ticks) if len(ticks) > 2 else MaxNLocator(4))
    axis.set_major_formatter("{x:g}")


def save(figure: Figure, folder: str | Path, name: str) -> list[Path]:
    """Write ``folder/name.png`` (150 dpi) and ``folder/name.pdf``, each whole or not at all; returns both paths.

    The same figure gives the same bytes every time. Both say in their metadata what it shows.
    """
    paths = [Path(folder) / f"{name}.{suffix}" for suffix in ("png", "pdf")]
    alt = words(figure) or None
    told = {"png": {"Description": alt}, "pdf": {"CreationDate": None, "Subject": alt}}
    with style():
        for path, (kind, metadata) in zip(paths, told.items(), strict=True):
            with atomic(path) as temporary:
                figure.savefig(temporary, format=kind, dpi=150, metadata=metadata)
    return paths
