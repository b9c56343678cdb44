"""A running average of tensors, which forgets; and tensors that show theirs, while the latest are worked on."""

import contextlib
from collections.abc import Iterator

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


class Shown:
    """Tensors that hold their running average, but while ``latest`` is open.

    Args:
        decay: of the average; with 0 they are left alone.
        tensors: changed in place.
    """

    def __init__(self, decay: float, tensors: list[Tensor]):
        self._average, self._tensors = (Average(decay), tensors) if decay else (None, [])
        self._latest = [t.detach().clone() for t in self._tensors]
        if self._average:
            self._average.update(self._tensors)

    @contextlib.contextmanager
    def latest(self) -> Iterator[None]:
        """The tensors are what the block before left, to be changed; afterwards they show the average with that."""
        _put(self._tensors, self._latest)
        yield
        self._latest = [t.detach().clone() for t in self._tensors]
        if self._average:
            self._average.update(self._tensors)
            _put(self._tensors, self._average.values)

    def state_dict(self) -> dict[str, list[Tensor]]:
        return {"latest": self._latest, "average": self._average.state_dict() if self._average else []}

    def load_state_dict(self, state: dict[str, list[Tensor]]) -> None:
        self._latest = [t.clone() for t in state["latest"]]
        if self._average:
            self._average.load_state_dict(state["average"])


@torch.no_grad()
def _put(tensors: list[Tensor], values: list[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)
