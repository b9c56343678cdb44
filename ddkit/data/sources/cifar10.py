"""CIFAR-10 in torchvision's layout (Krizhevsky, 2009)."""

import os
from collections.abc import Hashable
from pathlib import Path

import numpy as np

from ddkit.data.idx import damaged
from ddkit.data.source import MIRRORED, Source, download, marks_of_files


def _files(root: Path) -> list[tuple[Path, str]]:
    """The files of CIFAR-10 in torchvision's layout, and their checksums."""
    from torchvision.datasets import CIFAR10

    listed = [*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])]
    return [(root / CIFAR10.base_folder / name, md5) for name, md5 in listed]


def marks(root: Path) -> Hashable | None:
    return marks_of_files(*(path for path, _ in _files(root)))


def read(root: Path, size: int):
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    missing = [path for path, _ in _files(root) if not os.path.isfile(path)]
    if missing:
        download(CIFAR10, root, missing[0])
    for path, md5 in _files(root):
        if not check_integrity(path, md5):
            raise damaged(path, "its checksum is wrong")
    train, test = (CIFAR10(root, train=part) for part in (True, False))
    return *((d.data.transpose(0, 3, 1, 2), np.asarray(d.targets)) for d in (train, test)), train.classes


SOURCE = Source(read, marks, 32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), MIRRORED)
