"""Private statistics: the real images are summed up once, with noise, and then a set is distilled as long as one likes.

With features F_i of an image in a random network, of length one, and targets t_i, ridge regression sees real images
through two sums alone (see ``translation.regression``):

    A = sum_i F_i F_i^T,   B = sum_i F_i t_i^T,     |(F F^T, F t^T)|^2 = 1 + |t|^2.

Of k networks at once an image's share has the norm sqrt(k (1 + |t|^2)), whatever the image, so no clipping is needed.
The sums of all networks are released once, with Gaussian noise; A is made symmetric and its negative directions are cut
off, which costs nothing, as whatever is computed from a release is as private as it is. The set follows

    L(S) = tr(w^T A w) / N - 2 tr(w^T B) / N + |t|^2,     w = F_S^T (F_S F_S^T + lambda tr / n I)^-1 y,

in one of the networks after the other, without further cost. Precedents release random features' means (Harder,
Adamczewski and Park, "DP-MERF", AISTATS 2021) or the same sums for regression (Wang, "AdaSSP", UAI 2018).
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor

from ddkit.data import Dataset, Split
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob
from ddkit.foundation.memory import require_memory
from ddkit.methods.falling import fall_as_cosine
from ddkit.methods.method import Preset
from ddkit.methods.private import door
from ddkit.methods.private.accountant import gaussian_epsilon, gaussian_sigma
from ddkit.methods.translation.regression import Statistics
from ddkit.networks import Network, build_for, parse
from ddkit.networks.precision import Precision
from ddkit.synthetic import SyntheticSet
from ddkit.training.kernels import FeatureKernel, regression_targets, solve

CHUNK = 4096  # real images whose features are in memory at once


@dataclass(frozen=True)
class Config(door.Config):
    """The knobs of private statistics."""

    updates: Annotated[int, Ge(1), Knob("of the images, which cost no privacy; the learning rates fall to zero over "
                                        "them, as a cosine")] = 400
    networks: Annotated[int, Ge(1), Knob("random networks whose statistics are released together", "k")] = 16
    image_lr: Annotated[float, Gt(0), Knob("of Adam, on the images")] = 0.1
    learn_labels: Annotated[bool, Knob("or keep them one-hot - 1 / classes")] = True
    label_lr: Annotated[float, Ge(0), Knob("of Adam, on the labels")] = 0.005
    ridge: Annotated[float, Ge(0), Knob("in units of the mean squared length of the set's features", "lambda")] = 0.1
    network: Annotated[str, Knob("whose features they are")] = "ConvNetD3"
    width: Annotated[int, Ge(1), Knob("its width")] = 16
    precision: Precision = "float32"

    def check(self) -> None:
        require(parse(self.network)[1].get("norm") != "batch", "one image's share in the statistics needs a network "
                f"without batch norm, where it would change those of the others: choose another than {self.network}")
        super().check()


PRESETS = {
    "course": Preset({}, (
        "there is no paper of just this: random features of ConvNets in place of DP-MERF's Fourier features, and "
        "images distilled from the noisy sums in place of a generator trained by them",
        "the rates, the ridge and the number of networks were chosen on validation data of FashionMNIST, so that no "
        "choice tells of MNIST; there, ten images per class served networks less than one did, which sixteen networks "
        "cannot tell apart", *door.SAID)),
}


def unit_features(network: Network, images: Tensor) -> Tensor:
    """F, float64 [n, D] with rows of length one (or zero), of images [n, C, H, W]; differentiable in them."""
    return F.normalize(FeatureKernel([network]).features(images).double(), dim=1)


def sums(networks: list[Network], images: Tensor, targets: Tensor) -> Tensor:
    """A and B of each network side by side, float64 [k, D, D + classes], of images [N, C, H, W] and targets."""
    found = []
    for network in networks:
        kernel, total = FeatureKernel([network]), 0.0
        for part, wanted in zip(images.split(CHUNK), targets.split(CHUNK), strict=True):
            rows = F.normalize(kernel.detached_features(part).double(), dim=1)
            total = total + rows.T @ torch.cat([rows, wanted.double()], 1)
        found.append(total)
    return torch.stack(found)


def usable(released: Tensor, classes: int, images: int) -> list[Statistics]:
    """What is regressed on, network by network: A symmetric and without negative directions, and B, of noisy means
    [k, D, D + classes] of so many images."""
    found = []
    for one in released:
        second, cross = one[:, :-classes], one[:, -classes:]
        values, vectors = torch.linalg.eigh((second + second.T) / 2)
        positive = (vectors * values.clamp_min(0)) @ vectors.T
        found.append(Statistics(positive, cross, torch.tensor(1 - 1 / classes).double(), images))
    return found


def regression(statistics: Statistics, ridge: float) -> Tensor:
    """The weights [D, classes] that the statistics alone give, with no set at all: (A + ridge tr(A) / D I)^-1 B."""
    second = statistics.second
    loaded = second + ridge * second.diagonal().mean() * torch.eye(len(second), dtype=second.dtype)
    return torch.linalg.solve(loaded, statistics.cross)


class OneRelease(door.PrivateMethod):
    """One update by the noisy statistics of one network."""

    Config = Config
    PRESETS = PRESETS
    validation = "kernel"

    @staticmethod
    def check_memory(config: Config, images: int, pixels: int, weights: int) -> None:
        """The networks, their statistics with the noise, and the set."""
        features = 16 * config.width  # of a ConvNet of three blocks, for want of the network itself
        require_memory(config.networks * (4 * weights + 32 * features**2) + 64 * images * pixels,
                       f"the statistics of {config.networks:,} networks", "take fewer or narrower ones")

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Prepare to update ``synthetic``; ``rng(name)`` gives the run's random streams. Nothing is released yet.

        Raises:
            InputError: as for ``PrivateMethod.enter``.
        """
        config, classes = self.config, len(dataset.classes)
        norm = math.sqrt(config.networks * (1 + (1 - 1 / classes)))
        self.enter(dataset, synthetic, rng, len(dataset.train), 1, norm)
        drawn = rng("networks")
        self.networks = [build_for(dataset, config.network, config.width, drawn, config.precision)
                         for _ in range(config.networks)]
        targets = regression_targets(synthetic.training_split(), classes)
        if config.learn_labels:
            synthetic.learn_labels(targets.float(), "targets")
        self.start_targets, self.statistics, self.done = targets, None, 0
        self.optimiser = torch.optim.Adam([group | {"rate": group["lr"]} for group in synthetic.groups(
            config.image_lr, config.label_lr, signed=True)])

    def sigma_for(self, epsilon: float) -> float:
        return gaussian_sigma(epsilon, self.config.delta)

    def epsilon_of(self, releases: int) -> float:
        return gaussian_epsilon(self.sigma, self.config.delta) if releases else 0.0

    def update(self) -> dict[str, float]:
        """One step on the images and labels, after the release where it has not been made."""
        config, synthetic, classes = self.config, self.synthetic, len(self.dataset.classes)
        if self.statistics is None:
            self._use(self.release(lambda images, labels: sums(
                self.networks, images, regression_targets(Split(images, labels), classes))))
        turn = self.done % config.networks
        images = synthetic.leaf()
        rows = unit_features(self.networks[turn], images)
        targets = synthetic.labels.double() if config.learn_labels else self.start_targets
        loss = self.statistics[turn].loss(rows.T @ solve(rows @ rows.T, targets, config.ridge))
        fall_as_cosine(self.optimiser, self.done, config.updates)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=[images, *([synthetic.labels] if config.learn_labels else [])])
        synthetic.pull(images.grad)
        self.optimiser.step()
        synthetic.constrain()
        self.done += 1
        return self.told(loss=loss.item())

    def _use(self, released: Tensor) -> None:
        self.released = released
        self.statistics = usable(released, len(self.dataset.classes), len(self.dataset.train))

    def state_dict(self) -> dict:
        return super().state_dict() | {"done": self.done, **({} if self.statistics is None else {
            "released": self.released})}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.done = state["done"]
        if "released" in state:
            self._use(state["released"])


METHOD = OneRelease
