"""How long a gradient through training may be: through many steps some explode."""

import torch
from torch import Tensor

from ddkit.methods.average import Average

CLIPS = ("none", "norm", "running")
DECAY = 0.9  # of the running mean of norms


class Clipping:
    """Shortens gradients whose common norm is larger than ``at``, or than ``at`` times the running mean of norms.

    Args:
        kind: one of ``CLIPS``.
        at: the number, or the multiple.
    """

    def __init__(self, kind: str, at: float):
        self._kind, self._at, self._usual = kind, at, Average(DECAY)

    def clip(self, gradients: list[Tensor]) -> float:
        """Shorten the gradients in place; returns the norm that they had.

        The running mean takes in the norm that is left, so that one explosion does not raise it for long.
        """
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
        most = norm
        if self._kind == "norm":
            most = torch.full_like(norm, self._at)
        elif self._kind == "running" and self._usual.values:
            most = self._at * self._usual.values[0]
        if norm > most:
            for gradient in gradients:
                gradient.mul_(most / norm)
        if self._kind == "running":
            self._usual.update([torch.minimum(norm, most)])
        return norm.item()

    def state_dict(self) -> list[Tensor]:
        return self._usual.state_dict()

    def load_state_dict(self, state: list[Tensor]) -> None:
        self._usual.load_state_dict(state)
