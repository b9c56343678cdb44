"""Changes too small to matter to an eye that make a network err: FGSM and PGD, with sizes in pixels.

* FGSM (Goodfellow, Shlens and Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015): one step of the
  whole size, x' = x + eps sign(grad_x loss).
* PGD (Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018): from a random point of
  the ball |x' - x| <= eps (no pixel changes by more), k steps of size alpha in the sign's direction, each followed by
  the way back into the ball.

eps and alpha are differences of *pixels in [0, 1]*. Networks see normalised images, in which a channel's ball has the
radius eps / std and its range ends at (0 - mean) / std and (1 - mean) / std: on MNIST, eps = .3 is .974 there.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.foundation.device import without_tf32
from ddkit.foundation.errors import require, whole
from ddkit.networks.blocks import Network
from ddkit.networks.looking import looking_at

STEPS = 20  # of PGD
STRIDE = 2.5  # PGD's steps together, in radii, so that it can cross the ball and turn
AT_ONCE = 250  # images whose gradients are taken together


@dataclass(frozen=True)
class Ball:
    """The images within ``epsilon`` of given ones whose pixels lie in [0, 1].

    Attributes:
        epsilon: the largest change of a pixel, in [0, 1].
        mean, std: of the channels, as of a data set.
    """

    epsilon: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        require(math.isfinite(self.epsilon) and 0 <= self.epsilon <= 1,
                f"epsilon is a difference of pixels, from 0 to 1, got {self.epsilon}")

    def radius(self, images: Tensor) -> Tensor:
        """Of each channel of normalised images, [C, 1, 1]."""
        return self.epsilon / self._channels(images, self.std)

    def back(self, changed: Tensor, images: Tensor) -> Tensor:
        """The images of the ball around ``images`` that are nearest to ``changed``, both [N, C, H, W], normalised."""
        radius, mean, std = self.radius(images), *(self._channels(images, one) for one in (self.mean, self.std))
        near = torch.minimum(torch.maximum(changed, images - radius), images + radius)
        return torch.minimum(torch.maximum(near, -mean / std), (1 - mean) / std)

    def anywhere(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Points of the ball, every pixel drawn evenly."""
        drawn = 2 * torch.rand(images.shape, generator=generator).to(images.device) - 1
        return self.back(images + drawn * self.radius(images), images)

    def corner(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Corners of the ball, drawn at random: every pixel changes as far as it may, but in no direction."""
        signs = 2 * torch.randint(2, images.shape, generator=generator).to(images) - 1
        return self.back(images + signs * self.radius(images), images)

    @staticmethod
    def _channels(images: Tensor, values: tuple[float, ...]) -> Tensor:
        return images.new_tensor(values)[:, None, None]


def uphill(network: Network, images: Tensor, labels: Tensor) -> Tensor:
    """The gradient of each image's cross-entropy in the image, [N, C, H, W], in evaluation mode."""
    parts = []
    with looking_at(network), without_tf32():
        for some, theirs in zip(images.split(AT_ONCE), labels.split(AT_ONCE), strict=True):
            leaf = some.detach().requires_grad_()
            parts += torch.autograd.grad(F.cross_entropy(network(leaf), theirs, reduction="sum"), leaf)
    return torch.cat(parts)


def fgsm(network: Network, images: Tensor, labels: Tensor, ball: Ball) -> Tensor:
    """The images [N, C, H, W], changed by one step against their labels [N]."""
    return ball.back(images + ball.radius(images) * uphill(network, images, labels).sign(), images)


def pgd(network: Network, images: Tensor, labels: Tensor, ball: Ball, generator: torch.Generator | None,
        steps: int = STEPS, stride: float = STRIDE) -> Tensor:
    """The images [N, C, H, W], changed by ``steps`` steps against their labels [N]; arguments as of ``ascent``."""
    return ascent(lambda found: uphill(network, found, labels), images, ball, generator, steps, stride)


def ascent(slope: Callable[[Tensor], Tensor], images: Tensor, ball: Ball, generator: torch.Generator | None,
           steps: int = STEPS, stride: float = STRIDE) -> Tensor:
    """The images [N, C, H, W], changed by ``steps`` steps along the signs of ``slope`` of them.

    Args:
        generator: draws where in the ball it begins; None begins at the images themselves.
        stride: alpha = stride * epsilon / steps.
    """
    whole(steps, 1, "steps of PGD")
    alpha = stride / steps * ball.radius(images)
    found = images if generator is None else ball.anywhere(images, generator)
    for _ in range(steps):
        found = ball.back(found + alpha * slope(found).sign(), images)
    return found
