"""DD-Ranking's scores of a distilled set (Li et al., 2025, arXiv:2505.13300), which ask what the images are worth apart
from the labels and augmentations that they are trained with.

With accuracies as shares, HLR (hard label recovery) is what the set loses of the full data where both have classes as
labels, and IOR (improvement over random) what it gains over as many random real images where both have its tricks:

    HLR = acc(full) - acc(set, classes)        IOR = acc(set, its own labels, tricks) - acc(random, tricks)
    alpha = w IOR - (1 - w) HLR                LRS = (e^alpha - e^-1) / (e - e^-1)
    beta = g IOR + (1 - g) (acc(set, plain) - acc(random, plain))        ARS: the same of beta

The label-robust and the augmentation-robust score lie in [0, 1]; neither gain nor loss is .2689.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ddkit.foundation.errors import require
from ddkit.training.scores import Scores

# What networks are trained on for a ranking, by the name that its accuracies have here.
ARMS = {"full": "full data, classes", "hard": "the set, classes, plain", "chosen": "the set, its labels, augmented",
        "at_random": "random real, augmented", "plain": "the set, its labels, plain",
        "at_random_plain": "random real, plain"}


def score_of(gain: float) -> float:
    """The map of a gain in [-1, 1] to a score in [0, 1]: (e^gain - e^-1) / (e - e^-1)."""
    return (math.exp(gain) - math.exp(-1)) / (math.e - math.exp(-1))


def hard_label_recovery(full: float, hard: float) -> float:
    """HLR, of accuracies in [0, 1]; less is better."""
    _require_shares(full=full, hard=hard)
    return full - hard


def improvement_over_random(chosen: float, at_random: float) -> float:
    """IOR, of accuracies in [0, 1]; more is better."""
    _require_shares(chosen=chosen, at_random=at_random)
    return chosen - at_random


def label_robust_score(full: float, hard: float, chosen: float, at_random: float, weight: float = 0.5) -> float:
    """LRS, of accuracies in [0, 1].

    Args:
        full, hard: of the full data and of the set, both with classes as labels.
        chosen, at_random: of the set as it is meant to be used, and of as many random real images, used alike.
        weight: of IOR; that of HLR is the rest.

    Raises:
        InputError: an accuracy is a percentage, or the weight is not in [0, 1].
    """
    require_weight(weight)
    return score_of(weight * improvement_over_random(chosen, at_random)
                    - (1 - weight) * hard_label_recovery(full, hard))


def augmentation_robust_score(chosen: float, at_random: float, plain: float, at_random_plain: float,
                              weight: float = 0.5) -> float:
    """ARS, of accuracies in [0, 1] of the set and of random real images, both augmented and both plain.

    Args:
        weight: of the augmented ones; that of the plain ones is the rest.

    Raises:
        InputError: as of ``label_robust_score``.
    """
    require_weight(weight)
    return score_of(weight * improvement_over_random(chosen, at_random)
                    + (1 - weight) * improvement_over_random(plain, at_random_plain))


def _require_shares(**accuracies: float) -> None:
    for name, value in accuracies.items():
        require(0 <= value <= 1, f"accuracies are shares from 0 to 1, and {name} is {value:g}: divide percentages by "
                                 "100")


def require_weight(weight: float) -> None:
    """Raise InputError unless it is a share."""
    require(0 <= weight <= 1, f"a weight must be from 0 to 1, got {weight:g}")


@dataclass(frozen=True)
class Measured:
    """A number, and its standard error; None where one seed alone leaves nothing to take it from."""

    value: float
    error: float | None

    def __str__(self) -> str:
        return f"{self.value:.4f}" + ("" if self.error is None else f" ± {self.error:.4f}")


@dataclass(frozen=True)
class Ranking:
    """The four numbers of a set, from the scores of ``ARMS`` by name.

    A set whose own labels are classes has no arm ``hard``: its arm ``plain`` is that one, too, and its error counts
    once.
    """

    arms: Mapping[str, Scores]
    weight: float = 0.5

    @property
    def hlr(self) -> Measured:
        return self._sum({"full": 1, "hard": -1})

    @property
    def ior(self) -> Measured:
        return self._sum({"chosen": 1, "at_random": -1})

    @property
    def lrs(self) -> Measured:
        return self._scored(self._alpha)

    @property
    def ars(self) -> Measured:
        return self._scored(self._beta)

    @property
    def in_percentages(self) -> dict[str, float]:
        """LRS and ARS as version 0.2.0 of the package ``ddranking`` has them, which puts percentages into the
        exponent."""
        return {name: score_of(100 * self._sum(parts).value)
                for name, parts in (("lrs", self._alpha), ("ars", self._beta))}

    @property
    def _alpha(self) -> dict[str, float]:
        w = self.weight
        return {"chosen": w, "at_random": -w, "full": w - 1, "hard": 1 - w}

    @property
    def _beta(self) -> dict[str, float]:
        w = self.weight
        return {"chosen": w, "at_random": -w, "plain": 1 - w, "at_random_plain": w - 1}

    def _scored(self, parts: dict[str, float]) -> Measured:
        gain = self._sum(parts)
        slope = math.exp(gain.value) / (math.e - math.exp(-1))
        return Measured(score_of(gain.value), None if gain.error is None else slope * gain.error)

    def _sum(self, parts: dict[str, float]) -> Measured:
        """A weighted sum of the arms' mean accuracies; their seeds are not paired."""
        require_weight(self.weight)
        factors: dict[str, float] = {}
        for name, factor in parts.items():
            name = name if name in self.arms else "plain"
            factors[name] = factors.get(name, 0.0) + factor
        found = {name: self.arms[name].of("accuracy") for name, factor in factors.items() if factor}
        _require_shares(**{name: scores.mean for name, scores in found.items()})
        alone = any(len(scores.runs) < 2 for scores in found.values())
        error = None if alone else math.hypot(*(factors[name] * scores.se for name, scores in found.items()))
        return Measured(sum(factors[name] * scores.mean for name, scores in found.items()), error)
