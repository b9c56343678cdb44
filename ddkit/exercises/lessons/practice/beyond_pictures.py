"""Lesson 17, for practice: what neighbours share, and the gradient of a network without hidden layers."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.applications.graphs.adjacency import spread
from ddkit.exercises.checking import Exercise

_NODES = 7


def _graphs(generator: torch.Generator) -> list[tuple]:
    """Adjacencies in which everybody has a neighbour, rows, and two or three hops."""
    found = []
    for hops in (2, 3):
        near = (torch.rand(_NODES, _NODES, generator=generator) < 0.3).double().triu(1)
        near[0, 1:] = near[0, 1:].clamp(min=1 - near[:, 1:].sum(0).clamp(max=1))  # whom nobody has, the first has
        near[0, 3] = 1
        found.append((near + near.T, torch.rand(_NODES, 4, generator=generator, dtype=torch.float64), hops))
    return found


def _shared(step: Callable[[Tensor, Tensor], Tensor], more: int = 0, loops: float = 1) -> Callable:
    """Rows after each hop multiplies them by ``step(A + loops I, its degrees)``."""
    def rows_of(near: Tensor, rows: Tensor, hops: int) -> Tensor:
        looped = near + loops * torch.eye(len(near)).double()
        return torch.linalg.matrix_power(step(looped, looped.sum(1)), hops + more) @ rows
    return rows_of


def _both_sides(power: float) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda near, degrees: degrees[:, None] ** power * near * degrees**power


_right = _both_sides(-0.5)
_ROW_SLIPS = {
    "no node listens to itself: the matrix is A + I": _shared(_right, loops=0),
    "D are the degrees of A + I, not those of A": _shared(lambda near, d: _both_sides(-0.5)(near, d - 1)),
    "D divides on the left side alone: half of it, to the power -1/2, stands on either side":
        _shared(lambda near, d: near / d[:, None]),
    "D divides on the right side alone: half of it, to the power -1/2, stands on either side":
        _shared(lambda near, d: near / d),
    "the power -1/2 stands on the left side alone; it stands on either": _shared(
        lambda near, d: near * d[:, None] ** -0.5),
    "one hop is missing": _shared(_right, more=-1),
    "there is one hop too many": _shared(_right, more=1),
    "nothing is divided: who has many friends would be louder": _shared(lambda near, d: near),
    "it is multiplied by the root of the degrees; divide by it": _shared(_both_sides(0.5)),
    "the root is missing: each side has D to the power -1/2": _shared(_both_sides(-1)),
    "every node listens to itself twice: the matrix is A + I, not A + 2 I": _shared(_right, loops=2),
    "I is added after the division, and not before": _shared(
        lambda near, d: torch.eye(len(near)).double() + _both_sides(-0.5)(near - torch.eye(len(near)).double(), d)),
    "this is the Laplacian, I - S: neighbours are taken away": _shared(
        lambda near, d: torch.eye(len(near)).double() - _both_sides(-0.5)(near, d)),
}


def gradient(rows: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The gradient in W [d, classes] of the mean cross-entropy of softmax(H W), of rows H [n, d] and labels [n]."""
    return rows.T @ _wrong(rows, labels, weights) / len(rows)


def _wrong(rows: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    return (rows @ weights).softmax(1) - _truth(labels, weights)


def _truth(labels: Tensor, weights: Tensor) -> Tensor:
    return F.one_hot(labels, weights.shape[1]).double()


def _rows(generator: torch.Generator) -> list[tuple]:
    return [(torch.randn(9, 5, generator=generator, dtype=torch.float64), torch.arange(9) % 3,
             torch.randn(5, 3, generator=generator, dtype=torch.float64)) for _ in range(2)]


_GRADIENT_SLIPS = {
    "this is the sum's gradient; the mean's is wanted: divide by the number of rows":
        lambda h, y, w: len(h) * gradient(h, y, w),
    "the sign is turned round: predicted minus true": lambda h, y, w: -gradient(h, y, w),
    "the labels are missing: predicted minus true": lambda h, y, w: h.T @ (h @ w).softmax(1) / len(h),
    "the softmax is missing: these are errors of the logits": lambda h, y, w: h.T @ (h @ w - _truth(y, w)) / len(h),
    "the softmax goes over the rows; it goes over the classes":
        lambda h, y, w: h.T @ ((h @ w).softmax(0) - _truth(y, w)) / len(h),
    "a sigmoid stands in the place of the softmax":
        lambda h, y, w: h.T @ ((h @ w).sigmoid() - _truth(y, w)) / len(h),
    "it lies on its side: W is [d, classes]": lambda h, y, w: gradient(h, y, w).T,
    "it is divided by the number of classes; divide by that of the rows":
        lambda h, y, w: gradient(h, y, w) * len(h) / w.shape[1],
    "it is divided by the number of rows twice": lambda h, y, w: gradient(h, y, w) / len(h),
    "this is the gradient of the squared error's half, which has the softmax's slope in it": lambda h, y, w: h.T @ (
        (p := (h @ w).softmax(1)) * (_wrong(h, y, w) - (p * _wrong(h, y, w)).sum(1, keepdim=True))) / len(h),
    "this is the gradient in b: the rows are missing": lambda h, y, w: _wrong(h, y, w).mean(0).expand_as(w),
}

PRACTICE = {
    "propagated-rows": Exercise(lambda near, rows, hops: spread(rows, near, hops), _graphs, _ROW_SLIPS),
    "softmax-gradient": Exercise(gradient, _rows, _GRADIENT_SLIPS),
}
