"""LD: label distillation (Bohdal, Yang and Hospedales, 2020, arXiv:2006.08572). Images stay, their labels are learned.

The images x are a few real ones. A network theta takes a step on a batch of them with their labels y, and y follows the
gradient of what that step does to the loss L on real images T. Second order, the step is one of gradient descent,

    theta' = theta + alpha / n sum_i J_i^T y_i,    J_i = d log p(x_i; theta) / d theta,

so that with G = grad L(theta') the labels' gradient is dL/dy_i = alpha / n J_i G: one product of the Jacobian with a
vector, and no second derivative. By ridge regression the step solves for the classifier, of features F (a bias among
them) of the batch and F_t of the real images, whose predictions are p and classes c (``soft_labels``):

    dL/dY = share s (F F^T + lambda I)^-1 F F_t^T (p - c) / m.

Then the network learns from the new labels. When it has learned all that it will, a new one begins; how long that takes
is how long others are to be trained on the set.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from ddkit.data import Dataset
from ddkit.foundation import randomness
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.memory import require_memory
from ddkit.methods.coresets import STARTS
from ddkit.methods.matching.student import Student
from ddkit.methods.method import Method, Preset
from ddkit.networks import build_for
from ddkit.networks.names import parse
from ddkit.networks.precision import Precision
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.random_steps import SOLVERS, RandomSteps
from ddkit.training.soft_labels import Learner, Ridge, RidgeLearner, ridged

LENGTHS = 3  # of the latest networks, whose mean is how long to train


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of label distillation."""

    updates: Annotated[int, Ge(1), Knob("of the labels")] = 19600
    solver: Annotated[Literal[SOLVERS], Knob("the step that is differentiated through: gradient descent, "
                                                         "or ridge regression on features")] = "gradient"
    label_lr: Annotated[float, Gt(0), Knob("of Adam, on the labels")] = 1e-3
    inner_lr: Annotated[float, Gt(0), Knob("of the step of gradient descent", "alpha")] = 0.01
    ridge: Annotated[float, Gt(0), Knob("of ridge regression", "lambda")] = 1.0
    share: Annotated[float, Gt(0), Le(1), Knob("that a batch's solution has in the classifier")] = 0.01
    base_batch: Annotated[int, Ge(0), Knob("images of the set in a step (0: half of them, but from 10 to 50)")] = 0
    real_batch: Annotated[int, Ge(1), Knob("real images in an update")] = 1024
    network_lr: Annotated[float, Gt(0), Knob("of Adam, on the network")] = 1e-3
    window: Annotated[int, Ge(0), Knob("updates that the error is averaged over, and that a network has to better it, "
                                       "before a new one begins (0: 50; 200 with more than 100 images, 100 with more "
                                       "than 40 classes)")] = 0
    network: Annotated[str, Knob("that learns from the labels")] = "LeNet"
    width: Annotated[int, Ge(1), Knob("its width")] = 128
    precision: Precision = "float32"

    @property
    def prescribes(self) -> bool:
        """Whether a set says how long to train on it."""
        return True

    @property
    def inits(self) -> tuple[str, ...]:
        """What a set may begin from."""
        return ("real", *STARTS)

    def check(self) -> None:
        require(parse(self.network)[1].get("norm") != "batch", "labels are learned on networks without batch norm, "
                f"which a step on a few images would leave behind: choose another than {self.network}")

    def batch_of(self, images: int) -> int:
        """Images of the set in a step."""
        return min(self.base_batch or max(10, min(50, images // 2)), images)

    def window_of(self, images: int, classes: int) -> int:
        """Updates that a moving average of the error is over."""
        return self.window or (100 if classes > 40 else 200 if images > 100 else 50)


_PAPER = ("the labels are the last ones; the paper's code keeps those that were best on validation data",
          "the network learns from the labels after their update, as the paper says; with second order its code still "
          "takes those before",
          "networks are initialised as everywhere in ddkit",
          "how long to train belongs to the set: score it by the protocol 'prescribed'",
          "the images are real ones: leave init at real")
_SMALL = ("an update sees 256 real images (the paper: 1,024), and there are {} of them, so that a processor core needs "
          "minutes")

PRESETS = {
    "course": Preset({"updates": 9000, "real_batch": 256}, (_SMALL.format("9,000"), *_PAPER)),
    "course_ridge": Preset({"updates": 5000, "real_batch": 256, "solver": "ridge"}, (_SMALL.format("5,000"), *_PAPER)),
    "ld": Preset({}, _PAPER),
    "ld_ridge": Preset({"solver": "ridge"}, _PAPER),
}


@dataclass(frozen=True)
class Told:
    """What an update says of labels: the real loss, its gradient in them [n, classes], the share of real images that
    were not recognised."""

    loss: float
    gradient: Tensor
    error: float

    @classmethod
    def of(cls, answers: Tensor, classes: Tensor, gradient: Callable[[Tensor], Tensor]) -> "Told":
        """From the logits [m, classes] of real images of ``classes`` [m]; ``gradient`` of their mean loss."""
        loss = F.cross_entropy(answers, classes)
        return cls(loss.item(), gradient(loss), int((answers.argmax(1) != classes).sum()) / len(classes))


def by_gradient(student: Student, weights: Tensor, images: Tensor, labels: Tensor, rate: float,
                real: tuple[Tensor, Tensor]) -> Told:
    """What a step of gradient descent on images and labels does to the real loss, by alpha / n J G.

    Args:
        weights: of the student before the step, [P].
        images, labels: [n, C, H, W] and probabilities [n, classes].
        real: images [m, C, H, W] and their classes [m].
    """
    weights = weights.detach().requires_grad_()
    log_p = F.log_softmax(student.logits(weights, images), 1)
    # J^T u as a function of u, whose derivative along G is J G: no forward-mode derivatives are asked for.
    u = torch.zeros_like(log_p, requires_grad=True)
    [pulled] = torch.autograd.grad(log_p, weights, u, create_graph=True)
    [step] = torch.autograd.grad(log_p, weights, labels.detach() / len(images), retain_graph=True)
    after = (weights + rate * step).detach().requires_grad_()

    def gradient(loss: Tensor) -> Tensor:
        [slope] = torch.autograd.grad(loss, after)
        return rate / len(images) * torch.autograd.grad(pulled, u, slope)[0]

    return Told.of(student.logits(after, real[0]), real[1], gradient)


@torch.no_grad()
def by_ridge(learner: RidgeLearner, ridge: Ridge, images: Tensor, labels: Tensor, real: tuple[Tensor, Tensor]) -> Told:
    """What solving for the classifier on images and labels does to the real loss; arguments as of ``by_gradient``."""
    own, seen = learner.features(images), learner.features(real[0])
    answers = learner.scale * (seen @ learner.solved(own, labels))

    def gradient(_) -> Tensor:
        wrong = answers.softmax(1) - F.one_hot(real[1], answers.shape[1])
        through = own @ (seen.T @ wrong) / len(seen)
        return ridge.share * learner.scale * torch.linalg.solve(ridged(own, ridge.lam), through)

    return Told.of(answers, real[1], gradient)


def as_probabilities(labels: Tensor) -> Tensor:
    """Labels [N, classes] cut off at 0 and 1, whose rows then sum to 1; a row of which nothing is left is uniform."""
    kept = labels.clamp(0, 1)
    total = kept.sum(1, keepdim=True)
    return torch.where(total > 0, kept / total, 1 / labels.shape[1])


class Restarts:
    """When a network has learned all that it will: its mean error over a window has not fallen for a window.

    Attributes:
        lengths: the updates that the latest networks took to their lowest error.
    """

    def __init__(self, window: int):
        self._window, self.lengths = window, []
        self._begin()

    def _begin(self) -> None:
        self._errors, self._lowest, self._since, self._steps = [], 1.0, 0, 0

    def due(self, error: float) -> bool:
        """Whether, after an update with this error, a new network is to begin."""
        self._steps += 1
        self._errors = [*self._errors, error][-self._window :]
        if self._steps < self._window:
            return False
        mean = fmean(self._errors)
        if self._steps == self._window or mean < self._lowest:
            self._lowest, self._since = mean, 0
            return False
        self._since += 1
        if self._since <= self._window:
            return False
        self.lengths = [*self.lengths, self._steps - self._since][-LENGTHS:]
        self._begin()
        return True

    @property
    def length(self) -> int:
        """How long to train on the set: as the latest networks took, or as the first one has taken so far."""
        return round(fmean(self.lengths)) if self.lengths else max(1, self._steps)

    def state_dict(self) -> dict:
        return dict(vars(self))

    def load_state_dict(self, state: dict) -> None:
        vars(self).update(state)


class LabelDistillation(Method):
    """One update of the labels."""

    Config = Config
    PRESETS = PRESETS
    keeps_images = True

    @staticmethod
    def check_memory(config: Config, images: int, pixels: int, weights: int) -> None:
        """The set with its copies, the real images of an update, and a few copies of the weights."""
        require_memory(16 * images * pixels + 12 * config.real_batch * pixels + 64 * weights,
                       f"{config.real_batch:,} real and {images:,} synthetic images", "take a smaller real_batch")

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Prepare to update ``synthetic``, whose labels begin as equal shares of all classes."""
        config, images, classes = self.config, len(synthetic.start), len(dataset.classes)
        self.dataset, self.synthetic, self.images = dataset, synthetic, synthetic.images.detach().clone()
        self.streams = {name: rng(name) for name in ("networks", "base", "sampling")}
        given = F.one_hot(synthetic.labels, classes).float()
        synthetic.learn_labels(torch.full_like(given, 1 / classes), "probabilities")
        synthetic.start_labels = given  # without distillation the images have their classes
        self.optimiser = torch.optim.Adam([synthetic.labels], config.label_lr)
        self.batch = config.batch_of(images)
        self.restarts = Restarts(config.window_of(images, classes))
        self.learner = self._beginner()

    def _beginner(self) -> Learner:
        """A new network."""
        config = self.config
        network = build_for(self.dataset, config.network, config.width, self.streams["networks"], config.precision)
        if config.solver == "ridge":
            return RidgeLearner(network, config.network_lr, self._ridge)
        self.student = Student(network, F.cross_entropy)
        return Learner(network, config.network_lr)

    @property
    def _ridge(self) -> Ridge:
        return Ridge(self.config.ridge, self.config.share)

    def update(self) -> dict[str, float]:
        """One step on the labels, one of the network on the new labels, and a new network where one is due."""
        labels = self.synthetic.labels
        picks = torch.randperm(len(labels), generator=self.streams["base"])[: self.batch].to(labels.device)
        told = self._told(self.images[picks], labels.detach()[picks], self._real())
        labels.grad = torch.zeros_like(labels).index_copy_(0, picks, told.gradient)
        self.optimiser.step()
        with torch.no_grad():
            labels.copy_(as_probabilities(labels))
        self.learner.step(self.images[picks], labels.detach()[picks])
        if self.restarts.due(told.error):
            self.learner = self._beginner()
        self._say_how_long()
        return {"loss": told.loss, "error": told.error}

    def _told(self, images: Tensor, labels: Tensor, real: tuple[Tensor, Tensor]) -> Told:
        if self.config.solver == "ridge":
            return by_ridge(self.learner, self._ridge, images, labels, real)
        weights = parameters_to_vector(self.learner.network.parameters())
        return by_gradient(self.student, weights, images, labels, self.config.inner_lr, real)

    def _real(self) -> tuple[Tensor, Tensor]:
        train = self.dataset.train
        picks = torch.randint(len(train), (self.config.real_batch,), generator=self.streams["sampling"])
        picks = picks.to(train.images.device)
        return train.images[picks], train.labels[picks]

    def _say_how_long(self) -> None:
        """Keep with the set how networks are to be trained on it."""
        config = self.config
        self.synthetic.schedule = RandomSteps(self.restarts.length, self.batch, config.network_lr, config.network,
                                              config.width, config.solver, config.ridge, config.share)

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the synthetic set and the data."""
        return {"learner": self.learner.state_dict(), "restarts": self.restarts.state_dict(),
                "optimiser": self.optimiser.state_dict(), "streams": randomness.states(self.streams)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; call ``start`` first."""
        self.learner.load_state_dict(state["learner"])
        self.restarts.load_state_dict(state["restarts"])
        self.optimiser.load_state_dict(state["optimiser"])
        randomness.restore(self.streams, state["streams"])
        self._say_how_long()


METHOD = LabelDistillation
