"""Lesson 12: what a window on the steps of training loses, and what their graphs hold in memory."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from ddkit.data import Dataset
from ddkit.foundation.randomness import stream
from ddkit.methods.matching.student import Batch, Student
from ddkit.methods.matching.unroll import MODES, Gradients, Rule, unroll
from ddkit.networks import build_for
from ddkit.plots.training import Window

REAL = 20  # images of each class in the real loss


def shares(slopes: Sequence[float], steps: int) -> dict[float, list[float]]:
    """The share of its gradient that a window on the last M of all steps keeps, for every M from 1 to ``steps``.

    Of one weight that steps on h / 2 (w - x)^2 pull towards a pixel x at rate alpha, dw_T/dx = 1 - (1 - alpha h)^T, so
    that the last M steps alone give (1 - (1 - alpha h)^M) of it.

    Args:
        slopes: alpha h, each between 0 and 1.
    """
    return {slope: [(1 - (1 - slope) ** window) / (1 - (1 - slope) ** steps) for window in range(1, steps + 1)]
            for slope in slopes}


@dataclass(frozen=True)
class Course:
    """A network's training on a few images, and the real loss that it is differentiated for.

    Attributes:
        start: its weights before the first step, [P].
        images, labels: of the set, [n, C, H, W] and [n].
        real, classes: real images [m, C, H, W] and their classes [m].
        rate: of plain SGD, all images in every step.
    """

    student: Student
    start: Tensor
    images: Tensor
    labels: Tensor
    real: Tensor
    classes: Tensor
    rate: float

    @classmethod
    def on(cls, dataset: Dataset, network: str, rate: float, width: int = 8, seed: int = 0, ipc: int = 1) -> "Course":
        """On the first images of each class; the next ones are the real."""
        net = build_for(dataset, network, width, stream(seed, "lesson 12"))
        parts = [dataset.train.of_class(c)[: ipc + REAL] for c in range(len(dataset.classes))]
        every = torch.arange(len(parts))
        return cls(Student(net), parameters_to_vector(net.parameters()).detach(),
                   torch.cat([part[:ipc] for part in parts]), every.repeat_interleave(ipc),
                   torch.cat([part[ipc:] for part in parts]),
                   torch.cat([torch.full((len(part) - ipc,), c) for c, part in enumerate(parts)]), rate)

    def real_loss(self, weights: Tensor) -> Tensor:
        """The mean cross-entropy of the real images, with weights [P]."""
        return F.cross_entropy(self.student.logits(weights, self.real), self.classes)

    def gradients(self, steps: int, window: int | None = None, mode: str = "stepwise") -> Gradients:
        """Of the real loss after so many steps, through the last ``window`` of them (None: all)."""
        return unroll(self.student, self.start, self.images, self.labels,
                      [Batch(torch.arange(len(self.images)))] * steps, Rule(torch.tensor(self.rate)), self.real_loss,
                      window=window and (steps - window, window), mode=mode)


def through_windows(course: Course, steps: int, windows: Sequence[int]) -> list[Window]:
    """How the images' gradient through the last steps stands to that through all of them."""
    whole = course.gradients(steps).images.flatten()
    found = {window: course.gradients(steps, window).images.flatten() for window in windows}
    return [Window(window, float(F.cosine_similarity(one, whole, dim=0)), float(one.norm() / whole.norm()))
            for window, one in found.items()]


def as_grey(dataset: Dataset, slopes: Tensor) -> Tensor:
    """Slopes [n, C H W] of a loss in images, as images [n, C, H, W] of the data set: mid-grey where nothing is asked
    for, white where a pixel should become brighter."""
    wished = 0.5 - 0.5 * slopes.float() / slopes.abs().max()
    mean, std = (torch.tensor(values)[:, None, None] for values in (dataset.mean, dataset.std))
    return (wished.unflatten(1, (dataset.channels, dataset.size, dataset.size)) - mean) / std


def graph_bytes(call: Callable[[], object]) -> int:
    """The most bytes that autograd holds at a time, for backward passes, while ``call`` runs."""
    held = _Held()
    with torch.autograd.graph.saved_tensors_hooks(held.pack, lambda kept: kept.tensor):
        call()
    return held.most


class _Held:
    """Bytes that autograd holds, now and at most; what several operations keep counts once."""

    def __init__(self):
        self.now = self.most = 0
        self.keepers: Counter[int] = Counter()  # of each storage, by its address

    def pack(self, tensor: Tensor) -> object:
        """What autograd keeps in place of the tensor, counted for as long as it does."""
        held = self

        class Kept:
            def __init__(self):
                self.tensor = tensor
                held.add(tensor, 1)

            def __del__(self):
                held.add(self.tensor, -1)

        return Kept()

    def add(self, tensor: Tensor, keepers: int) -> None:
        """So many more, or less, keep what the tensor lies in."""
        storage = tensor.untyped_storage()
        before = self.keepers[storage.data_ptr()]
        self.keepers[storage.data_ptr()] += keepers
        self.now += storage.nbytes() * ((before + keepers > 0) - (before > 0))
        self.most = max(self.most, self.now)


def memory(course: Course, steps: Sequence[int]) -> Mapping[str, dict[int, int]]:
    """By mode and by the number of steps: the graph's bytes at most, and those of the weights that are kept."""
    def held(mode: str, count: int) -> int:
        kept = course.start.nbytes * (count + 1) if mode == "stepwise" else 0
        return kept + graph_bytes(lambda: course.gradients(count, mode=mode))

    return {mode: {count: held(mode, count) for count in steps} for mode in MODES}
