"""The learning rates and momenta of a network's training, which may be learned."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.methods.matching.unroll import Rule


class LearnedRule:
    """Rates and momenta of the steps, each one number or, if learned, one for each step.

    What is learned is a raw number: the rate is its softplus, log(1 + e^r), and the momentum its sigmoid, 1 / (1 +
    e^-r), so that no rate becomes negative and no momentum leaves (0, 1).

    Args:
        config: has ``rate``, ``momentum``, ``learned_rates``, ``learned_momentum`` and ``steps``.
        device: of the weights.
    """

    def __init__(self, config, device: torch.device):
        self._config, self._device = config, device
        self._raw: dict[str, Tensor] = {}
        if config.learned_rates:
            self._raw["rates"] = torch.full((config.steps,), math.log(math.expm1(config.rate)), device=device)
        if config.learned_momentum:
            odds = config.momentum / (1 - config.momentum)
            self._raw["momentum"] = torch.full((config.steps,), math.log(odds), device=device)

    def rule(self) -> Rule:
        """As the steps follow it; without any momentum the steps keep no velocity."""
        config = self._config
        rates = (F.softplus(self._raw["rates"]) if config.learned_rates
                 else torch.tensor(config.rate, device=self._device))
        if config.learned_momentum:
            return Rule(rates, self._raw["momentum"].sigmoid())
        return Rule(rates, torch.tensor(config.momentum, device=self._device) if config.momentum else None)

    def values(self) -> tuple[Tensor, Tensor]:
        """Rates and momenta of all steps, each [T]."""
        now, nothing = self.rule(), torch.zeros((), device=self._device)
        return tuple(t.detach().expand(self._config.steps).clone()
                     for t in (now.rates, nothing if now.momentum is None else now.momentum))

    def groups(self, rate: float) -> list[dict]:
        """What is learned, for an optimiser."""
        return [{"params": list(self._raw.values()), "lr": rate}] if self._raw else []

    def pull(self, rates: Tensor, momentum: Tensor | None) -> None:
        """Take the gradients of a loss in rates and momenta as those of what is learned."""
        if "rates" in self._raw:
            self._raw["rates"].grad = rates * self._raw["rates"].sigmoid()
        if "momentum" in self._raw:
            kept = self._raw["momentum"].sigmoid()
            self._raw["momentum"].grad = momentum * kept * (1 - kept)

    def state_dict(self) -> dict[str, Tensor]:
        return self._raw

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for name, value in state.items():
            self._raw[name].copy_(value)
