"""PSG: private set generation (Chen, Kerkouche and Fritz, NeurIPS 2022), gradient matching behind a noisy door.

The images follow the distance D of two gradients on a network that is trained on the synthetic set alone,

    L = D(g(S), g~(T)),

where g~ is ``mechanism.privatise`` of a Poisson batch of all classes. Nothing else of the real images is ever seen, and
what is computed from a private quantity is as private: the networks, the losses, the images, all states on the way.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from ddkit.data import Dataset
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob
from ddkit.foundation.memory import require_memory
from ddkit.methods.matching.distances import gradient_distance
from ddkit.methods.matching.mean_gradient import mean_along, mean_gradient
from ddkit.methods.matching.pool import NetworkPool, epochs
from ddkit.methods.matching.student import Batch, Student
from ddkit.methods.method import Preset
from ddkit.methods.private import door
from ddkit.methods.private.mechanism import FASTEST, clipped_sum, sample_gradients
from ddkit.networks import Network, build_for
from ddkit.networks.bigbatch import images_per_backward
from ddkit.networks.names import parse
from ddkit.networks.precision import Precision
from ddkit.synthetic import SyntheticSet

COPIES = 16  # bytes that a weight's gradient of one image takes while it is clipped


@dataclass(frozen=True)
class Config(door.Config):
    """The knobs of private sets."""

    updates: Annotated[int, Ge(1), Knob("of the images, each by one noisy gradient")] = 100_000
    clip: Annotated[float, Gt(0), Knob("largest norm of one image's gradient", "R")] = 0.1
    real_batch: Annotated[int, Ge(1), Knob("real images of an update on average", "B")] = 256
    steps: Annotated[int, Ge(1), Knob("updates between two trainings of the network")] = 10
    outer: Annotated[int, Ge(1), Knob("times that many on each network", "T")] = 10
    inner: Annotated[int, Ge(0), Knob("epochs that the network is trained on the synthetic set, between")] = 50
    network_lr: Annotated[float, Gt(0), Knob("of its SGD")] = 0.01
    network_batch: Annotated[int, Ge(1), Knob("images in a step of its training")] = 256
    image_lr: Annotated[float, Gt(0), Knob("learning rate of the images")] = 0.1
    image_momentum: Annotated[float, Ge(0), Knob("of the images' SGD")] = 0.5
    network: Annotated[str, Knob("network to match on")] = "ConvNetD3"
    width: Annotated[int, Ge(1), Knob("its width")] = 128
    memory_mib: Annotated[int, Ge(1), Knob("for activations, and for the gradients of single images", unit="MiB")] = 512
    precision: Precision = "float32"

    def check(self) -> None:
        require(parse(self.network)[1].get("norm") != "batch", "an image's own gradient needs a network without batch "
                f"norm, where it would depend on the others: choose another than {self.network}")
        super().check()


PRESETS = {
    "course": Preset({"updates": 400, "real_batch": 1024, "image_lr": 2.0, "inner": 10, "width": 32}, (
        "in place of 100,000 updates by batches of 256 on networks of width 128 there are 400 by batches of 1,024, in "
        "which the noise is smaller beside the gradient, on networks of width 32: minutes of a processor core on MNIST",
        "the learning rate and the batch were chosen on validation data of FashionMNIST, so that no choice tells of "
        "MNIST", *door.SAID)),
    "psg": Preset({}, (
        "the paper's code runs 1,001 networks and accounts for 1,000; here every noisy gradient is accounted for",
        "outer is that of 10 images per class: 1 for one, 50 for fifty, with 10,000 and 500,000 updates",
        "networks have instance norm, those of the code group norm; both treat every image by itself", *door.SAID)),
}


class PrivateMatching(door.PrivateMethod):
    """One update of the synthetic set by a noisy gradient of real images."""

    Config = Config
    PRESETS = PRESETS

    @staticmethod
    def check_memory(config: Config, images: int, pixels: int, weights: int) -> None:
        """The set with its copies, and the gradient of one image at least; more go in chunks that fit."""
        require_memory(32 * images * pixels + (40 + COPIES) * weights, f"a set of {images:,} images",
                       "ask for fewer of them")

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Prepare to update ``synthetic``; ``rng(name)`` gives the run's random streams.

        Raises:
            InputError: the set begins from real images, or its form does; or no noise keeps so many updates within
                epsilon.
        """
        config = self.config
        self.enter(dataset, synthetic, rng, config.real_batch, config.updates, config.clip)
        self.streams |= {name: rng(name) for name in ("networks", "training", "training augmentation")}
        self.optimiser = torch.optim.SGD(synthetic.groups(config.image_lr), momentum=config.image_momentum)
        template = self._build(torch.Generator())
        self.student = Student(template)
        self.chunk = images_per_backward(template, synthetic.images[:1], config.memory_mib)
        weights = sum(shape.numel() for shape in self.student.shapes.values())
        self.singles = max(1, min(FASTEST, self.chunk, config.memory_mib * 2**20 // (COPIES * weights)))
        self.pool = NetworkPool(partial(self._build, self.streams["networks"]), 1, config.network_lr, 0.0, 0.0,
                                self.chunk)

    def _build(self, generator: torch.Generator) -> Network:
        return build_for(self.dataset, self.config.network, self.config.width, generator, self.config.precision)

    def update(self) -> dict[str, float]:
        """One step on the images, after the network's renewal or training where it is due.

        Raises:
            InputError: all updates that epsilon allows are made.
        """
        config = self.config
        if self.spent % (config.outer * config.steps) == 0:
            self.pool.renew()
        elif self.spent % config.steps == 0:
            self.pool.train(-1, self._batches())
        weights = parameters_to_vector(self.pool.network(-1).parameters()).detach()
        loss = self._step(weights, self._noisy_gradient(weights))
        return self.told(loss=loss)

    def _batches(self):
        return epochs(self.synthetic.images.detach(), self.synthetic.labels, self.config.inner,
                      self.config.network_batch, "none", self.streams["training"],
                      self.streams["training augmentation"])

    def _noisy_gradient(self, weights: Tensor) -> Tensor:
        """All that is ever seen of real images, [P]."""
        def total(images: Tensor, labels: Tensor) -> Tensor:
            gradients = sample_gradients(self.student, weights, images, labels, self.singles)
            return sum(clipped_sum(some, self.config.clip) for some in gradients)

        return self.release(total)

    def _step(self, weights: Tensor, target: Tensor) -> float:
        """One step of the images towards a gradient [P]; returns the distance."""
        synthetic, student = self.synthetic, self.student
        images, labels = synthetic.leaf(), synthetic.labels
        every = Batch(torch.arange(len(images), device=images.device))
        found = mean_gradient(student, weights, images.detach(), labels, every, self.chunk).requires_grad_()
        loss = gradient_distance(found, target, student.shapes)
        (slope,) = torch.autograd.grad(loss, found)
        self.optimiser.zero_grad(set_to_none=True)
        synthetic.pull(mean_along(student, weights, images, labels, every, slope, self.chunk), chunk=self.chunk)
        self.optimiser.step()
        synthetic.constrain()
        return loss.item()

    def state_dict(self) -> dict:
        return super().state_dict() | {"pool": self.pool.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.pool.load_state_dict(state["pool"])  # builds networks, before the streams are put where they were
        super().load_state_dict(state)
