"""FRePo: neural feature regression with pooling (Zhou, Nezhadarya and Ba, NeurIPS 2022, arXiv:2206.00719).

The kernel is linear in the embedding of a network that is itself in training on the synthetic set. A pool holds
networks of all ages; each update uses one of them (or a few), trains it one step on the set, and renews it when it is
too old.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob
from ddkit.methods.kernel import krr
from ddkit.methods.method import Preset
from ddkit.networks import Network
from ddkit.training.kernels import FeatureKernel


@dataclass(frozen=True)
class Config(krr.Config):
    """The knobs of FRePo."""

    pool: Annotated[int, Ge(1), Knob("networks at a time")] = 10
    networks: Annotated[int, Ge(1), Knob("of the pool, whose features an update joins")] = 1
    most_steps: Annotated[int, Ge(1), Knob("of training on the set, after which a network is renewed")] = 100
    network_lr: Annotated[float, Gt(0), Knob("of Adam, on the network")] = 3e-4

    def check(self) -> None:
        require(self.networks <= self.pool, f"networks must be at most pool, {self.pool}, got {self.networks}")


@dataclass
class Learner:
    """A network of the pool, its optimiser, and the steps it has made."""

    network: Network
    optimiser: torch.optim.Optimizer
    steps: int = 0


PRESETS = {
    "course": Preset(
        {"updates": 1500, "image_lr": 0.02, "label_lr": 0.005, "real_batch": 500, "pool": 8, "networks": 4,
         "most_steps": 50, "network_lr": 1e-3},
        ("1,500 updates by Adam with a learning rate of 0.02 that falls to zero and 500 real images in each, so "
         "that a processor core needs minutes; the paper makes many more at 3e-4",
         "an update draws 4 of 8 networks and joins their features, because those of a single narrow network say "
         "too little; the paper draws 1 of 10, which is wide",
         "the networks learn at 1e-3, on the whole set, and are renewed after 50 steps, so that many are met in "
         "few updates (the paper: 3e-4 and 100 steps)",
         "the networks have instance norm and one width in all blocks; the paper's blocks grow wider"),
    ),
}


class FRePo(krr.KernelRegression):
    """One update by the features of one network of the pool (paper, algorithm 1), or of a few."""

    Config = Config
    PRESETS = PRESETS
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

    def kernels(self, real: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Those of the networks in use."""
        return self.feature_kernels(FeatureKernel(self.current), real, images)

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


METHOD = FRePo
