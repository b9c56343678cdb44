"""How far one mean is above another, in units of the error that so few seeds leave: is the difference real?"""

import math
import statistics
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from ddkit.training.scores import Scores

ENOUGH = 2.0  # standard errors, below which a lead is not worth a sentence
SELDOM = 0.05  # of comparisons of equals: few seeds lead by two standard errors more often than that


@dataclass(frozen=True)
class Lead:
    """The difference of two means over seeds.

    Attributes:
        gap: the first mean less the second, in the unit of the scores.
        error: standard error of the gap; None where one seed alone leaves nothing to take it from.
        freedom: degrees of freedom of the error.
        paired: whether it is that of the differences seed by seed.
        seeds: how many of either were counted.
    """

    gap: float
    error: float | None
    freedom: float
    paired: bool
    seeds: tuple[int, int]

    @classmethod
    def of(cls, first: Mapping[Hashable, float], second: Mapping[Hashable, float], *, paired: bool,
           most: int | None = None) -> "Lead":
        """Of scores by seed, of either the ``most`` first ones.

        Args:
            paired: the same seed means the same draws on both sides, such as the same initial weights: then the error
                is sd(d) / sqrt(n), of the differences d over the n seeds that both have. Otherwise it is
                sqrt(sd1^2 / n1 + sd2^2 / n2), with Welch's degrees of freedom.
        """
        if paired:
            shared = [seed for seed in first if seed in second][:most]
            gaps = [first[seed] - second[seed] for seed in shared]
            error = statistics.stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else None
            return cls(statistics.fmean(gaps), error, len(gaps) - 1, True, (len(gaps), len(gaps)))
        one, other = list(first.values())[:most], list(second.values())[:most]
        gap, seeds = statistics.fmean(one) - statistics.fmean(other), (len(one), len(other))
        if min(seeds) < 2:
            return cls(gap, None, 0, False, seeds)
        parts = [statistics.variance(values) / len(values) for values in (one, other)]
        shares = sum(part**2 / (n - 1) for part, n in zip(parts, seeds, strict=True))
        freedom = sum(parts) ** 2 / shares if shares else min(seeds) - 1
        return cls(gap, math.sqrt(sum(parts)), freedom, False, seeds)

    @classmethod
    def points(cls, first: Scores, second: Scores) -> "Lead":
        """Of the means of scores in points of a percent; seeds are not paired."""
        sides = ({seed: 100 * value for seed, value in enumerate(side.values)} for side in (first, second))
        return cls.of(*sides, paired=False)

    @property
    def in_errors(self) -> float | None:
        """The gap in standard errors; infinite where no seed differs from another, None where there is no error."""
        if self.error is None:
            return None
        return self.gap / self.error if self.error else self.gap and math.copysign(math.inf, self.gap)

    @property
    def by_chance(self) -> float | None:
        """How often, of equal means, so few seeds lead as far or further, to either side (Student's t)."""
        if self.error is None:
            return None
        from scipy.special import stdtr  # which scikit-learn needs as well

        return float(2 * stdtr(self.freedom, -abs(self.in_errors)))

    @property
    def told_apart(self) -> bool:
        """Whether the lead is two standard errors or more, and chance alone seldom leads so far with so few seeds."""
        return self.error is not None and abs(self.in_errors) >= ENOUGH and self.by_chance <= SELDOM

    @property
    def count(self) -> str:
        """The seeds in words."""
        one, other = self.seeds
        return f"{one} seed{'s' * (one > 1)}" if one == other else f"{one} and {other} seeds"

    @property
    def verdict(self) -> str:
        """What may be said of it, in a sentence."""
        if self.error is None:
            return f"No standard error can be had from {self.count}: nothing can be said of this difference."
        errors = f"{abs(self.in_errors):.1f} standard errors"
        if self.told_apart:
            return f"Told apart by these {self.count}: {errors}."
        if abs(self.in_errors) < ENOUGH:
            return f"Not told apart from chance by these {self.count}: {errors}, below two."
        return (f"Not told apart from chance by these {self.count}: {errors}, but so few seeds lead so far by chance "
                f"in {100 * self.by_chance:.0f} of 100 comparisons.")

    @property
    def formula(self) -> str:
        """How the error was had, in words."""
        if self.paired:
            return "paired seeds: standard deviation of the differences, seed by seed, / √n"
        return "seeds not paired: √(sd₁² / n₁ + sd₂² / n₂)"
