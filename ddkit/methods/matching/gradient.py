"""Gradient matching: DC (Zhao et al., ICLR 2021), DSA (Zhao and Bilen, ICML 2021) and what followed them.

The images should pull a network where real ones pull it. With g(X) the gradient of the mean cross-entropy of X in the
weights, and D a distance of gradients (``distances``), class by class:

    L = sum over classes c of D(g(S_c), g(T_c)),

and between two updates the network is trained on the synthetic set. DSA augments both sides alike. DCC (Lee et al.,
ICML 2022) takes the mean over the classes before the distance, so that what they share does not count. Jiang et al.
(2022) add the second to the first, and the size to the angle. IDC-I (Kim et al., ICML 2022) sums absolute
differences, trains its networks on real images and steps after every class; IDC decodes several images from each that
is stored. All of them are presets.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from ddkit.data import Dataset, augment
from ddkit.foundation import randomness
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.memory import require_memory
from ddkit.methods.matching.classes import ClassBatches, at_most
from ddkit.methods.matching.distances import METRICS, PARTS, gradient_distance
from ddkit.methods.matching.mean_gradient import mean_along, mean_gradient
from ddkit.methods.matching.pool import NetworkPool, at_random, epochs, mixed
from ddkit.methods.matching.student import Batch, Student
from ddkit.methods.method import Method, Preset
from ddkit.networks import Network, build_for
from ddkit.networks.bigbatch import images_per_backward
from ddkit.networks.names import parse
from ddkit.networks.precision import Precision
from ddkit.synthetic import SyntheticSet

DEFAULT = "default"  # operations of the augmentation: the field's for the data set
ADAPTIVE = (50, 40, 30, 20) + (10,) * 6  # epochs after each of a network's first updates; 5 after all later ones


def _without_cutout(strategy: str) -> str:
    return "_".join(name for name in augment.parse(strategy) if name != "cutout") or "none"


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of gradient matching."""

    networks: Annotated[int, Ge(1), Knob("random initialisations", "K")] = 1000
    outer: Annotated[int, Ge(1), Knob("updates of the images on each of them", "T")] = 10
    inner: Annotated[int, Ge(0), Knob("the network's training between two updates: epochs on the synthetic set, or "
                                      "batches of real images")] = 50
    adaptive: Annotated[bool, Knob("of the epochs, fewer the longer a network has served")] = False
    network_on: Annotated[Literal["synthetic", "real"], Knob("what it is trained on")] = "synthetic"
    network_lr: Annotated[float, Gt(0), Knob("of its SGD")] = 0.01
    network_momentum: Annotated[float, Ge(0), Knob("of its SGD")] = 0.0
    network_decay: Annotated[float, Ge(0), Knob("of its weights")] = 0.0
    network_batch: Annotated[int, Ge(1), Knob("images in a step of its training")] = 256
    cutmix: Annotated[float, Ge(0), Le(1), Knob("share of those steps in which a box of each image is another's")] = 0.0
    level: Annotated[Literal["class", "set", "both"], Knob("whether the gradients of each class are compared, their "
                                                           "mean over the classes, or both")] = "class"
    warm_up: Annotated[int, Ge(0), Knob("networks at the beginning on which classes are compared all the same")] = 0
    metric: Annotated[Literal[tuple(METRICS)], Knob("the distance of two gradients")] = "rows"
    parts: Annotated[Literal[tuple(PARTS)], Knob("the weights that count")] = "matrices"
    together: Annotated[bool, Knob("one step for all classes; if not, a step after each")] = True
    image_lr: Annotated[float, Gt(0), Knob("learning rate of the images")] = 0.1
    image_momentum: Annotated[float, Ge(0), Knob("of the images' SGD")] = 0.5
    real_batch: Annotated[int, Ge(1), Knob("real images of each class in an update (all, if there are fewer)")] = 256
    synthetic_batch: Annotated[int, Ge(0), Knob("synthetic images of each class in an update, at random if there are "
                                                "more (0: all)")] = 0
    augmented: Annotated[bool, Knob("siamese augmentation, one draw per class")] = False
    operations: Annotated[str, Knob("of the augmentation, as in color_crop_cutout, or 'default' for the field's on the "
                                    "data set; CutMix takes the place of cutout in the network's training")] = DEFAULT
    network: Annotated[str, Knob("network to match on")] = "ConvNetD3"
    width: Annotated[int, Ge(1), Knob("its width")] = 128
    memory_mib: Annotated[int, Ge(1), Knob("for the activations of a pass and their gradients", unit="MiB")] = 512
    precision: Precision = "float32"

    def check(self) -> None:
        require(parse(self.network)[1].get("norm") != "batch", "gradients are matched on networks without batch norm, "
                f"whose statistics would depend on the class: choose another than {self.network}")
        if self.operations != DEFAULT:
            require(self.augmented, "operations are the augmentation's: set augmented to true")
            augment.parse(self.operations)
        require(self.network_on == "synthetic" or not self.adaptive, "epochs are of the synthetic set, and of real "
                "images batches are counted: set adaptive to false, or network_on to synthetic")
        require(self.level != "both" or self.warm_up == 0, "classes are compared on all networks where level is both: "
                "set warm_up to 0, or level to set")
        require(self.together or self.level == "class", "a step after each class compares classes: set together to "
                                                        "true, or level to class")

    @property
    def updates(self) -> int:
        """Image updates of a whole run: K * T."""
        return self.networks * self.outer

    def strategy(self, dataset: Dataset) -> str:
        """The augmentation of a data set."""
        if not self.augmented:
            return "none"
        return dataset.augmentation(None if self.operations == DEFAULT else self.operations)


_FIELD = ("the paper's code runs K + 1 networks; these are K",
          "outer and inner are those of 10 images per class: 1 and 1 for one image, 50 and 10 for fifty")
_START = "the method starts from {}: set init"

_IDC = {"network_on": "real", "metric": "l1", "parts": "convolutions", "together": False, "augmented": True,
        "networks": 2000, "outer": 100, "inner": 8, "network_momentum": 0.9, "network_decay": 5e-4, "network_batch": 64,
        "real_batch": 64, "image_lr": 1e-3}
_IDC_NOTES = ("the code's learning rate is 1e-4 of pixels in [0, 1] and 10 images per class, about 1e-3 of normalised "
              "ones on MNIST; it grows with the images per class",)

PRESETS = {
    "dc": Preset({}, (*_FIELD, _START.format("noise"))),
    "dsa": Preset({"augmented": True}, (*_FIELD, _START.format("real images"))),
    "dcc": Preset(
        {"level": "set", "outer": 50, "inner": 10, "warm_up": 250},
        ("the code compares classes on the first 250 networks only while a network is young; here in all of their "
         "updates", "outer and inner are those of fifty images per class in DC, which is what the code has at ten",
         _START.format("real images"))),
    "jiang": Preset(
        {"level": "both", "metric": "rows_and_size", "adaptive": True, "network_momentum": 0.5},
        (*_FIELD[:1], "the epochs of a network's training are the code's table: 50, 40, 30, 20, six times 10, then 5",
         "the mean over the classes is weighted by their number", _START.format("noise"))),
    "idc_i": Preset(
        _IDC,
        ("IDC without its multi-formation: every stored image is one image", *_IDC_NOTES,
         "the networks' own training has siamese augmentation, and no cutmix", _START.format("real images"))),
    "idc": Preset(
        {**_IDC, "cutmix": 0.5, "operations": "color_crop_cutout", "synthetic_batch": 128},
        (*_IDC_NOTES, "networks begin untrained, as in the code's default", _START.format("real images")),
        {"mnist": Preset({"cutmix": 0.0, "operations": "color_crop"},
                         ("on MNIST the code's settings have neither cutmix nor cutout",)),
         "cifar10": Preset({"metric": "mse", "image_lr": 0.08, "inner": 31}, (
             "on CIFAR-10 the code compares by squared differences, at a rate of 5e-3 on pixels in [0, 1], which is "
             "about 0.08 here, and trains networks on 2,000 images between",))},
        form=("multi-formation", {"factor": 2})),
    "course": Preset(
        {"augmented": True, "networks": 40, "outer": 10, "inner": 2, "image_lr": 1.0, "real_batch": 32, "width": 32},
        ("DSA: 40 networks of width 32 with 10 updates on each at a rate of 1, chosen on validation data of MNIST, 32 "
         "real images of each class and 2 epochs of training between updates, so that a processor core needs minutes; "
         "the paper has 1,000 networks of width 128, a rate of 0.1, 256 images and 50 epochs", _START.format(
             "real images"))),
}


class GradientMatching(Method):
    """One update of the synthetic set by gradient matching."""

    Config = Config
    PRESETS = PRESETS

    @staticmethod
    def check_memory(config: Config, images: int, pixels: int, weights: int) -> None:
        """The set with its copies, and a few gradients; activations are passed in chunks that fit."""
        require_memory(32 * images * pixels + 40 * weights, f"a set of {images:,} images", "ask for fewer of them")

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Prepare to update ``synthetic``; ``rng(name)`` gives the run's random streams."""
        config = self.config
        self.dataset, self.synthetic = dataset, synthetic
        named = ["networks", "sampling", "augmentation", "training", "training augmentation"]
        named += ["cutmix"] * bool(config.cutmix) + ["picks"] * bool(config.synthetic_batch)
        self.streams = {name: rng(name) for name in named}
        self.strategy = config.strategy(dataset)
        self.real = ClassBatches(dataset, config.real_batch, self.streams["sampling"])
        self.optimiser = torch.optim.SGD(synthetic.groups(config.image_lr), momentum=config.image_momentum)
        self.classes = len(dataset.classes)
        template = self._build(torch.Generator())
        self.student = Student(template)
        self.chunk = images_per_backward(template, dataset.train.images[:1], config.memory_mib)
        self.pool = NetworkPool(partial(self._build, self.streams["networks"]), 1, config.network_lr,
                                config.network_momentum, config.network_decay, self.chunk)
        self.done = 0

    def _build(self, generator: torch.Generator) -> Network:
        return build_for(self.dataset, self.config.network, self.config.width, generator, self.config.precision)

    def update(self) -> dict[str, float]:
        """One step on the images, or one for each class, after the network's renewal or training."""
        served = self.done % self.config.outer
        if served == 0:
            self.pool.renew()
        else:
            self.pool.train(-1, self._batches(served - 1))
        loss = self._match()
        self.done += 1
        return {"loss": loss}

    def _batches(self, served: int) -> Iterable:
        """What the network is trained on after so many updates on it."""
        config, train, synthetic = self.config, self.dataset.train, self.synthetic
        strategy = _without_cutout(self.strategy) if config.cutmix else self.strategy
        how = (config.network_batch, strategy, self.streams["training"], self.streams["training augmentation"])
        if config.network_on == "real":
            batches = at_random(train.images, train.labels, config.inner, *how)
        else:
            count = (ADAPTIVE[served] if served < len(ADAPTIVE) else 5) if config.adaptive else config.inner
            batches = epochs(synthetic.images.detach(), synthetic.labels, count, *how)
        return mixed(batches, config.cutmix, self.classes, self.streams["cutmix"]) if config.cutmix else batches

    def _match(self) -> float:
        """Step on the images, once or class by class; returns the loss."""
        self.weights = parameters_to_vector(self.pool.network(-1).parameters()).detach()
        draws = [augment.draw(self.strategy, 1, self.streams["augmentation"]) for _ in range(self.classes)]
        real = self.real.draw().unflatten(0, (self.classes, -1))
        steps = [range(self.classes)] if self.config.together else [[c] for c in range(self.classes)]
        return sum(self._step([(c, real[c], draws[c]) for c in step]) for step in steps)

    def _step(self, sides: list[tuple[int, Tensor, augment.Draw | None]]) -> float:
        """One step on the images of some classes, given with real images of each and their augmentation.

        The gradients come first, without a graph; then the loss's slope in each of them; and last, chunk by chunk, how
        the gradient changes along its slope with each image.
        """
        images, labels = self.synthetic.images.detach(), self.synthetic.labels
        own = [at_most(torch.nonzero(labels == c)[:, 0], self.config.synthetic_batch, self.streams.get("picks"))
               for c, *_ in sides]
        targets = torch.stack([self._gradient(real, torch.full_like(labels[:1], c).expand(len(real)),
                                              torch.arange(len(real), device=real.device), draw)
                               for c, real, draw in sides])
        found = torch.stack([self._gradient(images, labels, picks, draw)
                             for picks, (*_, draw) in zip(own, sides, strict=True)]).requires_grad_()
        loss = self._loss(found, targets)
        (slopes,) = torch.autograd.grad(loss, found)
        self.optimiser.zero_grad(set_to_none=True)
        of_images = torch.zeros_like(images)
        for picks, (*_, draw), slope in zip(own, sides, slopes, strict=True):
            of_images[picks] = mean_along(self.student, self.weights, images, labels, Batch(picks, draw), slope,
                                          self.chunk)
        self.synthetic.pull(of_images, chunk=self.chunk)
        self.optimiser.step()
        self.synthetic.constrain()
        return loss.item()

    def _gradient(self, images: Tensor, labels: Tensor, picks: Tensor, draw: augment.Draw | None) -> Tensor:
        """Gradient [P] of the mean cross-entropy of some images in the weights, without a graph."""
        return mean_gradient(self.student, self.weights, images, labels, Batch(picks, draw), self.chunk)

    def _loss(self, found: Tensor, targets: Tensor) -> Tensor:
        """The distance of synthetic and real gradients, each [classes, P]."""
        config = self.config

        def distance(one: Tensor, other: Tensor) -> Tensor:
            return gradient_distance(one, other, self.student.shapes, config.metric, config.parts)

        warming = self.done < config.warm_up * config.outer
        level = "class" if warming and config.level == "set" else config.level
        total = found.new_zeros(())
        if level != "set":
            total = total + sum(distance(one, other) for one, other in zip(found, targets, strict=True))
        if level == "both":
            total = total + len(found) * distance(found.mean(0), targets.mean(0))
        elif level == "set":
            total = total + distance(found.mean(0), targets.mean(0))
        return total

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the synthetic set and the data."""
        return {"done": self.done, "pool": self.pool.state_dict(), "optimiser": self.optimiser.state_dict(),
                "streams": randomness.states(self.streams)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; call ``start`` first."""
        self.done = state["done"]
        self.pool.load_state_dict(state["pool"])
        self.optimiser.load_state_dict(state["optimiser"])
        randomness.restore(self.streams, state["streams"])


METHOD = GradientMatching
