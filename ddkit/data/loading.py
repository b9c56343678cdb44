"""Data sets as tensors: ``load(name)`` gives train, validation and test parts, normalised, with a fingerprint.

The validation part is a fixed, stratified tenth of the training data: choices are made on it, so
that the test part is touched by the final evaluation only.
"""

import os
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.data import idx
from ddkit.data.parts import VALIDATION_SHARE, contradictions, require_room_for_validation, stratified
from ddkit.data.sources import mhist, mhist_like
from ddkit.foundation.errors import InputError, one_of, require
from ddkit.foundation.files import expanded, sha256
from ddkit.foundation.memory import require_memory


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
        flips: whether a mirrored image keeps its label (digits do not).
        notes: sentences that belong beside results, such as that the images are synthetic.
    """

    name: str
    train: Split
    val: Split
    test: Split
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str
    flips: bool
    notes: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        return self.train.images.shape[1]

    @property
    def size(self) -> int:
        return self.train.images.shape[-1]

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


@dataclass(frozen=True)
class Source:
    """Where a data set comes from.

    ``read(root, size)`` gives the arrays (images, labels) or (images, labels, votes) of train, the same of test, the
    class names, and any notes. Images are uint8 or float arrays [N, C, H, W] (float ones in [0, 1]), of ``size``
    pixels if the reader can have them so (it then asks ``require_memory``); others are resized afterwards.
    ``marks(root)`` changes whenever the files do, and is None where there are none; it is quick, and nothing is
    downloaded. ``classes`` is how many there are.
    """

    read: Callable
    marks: Callable[[Path], Hashable | None]
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    flips: bool = False
    classes: int = 10


def load(name: str, root: str | Path | None = None, size: int | None = None) -> Dataset:
    """Load a data set into memory.

    Args:
        name: ``digits`` (scikit-learn's, embedded), ``mnist``, ``fashion_mnist``, ``cifar10``, ``mhist`` (the student's
            own copy, see ``ddkit.mhist``) or ``mhist_like`` (synthetic, see ``ddkit.mhist_like``); with classes behind
            it, as in ``mnist-4-9``, those ``only``.
        root: folder of the downloaded files in torchvision's layout; None takes the environment's
            ``DDKIT_DATA``, else ``./data`` (``~`` is the user's home). Files that are not there are downloaded into
            it, but for ``mhist``.
        size: side length in pixels to resize to; None keeps the data set's own (28 for ``digits``, 64 for
            ``mhist_like``).

    Raises:
        InputError: unknown name, a size below 8 or beyond the memory, a file that is missing (and cannot be had) or
            damaged, or images that cannot be learned from: test images that are trained on, a class without training
            images.
    """
    whole, classes = parse_name(name)
    dataset = _load_whole(whole, data_root(root), size)
    dataset = dataset.only(classes) if classes else dataset
    return replace(dataset, notes=(*dataset.notes, *_absences(dataset)))


def _load_whole(name: str, root: Path, size: int | None) -> Dataset:
    source = SOURCES[name]
    require(size is None or (isinstance(size, int | np.integer) and size >= 8),
            f"images must be a whole number of at least 8 pixels wide, got size {size}")
    size = int(size or source.size)
    train, test, names, *notes = source.read(root, size)
    number = len(train[1]) + len(test[1])
    require_memory(4 * number * len(source.mean) * size**2, f"{number:,} images of {name} at {size}x{size} pixels")
    fingerprint = sha256(f"{name}/{size}".encode(), *(np.ascontiguousarray(a).data for a in (*train, *test)))
    notes += contradictions(name, train[0], test[0])
    require_room_for_validation(name, train[1])
    kept, held = stratified(train[1], VALIDATION_SHARE)
    parts = [[array[kept] for array in train], [array[held] for array in train], test]
    splits = [Split(_prepare(images, size, source), *(torch.tensor(a, dtype=torch.int64) for a in labels_and_votes))
              for images, *labels_and_votes in parts]
    return Dataset(name, *splits, tuple(names), source.mean, source.std, fingerprint, source.flips, tuple(notes))


def _absences(dataset: Dataset) -> list[str]:
    """Sentences on the classes that no test image shows.

    Raises:
        InputError: no training image shows a class.
    """
    number = len(dataset.classes)
    learned, tested = (torch.bincount(part.labels, minlength=number).tolist() for part in (dataset.train, dataset.test))
    missing = [dataset.classes[c] for c in range(number) if not learned[c]]
    require(not missing, f"the training part of {dataset.name} holds no images of {', '.join(missing)}: copy the whole "
                         "data set, or name the classes to learn by their numbers, as in mnist-0-1")
    return [f"there are no test images of {dataset.classes[c]}" for c in range(number) if not tested[c]]


def fingerprint(name: str, root: str | Path | None = None, size: int | None = None) -> str | None:
    """The fingerprint that ``load`` would give, or None where the data are not at hand; nothing is downloaded.

    It takes as long as loading, once in a process for the same files.
    """
    whole, _ = parse_name(name)
    folder = data_root(root)
    marks = SOURCES[whole].marks(folder)
    return None if marks is None else _fingerprint(name, folder.resolve(), size, marks)


@lru_cache
def _fingerprint(name: str, root: Path, size: int | None, marks: Hashable) -> str:
    return load(name, root, size).fingerprint


def parse_name(name: str) -> tuple[str, tuple[int, ...]]:
    """The data set and the classes that a name such as ``mnist-4-9`` stands for; no classes are all of them.

    Raises:
        InputError: there is no such data set, or what follows are not different numbers of its classes.
    """
    require(isinstance(name, str), f"a data set goes by its name, as mnist, got {name!r}")
    whole, *classes = name.split("-")
    known = range(SOURCES[one_of(whole, SOURCES, "dataset")].classes)
    numbers = [int(c) if re.fullmatch("[0-9]{1,9}", c) else -1 for c in classes]
    require(set(numbers) <= set(known) and len(set(numbers)) == len(numbers),
            f"classes of {whole} are different numbers from 0 to {known[-1]}, got '{name[:80]}': "
            f"give their numbers, as in {whole}-0-1")
    return whole, tuple(numbers)


def canonical(name: str) -> str:
    """The one name of what ``parse_name`` makes of it: digits-04-9 is digits-4-9; an unknown one is left as it is."""
    try:
        return name_of(*parse_name(name))
    except InputError:
        return name


def name_of(dataset: str, classes: Sequence[int]) -> str:
    """The name of some classes, by their labels, of a data set that may itself be some classes of another."""
    whole, own = parse_name(dataset)
    return "-".join([whole, *(str(own[c] if own else c) for c in classes)])


def data_root(root: str | Path | None = None) -> Path:
    """The folder of the data: the argument, else ``DDKIT_DATA``, else ``./data``; ``~`` is the user's home.

    Raises:
        InputError: it is a file, or cannot be the name of a folder.
    """
    path = expanded(root or os.environ.get("DDKIT_DATA") or "data")
    require(not os.path.isfile(path), f"the data cannot lie in {path}, which is a file: name a folder by --data or "
                                      "DDKIT_DATA")
    return path


def _prepare(images: np.ndarray, size: int, source: Source) -> Tensor:
    tensor = torch.tensor(images)
    tensor = tensor.float().div_(255) if tensor.dtype == torch.uint8 else tensor.float()
    if tensor.shape[-1] != size:
        tensor = F.interpolate(tensor, (size, size), mode="bilinear", antialias=True)
    scale, shift = (torch.tensor(v)[:, None, None] for v in (source.std, source.mean))
    return tensor.sub_(shift).div_(scale)


def _read_digits(root: Path, size: int):
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images / 16).astype(np.float32)[:, None]
    kept, held = stratified(bunch.target, 0.2)
    return (images[kept], bunch.target[kept]), (images[held], bunch.target[held]), [str(i) for i in range(10)]


def _marks_of_files(*paths: Path | None) -> Hashable | None:
    """Names, sizes and times of files; None unless all are there."""
    if not all(path and os.path.isfile(path) for path in paths):
        return None
    seen = [(path, path.stat()) for path in paths]
    return tuple((str(path), s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for path, s in seen)


def _always_there(root: Path) -> Hashable:
    """The marks of data that come with a program."""
    return ()


def _idx_marks(folder: str):
    """``Source.marks`` of MNIST's own format."""
    return lambda root: _marks_of_files(*(idx.find(root / folder / "raw", name) for name in idx.FILES))


def _read_idx(folder: str):
    """A reader of MNIST's own format: four idx files under root/folder/raw, plain or gzipped."""

    def read(root: Path, size: int):
        import torchvision

        raw = root / folder / "raw"
        kind = getattr(torchvision.datasets, folder)
        missing = [raw / name for name in idx.FILES if not idx.find(raw, name)]
        if missing:
            _download(kind, root, missing[0])
        return *idx.read_parts(raw, folder), [name.split(" - ")[0] for name in kind.classes]

    return read


def _cifar10_files(root: Path) -> list[tuple[Path, str]]:
    """The files of CIFAR-10 in torchvision's layout, and their checksums."""
    from torchvision.datasets import CIFAR10

    listed = [*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])]
    return [(root / CIFAR10.base_folder / name, md5) for name, md5 in listed]


def _cifar10_marks(root: Path) -> Hashable | None:
    return _marks_of_files(*(path for path, _ in _cifar10_files(root)))


def _read_cifar10(root: Path, size: int):
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    missing = [path for path, _ in _cifar10_files(root) if not os.path.isfile(path)]
    if missing:
        _download(CIFAR10, root, missing[0])
    for path, md5 in _cifar10_files(root):
        if not check_integrity(path, md5):
            raise idx.damaged(path, "its checksum is wrong")
    train, test = (CIFAR10(root, train=part) for part in (True, False))
    return *((d.data.transpose(0, 3, 1, 2), np.asarray(d.targets)) for d in (train, test)), train.classes


def _download(kind, root: Path, missing: Path) -> None:
    try:
        kind(root, download=True)
    except Exception as error:  # torchvision raises whatever its transport does
        raise InputError(f"{missing} is missing and could not be downloaded ({type(error).__name__}): connect to the "
                         f"internet once, or copy torchvision's {kind.__name__} files there, or set DDKIT_DATA to the "
                         "folder that has them") from error


SOURCES: dict[str, Source] = {
    "digits": Source(_read_digits, _always_there, 28, (0.3054,), (0.3247,)),
    "mnist": Source(_read_idx("MNIST"), _idx_marks("MNIST"), 28, (0.1307,), (0.3081,)),
    "fashion_mnist": Source(_read_idx("FashionMNIST"), _idx_marks("FashionMNIST"), 28, (0.2861,), (0.3530,),
                            flips=True),
    "cifar10": Source(_read_cifar10, _cifar10_marks, 32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616),
                      flips=True),
    "mhist": Source(mhist.read, mhist.marks, mhist.SIDE, mhist.MEAN, mhist.STD, flips=True, classes=2),
    "mhist_like": Source(mhist_like.read, _always_there, mhist_like.SIZE, mhist_like.MEAN, mhist_like.STD, flips=True,
                         classes=2),
}
