"""FRePo: neural feature regression with pooling (Zhou, Nezhadarya and Ba, NeurIPS 2022, arXiv:2206.00719).

The kernel is linear in the embedding of a network that is itself in training on the synthetic set. A pool holds
networks of all ages; each update uses one of them (or a few), trains it one step on the set, and renews it when it is
too old.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.methods.kernel import krr
from ddkit.networks import Network
from ddkit.training.kernels import FeatureKernel


@dataclass(frozen=True)
class Config(krr.Config):
    """The knobs of FRePo."""

    pool: int = 10  # networks at a time
    networks: int = 1  # of the pool, whose features an update joins
    most_steps: int = 100  # of training on the set, after which a network is renewed
    network_lr: float = 3e-4  # of Adam, on the network

    def __post_init__(self):
        super().__post_init__()
        for name in ("pool", "networks", "most_steps"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, got {getattr(self, name)}")
        require(self.networks <= self.pool, f"networks must be at most pool, {self.pool}, got {self.networks}")
        require(self.network_lr > 0, f"network_lr must be positive, got {self.network_lr}")


@dataclass
class Learner:
    """A network of the pool, its optimiser, and the steps it has made."""

    network: Network
    optimiser: torch.optim.Optimizer
    steps: int = 0


class FRePo(krr.KernelRegression):
    """One update by the features of one network of the pool (paper, algorithm 1), or of a few."""

    Config = Config
    validation = "trained_kernel"

    @staticmethod
    def networks_alive(config: Config) -> int:
        return config.pool

    def start(self, dataset, synthetic, rng) -> None:
        """As for every method; the pool starts with staggered ages, so that it is never all young or all old."""
        super().start(dataset, synthetic, rng)
        self.pool = [self._renewed() for _ in range(self.config.pool)]
        for place, learner in enumerate(self.pool):
            for _ in range(place * self.config.most_steps // self.config.pool):
                self._train(learner)

    def update(self) -> dict[str, float]:
        """One step on the images and labels, then one of each network that was used."""
        places = torch.randperm(len(self.pool), generator=self.streams["sampling"])[: self.config.networks].tolist()
        self.current = [self.pool[place].network for place in places]
        losses = super().update()
        for place in places:
            self._train(self.pool[place])
            if self.pool[place].steps >= self.config.most_steps:
                self.pool[place] = self._renewed()
        return losses

    def kernels(self, real: Tensor) -> tuple[Tensor, Tensor]:
        """Those of the networks in use."""
        return self.feature_kernels(FeatureKernel(self.current), real)

    def _renewed(self) -> Learner:
        network = self.fresh_network()
        return Learner(network, torch.optim.Adam(network.parameters(), self.config.network_lr))

    def _train(self, learner: Learner) -> None:
        """One step on the whole set, towards its targets."""
        images, targets = self.synthetic.images.detach(), self.targets.detach().float()
        learner.optimiser.zero_grad(set_to_none=True)
        F.mse_loss(learner.network(images), targets).backward()
        learner.optimiser.step()
        learner.steps += 1

    def state_dict(self) -> dict:
        pool = [{"network": one.network.state_dict(), "optimiser": one.optimiser.state_dict(), "steps": one.steps}
                for one in self.pool]
        return super().state_dict() | {"pool": pool}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        for learner, kept in zip(self.pool, state["pool"], strict=True):
            learner.network.load_state_dict(kept["network"])
            learner.optimiser.load_state_dict(kept["optimiser"])
            learner.steps = kept["steps"]
