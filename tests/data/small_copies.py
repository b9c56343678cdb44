"""Small copies of data sets for tests, by the names and in the format of MNIST's files, and names to load them by."""

import gzip
import struct

import numpy as np
import pytest

from ddkit.data import idx

LABELS, IMAGES = "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"

FORMATTED = pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
FORMS = pytest.mark.parametrize("form", ["plain", "gz", "both"])

NAMES = pytest.mark.parametrize("name", [
    "digits", "digits-4-9", "digits-9-4", "digits-04-9", "mnist", "mnist-1-0", "fashion_mnist", "fashion_mnist-2-3",
    "cifar10", "cifar10-7-2", "mhist", "mhist-1-0", "mhist_like", "mhist_like-1"])


def packed(array: np.ndarray, kind: int = 8) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


def write(folder, name: str, array: np.ndarray, form: str = "plain") -> None:
    """A file in MNIST's format: ``plain``, ``gz`` or in ``both`` forms."""
    for suffix, content in (("", packed(array)), (".gz", gzip.compress(packed(array)))):
        if form in ("both", "gz" if suffix else "plain"):
            (folder / (name + suffix)).write_bytes(content)


def own_copy(root, dataset: str = "mnist", form: str = "plain", **changes):
    """A small copy in MNIST's format under ``root``, with other arrays for some: images, labels, test_images, ..."""
    folder = root / {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[dataset] / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    found = {"images": random.integers(0, 256, (100, 28, 28), np.uint8), "labels": np.arange(100, dtype=np.uint8) % 10,
             "test_images": random.integers(0, 256, (30, 28, 28), np.uint8),
             "test_labels": np.arange(30, dtype=np.uint8) % 10}
    for name, array in zip(idx.FILES, (found | changes).values(), strict=True):
        write(folder, name, array, form)
    return root


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, shape, np.uint8)
