"""Students that follow experts through the space of weights: where they get to, how near, and what the experts saw."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.data import Dataset
from ddkit.foundation.errors import require
from ddkit.foundation.randomness import stream
from ddkit.methods.matching.student import Batches, Student
from ddkit.methods.matching.trajectory import Config, Segment
from ddkit.runs import Record
from ddkit.specs import restore_spec
from ddkit.stored.words import METHOD, START
from ddkit.synthetic import SyntheticSet
from ddkit.training.difficulty import subset
from ddkit.training.planes import Plane

_KEPT = 128 << 20  # bytes of paths that are remembered
ALL, EXPERT, SEGMENT = "of all experts", "of this expert", "of this segment"  # planes to look at


@dataclass(frozen=True)
class Place:
    """Where a student begins, and what it is to do.

    Attributes:
        expert: that it follows, from 0.
        epoch: that it starts from.
        span: epochs of the expert that it should cover.
        steps: that it makes.
        draw: seed of the order of its batches and of their augmentation.
    """

    expert: int
    epoch: int
    span: int
    steps: int
    draw: int = 0


@dataclass(frozen=True)
class Path:
    """A student's path.

    Attributes:
        weights: [steps + 1, P], those that it starts with the first.
        losses: trajectory loss after every step, 1 before the first.
        seconds: that it took to compute; 0 where it was known.
    """

    weights: Tensor
    losses: list[float]
    seconds: float


class Following:
    """Students that follow experts on the images of a distillation, and on the images that it started from.

    Args:
        experts: the record of their trajectories.
        distillation: the record of a distillation that matched them.
        dataset: that both were made from.

    Raises:
        InputError: the distillation matched other experts, or none, or either is of other data.
    """

    def __init__(self, experts: Record, distillation: Record, dataset: Dataset):
        spec = restore_spec(distillation.spec)
        matched = getattr(spec, "experts", None)
        require(matched is not None and matched.name == experts.name,
                f"{distillation.name} did not match {experts.name}: give the distillation its own experts, as "
                "run(spec.experts)")
        for record in (experts, distillation):
            record.require_of(dataset)
        self.config: Config = spec.config
        self.trajectories, self.dataset = experts.trajectories, dataset
        self.plan, self._student = self.trajectories.plan, Student(self.trajectories.template(dataset))
        made = distillation.synthetic
        self.accuracies = self.trajectories.accuracies
        self.sets: dict[str, SyntheticSet] = {METHOD: made, START: made.undistilled()}
        self.rate = made.learning_rate or self.config.rate
        self._walked: dict[tuple, tuple[Tensor, Batches]] = {}
        self._snapshots: dict[int, Tensor] = {}
        self._planes: dict[int | None, Plane] = {}

    def snapshots(self, expert: int) -> Tensor:
        """The weights of an expert after each epoch and before the first, [epochs + 1, P]."""
        if expert not in self._snapshots:
            self._snapshots[expert] = torch.stack([self.trajectories.weights(expert, epoch)
                                                   for epoch in range(self.plan.epochs + 1)])
        return self._snapshots[expert]

    def _all(self) -> Tensor:
        """The snapshots of all experts, one after another."""
        return torch.cat([self.snapshots(expert) for expert in range(self.plan.experts)])

    def segment(self, place: Place) -> Segment:
        """What is matched there."""
        snapshots = self.snapshots(place.expert)
        return self.config.segment(snapshots[place.epoch], snapshots[place.epoch + place.span])

    def path(self, side: str, place: Place) -> Path:
        """The student's path on the images of a side; steps that were made lately are not made again."""
        began, key = time.perf_counter(), (side, place.expert, place.epoch, place.draw)
        weights, batches = self._walked.pop(key, None) or self._begun(side, place)
        made, more = self.sets[side], max(0, place.steps + 1 - len(weights))
        if more:
            further = self._student.visited(weights[-1], made.images, made.labels, self.rate,
                                            [batches.next() for _ in range(more)])
            weights = torch.cat([weights, further[1:]])
        self._walked[key] = (weights, batches)
        self._forget()
        segment = self.segment(place)
        losses = [float(segment.loss(one)) for one in weights[: place.steps + 1]]
        return Path(weights[: place.steps + 1], losses, time.perf_counter() - began if more else 0.0)

    def _begun(self, side: str, place: Place) -> tuple[Tensor, Batches]:
        """Where a path starts, and what its steps will see."""
        streams = (stream(place.draw, f"trajectory map: {what}") for what in ("order", "augmentation"))
        return self.snapshots(place.expert)[place.epoch][None], self.config.batches(self.dataset, self.sets[side],
                                                                                  *streams)

    def _forget(self) -> None:
        """Leave the paths that were asked for last, both sides of the last place among them."""
        size = sum(weights.nbytes for weights, _ in self._walked.values())
        while size > _KEPT and len(self._walked) > len(self.sets):
            oldest = next(iter(self._walked))
            size -= self._walked.pop(oldest)[0].nbytes

    def plane(self, of: str, place: Place) -> Plane:
        """The plane ``ALL`` or ``EXPERT``: the first principal components of snapshots; or ``SEGMENT``, through start,
        target and the end of the student's path on the distilled images, in the weights that the loss counts."""
        if of == SEGMENT:
            segment, end = self.segment(place), self.path(METHOD, place).weights[-1]
            return Plane.through(*(self.counted(of, place, w) for w in (segment.start, segment.target, end)))
        key = None if of == ALL else place.expert
        if key not in self._planes:
            self._planes[key] = Plane.of(self._all() if key is None else self.snapshots(key))
        return self._planes[key]

    def counted(self, of: str, place: Place, weights: Tensor) -> Tensor:
        """Of weights [..., P] those that a plane is laid in."""
        return weights[..., self.segment(place).first :] if of == SEGMENT else weights

    def told(self, of: str, place: Place) -> str:
        """What a plane shows and hides, in a sentence."""
        plane = self.plane(of, place)
        if of == SEGMENT:
            path = self.counted(of, place, self.path(METHOD, place).weights)
            return ("Distances between start, target and the end of the student's path on distilled images are true "
                    f"here; {100 * (1 - plane.share(path)):.0f} % of that path's variance is out of sight.")
        whose, points = ("all experts", self._all()) if of == ALL else (
            f"expert {place.expert + 1}", self.snapshots(place.expert))
        return (f"The plane holds {100 * plane.share(points):.0f} % of the variance of the snapshots of {whose}; what "
                "leaves it looks shorter than it is.")

    @property
    def ordered(self) -> bool:
        """Whether the experts saw easy images before hard ones."""
        return self.plan.difficulty != "none"

    def shown(self, place: Place) -> tuple[Tensor, Tensor]:
        """The training images from the easiest to the hardest, int64 [N], and which of them, in that order, the experts
        trained on in the epochs of the segment, bool [N].

        Raises:
            InputError: the experts saw all images in every epoch, in no order.
        """
        require(self.ordered, "these experts were trained on all images in every epoch")
        order, _ = self.trajectories.difficulty
        epochs = range(place.epoch, place.epoch + place.span)
        seen = torch.cat([subset(order, epoch, self.plan.epochs) for epoch in epochs])
        return order, torch.isin(order, seen)
