"""RFAD: dataset distillation by random feature approximation (Loo et al., NeurIPS 2022, arXiv:2210.12067).

The NNGP kernel of a convolutional network costs too much to compute exactly; the embeddings of a few random networks
estimate it, and fresh ones for every update keep the images from fitting to any of them.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from ddkit.foundation.knobs import Knob
from ddkit.methods.kernel import krr
from ddkit.methods.method import Preset
from ddkit.training.kernels import FeatureKernel

LOSSES = ("platt", "mse")


@dataclass(frozen=True)
class Config(krr.Config):
    """The knobs of RFAD."""

    networks: Annotated[int, Ge(1), Knob("random networks of an update")] = 8
    loss: Annotated[Literal["platt", "mse"], Knob("cross-entropy of scaled predictions, or squared error")] = "platt"
    platt_lr: Annotated[float, Ge(0), Knob("of Adam, on the logarithm of the scale")] = 0.01


PRESETS = {
    "course": Preset(
        {"updates": 1500, "networks": 4, "image_lr": 0.02, "label_lr": 0.005, "real_batch": 500},
        ("an update draws 4 random networks (the paper: 8) and predicts 500 real images, and the learning rates "
         "fall to zero over 1,500 updates, so that a processor core needs minutes",
         "the networks have instance norm and torch's initial weights, as everywhere in ddkit",
         "the loss is Platt-scaled cross-entropy: set loss to mse for the paper's other one"),
    ),
}


class RFAD(krr.KernelRegression):
    """One update by the features of random networks."""

    Config = Config
    PRESETS = PRESETS

    @staticmethod
    def networks_alive(config: Config) -> int:
        return config.networks

    def start(self, dataset, synthetic, rng) -> None:
        """As for every method; the scale of the predictions is learned with the images."""
        self.log_scale = torch.zeros((), device=synthetic.images.device, requires_grad=True)
        super().start(dataset, synthetic, rng)

    def learned(self) -> list[dict]:
        return super().learned() + [{"params": [scale], "rate": self.config.platt_lr} for scale in self._scales()]

    def beside_images(self) -> list[Tensor]:
        return super().beside_images() + self._scales()

    def _scales(self) -> list[Tensor]:
        return [self.log_scale] if self.config.loss == "platt" else []

    def kernels(self, real: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Those of fresh networks."""
        networks = [self.fresh_network() for _ in range(self.config.networks)]
        return self.feature_kernels(FeatureKernel(networks), real, images)

    def loss(self, predicted: Tensor, labels: Tensor) -> Tensor:
        """Platt's scaling (paper, section 3.3): predictions near one-hot - 1 / classes are no logits, so cross-entropy
        sees them times a learned scale."""
        if self.config.loss == "mse":
            return super().loss(predicted, labels)
        return F.cross_entropy(self.log_scale.exp() * predicted, labels)

    def state_dict(self) -> dict:
        return super().state_dict() | {"log_scale": self.log_scale.detach().clone()}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        with torch.no_grad():
            self.log_scale.copy_(state["log_scale"])


METHOD = RFAD
