"""Lesson 3: pictures of normalised images, and whether a class's synthetic images lie where its real ones do."""

from collections.abc import Callable

import torch
from torch import Tensor

from ddkit.data import denormalise
from ddkit.exercises.checking import Exercise
from ddkit.exercises.owned import Wanted, of_digits_and_polyps
from ddkit.specs import Distill


def _batches(generator: torch.Generator) -> list[tuple]:
    """Normalised images in colour and in grey, with values that no pixel has, and their statistics."""
    colour, grey = torch.randn(2, 3, 5, 6, generator=generator), torch.randn(4, 1, 3, 3, generator=generator)
    return [(2 * colour, (0.74, 0.65, 0.78), (0.2, 0.24, 0.17)), (2 * grey, (0.13,), (0.31,))]


def _as_channels(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values)[:, None, None]


def _shown(formula: Callable, before: Callable = lambda x: x, after: Callable = lambda x: x.clamp(0, 1),
           statistics: Callable = _as_channels) -> Callable:
    """Un-normalising with one part of it done otherwise."""
    def pixels(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
        return after(formula(before(images), statistics(mean), statistics(std)))
    return pixels


def _undone(images: Tensor, mean: Tensor | float, std: Tensor | float) -> Tensor:
    return images * std + mean


def _stretched(images: Tensor, of: tuple[int, ...] = (0, 1, 2, 3)) -> Tensor:
    """From the smallest value to the largest."""
    low, high = images.amin(of, keepdim=True), images.amax(of, keepdim=True)
    return (images - low) / (high - low)


_PIXEL_SLIPS = {
    "the pixels are not clipped: what lies outside [0, 1] is no brightness": _shown(_undone, after=lambda x: x),
    "the order is turned round: multiply by std first, then add the mean": _shown(lambda x, m, s: (x + m) * s),
    "this divides by std: normalising did that, so undoing it multiplies": _shown(lambda x, m, s: x / s + m),
    "mean and std have changed places": _shown(lambda x, m, s: x * m + s),
    "the mean is subtracted: normalising did that, so undoing it adds": _shown(lambda x, m, s: x * s - m),
    "this normalises once more: undo it": _shown(lambda x, m, s: (x - m) / s),
    "the mean is not added": _shown(lambda x, m, s: x * s),
    "std is not used": _shown(lambda x, m, s: x + m),
    "the first channel's statistics are taken for all: each channel has its own":
        _shown(_undone, statistics=lambda values: values[0]),
    "the channels' statistics are averaged: each channel has its own":
        _shown(_undone, statistics=lambda values: sum(values) / len(values)),
    "the images are clipped before they are un-normalised: clip last":
        _shown(_undone, before=lambda x: x.clamp(0, 1), after=lambda x: x),
    "the batch is stretched from its smallest value to its largest: that shows what is not there; use mean and std":
        _shown(lambda x, m, s: _stretched(x)),
    "each image is stretched from its smallest value to its largest: that hides which is brighter; use mean and std":
        _shown(lambda x, m, s: _stretched(x, (1, 2, 3))),
    "the values are stretched to [0, 1] after un-normalising: clip them, so that pictures can be compared":
        _shown(_undone, after=_stretched),
    "the pixels are bytes from 0 to 255: numbers in [0, 1] are asked for":
        _shown(_undone, after=lambda x: (255 * x.clamp(0, 1)).round().to(torch.uint8)),
    "the pixels go up to 255: numbers in [0, 1] are asked for": _shown(_undone, after=lambda x: 255 * x.clamp(0, 1)),
}


def nearest_class(real: Tensor, synthetic: Tensor) -> int:
    """How many classes' mean synthetic embedding lies nearest to the mean of their own real ones.

    Args:
        real, synthetic: embeddings [classes, n, D]; n may differ.
    """
    return _count(_distances(synthetic.mean(1), real.mean(1)))


def _distances(one: Tensor, other: Tensor) -> Tensor:
    return torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist")


def _count(distances: Tensor) -> int:
    """Rows whose smallest distance is that to their own column."""
    return int((distances.argmin(1) == torch.arange(len(distances))).sum())


def _embeddings(generator: torch.Generator) -> list[tuple]:
    """Classes that overlap, so that every way to count gives another number."""
    trials = []
    for classes, spread in ((25, 0.7), (40, 1.0), (30, 1.5)):
        centres = torch.randn(classes, 1, 4, generator=generator) + 1
        sides = [centres + spread * torch.randn(classes, n, 4, generator=generator) for n in (6, 3)]
        trials.append((sides[0], 0.8 * sides[1]))
    return trials


def _images_counted(real: Tensor, synthetic: Tensor) -> int:
    nearest = _distances(synthetic.flatten(0, 1), real.mean(1)).argmin(1)
    return int((nearest == torch.arange(len(real)).repeat_interleave(synthetic.shape[1])).sum())


def _nearest_image(real: Tensor, synthetic: Tensor) -> int:
    distances = _distances(synthetic.mean(1), real.flatten(0, 1)).unflatten(1, real.shape[:2])
    return _count(distances.amin(2))


def _angles(one: Tensor, other: Tensor) -> Tensor:
    return torch.nn.functional.normalize(one, dim=1) @ torch.nn.functional.normalize(other, dim=1).T


_NEAREST_SLIPS = {
    "one synthetic image of each class is compared: take their mean":
        lambda real, synthetic: _count(_distances(synthetic[:, 0], real.mean(1))),
    "one real image of each class is compared: take their mean":
        lambda real, synthetic: _count(_distances(synthetic.mean(1), real[:, 0])),
    "single images are counted: each class has one mean": _images_counted,
    "the nearest real image is sought: the nearest class mean is asked for": _nearest_image,
    "the question is turned round: for each synthetic mean, which real mean is nearest?":
        lambda real, synthetic: _count(_distances(real.mean(1), synthetic.mean(1))),
    "the farthest class is taken: argmin finds the nearest":
        lambda real, synthetic: _count(-_distances(synthetic.mean(1), real.mean(1))),
    "this is a share: the number of classes is asked for":
        lambda real, synthetic: nearest_class(real, synthetic) / len(real),
    "this counts the classes that are wrong": lambda real, synthetic: len(real) - nearest_class(real, synthetic),
    "these are the nearest classes themselves: count those that are right":
        lambda real, synthetic: _distances(synthetic.mean(1), real.mean(1)).argmin(1),
    "sums are compared: sets of different size have means that compare, and sums that do not":
        lambda real, synthetic: _count(_distances(synthetic.sum(1), real.sum(1))),
    "the largest inner product is taken, which long vectors win: take the smallest distance":
        lambda real, synthetic: _count(-synthetic.mean(1) @ real.mean(1).T),
    "the smallest angle is taken: take the smallest distance":
        lambda real, synthetic: _count(-_angles(synthetic.mean(1), real.mean(1))),
    "medians are compared: means are asked for":
        lambda real, synthetic: _count(_distances(synthetic.median(1).values, real.median(1).values)),
}

EXERCISES = {
    "unnormalise": Exercise(denormalise, _batches, _PIXEL_SLIPS),
    "nearest-class": Exercise(nearest_class, _embeddings, _NEAREST_SLIPS),
}


def _from_noise(specs: list) -> bool:
    return (all(isinstance(spec, Distill) and spec.init == "noise" for spec in specs)
            and of_digits_and_polyps(spec.dataset for spec in specs))


RECORDS = {"noise-records": Wanted("two distillations from noise, one of digits and one of polyps", _from_noise)}
