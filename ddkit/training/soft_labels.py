"""Networks that learn from soft labels a batch at a time, as those of label distillation do.

``Learner`` takes steps of Adam on the cross-entropy. ``RidgeLearner`` has no classifier to be trained: with a batch's
features F, a bias among them, and its labels Y, ridge regression gives weights at once,

    w' = F^T (F F^T + lambda I)^-1 Y,    w <- (1 - share) w + share w',

and what is trained is the features, under logits s F w with a learned scale s (Bertinetto et al., ICLR 2019).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.networks import Network

SCALE_RATE = 0.01  # of Adam, on the scale


class Learner:
    """A network and its optimiser.

    Args:
        rate: Adam's, on the network.
    """

    def __init__(self, network: Network, rate: float):
        self.network = network
        self.optimiser = torch.optim.Adam(network.parameters(), rate)

    def logits(self, images: Tensor) -> Tensor:
        """Logits [n, classes] of images [n, C, H, W]."""
        return self.network(images)

    def step(self, images: Tensor, labels: Tensor) -> float:
        """One step on images and their probabilities [n, classes]; returns the loss before it."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.logits(images), labels)
        loss.backward()
        self.optimiser.step()
        return loss.item()

    def settle(self) -> None:
        """Let the network itself answer as the learner does from now on."""

    def state_dict(self) -> dict:
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])


@dataclass(frozen=True)
class Ridge:
    """How a classifier is solved for: the ridge ``lam``, and the ``share`` that a batch's solution has in it."""

    lam: float = 1.0
    share: float = 0.01


class RidgeLearner(Learner):
    """A network whose embedding is trained, and a classifier [D + 1, classes] that is solved for.

    Attributes:
        classifier: w.
        scale: s, a learned number.
    """

    def __init__(self, network: Network, rate: float, ridge: Ridge):
        super().__init__(network, rate)
        self._ridge, weight = ridge, network.classifier.weight
        self.classifier = torch.zeros(weight.shape[1] + 1, weight.shape[0], device=weight.device)
        self.scale = torch.ones((), device=weight.device, requires_grad=True)
        self.optimiser.add_param_group({"params": [self.scale], "lr": SCALE_RATE})

    def features(self, images: Tensor) -> Tensor:
        """The embeddings of images and, last, a one for the bias, [n, D + 1]."""
        return F.pad(self.network.embed(images), (0, 1), value=1.0)

    def logits(self, images: Tensor) -> Tensor:
        return self.scale * (self.features(images) @ self.classifier)

    def solved(self, features: Tensor, labels: Tensor) -> Tensor:
        """The classifier after a batch of features [n, D + 1] and labels [n, classes]."""
        solution = features.T @ torch.linalg.solve(ridged(features, self._ridge.lam), labels)
        return (1 - self._ridge.share) * self.classifier + self._ridge.share * solution

    def step(self, images: Tensor, labels: Tensor) -> float:
        with torch.no_grad():
            self.classifier = self.solved(self.features(images), labels)
        return super().step(images, labels)

    @torch.no_grad()
    def settle(self) -> None:
        weights = self.scale * self.classifier
        self.network.classifier.weight.copy_(weights[:-1].T)
        self.network.classifier.bias.copy_(weights[-1])

    def state_dict(self) -> dict:
        return super().state_dict() | {"classifier": self.classifier, "scale": self.scale.detach()}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.classifier = state["classifier"].to(self.classifier.device)
        with torch.no_grad():
            self.scale.copy_(state["scale"])


def ridged(features: Tensor, lam: float) -> Tensor:
    """F F^T + lambda I, [n, n]."""
    return features @ features.T + lam * torch.eye(len(features), dtype=features.dtype, device=features.device)
