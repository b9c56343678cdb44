"""Data sets as tensors: ``load(name)`` gives train, validation and test parts, normalised, with a fingerprint.

The validation part is a fixed, stratified tenth of the training data: choices are made on it, so
that the test part is touched by the final evaluation only.
"""

from collections.abc import Hashable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.data.dataset import Dataset, Split
from ddkit.data.names import SOURCES, parse_name
from ddkit.data.parts import VALIDATION_SHARE, contradictions, require_room_for_validation, stratified
from ddkit.data.source import Source, data_root
from ddkit.foundation.errors import require
from ddkit.foundation.files import sha256
from ddkit.foundation.memory import require_memory

SMALLEST = 8  # pixels a side that a data set can be resized to


def load(name: str, root: str | Path | None = None, size: int | None = None) -> Dataset:
    """Load a data set into memory.

    Args:
        name: ``digits`` (scikit-learn's, embedded), ``mnist``, ``fashion_mnist``, ``cifar10``, ``omniglot``, ``glyphs``
            (letters, drawn), ``mhist`` (the student's own copy), ``mhist_like`` (synthetic), ``spoken_digits`` or
            ``spoken_digits_speaker`` (spectrograms), or another that has a file in ``data.sources``, where each says
            what it is; with classes behind it, as in ``mnist-4-9``, those ``only``.
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


def loaded(dataset: Dataset | str) -> Dataset:
    """A data set as it is, or the one that ``load`` gives by that name alone."""
    return load(dataset) if isinstance(dataset, str) else dataset


def _load_whole(name: str, root: Path, size: int | None) -> Dataset:
    source = SOURCES[name]
    require(size is None or (isinstance(size, int | np.integer) and size >= SMALLEST),
            f"images must be a whole number of at least {SMALLEST} pixels wide, got size {size}")
    require(source.pictures or size in (None, source.size),
            f"{name} are no pictures, which could be resized: leave the size out, got size {size}")
    size = int(size or source.size)
    *parts, names, notes = _read(source, root, size)
    train, test, number = parts[0], parts[-1], sum(len(labels) for _, labels, *_ in parts)
    if source.pictures:
        require_memory(4 * number * len(source.mean) * size**2, f"{number:,} images of {name} at {size}x{size} pixels")
    fingerprint = sha256(f"{name}/{size}".encode(), *(np.ascontiguousarray(a).data for part in parts for a in part))
    if not source.validated:
        notes += contradictions(name, train[0], test[0])
        require_room_for_validation(name, train[1])
        kept, held = stratified(train[1], VALIDATION_SHARE)
        parts = [[array[kept] for array in train], [array[held] for array in train], test]
    splits = [Split(_prepare(images, size, source), *(torch.tensor(a, dtype=torch.int64) for a in labels_and_votes))
              for images, *labels_and_votes in parts]
    return Dataset(name, *splits, tuple(names), source.mean, source.std, fingerprint, source.strategy, tuple(notes),
                   source.pictures)


def _read(source: Source, root: Path, size: int) -> tuple:
    """What ``read`` gives: the parts, the class names, and a list of notes."""
    found = source.read(root, size)
    parts = 3 if source.validated else 2
    return *found[:parts], found[parts], list(found[parts + 1:])


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


def _prepare(images: np.ndarray, size: int, source: Source) -> Tensor:
    tensor = torch.tensor(images)
    tensor = tensor.float().div_(255) if tensor.dtype == torch.uint8 else tensor.float()
    if source.pictures and tensor.shape[-1] != size:
        tensor = F.interpolate(tensor, (size, size), mode="bilinear", antialias=True)
    scale, shift = (torch.tensor(v)[:, None, None] for v in (source.std, source.mean))
    return tensor.sub_(shift).div_(scale)

