"""What the methods of kernel ridge regression share: KIP, RFAD and FRePo differ in their kernel only.

A model that has a closed form needs no training loop inside the distillation. With a kernel K, the synthetic images S
and their labels y predict a batch of real images T at once (Nguyen et al., "Dataset Meta-Learning from Kernel Ridge
Regression", ICLR 2021, eq. 7), and the images and labels follow the gradient of the prediction's error:

    predicted = K_ts (K_ss + lambda tr(K_ss) / n I)^-1 y_s
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from ddkit.data import Dataset, Split, augment
from ddkit.foundation import randomness
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.memory import require_memory
from ddkit.methods.falling import fall_as_cosine
from ddkit.methods.method import Method
from ddkit.networks import Network, build_for
from ddkit.networks.precision import Precision
from ddkit.synthetic import SyntheticSet
from ddkit.training.kernels import RIDGE, FeatureKernel, regression_targets, solve


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs that all methods of kernel ridge regression have."""

    updates: Annotated[int, Ge(1), Knob("of the images; the learning rates fall to zero over them, as a cosine")] = 1000
    image_lr: Annotated[float, Gt(0), Knob("of Adam, on the images")] = 0.01
    learn_labels: Annotated[bool, Knob("or keep them one-hot - 1 / classes")] = True
    label_lr: Annotated[float, Ge(0), Knob("of Adam, on the labels")] = 0.01
    real_batch: Annotated[int, Ge(1), Knob("real images predicted in an update")] = 1000
    augmentation: Annotated[float, Ge(0), Le(1), Knob("of these: the share of every range that siamese augmentation "
                                                      "draws from (0: none)")] = 0.0
    ridge: Annotated[float, Ge(0), Knob("in units of the kernel's mean diagonal entry", "lambda")] = RIDGE
    network: Annotated[str, Knob("whose kernel or features it is")] = "ConvNetD3"
    width: Annotated[int, Ge(1), Knob("its width")] = 128
    precision: Precision = "float32"


class KernelRegression(Method):
    """One step of Adam on the error of kernel ridge regression; subclasses say which kernel."""

    Config = Config
    validation = "kernel"

    @classmethod
    def check_memory(cls, config: Config, images: int, pixels: int, weights: int) -> None:
        """The real images of an update, the kernels in float64 and their gradients, and the networks."""
        batch, alive = config.real_batch, cls.networks_alive(config)
        require_memory(12 * batch * pixels + 32 * images * (pixels + images + batch),
                       f"{batch:,} real and {images:,} synthetic images in an update", "take a smaller real_batch")
        require_memory(16 * alive * weights, f"{alive:,} networks at a time", "take fewer or narrower ones")

    @staticmethod
    def networks_alive(config: Config) -> int:
        """Networks that are in memory at the same time."""
        return 0

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Prepare to update ``synthetic``; ``rng(name)`` gives the run's random streams."""
        self.dataset, self.synthetic = dataset, synthetic
        self.streams = {name: rng(name) for name in ("networks", "sampling", "augmentation")}
        self.strategy = dataset.strategy if self.config.augmentation else "none"
        require(not self.config.augmentation or augment.parse(self.strategy),
                f"{dataset.name} has no augmentation that leaves labels as they are: set augmentation to 0")
        self.start_targets = regression_targets(synthetic.training_split(), len(dataset.classes))
        if self.config.learn_labels:
            synthetic.learn_labels(self.start_targets.float(), "targets")
        self.optimiser = torch.optim.Adam(self.learned(), lr=self.config.image_lr)
        self.done = 0

    def learned(self) -> list[dict]:
        """What is learned and at which rate, as Adam's groups."""
        return [group | {"rate": group["lr"]}
                for group in self.synthetic.groups(self.config.image_lr, self.config.label_lr, signed=True)]

    def beside_images(self) -> list[Tensor]:
        """What the loss is differentiated in besides the images."""
        return [self.synthetic.labels] if self.config.learn_labels else []

    @property
    def targets(self) -> Tensor:
        """y_s, float64 [n, classes]."""
        return self.synthetic.labels.double() if self.config.learn_labels else self.start_targets

    def update(self) -> dict[str, float]:
        """One step on the images and labels."""
        config = self.config
        (real, labels), images = self._sample_real(), self.synthetic.leaf()
        k_ts, k_ss = self.kernels(real, images)
        if not bool(k_ss.isfinite().all() and k_ts.isfinite().all()):
            return {"loss": math.nan}  # of networks or images that diverged: the loop says so and goes back
        loss = self.loss(k_ts.double() @ solve(k_ss, self.targets, config.ridge), labels)
        fall_as_cosine(self.optimiser, self.done, config.updates)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=[images, *self.beside_images()])
        self.synthetic.pull(images.grad)
        self.optimiser.step()
        self.synthetic.constrain()
        self.done += 1
        return {"loss": loss.item()}

    def _sample_real(self) -> tuple[Tensor, Tensor]:
        """Real images [N, C, H, W], each augmented with parameters of its own, and their classes [N]."""
        train, config = self.dataset.train, self.config
        pick = torch.randint(len(train), (config.real_batch,), generator=self.streams["sampling"])
        pick = pick.to(train.images.device)
        draw = augment.draw(self.strategy, len(pick), self.streams["augmentation"], config.augmentation)
        return augment.apply(train.images[pick], draw), train.labels[pick]

    def kernels(self, real: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """K_ts [N, n] of real and synthetic images, and K_ss [n, n] in float64."""
        raise NotImplementedError

    def loss(self, predicted: Tensor, labels: Tensor) -> Tensor:
        """The error of predictions [N, classes] for images of classes ``labels`` [N]: their squared distance from
        the targets, averaged over the images."""
        targets = regression_targets(Split(predicted, labels), predicted.shape[1])
        return (predicted - targets).square().sum(1).mean()

    def feature_kernels(self, kernel: FeatureKernel, real: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """``kernels`` from features; those of real images carry no gradient."""
        synthetic = kernel.features(images)
        return kernel.detached_features(real) @ synthetic.T, synthetic.double() @ synthetic.double().T

    def fresh_network(self) -> Network:
        return build_for(self.dataset, self.config.network, self.config.width, self.streams["networks"],
                         self.config.precision)

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the synthetic set and the data."""
        return {"done": self.done, "optimiser": self.optimiser.state_dict(),
                "streams": randomness.states(self.streams)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; call ``start`` first."""
        self.done = state["done"]
        self.optimiser.load_state_dict(state["optimiser"])
        randomness.restore(self.streams, state["streams"])
