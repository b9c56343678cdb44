"""Steps that look for flat minima: sharpness-aware minimisation, and GSAM, which also closes the gap that it leaves.

SAM (Foret et al., ICLR 2021) follows g_p, the gradient at the worst place nearby, theta + rho g / |g|. GSAM (Zhuang et
al., ICLR 2022) follows

    g_p - alpha g_o,    g_o = g - (g . g_p) g_p / |g_p|^2,

where g_o is what of the gradient here, g, is at right angles to g_p: against it the loss there stays, and that here
rises to it, so that the gap between both closes.
"""

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ddkit.foundation.errors import require

TINY = 1e-12  # keeps norms above zero


def require_radius(config) -> None:
    """Raise InputError if a ``gap`` is to be closed without a ``sharpness`` to have one."""
    require(config.gap == 0 or config.sharpness > 0, "a gap is left by the radius of sharpness-aware minimisation: set "
                                                     "sharpness, or gap to 0")


def sharpened(network: nn.Module, radius: float, gap: float, gradient: Callable[[], None]) -> None:
    """Make of the network's gradients those of SAM, or of GSAM.

    Args:
        radius: rho.
        gap: alpha; 0 is SAM.
        gradient: replaces the network's gradients by those where its weights are.
    """
    weights = [w for w in network.parameters() if w.grad is not None]
    here = [w.grad.detach().clone() for w in weights] if gap else []
    with _uphill(weights, radius):
        gradient()
    if gap:
        there = [w.grad for w in weights]
        share = _dot(here, there) / (_dot(there, there) + TINY)
        for g, g_p in zip(here, there, strict=True):
            g_p.sub_(gap * (g - share * g_p))


@contextlib.contextmanager
def _uphill(weights: list[Tensor], radius: float):
    """For a while, move the weights by ``radius`` along their gradient: to the worst place nearby."""
    before = [w.detach().clone() for w in weights]
    norm = torch.stack([w.grad.norm() for w in weights]).norm()
    with torch.no_grad():
        for weight in weights:
            weight.add_(weight.grad, alpha=float(radius / (norm + TINY)))
    yield
    with torch.no_grad():
        for weight, value in zip(weights, before, strict=True):
            weight.copy_(value)


def _dot(one: list[Tensor], other: list[Tensor]) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(one, other, strict=True)]).sum()
