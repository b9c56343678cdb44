"""Networks that no set has met, and what they make of many sets: they look at the real images once, whatever the
number of sets."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.data import Dataset, Split
from ddkit.foundation.randomness import stream
from ddkit.networks import Network, build_for
from ddkit.training.kernels import FeatureKernel, regression_targets, solve

NETWORKS = 8  # that judge together, as many as protocol ``kernel`` has
ROWS = 2000  # real images whose answers are computed at once


@dataclass(frozen=True)
class Judges:
    """Networks with random weights, and their features of the images that sets are judged by.

    The accuracy is that of protocol ``kernel``: ridge regression in the features of all networks together. The loss is
    that which sets are distilled for (``regression``), in each network alone, in the mean.

    Attributes:
        kernel: of the networks.
        seen: features of the real images, side by side over all networks, [m, D].
        real: those images with their classes.
        classes: how many.
    """

    kernel: FeatureKernel
    seen: Tensor
    real: Split
    classes: int

    @classmethod
    def drawn(cls, dataset: Dataset, network: str, width: int, seed: int, part: str,
              networks: int = NETWORKS) -> "Judges":
        """The networks that protocol ``kernel`` draws for that seed, before the ``val`` or ``test`` part."""
        random = stream(seed, "evaluation network")
        return cls.of([build_for(dataset, network, width, random) for _ in range(networks)], dataset, part)

    @classmethod
    def of(cls, networks: list[Network], dataset: Dataset, part: str) -> "Judges":
        kernel, real = FeatureKernel(networks), getattr(dataset, part)
        return cls(kernel, kernel.detached_features(real.images), real, len(dataset.classes))

    def judge(self, images: Tensor, targets: Tensor) -> dict[str, float]:
        """``accuracy`` in [0, 1] and ``loss`` of a set: images [n, C, H, W] with targets [n, classes].

        Raises:
            InputError: the set's kernel cannot be solved for.
        """
        rows = self.kernel.detached_features(images)
        number = len(self.kernel.networks)
        alone = [self._answers(seen, own, targets) for seen, own in zip(self.seen.chunk(number, 1),
                                                                       rows.chunk(number, 1), strict=True)]
        wanted = regression_targets(self.real, self.classes).to(rows.device)
        loss = sum(float((answers - wanted).square().sum(1).mean()) for answers in alone) / number
        together = self._answers(self.seen, rows, targets) if number > 1 else alone[0]
        right = (together.argmax(1) == self.real.labels.to(together.device)).double().mean()
        return {"accuracy": float(right), "loss": loss}

    @staticmethod
    def _answers(seen: Tensor, rows: Tensor, targets: Tensor) -> Tensor:
        """What regression on a set with features [n, D] answers for real images with features [m, D], [m, classes]."""
        rows = rows.double()
        weights = rows.T @ solve(rows @ rows.T, targets)
        return torch.cat([part.double() @ weights for part in seen.split(ROWS)])
