"""Planes in the space of a network's weights, so that paths through it can be drawn."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.foundation.errors import require

_AT_ONCE = 1 << 14  # weights
_FLAT = 1e-12  # share of a squared length, below which it is rounding


@dataclass(frozen=True)
class Plane:
    """Two directions of length 1, at right angles, from a point.

    Attributes:
        origin: float32 [P].
        axes: float32 [2, P].
    """

    origin: Tensor
    axes: Tensor

    @classmethod
    def of(cls, points: Tensor) -> "Plane":
        """The plane that holds most of the variance of points [n, P], n >= 3 (their first principal components)."""
        require(len(points) >= 3, f"a plane is laid through at least 3 points, got {len(points)}")
        origin = points.mean(0)
        # Of n points among many more weights the n x n products are quicker than the covariance of the weights.
        products = sum(part @ part.T for part in _parts(points, origin))
        values, vectors = torch.linalg.eigh(products)
        scale = vectors.flip(1)[:, :2].T / values.flip(0)[:2].clamp(min=1e-300).sqrt()[:, None]
        axes = torch.cat([(scale @ part).to(points.dtype) for part in _parts(points, origin)], dim=1)
        return cls(origin, torch.stack([_upright(axis) for axis in axes]))

    @classmethod
    def through(cls, start: Tensor, target: Tensor, third: Tensor) -> "Plane":
        """The plane that holds three points [P], from the first, the second straight ahead: distances among the three
        are true in it. Where they lie on one line, the second direction is any."""
        ahead = (target - start).double()
        require(float(ahead.square().sum()) > 0, "start and target are the same point: a plane needs two")
        ahead = ahead / ahead.norm()
        aside = _without(ahead, (third - start).double())
        if aside.square().sum() <= _FLAT * (third - start).double().square().sum().clamp(min=_FLAT):
            other = torch.zeros_like(ahead)
            other[ahead.abs().argmin()] = 1
            aside = _without(ahead, other)
        return cls(start, torch.stack([ahead, aside / aside.norm()]).to(start.dtype))

    def seen(self, points: Tensor) -> Tensor:
        """Where points [n, P] are seen from straight above the plane, [n, 2]."""
        return (points - self.origin) @ self.axes.T

    def share(self, points: Tensor) -> float:
        """How much of the variance of points [n, P] lies in the plane, in [0, 1]."""
        centred = points - points.mean(0)
        whole = float(centred.square().sum())
        return float((centred @ self.axes.T).square().sum()) / whole if whole else 1.0


def _parts(points: Tensor, origin: Tensor) -> Iterator[Tensor]:
    """Points less their origin in double precision, some of the weights at a time, so that memory holds few twice."""
    for part, middle in zip(points.split(_AT_ONCE, dim=1), origin.split(_AT_ONCE), strict=True):
        yield part.double() - middle.double()


def _without(direction: Tensor, vector: Tensor) -> Tensor:
    """A vector less its part along a direction of length 1."""
    return vector - (vector @ direction) * direction


def _upright(axis: Tensor) -> Tensor:
    """A principal direction points either way: that in which its largest weight grows."""
    return axis * axis[axis.abs().argmax()].sign()
