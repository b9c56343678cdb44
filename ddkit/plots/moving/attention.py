"""What a random network attends to in real images, in the start of a distillation, and in what came of it."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from matplotlib import colormaps
from torch import Tensor

from ddkit.data import Dataset, denormalise
from ddkit.foundation.randomness import stream
from ddkit.methods.matching.datadam import attention_map, class_means
from ddkit.networks import build_for
from ddkit.plots.moving.moments import mosaic
from ddkit.plots.style import Picture, bare, picture
from ddkit.runs import Record, set_of
from ddkit.synthetic import SyntheticSet

SIDES = ("real", "start", "end")
SHOWN = 4  # images of a class
_REAL = 20  # real images of each class that means are taken of, if there are so many
_WIDE, _TABLE = 6.6, 3.2  # inches of the sheet, and of the losses beside it


@dataclass(frozen=True)
class Moved:
    """A term of the loss at the start and at the end of a distillation."""

    name: str
    start: float
    end: float

    @property
    def change(self) -> str:
        """From start to end, in per cent of the start."""
        return f"{100 * (self.end / self.start - 1):+.0f} %" if self.start else "none"

    @property
    def words(self) -> str:
        return f"{self.name:<10} {self.start:8.3g} → {self.end:8.3g}  {self.change:>7}"


class Attending:
    """The attention of fresh networks to three sets of images.

    Args:
        synthetic: a distilled set, with its start.
        dataset: whose training images are the real ones.
        network, width: which network; its weights are drawn from a seed.
    """

    def __init__(self, synthetic: SyntheticSet | Record, dataset: Dataset, network: str = "ConvNetD3", width: int = 32):
        synthetic = set_of(synthetic, dataset)
        self.dataset, self._named = dataset, (network, width)
        labels, classes = synthetic.started_as, range(len(dataset.classes))
        of = [(labels == c).nonzero()[:, 0] for c in classes]
        most = min(_REAL, *(len(dataset.train.of_class(c)) for c in classes))
        sets = {"real": [dataset.train.of_class(c)[:most] for c in classes],
                "start": [synthetic.start[index] for index in of],
                "end": [synthetic.images[index] for index in of]}
        self.images = {side: torch.stack([part[: min(map(len, parts))] for part in parts])
                       for side, parts in sets.items()}  # [classes, n, C, H, W]
        self._features = lru_cache(maxsize=2)(self._looked_at)
        self.means = lru_cache(maxsize=16)(self._means)

    @cached_property
    def blocks(self) -> int:
        """How many maps the network has."""
        return len(self._features(0)["real"]) - 1

    def _looked_at(self, seed: int) -> dict[str, list[Tensor]]:
        """Of every side: the map of each block [classes, n, ch, H, W], and the embedding [classes, n, D]."""
        name, width = self._named
        network = build_for(self.dataset, name, width, stream(seed, "attention lab"))
        with torch.inference_mode():
            return {side: [f.unflatten(0, images.shape[:2]) for f in network.features(images.flatten(0, 1))]
                    for side, images in self.images.items()}

    def _means(self, seed: int, power: float) -> dict[str, list[Tensor]]:
        """Of every side: the classes' mean attention in each block [classes, H*W], and their mean embedding."""
        return {side: class_means(features, power) for side, features in self._features(seed).items()}

    def maps(self, side: str, seed: int, block: int, power: float, label: int) -> tuple[Tensor, Tensor]:
        """The attention of a block (from 1) to the first images of a class, [n, H, W], and the class's mean, [H, W]."""
        features = self._features(seed)[side][block - 1][label]
        size = features.shape[-2:]
        each = attention_map(features[:SHOWN], power).unflatten(1, size)
        return each, self.means(seed, power)[side][block - 1][label].unflatten(0, size)

    def losses(self, seed: int, power: float) -> list[Moved]:
        """The terms of DataDAM's loss (paper, eq. 4 and 5), each before its weight, summed over the classes."""
        means = self.means(seed, power)
        terms = {side: [float((real - made).square().sum()) for real, made in zip(means["real"], means[side],
                                                                                  strict=True)]
                 for side in SIDES[1:]}
        names = [*(f"block {number}" for number in range(1, self.blocks + 1)), "embedding"]
        return [Moved(*row) for row in zip(names, terms["start"], terms["end"], strict=True)]

    def pixels(self, side: str, label: int) -> np.ndarray:
        """The first images of a class, [n, H, W] or [n, H, W, 3] in [0, 1]."""
        whole = denormalise(self.images[side][label][:SHOWN], self.dataset.mean, self.dataset.std)
        whole = whole.clamp(0, 1).permute(0, 2, 3, 1).numpy()
        return whole[..., 0] if whole.shape[-1] == 1 else whole


    def sheet(self, seed: int, block: int, power: float, label: int) -> np.ndarray:
        """A row for each of ``SIDES``: images of the class, their attention, and the class's mean attention; uint8
        [h, w, 3]. Each map goes from 0 (black) to its own maximum (bright)."""
        cells = []
        for side in SIDES:
            pixels, (each, mean) = self.pixels(side, label), self.maps(side, seed, block, power, label)
            blank = [np.full((*pixels.shape[1:3], 3), 255, np.uint8)] * (SHOWN - len(pixels))
            heats = [_heat(one, pixels.shape[1]) for one in (*each.numpy(), mean.numpy())]
            cells += [*map(_in_colour, pixels), *blank, *heats[:-1], *blank, heats[-1]]
        return mosaic(np.stack(cells), 2 * SHOWN + 1)


def _in_colour(pixels: np.ndarray) -> np.ndarray:
    """[h, w] or [h, w, 3] in [0, 1] as uint8 [h, w, 3]."""
    pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
    return (255 * pixels).round().astype(np.uint8)


def _heat(attention: np.ndarray, side: int) -> np.ndarray:
    """A map [h, w] as uint8 [side, side, 3], every place as large as it is."""
    rows, columns = (np.arange(side) * size // side for size in attention.shape)
    return colormaps["magma"](attention[rows][:, columns] / (attention.max() or 1.0), bytes=True)[..., :3]


@picture
def attention_of_sides(attending: Attending, seed: int, block: int, power: float, label: int) -> Picture:
    """Images of a class, real, before and after distillation, a network's attention to each, and the class's mean
    attention; beside them the terms of the loss at the start and at the end."""
    sheet = attending.sheet(seed, block, power, label)
    high = _WIDE * sheet.shape[0] / sheet.shape[1]
    figure = Picture(figsize=(_WIDE + _TABLE + 0.9, high + 0.9))
    wide, tall = figure.get_size_inches()
    axes = figure.add_axes((0.6 / wide, 0.1 / tall, _WIDE / wide, high / tall))
    axes.imshow(sheet)
    bare(axes)
    axes.set_yticks((np.arange(len(SIDES)) + 0.5) * sheet.shape[0] / len(SIDES), SIDES)
    columns = (SHOWN / 2, SHOWN * 1.5, 2 * SHOWN + 0.5)
    axes.set_xticks(np.array(columns) * sheet.shape[1] / (2 * SHOWN + 1), ("images", "their attention", "mean"))
    axes.tick_params(labelbottom=False, labeltop=True)
    figure.text(0.6 / wide, 1 - 0.25 / tall, f"Class {attending.dataset.classes[label]}, block {block}, p = {power:g}, "
                                             f"network {seed}", size=11, weight="bold")
    told = [f"{'term':<10} {'start':>8}   {'end':>8}  {'change':>7}", *(m.words for m in attending.losses(seed, power))]
    figure.text((_WIDE + 0.8) / wide, 1 - 0.75 / tall, "\n".join(told), va="top", family="monospace", size=8.5,
                linespacing=1.6)
    return figure
