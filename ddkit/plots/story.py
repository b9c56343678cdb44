"""The pictures that tell the course's story: the idea of dataset distillation, the families of methods and what they
compare, and what a set can be stored as."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from ddkit.data import Dataset
from ddkit.data.dataset import denormalise
from ddkit.plots.looks import LOOKS
from ddkit.plots.style import Picture, bare, blocks, picture, tile
from ddkit.stored import FULL, START
from ddkit.synthetic import SyntheticSet
from ddkit.training.scores import Scores

SIDE = 10  # images along each side of a mosaic
ACROSS = 3  # panels beside each other
SHOWN = 10  # images in a row
_CARD = {"boxstyle": "round,pad=0,rounding_size=0.04", "facecolor": "#f4f4f4", "edgecolor": "#888888"}


@picture
def idea(dataset: Dataset, synthetic: SyntheticSet, scores: dict[str, Scores]) -> Picture:
    """Three sets of images that networks are trained on from scratch, and how well the networks do afterwards.

    Args:
        synthetic: distilled from real images, ten for each of ten classes.
        scores: of networks trained on the full data, on random real images, and on the distilled ones, in this order.
    """
    figure = Picture(figsize=(9.2, 4.6))
    figure.suptitle("Dataset distillation", x=0.005, y=1.04, ha="left", size=12)
    sets = [(f"{len(dataset.train):,} real images", dataset.train.images, 3 * SIDE),
            (f"{len(synthetic.images)} of them, at random", synthetic.start, SIDE),
            (f"{len(synthetic.images)} synthetic images", synthetic.images, SIDE)]
    for column, ((title, images, side), (name, found)) in enumerate(zip(sets, scores.items(), strict=True)):
        left = 0.005 + 0.365 * column
        axes = figure.add_axes((left, 0.36, 0.26, 0.56))
        axes.imshow(mosaic(dataset, images, side).numpy(), cmap="gray", vmin=0, vmax=1)
        axes.set_title(title, loc="center")
        axes.set(xticks=(), yticks=())
        bare(axes)
        _trained(figure.add_axes((left, 0.02, 0.26, 0.32)), name, found)
    figure.text(0.6825, 0.68, "distil:\nmove the\npixels", ha="center", va="bottom", size=9)
    arrow = {"arrowstyle": "-|>", "mutation_scale": 18, "color": LOOKS["datadam"].color}
    figure.add_artist(FancyArrowPatch((0.655, 0.64), (0.71, 0.64), **arrow))
    figure.told = "; ".join(f"{name}: {found}" for name, found in scores.items())
    return figure


def mosaic(dataset: Dataset, images: torch.Tensor, side: int) -> torch.Tensor:
    """The first images of [n, C, H, W], normalised, as one grey picture [side H, side W] in [0, 1].

    Args:
        side: how many images stand beside each other, at most; fewer where there are not as many rows of them.
    """
    side = min(side, math.isqrt(len(images)))
    grey = denormalise(images[: side * side], dataset.mean, dataset.std).mean(1)
    return grey.unflatten(0, (side, side)).permute(0, 2, 1, 3).flatten(2).flatten(0, 1)


def _trained(axes: Axes, name: str, scores: Scores) -> None:
    """An arrow into a box for the network, and what came out."""
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
    axes.annotate("", (0.5, 0.62), (0.5, 1.0), arrowprops={"arrowstyle": "-|>", "color": "#333333"})
    axes.add_patch(FancyBboxPatch((0.06, 0.0), 0.88, 0.6, **_CARD))
    axes.text(0.5, 0.42, f"a network trained on\n{name}", ha="center", va="center", size=9)
    axes.text(0.5, 0.12, str(scores), ha="center", va="center", weight="bold", size=10)


@picture
def families(table: Sequence[tuple[str, str, Sequence[tuple[str, int | None]]]]) -> Picture:
    """The families of methods, what each lets agree, and the lessons in which their methods are shown.

    Args:
        table: rows of a family's name, what it asks of the synthetic set, and its methods, each with the number of its
            lesson (None: in no lesson yet).
    """
    figure = Picture(figsize=(9.2, 3.3))
    width = 1 / len(table)
    for column, (name, asks, methods) in enumerate(table):
        axes = figure.add_axes((column * width + 0.008, 0.02, width - 0.016, 0.96))
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.axis("off")
        axes.add_patch(FancyBboxPatch((0.01, 0.01), 0.98, 0.98, **_CARD))
        axes.set_title(name, loc="center", y=0.94, va="top", weight="bold", size=10)
        axes.text(0.5, 0.66, asks, ha="center", va="top", size=9)
        for row, (method, lesson) in enumerate(methods):
            _method(axes, 0.37 - 0.1 * row, method, lesson)
    figure.told = ". ".join(f"{' '.join(name.split())}: " + ", ".join(
        f"{method} ({'lesson ' + str(lesson) if lesson else 'no lesson yet'})" for method, lesson in methods)
        for name, _, methods in table)
    return figure


def _method(axes: Axes, y: float, method: str, lesson: int | None) -> None:
    axes.text(0.08, y, method, va="center", size=9, color="black" if lesson else "#777777")
    if lesson:
        axes.text(0.92, y, f"lesson {lesson}", va="center", ha="right", size=8.5, color="white",
                  bbox={"boxstyle": "round,pad=0.25", "facecolor": LOOKS[FULL].color, "edgecolor": "none"})


@dataclass(frozen=True)
class Panel:
    """What a family of methods compares, measured once.

    Attributes:
        name, asks, methods: in words.
        drawn: as ``lines`` of numbers [n], as a ``map`` [H, W], as ``points`` or as a ``path`` [n, 2].
        real, synthetic: the numbers, of real and of synthetic images.
        sides: the names of both maps.
    """

    name: str
    asks: str
    methods: str
    drawn: str
    real: torch.Tensor
    synthetic: torch.Tensor
    sides: tuple[str, str] = ("real", "synthetic")


@picture
def compared(panels: Sequence[Panel]) -> Picture:
    """What each family compares, of real images (dark circles) and of synthetic ones (squares), on one network."""
    rows = -(-len(panels) // ACROSS)
    figure = Picture(figsize=(9.2, 3.1 * rows + 0.7))
    figure.suptitle("What each family of methods lets agree", x=0.005, y=1.0, ha="left", size=12)
    top, foot = (1 - inches / figure.get_figheight() for inches in (0.35, figure.get_figheight() - 0.35))
    height = (top - foot) / rows
    for place, panel in enumerate(panels):
        box = (place % ACROSS / ACROSS + 0.008, top - (1 + place // ACROSS) * height + 0.012, 1 / ACROSS - 0.016,
               height - 0.024)
        card = figure.add_axes(box)
        card.set(xlim=(0, 1), ylim=(0, 1))
        card.axis("off")
        card.add_patch(FancyBboxPatch((0.01, 0.01), 0.98, 0.98, **_CARD))
        card.text(0.5, 0.95, panel.name, ha="center", va="top", weight="bold", size=10)
        card.text(0.5, 0.31, panel.asks, ha="center", va="top", size=9)
        card.text(0.5, 0.05, panel.methods, ha="center", va="bottom", size=8.5, color="#444444")
        (_maps if panel.drawn == "map" else _curves)(figure, panel, box)
    ends = [Line2D([], [], **LOOKS[meaning].series) for meaning in (FULL, START)]
    figure.legend(ends, ["real images", "a synthetic set as it starts"], ncols=2, loc="lower center", handlelength=3)
    figure.told = ". ".join(f"{panel.name}: {' '.join(panel.asks.split())} ({panel.methods})" for panel in panels)
    return figure


def _maps(figure: Picture, panel: Panel, card: tuple[float, float, float, float]) -> None:
    """Both maps of a panel beside each other, in the upper part of its card, in one scale."""
    left, bottom, width, height = card
    together = torch.cat([panel.real.flatten(), panel.synthetic.flatten()])
    low, high = float(together.min()), float(together.max())
    for place, (name, values) in enumerate(zip(panel.sides, (panel.real, panel.synthetic), strict=True)):
        axes = figure.add_axes((left + (0.08 + 0.45 * place) * width, bottom + 0.42 * height, 0.39 * width,
                                0.42 * height))
        axes.imshow(values.numpy(), cmap="gray", vmin=low, vmax=high)
        axes.set_xticks([], [])
        axes.set_yticks([], [])
        axes.set_xlabel(name, size=8, labelpad=2)
        bare(axes)


def _curves(figure: Picture, panel: Panel, card: tuple[float, float, float, float]) -> None:
    """Both sides of a panel over each other, in the upper part of its card."""
    left, bottom, width, height = card
    axes = figure.add_axes((left + 0.08 * width, bottom + 0.37 * height, 0.84 * width, 0.48 * height))
    axes.set_xticks([], [])
    axes.set_yticks([], [])
    axes.margins(0.08)
    sides = [values[:, None] if values.ndim == 1 else values for values in (panel.real, panel.synthetic)]
    if panel.drawn == "points":
        for pair in zip(*sides, strict=True):
            axes.plot(*torch.stack(pair).T.numpy(), color="#888888", linewidth=0.8, zorder=0)
    for values, meaning in zip(sides, (FULL, START), strict=True):
        how = LOOKS[meaning].point if panel.drawn == "points" else LOOKS[meaning].series
        axes.plot(*values.T.numpy(), **how | {"markersize": 4, "linewidth": 1.2})


@picture
def decoded(dataset: Dataset, rows: dict[str, torch.Tensor], title: str) -> Picture:
    """Images that sets of equal size in bytes hold, a row for each way to store them; given as to ``image_rows``."""
    return _rows(dataset, rows, title)


@picture
def image_rows(dataset: Dataset, rows: dict[str, torch.Tensor], title: str) -> Picture:
    """Images in rows, each with a name, so that what stands below each other can be compared.

    Args:
        dataset: whose mean and standard deviation they are normalised by.
        rows: by name, images [n, C, H, W]; the first of them are shown.
    """
    return _rows(dataset, rows, title)


def _rows(dataset: Dataset, rows: dict[str, torch.Tensor], title: str) -> Picture:
    figure, (axes,) = blocks(list(rows), [""] * SHOWN)
    for row, images in enumerate(rows.values()):
        for column, pixels in enumerate(denormalise(images[:SHOWN].detach(), dataset.mean, dataset.std).cpu()):
            tile(axes, pixels.permute(1, 2, 0).squeeze(-1).numpy().clip(0, 1), row, column)
    axes.set_title(title)
    figure.told = "; ".join(f"{name}, {min(len(images), SHOWN)} shown of {len(images)}"
                            for name, images in rows.items())
    return figure
