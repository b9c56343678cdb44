"""Whether a proxy ranks networks as the truth does: rank correlations with intervals, and what its choice costs.

Both correlations come from one matrix, the signs of all differences, S_ij = sign(x_i - x_j): Kendall's tau-b is the
cosine between those of the two scores, Spearman's rho the cosine between their row sums, since a row sum is twice the
centred rank. A bootstrap's resample only weights the networks, by how often each was drawn.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.foundation.randomness import stream

FEWEST = 5  # networks that a correlation is worth computing for
RESAMPLES = 2000


def signs(scores: Tensor) -> Tensor:
    """[n] to float64 [n, n]: the sign of every difference."""
    return (scores[:, None] - scores).sign().double()


def _kendall(s: Tensor, t: Tensor, weights: Tensor) -> Tensor:
    def product(a, b):
        return (weights @ (a * b) * weights).sum(1)

    return product(s, t) / (product(s, s) * product(t, t)).sqrt()


def _spearman(s: Tensor, t: Tensor, weights: Tensor) -> Tensor:
    x, y = weights @ s.T, weights @ t.T  # twice the centred ranks
    return (weights * x * y).sum(1) / ((weights * x * x).sum(1) * (weights * y * y).sum(1)).sqrt()


# Signs [n, n] of either score and weights [resamples, n] to [resamples]; NaN where all networks are equal.
MEASURES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"Spearman": _spearman, "Kendall": _kendall}


@dataclass(frozen=True)
class Correlation:
    """A rank correlation in [-1, 1] of ``n`` networks, or the difference of two, and its 95 % interval from ``low`` to
    ``high``."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return "none: all equal" if math.isnan(self.value) else f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def correlation(measure: str, x: Tensor, y: Tensor, seed: int = 0) -> Correlation:
    """Rank correlation of two scores [n] of the same networks, ``Spearman`` or ``Kendall``; ties count half.

    The interval is the percentile bootstrap over networks (Efron, 1979): what other samples of networks from the same
    grid would have given. Resamples that hold no ranking (one network again and again) are left out.

    Raises:
        InputError: fewer than ``FEWEST`` networks.
    """
    of, s, t = MEASURES[measure], *_ranked(x, y)
    return _with_interval(lambda weights: of(s, t, weights), len(x), seed)


def difference(measure: str, first: Tensor, second: Tensor, y: Tensor, seed: int = 0) -> Correlation:
    """By how much the rank correlation of ``first`` with ``y`` is above that of ``second``, all [n], in [-2, 2].

    Both are had from the same resamples, so that what the draw of networks does to both alike falls out: the interval
    may exclude zero where the intervals of the two correlations overlap.

    Raises:
        InputError: fewer than ``FEWEST`` networks.
    """
    of, (s, t), (other, _) = MEASURES[measure], _ranked(first, y), _ranked(second, y)
    return _with_interval(lambda weights: of(s, t, weights) - of(other, t, weights), len(y), seed)


def _ranked(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The signs of two scores of the same networks, of which there must be enough."""
    require(len(x) == len(y) >= FEWEST, f"a rank correlation needs at least {FEWEST} networks with both scores, got "
                                        f"{len(x)} and {len(y)}: search more")
    return signs(x), signs(y)


def _with_interval(found: Callable[[Tensor], Tensor], n: int, seed: int) -> Correlation:
    """What is found for weights [resamples, n], each network once, and the middle 95 % over resamples."""
    drawn = torch.randint(n, (RESAMPLES, n), generator=stream(seed, "bootstrap"))
    times_drawn = torch.zeros(RESAMPLES, n, dtype=torch.float64).scatter_add_(1, drawn, torch.ones_like(drawn).double())
    low, high = found(times_drawn).nanquantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Correlation(float(found(torch.ones(1, n, dtype=torch.float64))), low, high, n)


@dataclass(frozen=True)
class Comparison:
    """A proxy beside the truth.

    Attributes:
        proxy, full: scores of the same networks in [0, 1] on validation data, by name.
        proxy_seconds, full_seconds: of all trainings and tests, one after the other.
        set_seconds: of making what the proxy trains on.
    """

    proxy: dict[str, float]
    full: dict[str, float]
    proxy_seconds: float
    full_seconds: float
    set_seconds: float = 0.0

    def __post_init__(self):
        require(list(self.proxy) == list(self.full), "the two searches tried different networks: take the same grid")

    @property
    def chosen(self) -> str:
        """The best network by the proxy; of equal ones the first, which is the shallowest and narrowest."""
        return max(self.proxy, key=self.proxy.get)

    @property
    def best(self) -> str:
        """The best network by the truth."""
        return max(self.full, key=self.full.get)

    @property
    def regret(self) -> float:
        """What the choice costs: score on the full data of the best network minus that of the chosen one, >= 0."""
        return self.full[self.best] - self.full[self.chosen]

    @property
    def place(self) -> int:
        """The chosen network's place in the true ranking, from 1."""
        return 1 + sum(score > self.full[self.chosen] for score in self.full.values())

    @property
    def saved_seconds(self) -> float:
        """Time saved by the proxy, its set's making counted; training the chosen network on the full data is not."""
        return self.full_seconds - self.proxy_seconds - self.set_seconds

    @property
    def top(self) -> list[str]:
        """The truly best tenth of the networks, but at least ``FEWEST`` of them; of equal ones the first."""
        number = max(FEWEST, -(-len(self.full) // 10))
        return sorted(self.full, key=self.full.get, reverse=True)[:number]

    def correlation(self, measure: str, names: list[str] | None = None) -> Correlation:
        """Between proxy and truth, over the networks named (None: all)."""
        x, y = (torch.tensor([found[name] for name in names or self.full], dtype=torch.float64)
                for found in (self.proxy, self.full))
        return correlation(measure, x, y)
