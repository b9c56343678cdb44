"""Was an image among those that a set, or a network, was made from? Attacks that guess, and how good they are.

Two attacks give every image a score that is to be higher for members. The loss threshold (Yeom et al., CSF 2018) takes
the loss itself. LiRA (Carlini et al., IEEE S&P 2022) knows by shadow models, each made from half of the images, how the
confidence phi = log(p_y / (1 - p_y)) of this very image is distributed with it and without it, and takes the ratio of
the two likelihoods. A third test needs no network: whether the nearest real image of a synthetic one is a member.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.foundation.errors import require

ACCUSED = (0.001, 0.01)  # shares of the others
FEWEST = 2  # shadow models on either side of an image, below which there is no spread
LEAST_SPREAD = 1e-6
NORMAL = 1.959964  # standard deviations that hold 95 %
_AT_ONCE = 1000  # real images whose distances are taken together


def confidence(logits: Tensor, labels: Tensor) -> Tensor:
    """phi = log(p_y / (1 - p_y)) of logits [N, classes] for labels [N], float64 [N]; the loss falls as it grows."""
    logits = logits.double()
    right = logits.gather(1, labels[:, None])[:, 0]
    others = logits.scatter(1, labels[:, None], -math.inf).logsumexp(1)
    return right - others


def likelihood_ratios(target: Tensor, shadows: Tensor, made_from: Tensor) -> Tensor:
    """LiRA's score of each image, [N]: log N(phi; in) - log N(phi; out).

    The means are each image's own, the standard deviations those of all images together, as the paper advises for few
    shadow models.

    Args:
        target: phi of the attacked model, [N].
        shadows: phi of the shadow models, [shadows, N].
        made_from: whether an image was among those that a shadow model was made from, bool [shadows, N].

    Raises:
        InputError: an image has fewer than two shadow models on either side.
    """
    sides = []
    for here in (made_from, ~made_from):
        count = here.sum(0)
        require(int(count.min()) >= FEWEST, f"an image has {int(count.min())} shadow models on one side, and at least "
                f"{FEWEST} are needed: make more of them")
        weights = here.double()
        mean = (weights * shadows).sum(0) / count
        spread = ((weights * (shadows - mean).square()).sum() / (count - 1).sum()).sqrt().clamp_min(LEAST_SPREAD)
        sides.append(-0.5 * ((target - mean) / spread).square() - spread.log())
    return sides[0] - sides[1]


@dataclass(frozen=True)
class Attack:
    """How well scores tell members from others.

    Attributes:
        auc: probability that a member scores above another image; ties count half.
        low, high: its 95 % interval over images (DeLong, DeLong and Clarke-Pearson, 1988).
        advantage: the largest difference of the rates of true and false positives.
        caught: share of the members caught when at most 0.1 % and 1 % of the others are accused, by that share.
        members, others: how many.
    """

    auc: float
    low: float
    high: float
    advantage: float
    caught: dict[str, float]
    members: int
    others: int

    def __str__(self) -> str:
        return f"{self.auc:.3f} [{self.low:.3f}, {self.high:.3f}]"


def attack(scores: Tensor, members: Tensor) -> Attack:
    """How well scores [N] tell the images for which ``members``, bool [N], is true.

    Raises:
        InputError: there are not two of each.
    """
    yes, no = scores.double()[members], scores.double()[~members]
    require(min(len(yes), len(no)) > 1, f"an attack is judged on members and others, got {len(yes)} and {len(no)}")
    above, below = _beaten(yes, no), 1 - _beaten(no, yes)  # of each image, the share of the other side
    area, error = float(above.mean()), math.sqrt(float(above.var() / len(yes) + below.var() / len(no)))
    levels = torch.cat([yes, no]).unique()
    true, false = (1 - torch.searchsorted(side.sort().values, levels) / len(side) for side in (yes, no))
    none = torch.zeros(1)  # nobody is accused
    true, false = torch.cat([true, none]), torch.cat([false, none])
    return Attack(area, max(0.0, area - NORMAL * error), min(1.0, area + NORMAL * error), float((true - false).max()),
                  {f"{share:g}": float(true[false <= share].max()) for share in ACCUSED}, len(yes), len(no))


def _beaten(scores: Tensor, rivals: Tensor) -> Tensor:
    """Of each score the share of the rivals that it is above; ties count half."""
    order = rivals.sort().values
    below, up_to = (torch.searchsorted(order, scores, right=right) for right in (False, True))
    return (below + up_to).double() / (2 * len(rivals))


@dataclass(frozen=True)
class Share:
    """A share in [0, 1] of ``n``, and its 95 % interval (Wilson's)."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def share(count: int, n: int) -> Share:
    """``count`` of ``n``."""
    require(n > 0, "a share of nothing is none: give at least one image")
    value, square = count / n, NORMAL**2 / n
    middle = (value + square / 2) / (1 + square)
    half = NORMAL * math.sqrt(value * (1 - value) / n + square / (4 * n)) / (1 + square)
    return Share(value, max(0.0, middle - half), min(1.0, middle + half), n)


def nearest_are_members(synthetic: Tensor, members: Tensor, others: Tensor) -> Share:
    """Of the synthetic images [n, C, H, W], those whose nearest real image is a member.

    Half of them, if nothing is memorised and there are as many members as others; ties count for the others.

    Raises:
        InputError: there are not as many.
    """
    require(len(members) == len(others) > 0, f"nearest images are compared for as many members as others, got "
                                             f"{len(members)} and {len(others)}")
    to_member, to_other = (_nearest(synthetic, real) for real in (members, others))
    return share(int((to_member < to_other).sum()), len(synthetic))


def _nearest(images: Tensor, real: Tensor) -> Tensor:
    """The distance of each image to the nearest real one, [n]."""
    parts = [torch.cdist(images.flatten(1).double(), part.flatten(1).double()).min(1).values
             for part in real.split(_AT_ONCE)]
    return torch.stack(parts).min(0).values
