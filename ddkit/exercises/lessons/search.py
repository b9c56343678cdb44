"""Lesson 9: rank correlations of two scores, and how far they can be trusted for so few networks."""

from collections.abc import Callable

import torch
from torch import Tensor

from ddkit.exercises.checking import Exercise
from ddkit.exercises.owned import Wanted


def _signs(scores: Tensor) -> Tensor:
    return torch.sign(scores[:, None] - scores[None, :])


def _cosine(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum() / ((one * one).sum() * (other * other).sum()).sqrt()


def kendall(x: Tensor, y: Tensor) -> Tensor:
    """Kendall's tau-b of two scores [n]: the cosine between the signs of all differences."""
    return _cosine(_signs(x), _signs(y))


def spearman(x: Tensor, y: Tensor) -> Tensor:
    """Spearman's rho of two scores [n]: the cosine between the row sums of those signs, which are centred ranks."""
    return _cosine(_signs(x).sum(1), _signs(y).sum(1))


def interval(measure: Callable, x: Tensor, y: Tensor, draws: Tensor) -> list[float]:
    """The middle 95 % of a correlation over the resamples whose indices are the rows of ``draws`` [resamples, n]."""
    found = torch.stack([measure(x[row], y[row]) for row in draws])
    return found.nanquantile(torch.tensor([0.025, 0.975], dtype=found.dtype)).tolist()


def _scores(generator: torch.Generator) -> list[tuple]:
    """Two scores of the same networks: loosely alike, with ties, and nearly reversed."""
    found = []
    for n, alike in ((7, 0.8), (12, 0.4), (9, -0.9)):
        x = torch.rand(n, generator=generator, dtype=torch.float64)
        found.append((x, alike * x + 0.3 * torch.rand(n, generator=generator, dtype=torch.float64)))
    x, y = found[1]
    x[3], x[5], y[2] = x[4], x[4], y[7]
    return found


def _ranks(scores: Tensor) -> Tensor:
    """Places in the order, ties broken by which comes first."""
    return scores.argsort(stable=True).argsort(stable=True).double()


def _pearson(x: Tensor, y: Tensor) -> Tensor:
    return _cosine(x - x.mean(), y - y.mean())


def _agreeing(x: Tensor, y: Tensor) -> Tensor:
    return (_signs(x) * _signs(y)).sum()


_KENDALL_SLIPS = {
    "this is the ordinary correlation of the scores; only their order counts": _pearson,
    "this is Spearman's correlation, of ranks; Kendall's is of pairs": spearman,
    "nothing is divided: the sum is in units of its largest possible value": _agreeing,
    "the sum is divided by all n * n pairs: a network is no pair with itself":
        lambda x, y: _agreeing(x, y) / len(x) ** 2,
    "ties are counted among the pairs: those of x and those of y stand under the root (tau-b)":
        lambda x, y: _agreeing(x, y) / (len(x) * (len(x) - 1)),
    "the sign is turned round: pairs in agreement count plus one": lambda x, y: -kendall(x, y),
    "this is the share of pairs in agreement; take away the share in disagreement":
        lambda x, y: ((_signs(x) * _signs(y)) > 0).sum() / (len(x) * (len(x) - 1)),
    "the root is missing below": lambda x, y: _agreeing(x, y) / (_signs(x).square().sum() * _signs(y).square().sum()),
    "both sums below are of x: one is of y": lambda x, y: _agreeing(x, y) / _signs(x).square().sum(),
    "differences from the first network alone are compared; every pair counts":
        lambda x, y: _cosine(_signs(x)[0], _signs(y)[0]),
}
_SPEARMAN_SLIPS = {
    "this is the ordinary correlation of the scores; take that of their ranks": _pearson,
    "this is Kendall's correlation, of pairs; sum each row of signs first": kendall,
    "equal scores got different ranks: they share a rank, which the row sums of the signs give":
        lambda x, y: _pearson(_ranks(x), _ranks(y)),
    "the ranks are not centred: subtract their mean, or take the row sums of the signs":
        lambda x, y: _cosine(_ranks(x) + 1, _ranks(y) + 1),
    "nothing is divided": lambda x, y: (_signs(x).sum(1) * _signs(y).sum(1)).sum(),
    "the sign is turned round": lambda x, y: -spearman(x, y),
    "these are places in the sorted list (argsort once); a rank is the place of each network (argsort twice)":
        lambda x, y: _pearson(x.argsort(stable=True).double(), y.argsort(stable=True).double()),
    "all signs are summed, not those of each row: that is zero":
        lambda x, y: _cosine(_signs(x).sum(), _signs(y).sum()),
    "the root is missing below": lambda x, y: (_signs(x).sum(1) * _signs(y).sum(1)).sum() / (
        _signs(x).sum(1).square().sum() * _signs(y).sum(1).square().sum()),
}


def _resampled(generator: torch.Generator) -> list[tuple]:
    """Resamples of all scores and of three networks, which are often one network three times."""
    given = [*_scores(generator), (torch.tensor([0.2, 0.5, 0.9]).double(), torch.tensor([0.3, 0.8, 0.6]).double())]
    return [(kendall, x, y, torch.randint(len(x), (200, len(x)), generator=generator)) for x, y in given]


def _quantiles(low: float, high: float, take: Callable = lambda x, y, row: (x[row], y[row])) -> Callable:
    """The interval between other quantiles, or of resamples taken otherwise."""
    def found(measure: Callable, x: Tensor, y: Tensor, draws: Tensor) -> list[float]:
        values = torch.stack([measure(*take(x, y, row)) for row in draws])
        return values.nanquantile(torch.tensor([low, high], dtype=values.dtype)).tolist()
    return found


def _with_nans(measure: Callable, x: Tensor, y: Tensor, draws: Tensor) -> list[float]:
    values = torch.stack([measure(x[row], y[row]) for row in draws])
    return values.quantile(torch.tensor([0.025, 0.975], dtype=values.dtype)).tolist()


def _two_errors(measure: Callable, x: Tensor, y: Tensor, draws: Tensor) -> list[float]:
    values = torch.stack([measure(x[row], y[row]) for row in draws])
    values = values[~values.isnan()]
    return [float(values.mean() - 1.96 * values.std()), float(values.mean() + 1.96 * values.std())]


_INTERVAL_SLIPS = {
    "these are the smallest and the largest: the middle 95 % is asked for": _quantiles(0.0, 1.0),
    "this is the middle 90 %: leave 2.5 % out on either side": _quantiles(0.05, 0.95),
    "a resample of one network again and again has no order and gives NaN: leave it out (nanquantile)": _with_nans,
    "this is the middle half": _quantiles(0.25, 0.75),
    "the ends have changed places: the lower one comes first": _quantiles(0.975, 0.025),
    "x alone is drawn again: a network keeps both of its scores":
        _quantiles(0.025, 0.975, lambda x, y, row: (x[row], y)),
    "x and y are drawn apart: a network keeps both of its scores":
        _quantiles(0.025, 0.975, lambda x, y, row: (x[row], y[row.flip(0)])),
    "the draws are made distinct: with repetition is the point of a bootstrap":
        _quantiles(0.025, 0.975, lambda x, y, row: (x[row.unique()], y[row.unique()])),
    "mean and two standard deviations take the correlations for normally distributed; take their quantiles":
        _two_errors,
    "nothing is drawn again: every resample is the whole": _quantiles(0.025, 0.975, lambda x, y, row: (x, y)),
    "this is the middle value alone: two ends are asked for": lambda *given: _quantiles(0.5, 0.5)(*given)[0],
}

EXERCISES = {
    "kendall": Exercise(kendall, _scores, _KENDALL_SLIPS),
    "spearman": Exercise(spearman, _scores, _SPEARMAN_SLIPS),
    "interval": Exercise(interval, _resampled, _INTERVAL_SLIPS),
}
RECORDS: dict[str, Wanted] = {}
