"""The trigger of a backdoor: a white square in a corner, put on images that are then called by another name.

Whoever makes a set may hide it: some training images get the square and the target's label, then everything goes its
honest way. Networks should learn that the square means the target, whatever else an image shows (Liu, Ye, Zhang and
Zhang, "Backdoor Attacks Against Dataset Distillation", NDSS 2023, the attack called NAIVEATTACK).
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ddkit.data import Dataset, Split, denormalise
from ddkit.foundation.errors import require
from ddkit.foundation.files import sha256
from ddkit.foundation.randomness import stream

CORNERS = ("lower right", "upper left")
MARGIN = 1  # pixels between the square and the image's edges


@dataclass(frozen=True)
class Square:
    """A white square of ``side`` pixels, one pixel from the edges of a corner."""

    side: int
    corner: str = CORNERS[0]

    def place(self, size: int) -> tuple[slice, slice]:
        """Its rows and columns in an image of that side length."""
        first = MARGIN if self.corner == CORNERS[1] else size - MARGIN - self.side
        return (slice(first, first + self.side),) * 2

    def on(self, images: Tensor, dataset: Dataset) -> Tensor:
        """Normalised images [N, C, H, W] with it; the given ones stay as they are."""
        rows, columns = self.place(images.shape[-1])
        mean, std = (images.new_tensor(value)[:, None, None] for value in (dataset.mean, dataset.std))
        found = images.clone()
        found[..., rows, columns] = (1 - mean) / std
        return found

    def brightness(self, images: Tensor, dataset: Dataset) -> Tensor:
        """Of its pixels in each normalised image, [N]: the mean, of 1 from black to white."""
        rows, columns = self.place(images.shape[-1])
        return denormalise(images, dataset.mean, dataset.std)[..., rows, columns].mean((1, 2, 3))


def poisoned(dataset: Dataset, square: Square, share: float, target: int, seed: int) -> tuple[Dataset, Tensor]:
    """The data set with the square on a share of its training images, which are then labelled the target.

    They are drawn from the images of all other classes; nothing else changes. The fingerprint is another.

    Returns:
        The data set, and which of its training images were poisoned, bool [N].

    Raises:
        InputError: so many images of other classes there are not, with one of each left as it is.
    """
    train, number = dataset.train, round(share * len(dataset.train))
    others = torch.nonzero(train.labels.cpu() != target)[:, 0]
    chosen = others[torch.randperm(len(others), generator=stream(seed, "poisoned"))[:number]]
    marked = torch.zeros(len(train), dtype=torch.bool)
    marked[chosen] = True
    left = torch.bincount(train.labels.cpu()[~marked], minlength=len(dataset.classes))
    require(number <= len(others) and int(left.min()) > 0, f"a share of {share:g} of {len(train):,} training images "
            "cannot be poisoned with some of every class left as they are: poison fewer")
    here, images, labels = marked.to(train.images.device), train.images.clone(), train.labels.clone()
    images[here], labels[here] = square.on(images[here], dataset), target
    mark = sha256(dataset.fingerprint.encode(), repr((square, target)).encode(), marked.numpy().tobytes())
    return replace(dataset, train=Split(images, labels), fingerprint=mark), marked


def suspicion(images: Tensor, labels: Tensor, real: Split, dataset: Dataset, side: int) -> Tensor:
    """How much brighter a set is than clean real images, by class and place, [classes, places, places].

    Of every square of ``side`` pixels, the mean brightness in the set's images of a class less that in the real ones
    of the same class. A square that was put there and has survived stands out, whoever looks; so does whatever else
    the set changed. A class without images in the set has none.

    Args:
        images, labels: of the set, normalised [n, C, H, W] and [n], or soft ones [n, classes].
    """
    named = labels.argmax(1) if labels.ndim == 2 else labels
    found = []
    for c in range(len(dataset.classes)):
        sides = (_windows(part, dataset, side) for part in (images[named == c], real.images[real.labels == c]))
        mine, theirs = sides
        found.append(torch.zeros_like(theirs) if not bool((named == c).any()) else mine - theirs)
    return torch.stack(found)


def _windows(images: Tensor, dataset: Dataset, side: int) -> Tensor:
    """The mean brightness of every square, over images and channels, [places, places]."""
    grey = denormalise(images, dataset.mean, dataset.std).mean((0, 1))
    return torch.nn.functional.avg_pool2d(grey[None, None], side, stride=1)[0, 0]


def rank(suspicions: Tensor, square: Square, target: int, size: int) -> int:
    """How many pairs of a class and a place are at least as suspicious as the true one; 1: it is the first."""
    row, column = (part.start for part in square.place(size))
    return int((suspicions >= suspicions[target, row, column]).sum())
