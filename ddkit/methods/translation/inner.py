"""Distillation in one network: fast, because the real images are summed up once, and good for that network only."""

import torch
from torch import Tensor

from ddkit.methods.falling import fall_as_cosine
from ddkit.methods.translation.regression import Statistics, weights_of
from ddkit.networks import Network
from ddkit.training.kernels import RIDGE


class OneNetwork:
    """Adam on the images and targets of a set, by the regression loss in one network that stays as it is.

    Args:
        network: whose features are regressed on.
        statistics: of the real images in it.
        images, targets: the set's, [n, C, H, W] and [n, classes]; they are changed in place.
        image_lr, target_lr: learning rates, which fall to zero over ``updates`` as a cosine.
    """

    def __init__(self, network: Network, statistics: Statistics, images: Tensor, targets: Tensor, image_lr: float,
                 target_lr: float, updates: int, ridge: float = RIDGE):
        self.network, self.statistics, self.ridge, self.updates = network, statistics, ridge, updates
        self.images, self.targets = images.requires_grad_(), targets.requires_grad_()
        self.optimiser = torch.optim.Adam([{"params": [images], "rate": image_lr},
                                           {"params": [targets], "rate": target_lr}])
        self.done = 0

    def again(self) -> "OneNetwork":
        """One that stands where this does, and goes on by itself."""
        rates = [group["rate"] for group in self.optimiser.param_groups]
        other = OneNetwork(self.network, self.statistics, self.images.detach().clone(), self.targets.detach().clone(),
                           *rates, self.updates, self.ridge)
        other.load_state_dict(self.state_dict())
        return other

    def loss(self) -> Tensor:
        """That of the whole real data, a scalar."""
        return self.statistics.loss(weights_of(self.network, self.images, self.targets, self.ridge))

    def update(self) -> float:
        """One step; returns the loss before it."""
        loss = self.loss()
        fall_as_cosine(self.optimiser, self.done, self.updates)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=[self.images, self.targets])
        self.optimiser.step()
        self.done += 1
        return loss.item()

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the network and its statistics."""
        return {"images": self.images.detach(), "targets": self.targets.detach(),
                "optimiser": self.optimiser.state_dict(), "done": self.done}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``."""
        with torch.no_grad():
            self.images.copy_(state["images"])
            self.targets.copy_(state["targets"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.done = state["done"]
