"""What methods compare class by class: batches of real images, and means of what a network makes of images.

The gradient of a loss of such means never needs all activations at once: the loss's gradient in the means comes first,
then, chunk by chunk, what each image contributes to them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.data import Dataset, augment
from ddkit.foundation.errors import require
from ddkit.networks import Network
from ddkit.networks.bigbatch import chunked_maps
from ddkit.networks.looking import has_statistics


class ClassBatches:
    """Real images at random, as many of every class.

    Args:
        per_class: wanted; all of the smallest class, if it has fewer.
        generator: the random stream.
    """

    def __init__(self, dataset: Dataset, per_class: int, generator: torch.Generator):
        train = dataset.train
        self._images, self._generator = train.images, generator
        self._members = [torch.nonzero(train.labels == c)[:, 0] for c in range(len(dataset.classes))]
        self.per_class = min(per_class, *(len(members) for members in self._members))

    def draw(self) -> Tensor:
        """Images [classes * n, C, H, W], sorted by class."""
        picks = [members[torch.randperm(len(members), generator=self._generator)[: self.per_class].to(members.device)]
                 for members in self._members]
        return self._images[torch.cat(picks)]


class PoissonBatches:
    """Real images at random, of all classes together, each in a batch or not by a coin of its own.

    The accounting of private methods rests on these coins: batches of a fixed size, or a shuffled order, are others.

    Args:
        expected: images in a batch on average.
        generator: the random stream.

    Attributes:
        rate: probability of every image to be in a batch.
    """

    def __init__(self, dataset: Dataset, expected: int, generator: torch.Generator):
        self._train, self._generator = dataset.train, generator
        require(expected <= len(self._train), f"{dataset.name} has {len(self._train):,} training images, and a batch "
                f"cannot have {expected:,} of them: lower real_batch")
        self.rate = expected / len(self._train)

    def draw(self) -> tuple[Tensor, Tensor]:
        """Images [n, C, H, W] and labels [n]; n differs from batch to batch, and may be 0."""
        coins = torch.rand(len(self._train), generator=self._generator, dtype=torch.float64)
        picks = torch.nonzero(coins < self.rate)[:, 0].to(self._train.images.device)
        return self._train.images[picks], self._train.labels[picks]


def at_most(members: Tensor, most: int, generator: torch.Generator | None) -> Tensor:
    """``most`` of these indices, int64 [n], at random; all of them, as they stand, if there are no more (0: all)."""
    if not most or len(members) <= most:
        return members
    return members[torch.randperm(len(members), generator=generator)[:most].to(members.device)]


@dataclass(frozen=True)
class View:
    """What of a network's features is compared.

    Attributes:
        of: makes rows [n, d] of a map [n, ch, H, W] or an embedding [n, D]; None of one that is never chosen.
        chosen: which of a list, of all maps and last the embedding.
    """

    of: Callable[[Tensor], Tensor | None]
    chosen: Callable[[list], list]

    def rows(self, network: Network, images: Tensor) -> list[Tensor]:
        """Of images [n, C, H, W], for each thing compared [n, d], with a graph."""
        return [self.of(feature) for feature in self.chosen(network.features(images))]


def chunked_means(network: Network, images: Tensor, classes: int, view: View, budget_mib: int) -> list[Tensor]:
    """The class means [classes, d] of a view without gradients, in chunks whose activations fit ``budget_mib`` MiB.

    Args:
        images: [classes * n, C, H, W], sorted by class.
    """
    weights = _mean_weights(len(images), classes, images)
    means: list[Tensor] = []
    with torch.inference_mode():
        for part, maps in chunked_maps(network, images, budget_mib):
            rows = view.chosen([view.of(m) for m in maps])  # at once, so that only one map is in memory
            sums = [weights[:, part] @ r for r in rows]
            means = [m + s for m, s in zip(means, sums, strict=True)] if means else sums
    return [m.clone() for m in means]  # inference tensors cannot take part in a backward pass


def together(network: Network, images: int, chunk: int) -> int:
    """How many of so many images are passed forward and backward at once: ``chunk``, or all where batch norm makes what
    becomes of each depend on the others."""
    return images if has_statistics(network) else chunk


@dataclass(frozen=True)
class Match:
    """A loss of class means, whose gradient goes to the images that the means are of.

    Attributes:
        view: what the means are of.
        classes: how many.
        loss: of the list of class means of the synthetic images, each [classes, d].
        scale: factor on the loss whose gradient is taken.
        chunk: images that are passed forward and backward together; if there are more, they go in chunks (see
            ``together``).
        budget_mib: for the activations of passes without gradients.
    """

    view: View
    classes: int
    loss: Callable[[list[Tensor]], Tensor]
    scale: float
    chunk: int
    budget_mib: int

    def backward(self, network: Network, images: Tensor, draw: augment.Draw | None = None) -> float:
        """Add the loss's gradient to that of the images; returns the loss.

        Args:
            images: [classes * n, C, H, W], sorted by class; a leaf.
            draw: their augmentation.
        """
        if len(images) > together(network, len(images), self.chunk):
            return self._in_chunks(network, images, draw)
        seen = augment.apply(images, draw)
        means = [rows.unflatten(0, (self.classes, -1)).mean(1) for rows in self.view.rows(network, seen)]
        loss = self.loss(means)
        (self.scale * loss).backward(inputs=[images])
        return loss.item()

    def _in_chunks(self, network: Network, images: Tensor, draw: augment.Draw | None) -> float:
        seen = augment.apply_in_parts(images.detach(), draw, self.chunk)
        means = chunked_means(network, seen, self.classes, self.view, self.budget_mib)
        means = [m.requires_grad_() for m in means]
        loss = self.loss(means)
        slopes = torch.autograd.grad(self.scale * loss, means)
        weights = _mean_weights(len(images), self.classes, images)
        images.grad = torch.zeros_like(images) if images.grad is None else images.grad
        for start in range(0, len(images), self.chunk):
            part = slice(start, start + self.chunk)
            own = images[part].detach().requires_grad_()  # of these alone, so that no gradient is as large as the set
            rows = self.view.rows(network, augment.apply(own, augment.part_of(draw, len(images), part)))
            contribution = sum((s * (weights[:, part] @ r)).sum() for s, r in zip(slopes, rows, strict=True))
            images.grad[part] += torch.autograd.grad(contribution, own)[0]
        return loss.item()


def squared_distance(real: list[Tensor], synthetic: list[Tensor], weights: list[float]) -> Tensor:
    """Sum over classes and over what is compared of weight * |mean(real) - mean(synthetic)|^2.

    Args:
        real, synthetic: class means, each [classes, d].
        weights: one for each of them.
    """
    return sum(w * (r - s).square().sum() for r, s, w in zip(real, synthetic, weights, strict=True))


def _mean_weights(images: int, classes: int, like: Tensor) -> Tensor:
    """The matrix [classes, images] whose product with rows sorted by class is their mean over each class."""
    label = torch.arange(classes, device=like.device).repeat_interleave(images // classes)
    return F.one_hot(label, classes).T.to(like.dtype) * (classes / images)
