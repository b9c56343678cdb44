"""How far two gradients are apart, layer by layer, as gradient matching measures it."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ddkit.foundation.errors import one_of

CLOSE = 1e-6  # added to the product of two norms, as in DC's code: a row of zeros is at distance 1 from any other


def _rows(one: Tensor, other: Tensor) -> Tensor:
    norms = torch.linalg.vector_norm(one, dim=1) * torch.linalg.vector_norm(other, dim=1)
    return (1 - (one * other).sum(1) / (norms + CLOSE)).sum()


def _rows_and_size(one: Tensor, other: Tensor) -> Tensor:
    return _rows(one, other) + torch.linalg.vector_norm(one - other, dim=1).sum()


METRICS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "rows": _rows,
    "rows_and_size": _rows_and_size,
    "l1": lambda one, other: (one - other).abs().sum(),
    "mse": lambda one, other: (one - other).square().sum(),
}
PARTS = {"matrices": 2, "convolutions": 4}  # the least number of dimensions of a weight that counts


def gradient_distance(synthetic: Tensor, real: Tensor, shapes: Mapping[str, torch.Size], metric: str = "rows",
                      parts: str = "matrices") -> Tensor:
    """The distance of two gradients, summed over layers; a scalar that can be differentiated.

    A row is what leads to one output: of a convolution [out, in * k * k], of a linear layer [out, in]. Biases and the
    weights of norms do not count.

        rows           sum over rows of 1 - <a, b> / (|a| |b| + 1e-6)      (Zhao et al., ICLR 2021: DC)
        rows_and_size  the same, and |a - b| of each row                   (Jiang et al., 2022)
        l1, mse        sums of |a - b| and of (a - b)^2                    (Kim et al., ICML 2022: IDC)

    Args:
        synthetic, real: flat gradients [P], in the order of ``shapes``.
        shapes: of a network's weights, by name.
        metric: one of these.
        parts: ``matrices`` (convolutions and linear layers) or ``convolutions`` alone.
    """
    measure, least = METRICS[one_of(metric, METRICS, "metric")], PARTS[one_of(parts, PARTS, "part")]
    sizes = [math.prod(shape) for shape in shapes.values()]
    layers = zip(shapes.values(), synthetic.split(sizes), real.split(sizes), strict=True)
    return sum((measure(one.view(shape[0], -1), other.view(shape[0], -1))
                for shape, one, other in layers if len(shape) >= least), start=synthetic.new_zeros(()))
