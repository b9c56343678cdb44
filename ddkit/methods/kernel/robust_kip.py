"""Robust KIP: kernel inducing points that are right on attacked images (Tsilivis, Su and Kempe, "Can we achieve
robustness from data alone?", arXiv:2207.11727).

Before every update the real images are moved against the regression that the set gives, as far as epsilon allows:

    min_S mean_i | k(x_i + delta_i, S) alpha - t_i |^2,   alpha = (K_SS + lambda tr(K_SS) / n I)^-1 y,
    delta_i = argmax_{|delta| <= epsilon} | k(x_i + delta, S) alpha - t_i |^2.

The maximum is looked for by projected ascent from a random point (PGD); no gradient goes through it. The paper itself
warns that what resists this attack need not resist a stronger one.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from ddkit.data import Dataset
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob
from ddkit.methods.kernel import kip
from ddkit.methods.method import Preset
from ddkit.networks.attacks import Ball, ascent
from ddkit.synthetic import SyntheticSet
from ddkit.training.kernels import InfiniteNetwork, solve


@dataclass(frozen=True)
class Config(kip.Config):
    """The knobs of robust KIP."""

    epsilon: Annotated[float, Ge(0), Le(1), Knob("largest change of a real image's pixel, of 1 from black to white")
                       ] = 0.1
    attack_steps: Annotated[int, Ge(1), Knob("of the ascent that changes real images in an update")] = 5


PRESETS = {
    "course": Preset(
        {"updates": 1000, "image_lr": 0.05, "label_lr": 0.01, "real_batch": 500},
        ("1,000 updates by 500 real images, whose attack of five steps is most of the work",
         *kip.PRESETS["course"].departures[::2])),
}


class RobustKIP(kip.KIP):
    """One update of KIP by real images that are moved against the set first."""

    Config = Config
    PRESETS = PRESETS

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Prepare to update ``synthetic``; ``rng(name)`` gives the run's random streams.

        Raises:
            InputError: the data are no pictures, whose pixels have a range.
        """
        require(dataset.pictures, f"epsilon is a difference of pixels, and {dataset.name} has none: take method 'kip'")
        super().start(dataset, synthetic, rng)
        self.streams["attack"] = rng("attack")
        self.ball = Ball(self.config.epsilon, dataset.mean, dataset.std)

    def _sample_real(self) -> tuple[Tensor, Tensor]:
        real, labels = super()._sample_real()
        return self.attacked(real, labels), labels

    def attacked(self, real: Tensor, labels: Tensor) -> Tensor:
        """Real images [N, C, H, W] of those classes, moved against what the set predicts for them."""
        config, images = self.config, self.synthetic.images.detach()
        kernel = InfiniteNetwork.named(config.network)
        alpha = solve(kernel(images.double(), images.double()), self.targets.detach(), config.ridge)

        def slope(found: Tensor) -> Tensor:
            leaf = found.detach().requires_grad_()
            return torch.autograd.grad(self.loss(kernel(leaf, images).double() @ alpha, labels), leaf)[0]

        return ascent(slope, real, self.ball, self.streams["attack"], config.attack_steps)


METHOD = RobustKIP
