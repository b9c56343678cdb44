"""A student whose training on the synthetic set is differentiated through, at once or step by step."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddkit.data import augment
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


class Student:
    """A network as a function of its flat weights, with the gradient that its steps follow."""

    def __init__(self, network: nn.Module):
        self.network = network.layer_by_layer() if isinstance(network, Network) else network
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

    def visited(self, start: Tensor, images: Tensor, labels: Tensor, rate: Tensor, batches: list[Batch]) -> Tensor:
        """The weights [steps + 1, P] that steps of SGD lead through, ``start`` the first; no graph is kept."""
        # In one piece: many small tensors that stay would keep the memory between them from being used again.
        path = start.new_empty(len(batches) + 1, len(start))
        path[0] = start
        for step, batch in enumerate(batches):
            weights = path[step].clone().requires_grad_()
            path[step + 1] = weights.detach() - rate * self.gradient(weights, images, labels, batch, graph=False)
        return path


@dataclass(frozen=True)
class Gradients:
    """The loss and its gradients in images, learned labels (None where they are classes) and learning rate."""

    loss: float
    images: Tensor
    labels: Tensor | None
    rate: Tensor


def along(student: Student, weights: Tensor, leaves: list[Tensor], labels: Tensor, batch: Batch, direction: Tensor,
          in_weights: bool = True) -> tuple[Tensor, list[Tensor]]:
    """How the batch's gradient g changes along a direction u, for which one step's graph is enough.

    Args:
        weights, direction: flat, [P].
        leaves: the images and, if they are soft, the labels, which are differentiated in.
        in_weights: whether the weights are differentiated in, too.

    Returns:
        u . g, and its derivatives in each of the leaves and, last, in the weights.
    """
    weights = weights.clone().requires_grad_()
    value = (direction * student.gradient(weights, leaves[0], _labels(leaves, labels), batch)).sum()
    found = torch.autograd.grad(value, [*leaves, weights] if in_weights else leaves)
    return value.detach(), list(found)


def unrolled(student: Student, images: Tensor, labels: Tensor, rate: Tensor, batches: list[Batch],
             segment) -> Gradients:
    """Differentiate through all steps at once, as MTT does; memory grows with the number of steps.

    ``segment`` gives the weights to ``start`` from and the ``loss`` of those at the end, as ``trajectory.Segment``.
    """
    rate = rate.detach().requires_grad_()
    leaves = _leaves(images, labels)
    weights = segment.start.clone().requires_grad_()
    for batch in batches:
        weights = weights - rate * student.gradient(weights, leaves[0], _labels(leaves, labels), batch)
    loss = segment.loss(weights)
    *found, of_rate = torch.autograd.grad(loss, [*leaves, rate])
    return Gradients(loss.item(), found[0], found[1] if len(found) > 1 else None, of_rate)


def stepwise(student: Student, images: Tensor, labels: Tensor, rate: Tensor, batches: list[Batch],
             segment) -> Gradients:
    """The same gradient one step at a time, as TESLA does (Cui et al., ICML 2023): memory holds one step's graph.

    With g_i the gradient of step i, theta_N = theta_0 - alpha sum_i g_i. First the steps are made without a graph.
    Then, from the last to the first, with lambda = dL/dtheta_{i+1}, the scalar lambda . g_i is differentiated:

        dL/dS -= alpha d(lambda . g_i)/dS,    dL/dalpha -= lambda . g_i,    lambda -= alpha d(lambda . g_i)/dtheta_i.

    TESLA leaves out the last of the three, which treats theta_i as if it did not depend on the images of earlier
    steps; with it the gradient is the unrolled one, for the price of no further pass. Only the visited weights, one
    vector each, are kept of a step.
    """
    path = student.visited(segment.start, images.detach(), labels.detach(), rate, batches)
    end = path[-1].clone().requires_grad_()
    loss = segment.loss(end)
    (slope,) = torch.autograd.grad(loss, end)
    leaves = _leaves(images, labels)
    sums = [torch.zeros_like(leaf) for leaf in leaves]
    of_rate = torch.zeros_like(rate)
    for weights, batch in zip(reversed(path[:-1].unbind()), reversed(batches), strict=True):
        value, (*found, of_weights) = along(student, weights, leaves, labels, batch, slope)
        for total, part in zip(sums, found, strict=True):
            total -= rate * part
        of_rate -= value
        slope = slope - rate * of_weights
    return Gradients(loss.item(), sums[0], sums[1] if len(sums) > 1 else None, of_rate)


GRADIENTS: dict[str, Callable[..., Gradients]] = {"stepwise": stepwise, "unrolled": unrolled}


def _leaves(images: Tensor, labels: Tensor) -> list[Tensor]:
    """The tensors to differentiate in: the images, and the labels if they are soft."""
    return [t.detach().requires_grad_() for t in (images, labels) if t.is_floating_point()]


def _labels(leaves: list[Tensor], labels: Tensor) -> Tensor:
    return leaves[1] if len(leaves) > 1 else labels
