"""The area under the curve of an attack: in which share of all pairs a member has the smaller loss."""

import torch
from torch import Tensor

from ddkit.exercises.checking import Exercise


def area(members: Tensor, others: Tensor) -> float:
    """The probability that a member's loss is below another image's; ties count half."""
    below = (members[:, None] < others).double() + (members[:, None] == others).double() / 2
    return float(below.mean())


def _losses(generator: torch.Generator) -> list[tuple]:
    """Losses of as many members as others, and of fewer, with ties."""
    def drawn(number: int, low: float) -> Tensor:
        return (torch.rand(number, generator=generator) + low).mul(8).round() / 8
    return [(drawn(9, 0.0), drawn(9, 0.25)), (drawn(12, 0.1), drawn(7, 0.2))]


def _placewise(members: Tensor, others: Tensor) -> float:
    few = min(len(members), len(others))
    return float((members.sort().values[:few] < others.sort().values[:few]).double().mean())


def _advantage(members: Tensor, others: Tensor) -> float:
    return max(float((members <= t).double().mean() - (others <= t).double().mean())
               for t in torch.cat([members, others]))


def _accuracy(members: Tensor, others: Tensor) -> float:
    """Of the best threshold."""
    right = [float((members <= t).sum() + (others > t).sum()) for t in torch.cat([members, others])]
    return max(right) / (len(members) + len(others))


AREA = Exercise(area, _losses, {
    "this counts pairs in which the member has the larger loss; members are given away by a smaller one":
        lambda m, o: area(o, m),
    "ties do not count at all here; they count half": lambda m, o: float((m[:, None] < o).double().mean()),
    "ties count whole here; they count half": lambda m, o: float((m[:, None] <= o).double().mean()),
    "the two lists are compared place by place; all pairs are asked for": _placewise,
    "these are pairs, counted; divide by how many there are": lambda m, o: area(m, o) * len(m) * len(o),
    "this is divided by the members alone; there are members times others pairs": lambda m, o: area(m, o) * len(o),
    "this is divided by the others alone; there are members times others pairs": lambda m, o: area(m, o) * len(m),
    "this is the difference of the mean losses, which a single large one decides; count pairs":
        lambda m, o: float(o.mean() - m.mean()),
    "members are compared with the mean of the others; compare them with each": lambda m, o: float(
        (m < o.mean()).double().mean()),
    "this is the advantage, the best threshold's true positives less its false ones; the area takes all thresholds":
        _advantage,
    "this is the accuracy of the best threshold; the area takes all thresholds": _accuracy,
    "this is 2 AUC - 1, which is 0 for guessing; the area itself is asked for": lambda m, o: 2 * area(m, o) - 1,
})
