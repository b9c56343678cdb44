"""Clipping: what one image can change is bounded before anybody looks."""

from collections.abc import Callable

import torch
from torch import Tensor

from ddkit.exercises.checking import Exercise


def clipped(gradients: Tensor, clip: float) -> Tensor:
    """Rows [n, P], none longer than ``clip``, each in its direction; short ones as they are."""
    return gradients * (clip / gradients.norm(dim=1, keepdim=True).clamp_min(clip))


def _rows(generator: torch.Generator) -> list[tuple]:
    """Gradients, a short one, one of zero and a long one among them."""
    found = []
    for n, size, clip in ((7, 12, 2.5), (5, 30, 4.0)):
        rows = torch.randn(n, size, generator=generator)
        rows[0] *= 0.1
        rows[1] = 0
        rows[2] *= 4
        found.append((rows, clip))
    return found


def _scaled(shares: Callable[[Tensor, float], Tensor]) -> Callable:
    """Each row times its share, from the norms [n, 1] and the clipping norm; zero rows as they are."""
    return lambda g, clip: (g * shares(g.norm(dim=1, keepdim=True).clamp_min(1e-12), clip))


CLIPPING = Exercise(clipped, _rows, {
    "every row has the length C here; one that is shorter stays as it is": _scaled(lambda norm, c: c / norm),
    "a gradient of zero has become NaN: its length is divided by": lambda g, c: (
        g / g.norm(dim=1, keepdim=True) * g.norm(dim=1, keepdim=True).clamp(max=c)),
    "entries are cut off at C; the length of a row is what counts": lambda g, c: g.clamp(-c, c),
    "the length of all rows together is clipped; each image's own gradient has to be": lambda g, c: g * min(
        1.0, c / float(g.norm())),
    "the mean is clipped, which bounds nothing that one image does": lambda g, c: clipped(g.mean(0, keepdim=True), c),
    "rows longer than C are left out; they are shortened to it": _scaled(lambda norm, c: (norm <= c).float()),
    "short rows are left out; they stay as they are": _scaled(lambda norm, c: (c / norm) * (norm > c)),
    "rows longer than C are set to length 1, not to C": _scaled(lambda norm, c: torch.where(norm > c, 1 / norm, 1)),
    "the length is the sum of absolute values here; it is the root of the sum of squares": lambda g, c: g * (
        c / g.abs().sum(1, keepdim=True).clamp_min(c)),
    "the length is the largest entry here; it is the root of the sum of squares": lambda g, c: g * (
        c / g.abs().amax(1, keepdim=True).clamp_min(c)),
    "the squared length is compared with C; take the root": lambda g, c: g * (
        c / g.square().sum(1, keepdim=True).clamp_min(c)),
    "the columns are clipped; each row is one image's gradient": lambda g, c: clipped(g.T, c).T,
    "the sum is given; the rows themselves are asked for": lambda g, c: clipped(g, c).sum(0),
    "the share may be above 1 here, which makes short rows longer: take the smaller of 1 and C / length":
        _scaled(lambda norm, c: torch.maximum(c / norm, torch.ones_like(norm))),
})
