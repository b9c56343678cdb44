"""A running average of tensors, which forgets."""

import torch
from torch import Tensor


class Average:
    """The exponential moving average a <- decay a + (1 - decay) x of tensors; it begins with the first.

    Attributes:
        values: the averages, detached; empty before the first update.
    """

    def __init__(self, decay: float):
        self._decay = decay
        self.values: list[Tensor] = []

    @torch.no_grad()
    def update(self, tensors: list[Tensor]) -> None:
        """Take in the tensors as they are now."""
        if not self.values:
            self.values = [t.detach().clone() for t in tensors]
            return
        for value, tensor in zip(self.values, tensors, strict=True):
            value.mul_(self._decay).add_(tensor, alpha=1 - self._decay)

    def state_dict(self) -> list[Tensor]:
        return self.values

    def load_state_dict(self, state: list[Tensor]) -> None:
        self.values = [value.clone() for value in state]
