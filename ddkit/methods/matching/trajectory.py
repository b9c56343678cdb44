"""Trajectory matching: MTT (Cazenavette et al., CVPR 2022), DATM (Guo et al., ICLR 2024), PAD (Li et al., 2024).

An expert's weights after epochs t and t + M are known. A student that starts from the first and takes N steps of SGD
on the synthetic set should arrive at the second:

    L = |theta_N - theta*_{t+M}|^2 / |theta*_t - theta*_{t+M}|^2,   theta_{i+1} = theta_i - alpha grad CE(theta_i; S_i).

The three methods are presets of one objective: they differ in the experts' data, in the range of t, in whether labels
are learned, in which steps are skipped, and in which weights count.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddkit.data import Dataset, augment
from ddkit.foundation import randomness
from ddkit.foundation.errors import one_of, require
from ddkit.foundation.memory import require_memory
from ddkit.synthetic import SyntheticSet
from ddkit.training import logits
from ddkit.training.experts import Plan, Trajectories

SMALLEST_RATE = 1e-6  # that a learned learning rate may fall to


def trajectory_loss(student: Tensor, start: Tensor, target: Tensor) -> Tensor:
    """MTT's loss (eq. 2) of flat weights, each [P]: the distance left over the distance to go, both squared."""
    return (student - target).square().sum() / (start - target).square().sum()


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
class Batch:
    """What a student's step sees: indices of synthetic images, int64 [n], and their augmentation."""

    indices: Tensor
    draw: augment.Draw | None = None


class Student:
    """A network as a function of its flat weights, with the gradient that its steps follow."""

    def __init__(self, network: nn.Module):
        self.network = network
        self.shapes = {name: weight.shape for name, weight in network.named_parameters()}

    def logits(self, weights: Tensor, images: Tensor) -> Tensor:
        """Logits [n, classes] of images [n, C, H, W] with flat weights [P]."""
        parts = weights.split([shape.numel() for shape in self.shapes.values()])
        named = {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}
        return torch.func.functional_call(self.network, named, (images,))

    def gradient(self, weights: Tensor, images: Tensor, labels: Tensor, batch: Batch, graph: bool = True) -> Tensor:
        """Gradient [P] of the batch's cross-entropy in the weights; ``graph`` lets it be differentiated again.

        Soft labels are logits, whose softmax is the distribution.
        """
        seen, meant = augment.apply(images[batch.indices], batch.draw), labels[batch.indices]
        loss = F.cross_entropy(self.logits(weights, seen), meant.softmax(1) if meant.is_floating_point() else meant)
        return torch.autograd.grad(loss, weights, create_graph=graph)[0]


@dataclass(frozen=True)
class Gradients:
    """The loss and its gradients in images, learned labels (None where they are classes) and learning rate."""

    loss: float
    images: Tensor
    labels: Tensor | None
    rate: Tensor


def unrolled(student: Student, images: Tensor, labels: Tensor, rate: Tensor, batches: list[Batch],
             segment: Segment) -> Gradients:
    """Differentiate through all steps at once, as MTT does; memory grows with the number of steps."""
    rate = rate.detach().requires_grad_()
    leaves = _leaves(images, labels)
    weights = segment.start.clone().requires_grad_()
    for batch in batches:
        weights = weights - rate * student.gradient(weights, leaves[0], _labels(leaves, labels), batch)
    loss = segment.loss(weights)
    *found, of_rate = torch.autograd.grad(loss, [*leaves, rate])
    return Gradients(loss.item(), found[0], found[1] if len(found) > 1 else None, of_rate)


def stepwise(student: Student, images: Tensor, labels: Tensor, rate: Tensor, batches: list[Batch],
             segment: Segment) -> Gradients:
    """The same gradient one step at a time, as TESLA does (Cui et al., ICML 2023): memory holds one step's graph.

    With g_i the gradient of step i, theta_N = theta_0 - alpha sum_i g_i. First the steps are made without a graph.
    Then, from the last to the first, with lambda = dL/dtheta_{i+1}, the scalar lambda . g_i is differentiated:

        dL/dS -= alpha d(lambda . g_i)/dS,    dL/dalpha -= lambda . g_i,    lambda -= alpha d(lambda . g_i)/dtheta_i.

    TESLA leaves out the last of the three, which treats theta_i as if it did not depend on the images of earlier
    steps; with it the gradient is the unrolled one, for the price of no further pass. Only the visited weights, one
    vector each, are kept of a step.
    """
    # In one piece: many small tensors that stay would keep the memory between them from being used again.
    path = segment.start.new_empty(len(batches), len(segment.start))
    weights, fixed = segment.start, (images.detach(), labels.detach())
    for visited, batch in zip(path, batches, strict=True):
        visited.copy_(weights)
        weights = weights.detach().requires_grad_()
        weights = weights.detach() - rate * student.gradient(weights, *fixed, batch, graph=False)
    end = weights.requires_grad_()
    loss = segment.loss(end)
    (slope,) = torch.autograd.grad(loss, end)
    leaves = _leaves(images, labels)
    sums = [torch.zeros_like(leaf) for leaf in leaves]
    of_rate = torch.zeros_like(rate)
    for weights, batch in zip(reversed(path.unbind()), reversed(batches), strict=True):
        weights = weights.clone().requires_grad_()
        gradient = student.gradient(weights, leaves[0], _labels(leaves, labels), batch)
        along = (slope * gradient).sum()
        *found, of_weights = torch.autograd.grad(along, [*leaves, weights])
        for total, part in zip(sums, found, strict=True):
            total -= rate * part
        of_rate -= along.detach()
        slope = slope - rate * of_weights
    return Gradients(loss.item(), sums[0], sums[1] if len(sums) > 1 else None, of_rate)


GRADIENTS: dict[str, Callable[..., Gradients]] = {"stepwise": stepwise, "unrolled": unrolled}


def _leaves(images: Tensor, labels: Tensor) -> list[Tensor]:
    """The tensors to differentiate in: the images, and the labels if they are soft."""
    return [t.detach().requires_grad_() for t in (images, labels) if t.is_floating_point()]


def _labels(leaves: list[Tensor], labels: Tensor) -> Tensor:
    return leaves[1] if len(leaves) > 1 else labels


@dataclass(frozen=True)
class Config:
    """The knobs of trajectory matching, in the papers' symbols, and of the experts it follows (see ``Plan``)."""

    updates: int = 5000  # of the synthetic set
    student_steps: int = 80  # N: steps of the student on the synthetic set
    expert_span: int = 2  # M: epochs of the expert that they should cover
    first_start: int = 0  # T-: the earliest epoch that a student starts from
    last_start: int = 10  # T: the latest one at the beginning
    final_start: int = 20  # T+: the latest one after the expansion
    expansion: int = 1000  # updates in which T grows to T+
    batch: int = 0  # synthetic images in a step (0: all)
    image_lr: float = 100.0
    image_momentum: float = 0.5
    rate: float = 0.01  # alpha: the student's learning rate at the start
    rate_lr: float = 0.01  # of its logarithm; 0 keeps it
    learned_labels: bool = False  # start from images that experts get right, with their mean logits, and learn these
    label_lr: float = 1.0
    label_momentum: float = 0.9
    threshold: float = 0.0  # updates whose loss is larger are skipped (0: none is)
    left_out: float = 0.0  # share of the weights, the shallow ones, that the loss leaves out
    gradient: str = "stepwise"  # or unrolled
    augmented: bool = True  # siamese augmentation of the student's images
    network: str = "ConvNetD3"
    width: int = 128
    experts: int = 10
    expert_epochs: int = 50
    expert_lr: float = 0.01
    expert_batch: int = 256
    sharpness: float = 0.0  # radius of the experts' sharpness-aware minimisation
    difficulty: str = "none"  # or el2n, grand: the score that orders the experts' data
    half: bool = False  # store experts in half precision

    def __post_init__(self):
        one_of(self.gradient, GRADIENTS, "gradient")
        for name in ("student_steps", "expert_span", "expansion"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("image_lr", "rate"):
            require(getattr(self, name) > 0, f"{name} must be positive, got {getattr(self, name)}")
        for name in ("batch", "rate_lr", "label_lr", "threshold", "image_momentum", "label_momentum"):
            require(getattr(self, name) >= 0, f"{name} must not be negative, got {getattr(self, name)}")
        require(0 <= self.left_out < 1, f"left_out must be at least 0 and below 1, got {self.left_out}")
        require(0 <= self.first_start <= self.last_start <= self.final_start, "start epochs must satisfy 0 <= "
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
                    self.sharpness, self.difficulty, half=self.half)

    def latest_start(self, update: int) -> int:
        """T(it): the latest start epoch in ``update`` (from 0), growing evenly from T to T+."""
        grown = min(1.0, update / self.expansion)
        return self.last_start + int(grown * (self.final_start - self.last_start))


class TrajectoryMatching:
    """One update of the synthetic set by trajectory matching. Set ``trajectories`` before ``start``."""

    Config = Config
    validation = "assignment"
    learns_rate = True
    chooses_start = True  # which images it begins with is only known once it has begun
    trajectories: Trajectories

    def __init__(self, config: Config):
        self.config = config

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
        self.strategy = augment.default_strategy(dataset.flips) if config.augmented else "none"
        self.student = Student(self.trajectories.template(dataset))
        if config.learned_labels:
            self._begin_where_experts_are_right(rng("start"))
        # The learning rate is learned as its logarithm, so that it stays positive.
        self.log_rate = torch.tensor(math.log(config.rate), device=synthetic.images.device)
        groups = [{"params": [synthetic.images], "lr": config.image_lr, "momentum": config.image_momentum},
                  {"params": [self.log_rate], "lr": config.rate_lr, "momentum": config.image_momentum}]
        if config.learned_labels:
            groups.append({"params": [synthetic.labels], "lr": config.label_lr, "momentum": config.label_momentum})
        self.optimiser = torch.optim.SGD(groups)
        self.order = torch.empty(0, dtype=torch.int64)
        self.done = 0

    def update(self) -> dict[str, float]:
        """One step on images, labels and learning rate, unless the loss is above the threshold."""
        config, synthetic = self.config, self.synthetic
        rate = self.log_rate.exp()
        found = GRADIENTS[config.gradient](self.student, synthetic.images, synthetic.labels, rate, self._batches(),
                                           self._segment())
        skipped = bool(config.threshold) and found.loss > config.threshold
        if not skipped:
            synthetic.images.grad, synthetic.labels.grad = found.images, found.labels
            self.log_rate.grad = found.rate * rate
            self.optimiser.step()
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
        return Segment(start, target, int(config.left_out * len(start)))

    def _integer(self, low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=self.streams["segments"]))

    def _batches(self) -> list[Batch]:
        """N batches: the synthetic set in random order, drawn anew whenever it is used up."""
        size = min(self.config.batch or len(self.synthetic.images), len(self.synthetic.images))
        batches = []
        for _ in range(self.config.student_steps):
            if len(self.order) < size:
                self.order = torch.randperm(len(self.synthetic.images), generator=self.streams["batches"])
            indices, self.order = self.order[:size], self.order[size:]
            draw = augment.draw(self.strategy, size, self.streams["augmentation"])
            batches.append(Batch(indices.to(self.synthetic.images.device), draw))
        return batches

    def _begin_where_experts_are_right(self, generator: torch.Generator) -> None:
        """DATM's start: real images that an expert classifies correctly, with the right experts' mean logits."""
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
        synthetic.images, synthetic.start = train.images[chosen].clone(), train.images[chosen].clone()
        scores = torch.stack([logits(expert, synthetic.images) for expert in finished])  # [experts, N, classes]
        correct = (scores.argmax(2) == train.labels[chosen].cpu())[..., None]
        synthetic.learn_labels(((scores * correct).sum(0) / correct.sum(0)).to(train.images.device), "logits")

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the synthetic set, the experts and the data."""
        return {"done": self.done, "log_rate": self.log_rate, "order": self.order,
                "optimiser": self.optimiser.state_dict(),
                "streams": randomness.states(self.streams)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; call ``start`` first."""
        self.done, self.order = state["done"], state["order"]
        self.log_rate.copy_(state["log_rate"])
        self.synthetic.learning_rate = float(self.log_rate.exp())
        self.optimiser.load_state_dict(state["optimiser"])
        randomness.restore(self.streams, state["streams"])
