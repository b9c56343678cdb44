"""Distillation through training: DD (Wang et al., 2018) and what followed it.

A network takes T steps of SGD on the synthetic set S, from weights theta_0. What counts is how well it then does on
real images T, and S follows the gradient of that through all the steps:

    min over S of E_theta_0 CE(T; theta_T),    theta_{t+1} = theta_t - alpha_t v_{t+1},    v_{t+1} = beta v_t + g(S_t).

DD learns the steps' rates with the images, in an order that belongs to the set; SLDD (Sucholutsky and Schonlau, IJCNN
2021) its labels, too. RTP (Deng and Russakovsky, NeurIPS 2022) takes momentum and batches at random, and as LinBa makes
its images from bases. RaT-BPTT (Feng et al., ICLR 2024) differentiates through a window of the steps that lies anew in
every update. GTN (Such et al., ICML 2020) learns a generator and a curriculum, and minds the loss after every step.
All of them are presets.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Lt
from torch import Tensor
from torch.nn.utils import parameters_to_vector
from torch.utils.checkpoint import checkpoint

from ddkit.data import Dataset, augment
from ddkit.foundation import randomness
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.memory import require_memory
from ddkit.methods.matching.classes import ClassBatches
from ddkit.methods.matching.student import Batch, Student, cross_entropy
from ddkit.methods.matching.unroll import MODES, Gradients, Loss, unroll
from ddkit.methods.method import Method
from ddkit.methods.unrolled.clipping import CLIPS, Clipping
from ddkit.methods.unrolled.named import PRESETS
from ddkit.methods.unrolled.rule import LearnedRule
from ddkit.networks import build_for
from ddkit.networks.bigbatch import images_per_backward
from ddkit.networks.names import parse
from ddkit.networks.precision import Precision
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.schedule import Schedule, ordered

HALVINGS = 10  # parts of a run, after each of which the learning rates are halved
LAST = 0.1  # the share of them that a cosine ends at


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of distillation through training."""

    updates: Annotated[int, Ge(1), Knob("of the synthetic set")] = 20000
    initialisation: Annotated[Literal["random", "fixed"], Knob(
        "weights before the first step: new ones in each update, or one theta_0 that belongs to the set")] = "random"
    starts: Annotated[int, Ge(1), Knob("new weights in an update, whose gradients are averaged")] = 1
    steps: Annotated[int, Ge(1), Knob("of the network's training on the set", "T")] = 30
    ordered: Annotated[bool, Knob("the steps see the set in an order that belongs to it; if not, batches at "
                                  "random")] = True
    step_images: Annotated[int, Ge(0), Knob("synthetic images of each class in a step (0: all)")] = 1
    images: Annotated[int, Ge(0), Knob("of the set in all, with learned labels: also fewer than there are classes (0: "
                                       "as many as asked for)")] = 0
    rate: Annotated[float, Gt(0), Knob("learning rate of the steps, at first if it is learned", "alpha")] = 0.02
    learned_rates: Annotated[bool, Knob("learn one for each step")] = True
    momentum: Annotated[float, Ge(0), Lt(1), Knob("of the steps, at first if it is learned", "beta")] = 0.0
    learned_momentum: Annotated[bool, Knob("learn one for each step")] = False
    window: Annotated[int, Ge(0), Knob("steps that are differentiated through, the first of them at random (0: "
                                       "all)", "M")] = 0
    every_step: Annotated[bool, Knob("the mean of the real losses after all steps counts, not the last alone")] = False
    real_batch: Annotated[int, Ge(1), Knob("real images of each class in a loss (all, if there are fewer)")] = 100
    learned_labels: Annotated[bool, Knob("learn labels, which weigh the classes' log-probabilities as they "
                                         "stand")] = False
    optimiser: Annotated[Literal["adam", "sgd"], Knob("of images, labels, rates and momenta")] = "adam"
    image_lr: Annotated[float, Gt(0), Knob("learning rate of the images")] = 0.01
    label_lr: Annotated[float, Ge(0), Knob("of the labels")] = 0.01
    rule_lr: Annotated[float, Ge(0), Knob("of the steps' rates and momenta, before softplus and sigmoid")] = 0.01
    image_momentum: Annotated[float, Ge(0), Lt(1), Knob("of SGD, or Adam's first beta")] = 0.5
    decay: Annotated[Literal["none", "halved", "cosine"], Knob(
        "of the learning rates over the run: none, halved after each tenth, or to a tenth as a cosine")] = "halved"
    clip: Annotated[Literal[tuple(CLIPS)], Knob("the gradient's norm: not, at a number, or at a multiple of its "
                                                "running mean")] = "none"
    clip_at: Annotated[float, Gt(0), Knob("that number, or that multiple")] = 2.0
    augmented: Annotated[bool, Knob("siamese augmentation, one draw for all steps and the real images")] = False
    gradient: Annotated[Literal[tuple(MODES)], Knob("one step's graph in memory, or all")] = "stepwise"
    network: Annotated[str, Knob("that is trained")] = "LeNet"
    width: Annotated[int, Ge(1), Knob("its width")] = 128
    memory_mib: Annotated[int, Ge(1), Knob("for the activations of the real images", unit="MiB")] = 512
    precision: Precision = "float32"

    def check(self) -> None:
        require(parse(self.network)[1].get("norm") != "batch", "training is differentiated through on networks without "
                f"batch norm, whose running statistics are no weights: choose another than {self.network}")
        require(self.window <= self.steps, f"a window of {self.window} steps does not lie within {self.steps} steps: "
                                           "make it shorter")
        require(self.ordered or not (self.learned_rates or self.learned_momentum), "rates and momenta of each step "
                "belong to an order: set ordered to true, or learned_rates and learned_momentum to false")
        require(self.momentum > 0 or not self.learned_momentum, "a momentum that is learned begins above 0: set "
                                                                "momentum, or learned_momentum to false")
        require(self.initialisation == "random" or self.starts == 1, "there is but one fixed initialisation: set "
                                                                     "starts to 1")
        require(self.initialisation == "random" or self.ordered or self.step_images == 0, "a set with weights of its "
                "own is trained on in an order of its own: set ordered to true, step_images to 0, or initialisation to "
                "random")
        require(self.images == 0 or (self.learned_labels and self.step_images == 0), "a number of images in all goes "
                "with learned labels and steps on all of them: set learned_labels to true and step_images to 0")

    @property
    def prescribes(self) -> bool:
        """Whether its sets own the order, the rates or the weights that training is to begin with."""
        return self.ordered or self.fixes_start

    @property
    def fixes_start(self) -> bool:
        """Whether they own the weights that training is to begin with."""
        return self.initialisation == "fixed"

    @property
    def chooses_start(self) -> bool:
        """Whether it replaces the images that it is given to begin with."""
        return self.images > 0


class Unrolled(Method):
    """One update of the synthetic set by the gradient of a real loss after training on it."""

    Config = Config
    PRESETS = PRESETS

    @staticmethod
    def check_memory(config: Config, images: int, pixels: int, weights: int) -> None:
        """The set with its copies, and what is kept of each step; unrolled, its graph as well."""
        require(config.images <= images, f"{config.images:,} images cannot be taken from {images:,}: raise ipc, or "
                                         "lower images")
        kept = 4 * weights * (2 if config.momentum else 1) * (4 if config.gradient == "unrolled" else 1)
        require_memory(32 * images * pixels + (config.window or config.steps) * kept,
                       f"{images:,} images and {config.steps:,} steps of training", "ask for fewer of them")

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Prepare to update ``synthetic``; ``rng(name)`` gives the run's random streams."""
        config, device = self.config, dataset.train.images.device
        self.dataset, self.synthetic = dataset, synthetic
        self.streams = {name: rng(name) for name in ("networks", "real", "batches", "augmentation", "windows")}
        self.strategy = dataset.strategy if config.augmented else "none"
        if config.learned_labels:
            _learn_labels(synthetic, config.images)
        template = self._build(torch.Generator())
        self.student = Student(template, F.cross_entropy if synthetic.soft else cross_entropy)
        self.chunk = images_per_backward(template, dataset.train.images[:1], config.memory_mib)
        self.fixed = self._weights(rng("initialisation")) if config.initialisation == "fixed" else None
        self.real = ClassBatches(dataset, config.real_batch, self.streams["real"])
        self.order = self._order().to(device) if config.ordered else None
        self.rule = LearnedRule(config, device)
        adam = config.optimiser == "adam"
        groups = [*synthetic.groups(config.image_lr, config.label_lr, adam), *self.rule.groups(config.rule_lr)]
        self.optimiser = (torch.optim.Adam(groups, betas=(config.image_momentum, 0.999)) if adam
                          else torch.optim.SGD(groups, momentum=config.image_momentum))
        self.rates = [group["lr"] for group in self.optimiser.param_groups]
        self.clipping = Clipping(config.clip, config.clip_at)
        self.done = 0

    def update(self) -> dict[str, float]:
        """One step on the images, and on labels, rates and momenta where they are learned."""
        self._decay()
        images, draw = self.synthetic.leaf(), augment.draw(self.strategy, 1, self.streams["augmentation"])
        found = [self._gradients(images, draw) for _ in range(self.config.starts)]
        self.optimiser.zero_grad(set_to_none=True)
        self.synthetic.pull(_mean([one.images for one in found]),
                            _mean([one.labels for one in found]) if self.synthetic.soft else None)
        self.rule.pull(*(_mean([getattr(one, name) for one in found]) for name in ("rate", "momentum")))
        norm = self.clipping.clip([p.grad for group in self.optimiser.param_groups for p in group["params"]])
        self.optimiser.step()
        self.synthetic.constrain()
        self.done += 1
        self._prescribe()
        return {"loss": sum(one.loss for one in found) / len(found), "slope": norm}

    def _gradients(self, images: Tensor, draw: augment.Draw | None) -> Gradients:
        """Of the real loss after the steps, the mean over them if it counts after each, from new weights."""
        config = self.config
        start = self._weights(self.streams["networks"]) if self.fixed is None else self.fixed
        batches = [Batch(indices, draw) for indices in (self.order if config.ordered else self._at_random())]
        length = config.window or config.steps
        first = int(torch.randint(config.steps - length + 1, (), generator=self.streams["windows"]))
        inner = range(first + 1, first + length) if config.every_step else ()
        losses = {t: self._real_loss(draw, len(inner) + 1) for t in inner}
        return unroll(self.student, start, images, self.synthetic.labels, batches, self.rule.rule(),
                      self._real_loss(draw, len(inner) + 1), window=(first, length), within=losses,
                      mode=config.gradient)

    def _real_loss(self, draw: augment.Draw | None, losses: int) -> Loss:
        """The mean cross-entropy of real images that are drawn now, as a function of weights; one of so many losses."""
        images = augment.apply(self.real.draw(), draw)
        labels = torch.arange(len(self.dataset.classes), device=images.device).repeat_interleave(self.real.per_class)

        def loss(weights: Tensor) -> Tensor:
            return sum(self._part(weights, *part) * (len(part[0]) / len(images))
                       for part in zip(images.split(self.chunk), labels.split(self.chunk), strict=True)) / losses

        return loss

    def _part(self, weights: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        """A chunk's mean cross-entropy, whose activations are made again for its gradient if there are more chunks."""
        of = partial(_cross_entropy, self.student)
        if self.real.per_class * len(self.dataset.classes) <= self.chunk:
            return of(weights, images, labels)
        return checkpoint(of, weights, images, labels, use_reentrant=False)

    def _build(self, generator: torch.Generator):
        return build_for(self.dataset, self.config.network, self.config.width, generator, self.config.precision)

    def _weights(self, generator: torch.Generator) -> Tensor:
        """A new network's weights, flat, [P]."""
        return parameters_to_vector(self._build(generator).parameters()).detach()

    def _order(self) -> Tensor:
        """The images of each step, [steps, n]."""
        config, count = self.config, len(self.synthetic.labels)
        if config.step_images == 0:
            return torch.arange(count).expand(config.steps, -1).clone()
        classes = len(self.synthetic.classes)
        return ordered(classes, count // classes, min(config.step_images, count // classes), config.steps)

    def _at_random(self) -> list[Tensor]:
        """Batches [n] for all steps, as many images of every class in each."""
        config, labels = self.config, self.synthetic.started_as
        if config.step_images == 0:
            return [torch.arange(len(labels), device=labels.device)] * config.steps
        members = torch.arange(len(labels)).view(len(self.synthetic.classes), -1)  # sorted by class
        found = []
        for _ in range(config.steps):
            chance = torch.rand(members.shape, generator=self.streams["batches"])
            found.append(members.gather(1, chance.argsort(1)[:, : config.step_images]).flatten().to(labels.device))
        return found

    def _decay(self) -> None:
        """Set the learning rates of this update."""
        share, factor = self.done / self.config.updates, 1.0
        if self.config.decay == "halved":
            factor = 0.5 ** int(HALVINGS * share)
        elif self.config.decay == "cosine":
            factor = LAST + (1 - LAST) * (1 + math.cos(math.pi * min(1.0, share))) / 2
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def _prescribe(self) -> None:
        """Tell the set how it is to be trained on, where that belongs to it."""
        config = self.config
        if not config.prescribes:
            return
        order = self._order() if self.order is None else self.order
        rates, momentum = self.rule.values()
        if not all(bool(values.isfinite().all()) for values in (rates, momentum)):
            return  # whoever asked for the update will find that it diverged
        self.synthetic.schedule = Schedule(order.cpu(), rates.cpu(), momentum.cpu(), config.network, config.width,
                                           None if self.fixed is None else self.fixed.cpu())

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the synthetic set and the data."""
        return {"done": self.done, "rule": self.rule.state_dict(), "clipping": self.clipping.state_dict(),
                "optimiser": self.optimiser.state_dict(), "streams": randomness.states(self.streams)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; call ``start`` first."""
        self.done = state["done"]
        self.rule.load_state_dict(state["rule"])
        self.clipping.load_state_dict(state["clipping"])
        self.optimiser.load_state_dict(state["optimiser"])
        randomness.restore(self.streams, state["streams"])
        self._prescribe()


def _cross_entropy(student: Student, weights: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(student.logits(weights, images), labels)


def _mean(values: list[Tensor | None]) -> Tensor | None:
    """The mean of gradients, or None where there are none."""
    return values[0] if len(values) == 1 or values[0] is None else torch.stack(values).mean(0)


def _learn_labels(synthetic: SyntheticSet, images: int) -> None:
    """Give the set labels to learn: its classes as ones and zeros; with fewer ``images`` in all, evenly picked, than
    classes, each image begins as an equal share of the classes that fall to it."""
    classes = len(synthetic.classes)
    if images:
        require(synthetic.start_form is None, "a number of images in all is taken of pixels, and this set has another "
                                              "form: set images to 0, or form to pixels")
        picks = torch.arange(images, device=synthetic.labels.device) * len(synthetic.labels) // images
        synthetic.images, synthetic.start = synthetic.images[picks].clone(), synthetic.start[picks].clone()
        synthetic.labels = synthetic.labels[picks]
    if len(synthetic.labels) < classes:
        owner = torch.arange(classes, device=synthetic.labels.device) * len(synthetic.labels) // classes
        labels = F.one_hot(owner, len(synthetic.labels)).T.float()
        synthetic.learn_labels(labels / labels.sum(1, keepdim=True), "weights")
    else:
        synthetic.learn_labels(F.one_hot(synthetic.labels, classes).float(), "weights")


METHOD = Unrolled
