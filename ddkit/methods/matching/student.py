"""A student: a network as a function of its weights, whose training on a synthetic set is differentiated through."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddkit.data import augment
from ddkit.methods.matching.unroll import MODES, Gradients, Rule, unroll, visited
from ddkit.methods.matching.unroll import along as along  # from here for all who have a student
from ddkit.networks import Network


@dataclass(frozen=True)
class Batch:
    """What a student's step sees: indices of synthetic images, int64 [n], and their augmentation."""

    indices: Tensor
    draw: augment.Draw | None = None


class Batches:
    """Batches of a synthetic set in random order, which is drawn anew whenever it is used up.

    Args:
        images: how many the set has.
        size: of a batch; 0, or more than there are, for all of them.
        strategy: of the siamese augmentation, as for ``augment.draw``.
        shuffling, augmentation: the random streams.
        device: that the indices are to be on.

    Attributes:
        order: the indices that are still to come before a new order is drawn.
    """

    def __init__(self, images: int, size: int, strategy: str, shuffling: torch.Generator,
                 augmentation: torch.Generator, device: torch.device):
        self._images, self._size, self._strategy = images, min(size or images, images), strategy
        self._shuffling, self._augmentation, self._device = shuffling, augmentation, device
        self.order = torch.empty(0, dtype=torch.int64)

    def next(self) -> Batch:
        """The next of them."""
        if len(self.order) < self._size:
            self.order = torch.randperm(self._images, generator=self._shuffling)
        indices, self.order = self.order[: self._size], self.order[self._size :]
        draw = augment.draw(self._strategy, self._size, self._augmentation)
        return Batch(indices.to(self._device), draw)


class OneView(Batches):
    """Batches of bases, of each of which ``views`` images are made that lie side by side: a step sees one and the same
    view of all its bases, drawn at random."""

    def __init__(self, images: int, views: int, *how):
        super().__init__(images // views, *how)
        self._views = views

    def next(self) -> Batch:
        found = super().next()
        view = int(torch.randint(self._views, (), generator=self._shuffling))
        return Batch(found.indices * self._views + view, found.draw)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy of logits [n, classes]; soft labels are logits, whose softmax is the distribution."""
    return F.cross_entropy(logits, labels.softmax(1) if labels.is_floating_point() else labels)


class Student:
    """A network as a function of its flat weights, with the gradient that its steps follow.

    ``loss`` of logits [n, classes] and labels is what it minimises: ``cross_entropy``, or ``F.cross_entropy`` for soft
    labels that are weighed as they stand.
    """

    def __init__(self, network: nn.Module, loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy):
        self.loss = loss
        self.network = network.layer_by_layer() if isinstance(network, Network) else network
        self.shapes = {name: weight.shape for name, weight in network.named_parameters()}

    def logits(self, weights: Tensor, images: Tensor) -> Tensor:
        """Logits [n, classes] of images [n, C, H, W] with flat weights [P]."""
        parts = weights.split([shape.numel() for shape in self.shapes.values()])
        named = {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}
        return torch.func.functional_call(self.network, named, (images,))

    def gradient(self, weights: Tensor, images: Tensor, labels: Tensor, batch: Batch, graph: bool = True) -> Tensor:
        """Gradient [P] of the batch's loss in the weights; ``graph`` lets it be differentiated again."""
        seen = augment.apply(images[batch.indices], batch.draw)
        loss = self.loss(self.logits(weights, seen), labels[batch.indices])
        return torch.autograd.grad(loss, weights, create_graph=graph)[0]

    def visited(self, start: Tensor, images: Tensor, labels: Tensor, rate: Tensor, batches: list[Batch]) -> Tensor:
        """The weights [steps + 1, P] that steps of SGD lead through, ``start`` the first; no graph is kept."""
        return visited(self, start, images, labels, batches, Rule(torch.as_tensor(rate)))


def _of_segment(mode: str, student: Student, images: Tensor, labels: Tensor, rate: Tensor, batches: list[Batch],
                segment) -> Gradients:
    """``unroll`` of plain SGD from a segment's ``start``, with its ``loss`` (see ``trajectory.Segment``)."""
    return unroll(student, segment.start, images, labels, batches, Rule(rate), segment.loss, mode=mode)


GRADIENTS: dict[str, Callable[..., Gradients]] = {mode: partial(_of_segment, mode) for mode in MODES}
stepwise, unrolled = GRADIENTS["stepwise"], GRADIENTS["unrolled"]
