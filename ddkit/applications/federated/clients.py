"""The images of a data set, dealt to clients who are not alike, and the bytes that go to and fro.

For each class c the shares of the K clients are drawn from a Dirichlet distribution, p ~ Dir(alpha 1_K): the smaller
alpha, the fewer classes a client has (Hsu, Qi and Brown, arXiv 1909.06335). Two usual guards: a client that has n / K
images by then gets none of the class, and all is drawn anew until nobody has fewer than ten.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from ddkit.data import Dataset, Split
from ddkit.foundation.errors import InputError, require, whole
from ddkit.foundation.randomness import stream

LEAST = 10  # images of a client, and of a class that it can be said to have
_TRIES = 1000  # draws, before it is said that there are too few images


@dataclass(frozen=True)
class Deal:
    """How images are dealt.

    Attributes:
        clients: how many there are.
        alpha: of the Dirichlet distribution; None deals evenly, whatever the class.
        images: training images, drawn at random, that all clients have together; None: all.
    """

    clients: int
    alpha: float | None
    images: int | None

    def check(self) -> None:
        """Raise InputError for what can be seen to be wrong before anything is loaded."""
        whole(self.clients, 1, "clients")
        number = isinstance(self.alpha, int | float) and math.isfinite(self.alpha) and self.alpha > 0
        require(number or self.alpha is None, f"alpha is a positive number, or None to deal evenly, got {self.alpha!r}")
        if self.images is not None:
            whole(self.images, LEAST * self.clients, "images that the clients have together")

    def check_on(self, dataset: Dataset) -> None:
        """Raise InputError if there are not as many images."""
        there, wanted = len(dataset.train), self.images or LEAST * self.clients
        require(wanted <= there, f"{dataset.name} has {there:,} training images, too few for {self.clients:,} clients "
                                 f"with {wanted:,}: ask for fewer")

    def dealt(self, dataset: Dataset, seed: int) -> list[Tensor]:
        """The indices of each client's training images, in rising order.

        Raises:
            InputError: no draw leaves everybody ten images.
        """
        draw = stream(seed, "clients")
        picks = torch.randperm(len(dataset.train), generator=draw)[: self.images]
        if self.alpha is None:
            return [part.sort().values for part in picks.tensor_split(self.clients)]
        labels, numbers = dataset.train.labels.cpu()[picks], np.random.default_rng(draw.initial_seed())
        for _ in range(_TRIES):
            owner = self._owners(labels.numpy(), len(dataset.classes), numbers)
            counts = np.bincount(owner, minlength=self.clients)
            if counts.min() >= LEAST:
                return [picks[torch.from_numpy(owner == k)].sort().values for k in range(self.clients)]
        raise InputError(f"of {len(picks):,} images dealt with alpha {self.alpha:g}, some of {self.clients} clients "
                         f"always has fewer than {LEAST}: ask for fewer clients, a larger alpha or more images")

    def _owners(self, labels: np.ndarray, classes: int, numbers: np.random.Generator) -> np.ndarray:
        """The client of each image."""
        owner = np.zeros(len(labels), dtype=np.int64)
        counts = np.zeros(self.clients, dtype=np.int64)
        for c in range(classes):
            own = numbers.permutation(np.nonzero(labels == c)[0])
            share = numbers.dirichlet(np.full(self.clients, self.alpha))
            allowed = share * (counts < len(labels) / self.clients)
            share = allowed / allowed.sum() if allowed.sum() > 0 else share
            ends = np.round(np.cumsum(share) * len(own)).astype(int)[:-1]
            for k, part in enumerate(np.split(own, ends)):
                owner[part] = k
                counts[k] += len(part)
        return owner


def own_images(dataset: Dataset, indices: Tensor) -> Split:
    """A client's images and their labels."""
    here = indices.to(dataset.train.images.device)
    return Split(dataset.train.images[here], dataset.train.labels[here])


def held(split: Split, classes: int, ipc: int = 1) -> list[int]:
    """The classes that a client has enough images of to speak for."""
    counts = torch.bincount(split.labels.cpu(), minlength=classes)
    return [c for c in range(classes) if counts[c] >= max(LEAST, ipc)]


def of_client(dataset: Dataset, split: Split, classes: list[int]) -> Dataset:
    """A client's data set: its own images of those classes for training, and a fingerprint of its own."""
    return replace(dataset, train=split).only(classes)


def average(weights: list[Mapping[str, Tensor]], counts: list[int]) -> dict[str, Tensor]:
    """FedAvg's weights (McMahan et al., AISTATS 2017): the mean of the clients', each counted as often as it has
    images."""
    total = sum(counts)
    return {name: sum(one[name] * (count / total) for one, count in zip(weights, counts, strict=True)).to(first.dtype)
            for name, first in weights[0].items()}


def weight_bytes(network: nn.Module) -> int:
    """Bytes of a network's weights and statistics, sent as they are."""
    return sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())


def raw_bytes(images: int, dataset: Dataset) -> int:
    """Bytes of real images with their labels: one for a pixel and colour, one for a label."""
    return images * (dataset.train.images[0].numel() + 1)
