"""A moment of a distillation: its images, what has changed since the start, and where its loss stood."""

import math
import textwrap

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from ddkit.plots.looks import looks
from ddkit.plots.style import SIGNED, Picture, bare, log_ticks, picture, style
from ddkit.plots.training import running_median
from ddkit.runs import Record, set_of
from ddkit.stored import Evolving
from ddkit.synthetic import SyntheticSet

MOST_SHOWN = 10  # images of a class
_GAP = 0.08  # of an image's side, between two images
_WHITE = 255
_WIDE = 3.5  # inches of a mosaic


def mosaic(pixels: np.ndarray, columns: int) -> np.ndarray:
    """Images uint8 [n, h, w] or [n, h, w, 3] in rows of ``columns``, with white between them, as one such image."""
    gap = max(1, round(_GAP * pixels.shape[1]))
    rows = -(-len(pixels) // columns)
    height, width = pixels.shape[1] + gap, pixels.shape[2] + gap
    whole = np.full((rows * height - gap, columns * width - gap, *pixels.shape[3:]), _WHITE, np.uint8)
    for index, image in enumerate(pixels):
        top, left = height * (index // columns), width * (index % columns)
        whole[top : top + image.shape[0], left : left + image.shape[1]] = image
    return whole


class Moments:
    """What can be seen of a distillation at each of its moments.

    Attributes:
        run: the distillation.
    """

    def __init__(self, run: Evolving):
        self.run, synthetic = run, run.record.synthetic
        self._labels, self._start = synthetic.started_as.cpu(), synthetic.pixels(synthetic.start)
        sizes = np.abs(_brightness(run.pixels(run.updates[-1]) - self._start))
        self.limit = float(np.quantile(sizes, 0.995) or sizes.max() or 1.0)

    def shown(self, label: int | None) -> tuple[list[int], int]:
        """Which images stand in the mosaics of a class (None: of all, one class after another), and in how many
        columns: so many that the whole is near a square, and that every class begins a row where it has several."""
        return _arranged(self._labels, len(self.classes), label)

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names."""
        return self.run.record.synthetic.classes

    def images(self, updates: int, label: int | None = None) -> np.ndarray:
        """The images of a class at a moment, as a mosaic."""
        of, columns = self.shown(label)
        return mosaic(_shades(self.run.pixels(updates)[of]), columns)

    def change(self, updates: int, label: int | None = None) -> np.ndarray:
        """What was added to their brightness since the start (bright) and taken away (dark), as a mosaic in colour;
        the colours saturate at ``limit``, the largest 0.5 % of the whole distillation's change."""
        of, columns = self.shown(label)
        change = _brightness(self.run.pixels(updates)[of] - self._start[of])
        return mosaic(SIGNED(0.5 + change / (2 * self.limit), bytes=True)[..., :3], columns)


def images_of(synthetic: SyntheticSet | Record) -> np.ndarray:
    """The images of a set as a mosaic, one class after another."""
    synthetic = set_of(synthetic)
    of, columns = _arranged(synthetic.started_as.cpu(), len(synthetic.classes), None)
    return mosaic(_shades(synthetic.pixels()[of]), columns)


def _arranged(labels: Tensor, classes: int, label: int | None) -> tuple[list[int], int]:
    members = [(labels == c).nonzero()[:, 0].tolist() for c in range(classes)]
    if label is not None:
        return members[label], math.ceil(math.sqrt(len(members[label])))
    of = [index for row in members for index in row[:MOST_SHOWN]]
    side, each = math.sqrt(len(of)), max(len(row[:MOST_SHOWN]) for row in members)
    if each == 1:
        return of, math.ceil(side)
    return of, min((d for d in range(1, each + 1) if each % d == 0), key=lambda d: abs(d - side))


def _shades(pixels: Tensor) -> np.ndarray:
    """Pixels [n, C, h, w] in [0, 1] as uint8 [n, h, w] if grey, [n, h, w, 3] in colour."""
    whole = (255 * pixels).round().byte().permute(0, 2, 3, 1).numpy()
    return whole[..., 0] if whole.shape[-1] == 1 else whole


def _brightness(pixels: Tensor) -> np.ndarray:
    """[n, h, w]: of colours the mean."""
    return pixels.mean(1).numpy()


class Losses:
    """The loss of a distillation, with a cursor.

    Attributes:
        figure: the picture, if no axes were given.
        moving: the artists that ``show`` changes.
    """

    def __init__(self, run: Evolving, axes: Axes | None = None):
        self.run = run
        with style():
            if axes is None:
                self.figure = Picture(figsize=(8.2, 2.3))
                axes = self.figure.add_axes((0.085, 0.24, 0.89, 0.62))
            losses = np.array(run.losses)
            self._median = running_median(losses, 2 * (len(losses) // 60) + 3)
            at, color = np.arange(1, len(losses) + 1), looks({"": run.source})[""].ink
            axes.plot(at, losses, color=color, alpha=0.3, linewidth=0.8)
            axes.plot(at, self._median, color=color)
            wide = bool(losses.min() > 0 and losses.max() > 5 * losses.min())
            axes.set(title="Loss (faint: every update, bold: running median)", ylabel="loss",
                     xlabel="updates of the synthetic set", yscale="log" if wide else "linear",
                     xlim=(-0.02 * len(losses), 1.02 * len(losses)))
            if wide:
                log_ticks(axes.yaxis)
            for updates in run.updates:
                axes.axvline(updates, ymax=0.04, color="#333333", linewidth=1)
            self._line = axes.axvline(0, color="black", linewidth=1.2, linestyle="--", zorder=4)
            (self._dot,) = axes.plot([], [], "o", color="white", markeredgecolor="black", markersize=8, zorder=5)
        self.moving = [self._line, self._dot]

    def show(self, updates: int) -> None:
        """Put the cursor after so many updates; the start has no loss yet, and so no dot."""
        self._line.set_xdata([updates] * 2)
        self._dot.set_data([updates] if updates else [], [self._median[updates - 1]] if updates else [])


@picture
def moment(run: Evolving, updates: int, label: int | None = None) -> Picture:
    """The images after so many updates, what changed since the start, and the loss with a cursor there."""
    moments = Moments(run)
    drawn = [of(updates, label) for of in (moments.images, moments.change)]
    height = _WIDE * drawn[0].shape[0] / drawn[0].shape[1]
    figure = Picture(figsize=(2 * _WIDE + 1.3, height + 2.9))
    wide, tall = figure.get_size_inches()
    titles = (f"{_whose(moments, label)} after {updates:,} updates",
              f"change since the start, as shown: {run.moved(updates):.1f}")
    for mosaic_shown, title, left in zip(drawn, titles, (0.9, _WIDE + 1.2), strict=True):
        axes = figure.add_axes((left / wide, 2.2 / tall, _WIDE / wide, height / tall))
        axes.imshow(mosaic_shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(title)
        bare(axes)
        axes.set(xticks=[], yticks=[])
    _name_rows(figure.axes[0], moments, label)
    losses = Losses(run, figure.add_axes((0.9 / wide, 0.5 / tall, (2 * _WIDE + 0.3) / wide, 1.25 / tall)))
    losses.show(updates)
    figure.text(0.9 / wide, 1 - 0.25 / tall, run.name, size=11, weight="bold")
    return figure


def _whose(moments: Moments, label: int | None) -> str:
    return "all classes" if label is None else f"class {moments.classes[label]}"


def _name_rows(axes: Axes, moments: Moments, label: int | None) -> None:
    """Write the classes' names beside their rows, where every class has its own."""
    (of, columns), names = moments.shown(label), moments.classes
    if label is None and len(of) % (columns * len(names)) == 0:
        height = axes.images[0].get_array().shape[0]
        axes.set_yticks((np.arange(len(names)) + 0.5) * height / len(names) - 0.5,
                        ["\n".join(textwrap.wrap(name, 12)) for name in names])
