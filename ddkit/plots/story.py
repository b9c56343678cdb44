"""The pictures that lesson 1 opens with: the idea of dataset distillation, and the families of its methods."""

import math
from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from ddkit.data import Dataset
from ddkit.data.dataset import denormalise
from ddkit.plots.looks import LOOKS
from ddkit.plots.style import Picture, bare, picture
from ddkit.stored import FULL
from ddkit.synthetic import SyntheticSet
from ddkit.training.scores import Scores

SIDE = 10  # images along each side of a mosaic
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
    """The families of methods, what each lets agree, and the lessons in which their methods are built.

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
            _method(axes, 0.36 - 0.115 * row, method, lesson)
    figure.told = ". ".join(f"{' '.join(name.split())}: " + ", ".join(
        f"{method} ({'lesson ' + str(lesson) if lesson else 'no lesson yet'})" for method, lesson in methods)
        for name, _, methods in table)
    return figure


def _method(axes: Axes, y: float, method: str, lesson: int | None) -> None:
    axes.text(0.08, y, method, va="center", size=9, color="black" if lesson else "#777777")
    if lesson:
        axes.text(0.92, y, f"lesson {lesson}", va="center", ha="right", size=8.5, color="white",
                  bbox={"boxstyle": "round,pad=0.25", "facecolor": LOOKS[FULL].color, "edgecolor": "none"})
