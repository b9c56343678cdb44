"""MNIST's own format, idx: four files of unsigned bytes, plain or gzipped, named by their part and what they hold.

A file is the magic number 0x0000_08_d, the sizes of its d dimensions (big-endian, four bytes each), and the data. What
the header announces is checked against the file's size before anything is read or unpacked.
"""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import sha256
from ddkit.foundation.memory import require_memory

FILES = tuple(f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1"))
LABELS = 10  # classes of MNIST and of the data sets that took its format over
LARGEST_RATIO = 1032  # of what deflate unpacks to what it read
# The published files' content (the first half of its sha256): the data sets differ in nothing that a header tells.
PUBLISHED = {
    "ba891046e6505d7aadcbbe25680a0738": ("MNIST", "train-images-idx3-ubyte"),
    "65a50cbbf4e906d70832878ad85ccda5": ("MNIST", "train-labels-idx1-ubyte"),
    "0fa7898d509279e482958e8ce81c8e77": ("MNIST", "t10k-images-idx3-ubyte"),
    "ff7bcfd416de33731a308c3f266cc351": ("MNIST", "t10k-labels-idx1-ubyte"),
    "c59f468a2f672dc815687fe0f8388776": ("FashionMNIST", "train-images-idx3-ubyte"),
    "bad3541b69d912435c50bb6ba87bec29": ("FashionMNIST", "train-labels-idx1-ubyte"),
    "5b4141f0afbad91edebe8549f8fcffe0": ("FashionMNIST", "t10k-images-idx3-ubyte"),
    "0402a96d92fd2663957122ceb108a494": ("FashionMNIST", "t10k-labels-idx1-ubyte"),
}


def find(raw: Path, name: str) -> Path | None:
    """The file of that name in a folder, plain if it is there so, else gzipped."""
    return next((path for path in (raw / name, raw / f"{name}.gz") if os.path.isfile(path)), None)


def read_parts(raw: Path, dataset: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images uint8 [N, 1, S, S] and labels uint8 [N] of the training and the test part, from the four files in ``raw``.

    Raises:
        InputError: a file is damaged, does not fit its neighbour, or is a published one under another's name.
    """
    arrays = []
    for name in FILES:
        path = find(raw, name)
        array, content = read(path, 3 if "images" in name else 1)
        published = PUBLISHED.get(content, (dataset, name))
        require(published == (dataset, name), f"{path} holds what is published as {published[1]} of {published[0]}: "
                                              "give every file the name and the folder it was published under")
        arrays.append(array)
    parts = [tuple(arrays[:2]), tuple(arrays[2:])]
    for name, (images, labels) in zip(FILES[::2], parts, strict=True):
        _require_fit(find(raw, name), find(raw, FILES[FILES.index(name) + 1]), images, labels)
    return [(images[:, None], labels) for images, labels in parts]


def _require_fit(images_path: Path, labels_path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    if len(labels) != len(images):
        raise damaged(labels_path, f"{len(labels):,} labels, but {images_path.name} holds {len(images):,} images")
    if labels.max() >= LABELS:
        raise damaged(labels_path, f"label {labels.max()}, the largest is {LABELS - 1}")
    height, width = images.shape[1:]
    require(height == width, f"{images_path} holds images of {width}x{height} pixels, and only square ones are read: "
                             "pad or crop them to a square and write the file again")


def read(path: Path, dimensions: int) -> tuple[np.ndarray, str]:
    """The array uint8 in a file, and the first half of the sha256 of its (unpacked) content.

    Raises:
        InputError: it is damaged, has another number of dimensions, or does not fit the memory.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 + 4 * dimensions)
            shape = _shape(path, header, dimensions)
            announced, size = math.prod(shape), path.stat().st_size
            most = LARGEST_RATIO * size if path.suffix == ".gz" else size - len(header)
            if announced > most:
                raise damaged(path, f"its header announces {announced:,} bytes, more than it can hold")
            require_memory(announced, f"the content of {path}")
            data = file.read(announced + 1)
    except (zlib.error, EOFError, OSError) as error:
        raise damaged(path, str(error)) from error
    if len(data) != announced:
        raise damaged(path, f"its header announces {announced:,} bytes, it holds "
                            f"{'more' if len(data) > announced else f'{len(data):,}'}")
    return np.frombuffer(data, np.uint8).reshape(shape), sha256(header, data)[:32]


def _shape(path: Path, header: bytes, dimensions: int) -> tuple[int, ...]:
    """The sizes that a header announces."""
    if len(header) < 4:
        raise damaged(path, f"{len(header)} bytes are no header")
    zero, kind, found = struct.unpack_from(">HBB", header)
    if (zero, kind) != (0, 8):
        raise damaged(path, "its header is not that of an idx file of unsigned bytes")
    if found != dimensions:
        raise damaged(path, f"its header announces {found} dimensions, expected {dimensions}: images have 3, labels 1")
    if len(header) < 4 + 4 * dimensions:
        raise damaged(path, "it ends within its header")
    shape = struct.unpack_from(f">{dimensions}I", header, 4)
    if not math.prod(shape):
        raise damaged(path, "its header announces no data")
    return shape


def damaged(path: Path, reason: str) -> InputError:
    return InputError(f"{path} is damaged ({reason}): delete it and load again to download it anew, or copy it again")
