"""Kernels of infinitely wide ReLU networks, and kernel ridge regression with any kernel.

A network of infinite width is a kernel: the NNGP of its outputs before training, and the NTK of a training by gradient
descent. Both are closed formulas of the inputs' lengths and angles (Cho and Saul, NeurIPS 2009; Jacot et al.,
NeurIPS 2018; Lee et al., NeurIPS 2019).
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.data import Split
from ddkit.foundation.errors import one_of, require
from ddkit.networks import Network
from ddkit.networks.bigbatch import embeddings
from ddkit.networks.looking import keeping_statistics

RIDGE = 1e-6  # lambda, in units of the kernel's mean diagonal entry
CHUNK = 2000  # images whose rows of the kernel are in memory at once
MEMORY_MIB = 64  # for the activations of real images
_ROUNDING = 64  # units in the last place within which a cosine counts as 1
_NAME = re.compile(r"(NTK|NNGP)(?:D([0-9]))?$")

Kernel = Callable[[Tensor, Tensor], Tensor]  # images [N, ...] and [M, ...] to [N, M]


@dataclass(frozen=True)
class InfiniteNetwork:
    """The kernel of a fully connected ReLU network whose hidden layers are infinitely wide.

    Layer by layer ``f = w_std / sqrt(inputs) W h + b_std b`` with standard normal W and b.

    Attributes:
        kind: ``NTK`` or ``NNGP``.
        depth: hidden layers.
        w_std, b_std: standard deviations of weights and biases.
    """

    kind: str = "NTK"
    depth: int = 1
    w_std: float = math.sqrt(2)
    b_std: float = 0.1

    def __post_init__(self):
        one_of(self.kind, ("NTK", "NNGP"), "kernel")
        require(self.depth >= 0, f"depth must not be negative, got {self.depth}")
        require(self.w_std > 0 and self.b_std >= 0, "w_std must be positive and b_std not negative")

    @classmethod
    def named(cls, name: str) -> "InfiniteNetwork | None":
        """``NTK`` or ``NNGP``, with a depth as in ``NTKD3`` (default one hidden layer; ``NTKD0`` is linear); None for
        any other name."""
        match = _NAME.fullmatch(name)
        return match and cls(match[1], int(match[2] or 1))

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        """The kernel [N, M] of images [N, ...] and [M, ...], in their dtype, differentiable in both."""
        nngp, ntk = relu_kernels(x, z, self.depth, self.w_std, self.b_std)
        return ntk if self.kind == "NTK" else nngp

    def of_products(self, products: Tensor, x_squares: Tensor, z_squares: Tensor, inputs: int) -> Tensor:
        """The same of what it looks at: see ``relu_kernels_of_products``."""
        nngp, ntk = relu_kernels_of_products(products, x_squares, z_squares, inputs, self.depth, self.w_std, self.b_std)
        return ntk if self.kind == "NTK" else nngp


def relu_kernels(x: Tensor, z: Tensor, depth: int, w_std: float = math.sqrt(2),
                 b_std: float = 0.1) -> tuple[Tensor, Tensor]:
    """NNGP K and NTK Theta of a ReLU network with ``depth`` hidden layers of infinite width.

    With cos t = K(x, z) / sqrt(K(x, x) K(z, z)), from layer to layer (Cho and Saul, 2009, eq. 3 to 6; Lee et al.,
    2019, appendix E):

        E[relu(u) relu(v)]   = sqrt(K(x, x) K(z, z)) (sin t + (pi - t) cos t) / (2 pi)
        E[relu'(u) relu'(v)] = (pi - t) / (2 pi)
        K <- w^2 E[relu relu] + b^2,   Theta <- K + w^2 Theta E[relu' relu']

    Args:
        x, z: [N, ...] and [M, ...], of as many numbers each; float64 for a kernel that will be inverted.

    Returns:
        Two matrices [N, M]. Their gradient is finite everywhere; at identical inputs, where the angle has a kink, the
        angle counts as constant.
    """
    x, z = x.flatten(1), z.flatten(1)
    require(x.shape[1] == z.shape[1], f"inputs of {x.shape[1]} and {z.shape[1]} numbers have no common kernel")
    return relu_kernels_of_products(x @ z.T, x.square().sum(1)[:, None], z.square().sum(1), x.shape[1], depth, w_std,
                                    b_std)


def relu_kernels_of_products(products: Tensor, x_squares: Tensor, z_squares: Tensor, inputs: int, depth: int,
                             w_std: float, b_std: float) -> tuple[Tensor, Tensor]:
    """``relu_kernels`` of what they look at: the inputs' products [N, M], and their squared lengths, which broadcast
    with these; entry by entry, of inputs of so many numbers."""
    scale, shift = w_std**2, b_std**2
    nngp = scale * products / inputs + shift
    ntk = nngp
    xx, zz = (scale * (squares / inputs) + shift for squares in (x_squares, z_squares))
    for _ in range(depth):
        lengths = (xx * zz).clamp(min=torch.finfo(products.dtype).tiny).sqrt()
        cosine = nngp / lengths
        angle = _Angle.apply(cosine)
        beyond = (math.pi - angle) / (2 * math.pi)
        nngp = scale * lengths * (angle.sin() / (2 * math.pi) + beyond * cosine) + shift
        ntk = nngp + scale * beyond * ntk
        xx, zz = scale * xx / 2 + shift, scale * zz / 2 + shift
    return nngp, ntk


class _Angle(torch.autograd.Function):
    """arccos; within rounding of 1 it is 0, and wherever its slope is infinite that counts as 0."""

    @staticmethod
    def forward(ctx, cosine: Tensor) -> Tensor:
        angle = cosine.clamp(-1, 1).acos()
        angle = angle.masked_fill(cosine > 1 - _ROUNDING * torch.finfo(cosine.dtype).eps, 0)
        ctx.save_for_backward(angle)
        return angle

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        [angle] = ctx.saved_tensors
        sine = angle.sin()
        return torch.where(sine > 0, -gradient / sine, 0)


class FeatureKernel:
    """The linear kernel of what finite networks see: ``K = F F^T``, F their embeddings side by side, over all their
    number."""

    def __init__(self, networks: list[Network]):
        self.networks = networks

    def features(self, images: Tensor) -> Tensor:
        """F, [N, D], differentiable in the images."""
        found = []
        for network in self.networks:
            with keeping_statistics(network):
                found.append(network.features(images)[-1])
        return self._joined(found)

    def detached_features(self, images: Tensor) -> Tensor:
        """F without gradients, in chunks."""
        return self._joined([embeddings(network, images, MEMORY_MIB) for network in self.networks])

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        """The kernel, float64 [N, M], of images [N, ...] and [M, ...], without gradients."""
        dtype = self.networks[0].classifier.weight.dtype
        return self.detached_features(x.to(dtype)).double() @ self.detached_features(z.to(dtype)).double().T

    @staticmethod
    def _joined(parts: list[Tensor]) -> Tensor:
        joined = torch.cat(parts, 1)
        return joined / math.sqrt(joined.shape[1])


def regression_targets(split: Split, classes: int) -> Tensor:
    """What a kernel regresses on, float64 [N, classes]: learned targets as they are, else probabilities minus their
    mean 1 / classes."""
    if split.squared:
        return split.labels.double()
    hard = split.labels.ndim == 1
    return (F.one_hot(split.labels, classes) if hard else split.labels).double() - 1 / classes


def solve(k_ss: Tensor, targets: Tensor, ridge: float = RIDGE) -> Tensor:
    """Kernel ridge regression: ``alpha = (K_ss + lambda tr(K_ss) / n I)^-1 y``, so that ``K_ts alpha`` predicts.

    In float64 by Cholesky's decomposition; differentiable (Nguyen et al., ICLR 2021, eq. 7).

    Args:
        k_ss: [n, n], symmetric.
        targets: y, [n, classes].
        ridge: lambda.

    Returns:
        float64 [n, classes].

    Raises:
        InputError: shapes do not fit, the ridge is negative, or the ridged kernel is not positive definite.
    """
    n = len(k_ss)
    require(k_ss.shape == (n, n) and n > 0, f"the kernel must be a square matrix, got {list(k_ss.shape)}")
    require(targets.ndim == 2 and len(targets) == n,
            f"the labels must be [{n}, classes], one row for each of the kernel's {n}, got {list(targets.shape)}")
    require(ridge >= 0, f"the ridge must not be negative, got {ridge}")
    require(bool(k_ss.isfinite().all()), "the kernel has entries that are NaN or infinite: look at the images")
    k_ss = k_ss.double()
    mean = k_ss.diagonal().mean()
    ridged = k_ss + ridge * mean * torch.eye(n, dtype=k_ss.dtype, device=k_ss.device)
    factor, failed = torch.linalg.cholesky_ex(ridged)
    # Rounding can let a singular kernel pass: then its smallest pivot is nothing but rounding.
    pivot = float(factor.detach().diagonal().square().min() / mean.detach()) if not failed else 0.0
    require(pivot > n * torch.finfo(torch.float64).eps,
            f"the kernel of these {n} images is not positive definite with ridge {ridge:g}: raise the ridge"
            + ", or take out the image that is there twice" * _repeats(k_ss.detach()))
    return torch.cholesky_solve(targets.double(), factor)


def _repeats(k: Tensor) -> bool:
    """Whether two rows of a kernel are the same, as those of two identical images are."""
    distances = k.diagonal()[:, None] + k.diagonal() - 2 * k
    distances.fill_diagonal_(float("inf"))
    return bool(distances.min() <= 1e-12 * k.diagonal().max())


def predict(kernel: Kernel, images: Tensor, support: Tensor, weights: Tensor, chunk: int = CHUNK) -> Tensor:
    """``K_ts alpha``, float64 [N, classes], with no more than ``chunk`` rows of the kernel in memory.

    Args:
        kernel: of images; in the dtype it gets, which is float64.
        images: [N, ...], to predict.
        support: [n, ...], of the synthetic set.
        weights: alpha [n, classes], from ``solve``.
    """
    support = support.double()
    return torch.cat([kernel(part.double(), support) @ weights for part in images.split(chunk)])
