"""What a data set is in memory: three parts of normalised images and their labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ddkit.data import augment
from ddkit.data.names import name_of
from ddkit.foundation.errors import require
from ddkit.foundation.files import sha256


@dataclass(frozen=True)
class Split:
    """Images float32 [N, C, H, W], normalised, and their labels int64 [N].

    A distilled set's labels may also be float [N, classes]: distributions, or, if ``squared``, values that the logits
    are regressed on by squared error. ``votes``, int64 [N], are the annotators' votes for class 1 where the data set
    has them (``mhist``), else None.
    """

    images: Tensor
    labels: Tensor
    votes: Tensor | None = None
    squared: bool = False

    def __post_init__(self):
        require(len(self.images) == len(self.labels), f"{len(self.images)} images and {len(self.labels)} labels do not "
                "belong together: give each image its label")

    def __len__(self) -> int:
        return len(self.labels)

    def of_class(self, label: int) -> Tensor:
        """The images of one class, [n, C, H, W]."""
        return self.images[self.labels == label]

    def to(self, device) -> "Split":
        votes = None if self.votes is None else self.votes.to(device)
        return Split(self.images.to(device), self.labels.to(device), votes, self.squared)


@dataclass(frozen=True)
class Dataset:
    """A data set in memory.

    Attributes:
        name: as given to ``load``.
        train, val, test: the three parts; ``val`` is cut from the published training data.
        classes: class names, by label.
        mean, std: per-channel statistics that the images were normalised with (of pixels in [0, 1]).
        fingerprint: sha256 of every image and label as loaded, before normalisation.
        strategy: the augmentation that leaves labels as they are (a mirrored digit is none), as for ``augment.parse``;
            where it is ``none``, as of texts and graphs, augmented protocols and methods change nothing.
        notes: sentences that belong beside results, such as that the images are synthetic.
        pictures: whether ``images`` are square pictures; else they are whatever the source says.
    """

    name: str
    train: Split
    val: Split
    test: Split
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str
    strategy: str
    notes: tuple[str, ...] = ()
    pictures: bool = True

    @property
    def channels(self) -> int:
        return self.train.images.shape[1]

    @property
    def size(self) -> int:
        return self.train.images.shape[-1]

    @property
    def flips(self) -> bool:
        """Whether a mirrored image keeps its label."""
        return "flip" in augment.parse(self.strategy)

    def augmentation(self, operations: str | None = None) -> str:
        """The strategy of some operations, such as ``crop_scale``, or (None) the data set's own.

        Raises:
            InputError: there is no such operation; or the data are no pictures and their own strategy lacks it.
        """
        wanted, own = (augment.parse(strategy) for strategy in (operations or "none", self.strategy))
        beyond = [] if self.pictures else [name for name in wanted if name not in own]
        require(not beyond, f"{self.name} are no pictures, and '{beyond and beyond[0]}' makes no sense of them: "
                            f"augment them by {self.strategy}")
        return self.strategy if operations is None else operations

    @property
    def full_train(self) -> Split:
        """Training and validation parts together: all the images one may learn from."""
        one, other = self.train, self.val
        votes = None if one.votes is None else torch.cat([one.votes, other.votes])
        return Split(torch.cat([one.images, other.images]), torch.cat([one.labels, other.labels]), votes)

    @property
    def chance(self) -> float:
        """Test accuracy of always naming the most frequent class, in [0, 1]."""
        return float(torch.bincount(self.test.labels).max() / len(self.test))

    def only(self, classes: Sequence[int]) -> "Dataset":
        """The images of some classes in all three parts, in that order: label i now means ``classes[i]``.

        Nothing of the other classes is left in it, neither images nor, in the fingerprint, their trace. It is the data
        set that ``load`` gives by its name, such as ``mnist-4-9``.

        Raises:
            InputError: a class that the data set does not have, or the same one twice.
        """
        known = range(len(self.classes))
        require(len(classes) > 0 and set(classes) <= set(known) and len(set(classes)) == len(classes),
                f"classes of {self.name} are different numbers from 0 to {known[-1]}, got {list(classes)}")
        name = name_of(self.name, classes)
        parts = [_of_classes(part, classes) for part in (self.train, self.val, self.test)]
        content = (array.cpu().numpy().data for part in parts for array in (part.images, part.labels))
        return replace(self, name=name, train=parts[0], val=parts[1], test=parts[2],
                       classes=tuple(self.classes[c] for c in classes),
                       fingerprint=sha256(f"{name}/{self.size}".encode(), *content))

    def to(self, device) -> "Dataset":
        return replace(self, train=self.train.to(device), val=self.val.to(device), test=self.test.to(device))


def _of_classes(split: Split, classes: Sequence[int]) -> Split:
    """Copies of the images of some classes, labelled by their place among them."""
    place = torch.full((1 + int(max(*classes, split.labels.max())),), -1)
    place[list(classes)] = torch.arange(len(classes))
    labels = place.to(split.labels.device)[split.labels]
    kept = labels >= 0
    return Split(split.images[kept], labels[kept], None if split.votes is None else split.votes[kept])


def denormalise(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Undo the normalisation: pixels in [0, 1] (clipped), same shape [..., C, H, W]."""
    scale, shift = (images.new_tensor(v)[:, None, None] for v in (std, mean))
    return (images.detach() * scale + shift).clamp(0, 1)
