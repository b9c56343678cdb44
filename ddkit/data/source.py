"""What a source of images is, and what several have in common."""

import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path

from ddkit.data.augment import default_strategy
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import expanded

MIRRORED = default_strategy(flips=True)  # the strategy of sources whose mirror images keep their labels


@dataclass(frozen=True)
class Source:
    """Where a data set comes from.

    ``read(root, size)`` gives the arrays (images, labels) or (images, labels, votes) of train, the same of test, the
    class names, and any notes. Images are uint8 or float arrays [N, C, H, W] (float ones in [0, 1]), of ``size``
    pixels if the reader can have them so (it then asks ``require_memory``); others are resized afterwards.
    ``marks(root)`` changes whenever the files do, and is None where there are none; it is quick, and nothing is
    downloaded.

    Attributes:
        size: the last side of what ``read`` gives where no other is asked for.
        mean, std: per channel.
        strategy: the augmentation that leaves labels as they are, as for ``augment.parse``.
        classes: how many there are.
        pictures: whether ``images`` are square pictures. Others may be any numbers of any shape, are not resized, and
            are augmented by ``strategy`` alone.
        validated: whether ``read`` gives a validation part of its own, between train and test; else a tenth of train
            is held out.
    """

    read: Callable
    marks: Callable[[Path], Hashable | None]
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    strategy: str = default_strategy(flips=False)
    classes: int = 10
    pictures: bool = True
    validated: bool = False


def marks_of_files(*paths: Path | None) -> Hashable | None:
    """Names, sizes and times of files; None unless all are there."""
    if not all(path and os.path.isfile(path) for path in paths):
        return None
    seen = [(path, path.stat()) for path in paths]
    return tuple((str(path), s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for path, s in seen)


def always_there(root: Path) -> Hashable:
    """The marks of data that come with a program."""
    return ()


def download(kind, root: Path, missing: Path) -> None:
    """Fetch a data set by torchvision's class of it, because the file ``missing`` is.

    Raises:
        InputError: it cannot be had.
    """
    try:
        kind(root, download=True)
    except Exception as error:  # torchvision raises whatever its transport does
        raise InputError(f"{missing} is missing and could not be downloaded ({type(error).__name__}): connect to the "
                         f"internet once, or copy torchvision's {kind.__name__} files there, or set DDKIT_DATA to the "
                         "folder that has them") from error


def data_root(root: str | Path | None = None) -> Path:
    """The folder of the data: the argument, else ``DDKIT_DATA``, else ``./data``; ``~`` is the user's home.

    Raises:
        InputError: it is a file, or cannot be the name of a folder.
    """
    path = expanded(root or os.environ.get("DDKIT_DATA") or "data")
    require(not os.path.isfile(path), f"the data cannot lie in {path}, which is a file: name a folder by --data or "
                                      "DDKIT_DATA")
    return path
