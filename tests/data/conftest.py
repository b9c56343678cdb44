"""No network, and small copies of data sets."""

import hashlib
import pickle
import urllib.error

import numpy as np
import pytest
import torchvision
from small_copies import own_copy, packed

from ddkit.data.sources import mhist_like


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network in tests")

    for kind in (torchvision.datasets.MNIST, torchvision.datasets.CIFAR10):
        monkeypatch.setattr(kind, "download", refuse)


@pytest.fixture
def arrays():
    """100 training and 30 test images of 28x28, ten classes in turn, by the names of MNIST's files."""
    random = np.random.default_rng(0)
    found = {}
    for part, count in (("train", 100), ("t10k", 30)):
        found[f"{part}-images-idx3-ubyte"] = random.integers(0, 256, (count, 28, 28), np.uint8)
        found[f"{part}-labels-idx1-ubyte"] = (np.arange(count) % 10).astype(np.uint8)
    return found


@pytest.fixture
def raw(tmp_path, arrays):
    """A folder with the four files, plain."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        (folder / name).write_bytes(packed(array))
    return folder


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """``ready(name)`` puts a small copy of that data set under the folder it returns."""
    monkeypatch.setattr(mhist_like, "NUMBER", 60)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def make(name: str):
        whole = name.split("-")[0]
        if whole == "mhist":
            mhist_like.make(tmp_path / "MHIST", 60, 16)
        elif whole == "cifar10":
            monkeypatch.setattr(torchvision.datasets.CIFAR10, "download", lambda self: None)
            small_cifar10(tmp_path, monkeypatch)
        elif "mnist" in whole:
            own_copy(tmp_path, whole)
        return tmp_path

    return make


def small_cifar10(root, monkeypatch) -> None:
    """120 training images in five batches and 20 test images, laid out as torchvision has them, checksums adapted."""
    kind, random = torchvision.datasets.CIFAR10, np.random.default_rng(3)
    folder = root / kind.base_folder
    folder.mkdir()

    def write_pickle(name: str, content: dict) -> str:
        (folder / name).write_bytes(pickle.dumps(content))
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    def batch(name: str, number: int) -> list[str]:
        images = random.integers(0, 256, (number, 3072), np.uint8)
        return [name, write_pickle(name, {"data": images, "labels": [i % 10 for i in range(number)]})]

    monkeypatch.setattr(kind, "train_list", [batch(name, 24) for name, _ in kind.train_list])
    monkeypatch.setattr(kind, "test_list", [batch("test_batch", 20)])
    names = {"label_names": ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]}
    monkeypatch.setattr(kind, "meta", {"filename": "batches.meta", "key": "label_names",
                                       "md5": write_pickle("batches.meta", names)})
