"""Trajectory matching: MTT (Cazenavette et al., CVPR 2022), DATM (Guo et al., ICLR 2024), PAD (Li et al., 2024), FTD
(Du et al., CVPR 2023), HaBa (Liu et al., NeurIPS 2022).

An expert's weights after epochs t and t + M are known. A student that starts from the first and takes N steps of SGD
on the synthetic set should arrive at the second:

    L = |theta_N - theta*_{t+M}|^2 / |theta*_t - theta*_{t+M}|^2,   theta_{i+1} = theta_i - alpha grad CE(theta_i; S_i).

All are presets of one objective: they differ in the experts' data and flatness, in the range of t, in whether labels
are learned, in which steps are skipped, in which weights count, and in what the images are made of.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from ddkit.data import Dataset
from ddkit.foundation import randomness
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.memory import require_memory
from ddkit.methods.average import Shown
from ddkit.methods.matching.student import GRADIENTS, Batch, Batches, OneView, Student
from ddkit.methods.method import Method, Preset
from ddkit.networks import Network
from ddkit.networks.precision import Precision
from ddkit.synthetic import SyntheticSet
from ddkit.training import logits
from ddkit.training.experts import Plan, Trajectories
from ddkit.training.sharpness import require_radius

SMALLEST_RATE = 1e-6  # that a learned learning rate may fall to


def trajectory_loss(student: Tensor, start: Tensor, target: Tensor) -> Tensor:
    """MTT's loss (eq. 2) of flat weights, each [P]: the distance left over the distance to go, both squared."""
    return (student - target).square().sum() / (start - target).square().sum()


def right_logits(experts: list[Network], images: Tensor, labels: Tensor) -> Tensor:
    """The mean logits [N, classes], on the CPU, of those experts that get an image's class [N] right; NaN if none does.
    """
    scores = torch.stack([logits(expert, images) for expert in experts])  # [experts, N, classes]
    correct = (scores.argmax(2) == labels.cpu())[..., None]
    return (scores * correct).sum(0) / correct.sum(0)


@dataclass(frozen=True)
class Segment:
    """A piece of an expert's trajectory: where the student starts and where it should arrive, flat weights [P].

    ``first`` is the first weight that counts: those before it, the shallow layers', are left out of the loss.
    """

    start: Tensor
    target: Tensor
    first: int = 0

    def loss(self, student: Tensor) -> Tensor:
        return trajectory_loss(*(weights[self.first :] for weights in (student, self.start, self.target)))


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of trajectory matching, in the papers' symbols, and of the experts it follows (see ``Plan``)."""

    updates: Annotated[int, Ge(1), Knob("of the synthetic set")] = 5000
    student_steps: Annotated[int, Ge(1), Knob("steps of the student on the synthetic set", "N")] = 80
    expert_span: Annotated[int, Ge(1), Knob("epochs of the expert that they should cover", "M")] = 2
    first_start: Annotated[int, Ge(0), Knob("the earliest epoch that a student starts from", "T-")] = 0
    last_start: Annotated[int, Ge(0), Knob("the latest one at the beginning", "T")] = 10
    final_start: Annotated[int, Ge(0), Knob("the latest one after the expansion", "T+")] = 20
    expansion: Annotated[int, Ge(1), Knob("updates in which T grows to T+")] = 1000
    batch: Annotated[int, Ge(0), Knob("synthetic images in a step (0: all)")] = 0
    image_lr: Annotated[float, Gt(0), Knob("learning rate of the images")] = 100.0
    image_momentum: Annotated[float, Ge(0), Knob("of the images' SGD")] = 0.5
    average: Annotated[float, Ge(0), Lt(1), Knob("decay of the images' running mean, which the set is (0: the "
                                                   "latest)")] = 0.0
    rate: Annotated[float, Gt(0), Knob("the student's learning rate at the start", "alpha")] = 0.01
    rate_lr: Annotated[float, Ge(0), Knob("of its logarithm; 0 keeps it")] = 0.01
    learned_labels: Annotated[bool, Knob("start from images that experts get right, with their mean logits, and learn "
                                         "these")] = False
    label_lr: Annotated[float, Ge(0), Knob("learning rate of the labels")] = 1.0
    label_momentum: Annotated[float, Ge(0), Knob("of the labels' SGD")] = 0.9
    threshold: Annotated[float, Ge(0), Knob("updates whose loss is larger are skipped (0: none is)")] = 0.0
    left_out: Annotated[float, Ge(0), Lt(1), Knob("share of the weights, the shallow ones, that the loss leaves "
                                                  "out")] = 0.0
    gradient: Annotated[Literal["stepwise", "unrolled"], Knob("one step's graph in memory, or all")] = "stepwise"
    augmented: Annotated[bool, Knob("siamese augmentation of the student's images")] = True
    one_view: Annotated[bool, Knob("of a form that makes several images of each base, a step sees one view of "
                                   "its bases, drawn at random")] = False
    network: Annotated[str, Knob("of the experts and the student")] = "ConvNetD3"
    width: Annotated[int, Ge(1), Knob("its width")] = 128
    experts: Annotated[int, Ge(1), Knob("how many")] = 10
    expert_epochs: Annotated[int, Ge(1), Knob("length of each")] = 50
    expert_lr: Annotated[float, Gt(0), Knob("of their SGD")] = 0.01
    expert_batch: Annotated[int, Ge(1), Knob("images in a step of an expert")] = 256
    sharpness: Annotated[float, Ge(0), Knob("radius of the experts' sharpness-aware minimisation", "rho")] = 0.0
    gap: Annotated[float, Ge(0), Knob("weight of GSAM's step beside that radius")] = 0.0
    difficulty: Annotated[Literal["none", "el2n", "grand"], Knob("the score that orders the experts' data")] = "none"
    half: Annotated[bool, Knob("store experts in half precision")] = False
    precision: Precision = "float32"

    def check(self) -> None:
        require_radius(self)
        require(self.first_start <= self.last_start <= self.final_start, "start epochs must satisfy 0 <= "
                f"first_start <= last_start <= final_start, got {self.first_start}, {self.last_start}, "
                f"{self.final_start}")
        require(self.final_start + self.expert_span <= self.expert_epochs,
                f"experts of {self.expert_epochs} epochs end before final_start {self.final_start} + expert_span "
                f"{self.expert_span}: train them for longer or start earlier")

    @property
    def inits(self) -> tuple[str, ...] | None:
        """What a set may begin from: experts' logits, where labels are learned, are those of real images."""
        return ("real",) if self.learned_labels else None

    @property
    def plan(self) -> Plan:
        """How the experts are trained."""
        return Plan(self.network, self.width, self.experts, self.expert_epochs, self.expert_lr, self.expert_batch,
                    self.sharpness, difficulty=self.difficulty, half=self.half, precision=self.precision,
                    gap=self.gap)

    def segment(self, start: Tensor, target: Tensor) -> Segment:
        """What is matched between two snapshots, flat weights [P]."""
        return Segment(start, target, int(self.left_out * len(start)))

    def batches(self, dataset: Dataset, synthetic: SyntheticSet, shuffling: torch.Generator,
                augmentation: torch.Generator) -> Batches:
        """What a student's steps see of a set, one batch after another."""
        strategy = dataset.strategy if self.augmented else "none"
        how = (self.batch, strategy, shuffling, augmentation, synthetic.labels.device)
        views = synthetic.form.views if self.one_view else 1
        return Batches(len(synthetic.labels), *how) if views == 1 else OneView(len(synthetic.labels), views, *how)

    def latest_start(self, update: int) -> int:
        """T(it): the latest start epoch in ``update`` (from 0), growing evenly from T to T+."""
        grown = min(1.0, update / self.expansion)
        return self.last_start + int(grown * (self.final_start - self.last_start))


_DATM = {"learned_labels": True, "threshold": 1.0}  # and the defaults
_DATM_NOTE = ("N, M and the range of start epochs are DATM's for CIFAR-10 at 10 images per class (80, 2, 0 to 10 "
              "growing to 20): the paper has none for MNIST")
_CIFAR = "{} are {} for CIFAR-10 at 10 images per class: there are none for MNIST"
_TRAJECTORY = ("the student's learning rate is learned as its logarithm, so that it cannot become negative; the papers "
               "learn it directly",
               "the gradient is the unrolled one, computed step by step; TESLA's own leaves a term out")

PRESETS = {
    "mtt": Preset(
        {"last_start": 10, "final_start": 10, "student_steps": 30, "image_lr": 1000.0},
        ("the paper has no setting for MNIST: these are of the size of its CIFAR-10 ones at 10 images per class",
         *_TRAJECTORY),
    ),
    "datm": Preset(_DATM, (_DATM_NOTE, *_TRAJECTORY)),
    "pad": Preset(
        {**_DATM, "difficulty": "el2n", "left_out": 0.5},
        (_DATM_NOTE, "the schedule of subsets is the paper's, stretched to the length of the experts' training; "
         "the difficulty is EL2N, averaged over three networks after one epoch",
         "half of the weights, the shallow ones, are left out, as for 10 images per class: set left_out to 0 for 1 "
         "and to 0.25 for 50", *_TRAJECTORY),
    ),
    "ftd": Preset(
        {"sharpness": 0.01, "gap": 1.0, "average": 0.999, "student_steps": 30, "last_start": 19, "final_start": 19,
         "rate": 0.001},
        ("the paper's rho, alpha and decay; its code has 0.4 for alpha, 0.9995 for the decay, and scales the radius by "
         "the weights (ASAM), which is left out", _CIFAR.format("steps, start epochs and rates", "FTD's"),
         *_TRAJECTORY),
    ),
    "haba": Preset(
        {"one_view": True, "image_momentum": 0.95, "student_steps": 30, "last_start": 19, "final_start": 19,
         "updates": 15000},
        ("the adversarial term that keeps a base's images apart is left out, with the network that it trains",
         "4 hallucinators begin near the identity, on bases of half the height and width; the paper's are 5, begin at "
         "random and see whole images: set the form's number and shrink",
         "every part of the form has the rate at which its steps move images as one of 100 in pixels would, far below "
         "HaBa's own, 100 for bases and hallucinators alike", _CIFAR.format("steps and start epochs", "HaBa's"),
         *_TRAJECTORY),
        form=("hallucinators", {}),
    ),
}


class TrajectoryMatching(Method):
    """One update of the synthetic set by trajectory matching. Set ``trajectories`` before ``start``."""

    Config = Config
    PRESETS = PRESETS
    learns_rate = True
    chooses_start = True  # which images it begins with is only known once it has begun
    trajectories: Trajectories

    @staticmethod
    def check_memory(config: Config, images: int, pixels: int, weights: int) -> None:
        """The set with its copies, and the weights that a student visits; unrolled, every step's graph as well."""
        visited = 4 * weights * (4 if config.gradient == "unrolled" else 1) + 1000
        require_memory(32 * images * pixels + config.student_steps * visited,
                       f"{images:,} images and {config.student_steps:,} steps of a student", "ask for fewer of them")

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Prepare to update ``synthetic``; ``rng(name)`` gives the run's random streams."""
        config = self.config
        self.dataset, self.synthetic = dataset, synthetic
        self.streams = {name: rng(name) for name in ("segments", "batches", "augmentation")}
        self.student = Student(self.trajectories.template(dataset))
        if config.learned_labels:
            self._begin_where_experts_are_right(rng("start"))
        # The learning rate is learned as its logarithm, so that it stays positive.
        self.log_rate = torch.tensor(math.log(config.rate), device=synthetic.images.device)
        groups = synthetic.groups(config.image_lr)
        groups.insert(len(synthetic.form.parts), {"params": [self.log_rate], "lr": config.rate_lr})
        if config.learned_labels:
            groups[-1] |= {"lr": config.label_lr, "momentum": config.label_momentum}
        self.optimiser = torch.optim.SGD(groups, momentum=config.image_momentum)
        self.shown = Shown(config.average, list(synthetic.form.parts.values()))
        self.batches = config.batches(dataset, synthetic, self.streams["batches"], self.streams["augmentation"])
        self.done = 0

    def update(self) -> dict[str, float]:
        """One step on images, labels and learning rate, unless the loss is above the threshold."""
        with self.shown.latest():
            return self._step()

    def _step(self) -> dict[str, float]:
        config, synthetic = self.config, self.synthetic
        rate = self.log_rate.exp()
        found = GRADIENTS[config.gradient](self.student, synthetic.leaf(), synthetic.labels, rate, self._batches(),
                                           self._segment())
        skipped = bool(config.threshold) and found.loss > config.threshold
        if not skipped:
            self.optimiser.zero_grad(set_to_none=True)
            synthetic.pull(found.images, found.labels)
            self.log_rate.grad = found.rate * rate
            self.optimiser.step()
            synthetic.constrain()
            self.log_rate.clamp_(min=math.log(SMALLEST_RATE))
        self.done += 1
        synthetic.learning_rate = float(self.log_rate.exp())
        return {"loss": found.loss, "rate": synthetic.learning_rate, "skipped": float(skipped)}

    def _segment(self) -> Segment:
        """A random expert from a random start epoch on."""
        config, device = self.config, self.synthetic.images.device
        expert = self._integer(0, config.experts - 1)
        epoch = self._integer(config.first_start, config.latest_start(self.done))
        start, target = (self.trajectories.weights(expert, e).to(device) for e in (epoch, epoch + config.expert_span))
        return config.segment(start, target)

    def _integer(self, low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=self.streams["segments"]))

    def _batches(self) -> list[Batch]:
        """What the N steps of a student see."""
        return [self.batches.next() for _ in range(self.config.student_steps)]

    def _begin_where_experts_are_right(self, generator: torch.Generator) -> None:
        """DATM's start: real images that an expert classifies correctly, and the right experts' mean logits of what the
        form makes of them; of the real one itself where that is so little like it that no expert is right."""
        synthetic, train = self.synthetic, self.dataset.train
        require(synthetic.origin["init"] == "real", "learned labels begin as experts' logits of real images: start "
                                                    "from real images, or set learned_labels to false")
        order = torch.randperm(len(train), generator=generator)
        finished = [self.trajectories.network(i, self.config.expert_epochs, self.dataset)
                    for i in range(self.config.experts)]
        right = logits(finished[0], train.images).argmax(1) == train.labels.cpu()
        labels = train.labels.cpu()[order]
        chosen = torch.cat([order[(labels == c) & right[order]][: synthetic.ipc]
                            for c in range(len(synthetic.classes))]).to(train.labels.device)
        require(len(chosen) == len(synthetic.images), "the experts classify too few images correctly to start from: "
                                                      "train them for longer, or ask for fewer images per class")
        synthetic.begin_at(train.images[chosen], generator)
        made, real = (right_logits(finished, images, train.labels[chosen])
                      for images in (synthetic.start, train.images[chosen]))
        synthetic.learn_labels(torch.where(made.isnan(), real, made).to(train.images.device), "logits")

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the synthetic set, the experts and the data."""
        return {"done": self.done, "log_rate": self.log_rate, "order": self.batches.order,
                "shown": self.shown.state_dict(), "optimiser": self.optimiser.state_dict(),
                "streams": randomness.states(self.streams)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; call ``start`` first."""
        self.done, self.batches.order = state["done"], state["order"]
        if "shown" in state:  # older ones kept no average
            self.shown.load_state_dict(state["shown"])
        self.log_rate.copy_(state["log_rate"])
        self.synthetic.learning_rate = float(self.log_rate.exp())
        self.optimiser.load_state_dict(state["optimiser"])
        randomness.restore(self.streams, state["streams"])


METHOD = TrajectoryMatching
