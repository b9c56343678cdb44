"""Lesson 4: updates out of epochs, differences in standard errors, gains on other networks with their errors."""

import inspect
import math
import statistics
from collections.abc import Callable, Sequence

import torch

from ddkit.course.profiles import profile
from ddkit.exercises.checking import Exercise
from ddkit.exercises.owned import Wanted, judge
from ddkit.foundation.errors import InputError
from ddkit.networks import parse
from ddkit.specs import Distill, Evaluate, RandomReal


def updates(epochs: int, images: int, batch: int) -> int:
    """Gradient updates of a training: one for each batch, of which the last of an epoch may be smaller."""
    return epochs * math.ceil(images / batch)


_TRAININGS = [(20, 100, 256), (20, 54_000, 256), (7, 512, 256), (3, 100, 30), (4, 300, 256), (5, 1, 1)]
_UPDATE_SLIPS = {
    "the last, smaller batch of an epoch is left out: it makes an update as well (round up)":
        lambda epochs, images, batch: epochs * (images // batch),
    "this counts images: an update is made from a batch of them": lambda epochs, images, batch: epochs * images,
    "this counts epochs: each epoch has as many updates as batches": lambda epochs, images, batch: epochs,
    "these are the batches of one epoch": lambda epochs, images, batch: math.ceil(images / batch),
    "this rounds up once, at the end: every epoch ends with a batch of its own":
        lambda epochs, images, batch: math.ceil(epochs * images / batch),
    "this rounds down, and once, at the end: every epoch ends with a batch of its own":
        lambda epochs, images, batch: epochs * images // batch,
    "the smaller batch counts only where it is the only one: it always makes an update":
        lambda epochs, images, batch: epochs * max(1, images // batch),
    "there is a batch too many where the images fill the batches exactly":
        lambda epochs, images, batch: epochs * (images // batch + 1),
    "the number of batches is rounded to the nearest: round up": lambda epochs, images, batch:
        epochs * round(images / batch),
    "there are no fractions of an update: round the batches of an epoch up":
        lambda epochs, images, batch: epochs * images / batch,
    "images and batch have changed places": lambda epochs, images, batch: epochs * math.ceil(batch / images),
    "this multiplies by the batch: divide the images by it": lambda epochs, images, batch: epochs * batch,
}


def in_standard_errors(first: Sequence[float], second: Sequence[float]) -> float:
    """The difference of two means over its standard error, of scores that are not paired: sqrt(sd1^2/n1 + sd2^2/n2)."""
    return (statistics.fmean(first) - statistics.fmean(second)) / math.hypot(_se(first), _se(second))


def _se(scores: Sequence[float]) -> float:
    """Standard error of a mean."""
    return statistics.stdev(scores) / math.sqrt(len(scores))


def _scores(generator: torch.Generator, mean: float, spread: float, n: int) -> list[float]:
    return (mean + spread * torch.randn(n, generator=generator, dtype=torch.float64)).tolist()


def _pairs(generator: torch.Generator) -> list[tuple]:
    """Lists of scores: one leads, one trails, one pair differs in length."""
    sizes = ((0.96, 0.01, 5, 0.93, 0.02, 5), (0.50, 0.03, 4, 0.62, 0.05, 4), (0.75, 0.07, 10, 0.64, 0.04, 3))
    return [(_scores(generator, *one[:3]), _scores(generator, *one[3:])) for one in sizes]


def _over(error: Callable, middle: Callable = statistics.fmean) -> Callable:
    """The difference over another error, or of other middles."""
    def lead(first: Sequence[float], second: Sequence[float]) -> float:
        return (middle(first) - middle(second)) / error(first, second)
    return lead


def _paired(first: Sequence[float], second: Sequence[float]) -> float:
    gaps = [one - other for one, other in zip(first, second, strict=False)]
    return statistics.fmean(gaps) / _se(gaps)


def _both(first: Sequence[float], second: Sequence[float]) -> float:
    return math.hypot(_se(first), _se(second))


def _population(scores: Sequence[float]) -> float:
    return statistics.pstdev(scores) / math.sqrt(len(scores))


_ERROR_SLIPS = {
    "this divides by standard deviations: the error of a mean is the deviation over the root of n":
        _over(lambda a, b: math.hypot(statistics.stdev(a), statistics.stdev(b))),
    "the deviation divides by n: of a few scores that is too small, divide by n - 1":
        _over(lambda a, b: math.hypot(_population(a), _population(b))),
    "the two errors are added: add their squares, and take the root": _over(lambda a, b: _se(a) + _se(b)),
    "the scores are compared in pairs: here the two lists are taken as independent, with an error each": _paired,
    "the sign is lost: a set that trails has a negative difference": lambda a, b: abs(in_standard_errors(a, b)),
    "the sign is turned round: the first less the second": lambda a, b: in_standard_errors(b, a),
    "only the first mean's error is counted: both means vary": _over(lambda a, b: _se(a)),
    "only the second mean's error is counted: both means vary": _over(lambda a, b: _se(b)),
    "the root is missing: variances are added, and the error is the root of their sum":
        _over(lambda a, b: _both(a, b)**2),
    "this is the difference itself: divide it by its standard error": _over(lambda a, b: 1),
    "this is the difference in points: divide it by its standard error": _over(lambda a, b: 0.01),
    "the deviation is divided by n: the error of a mean has the root of n":
        _over(lambda a, b: math.hypot(statistics.stdev(a) / len(a), statistics.stdev(b) / len(b))),
    "both variances are divided by the sum of the two numbers of scores: each has its own n":
        _over(lambda a, b: math.hypot(statistics.stdev(a), statistics.stdev(b)) / math.sqrt(len(a) + len(b))),
    "the two errors are averaged: add their squares, and take the root": _over(lambda a, b: (_se(a) + _se(b)) / 2),
    "the scores are thrown together for one deviation: each list has its own, about its own mean":
        _over(lambda a, b: _se([*a, *b])),
    "the best scores are compared: means are asked for": _over(_both, max),
    "medians are compared: means are asked for": _over(_both, statistics.median),
}

Gains = dict[str, tuple[float, float]]
ByNetwork = dict[str, Sequence[float]]


def gains(distilled: ByNetwork, random: ByNetwork) -> Gains:
    """Of every network: mean accuracy from distilled images less that from random ones, and its standard error.

    Accuracies are in [0, 1], gains and errors in points (percent of all test images).
    """
    return _gains()(distilled, random)


def _gains(error: Callable = _both, gap: Callable = lambda a, b: statistics.fmean(a) - statistics.fmean(b),
           unit: float = 100.0) -> Callable:
    """Gains with one part done otherwise."""
    def found(distilled: ByNetwork, random: ByNetwork) -> Gains:
        return {name: (unit * gap(scores, random[name]), unit * error(scores, random[name]))
                for name, scores in distilled.items()}
    return found


def _networks(generator: torch.Generator) -> list[tuple]:
    """Scores by network, of two or five seeds; on one network random images do better."""
    sizes = {"MLP": (0.81, 0.78, 2), "LeNet": (0.45, 0.51, 5), "VGG11": (0.94, 0.92, 5)}
    return [tuple({name: _scores(generator, size[side], 0.02 * (1 + side), size[2]) for name, size in sizes.items()}
                  for side in (0, 1)) for _ in range(2)]


def _pooled(distilled: ByNetwork, random: ByNetwork) -> Gains:
    together = [[score for scores in side.values() for score in scores] for side in (distilled, random)]
    return dict.fromkeys(distilled, _gains()({"": together[0]}, {"": together[1]})[""])


_GAIN_SLIPS = {
    "gains are asked for in points: multiply by 100": _gains(unit=1),
    "the gain is in points and its error is not": _gains(lambda a, b: _both(a, b) / 100),
    "the sign is turned round: distilled less random":
        _gains(gap=lambda a, b: statistics.fmean(b) - statistics.fmean(a)),
    "the gain is a share of the random images' accuracy: the difference in points is asked for":
        _gains(gap=lambda a, b: statistics.fmean(a) / statistics.fmean(b) - 1),
    "these are standard deviations: the error of a mean is the deviation over the root of n":
        _gains(lambda a, b: math.hypot(statistics.stdev(a), statistics.stdev(b))),
    "the deviation divides by n: of a few scores that is too small, divide by n - 1":
        _gains(lambda a, b: math.hypot(_population(a), _population(b))),
    "the two errors are added: add their squares, and take the root": _gains(lambda a, b: _se(a) + _se(b)),
    "the random images' error is left out: their mean varies, too": _gains(lambda a, b: _se(a)),
    "the distilled images' error is left out: their mean varies, too": _gains(lambda a, b: _se(b)),
    "the second number is the gain in standard errors: the error itself is asked for, in points":
        _gains(lambda a, b: in_standard_errors(a, b) / 100),
    "the error is missing: for each network the gain and its standard error": lambda distilled, random:
        {name: gain for name, (gain, _) in gains(distilled, random).items()},
    "the best network of each side is taken: compare means": _gains(gap=lambda a, b: max(a) - max(b)),
    "all networks are thrown together: each has a gain of its own": _pooled,
    "the sign of the gain is lost: on some network random images may be better":
        _gains(gap=lambda a, b: abs(statistics.fmean(a) - statistics.fmean(b))),
}

EXERCISES = {
    "updates": Exercise(updates, lambda generator: _TRAININGS, _UPDATE_SLIPS),
    "standard-errors": Exercise(in_standard_errors, _pairs, _ERROR_SLIPS),
    "gain": Exercise(gains, _networks, _GAIN_SLIPS),
}


def _on_another_network(specs: list) -> bool:
    """Whether a distilled set and random real images were judged alike, on a network that the lesson has not shown."""
    if not all(isinstance(spec, Evaluate) for spec in specs):
        return False
    distilled = [spec.of for spec in specs if isinstance(spec.of, Distill)]
    random = {spec.of.ipc for spec in specs if isinstance(spec.of, RandomReal)}
    if len(set(map(judge, specs))) != 1 or random.isdisjoint(source.ipc for source in distilled):
        return False
    shown = {*profile(dataset=specs[0].dataset).transfer_networks, *(source.config.network for source in distilled)}
    return _architecture(specs[0].network) not in map(_architecture, shown)


def _architecture(name: str) -> tuple | str:
    """What is built under a name: ConvNet, ConvNetD3 and ConvNetD3IN are one network. A kernel is its name."""
    try:
        family, options = parse(name)
    except InputError:
        return name
    usual = {one.name: one.default for one in inspect.signature(family).parameters.values()}
    return family, usual | options


RECORDS = {"own-network": Wanted(
    "evaluations of a distilled set and of random real images, alike in all but the images, on a network that is "
    "neither the one they were matched on nor among those of the lesson's table, nor one of these under another name",
    _on_another_network)}
