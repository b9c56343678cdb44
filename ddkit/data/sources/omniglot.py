"""``omniglot``: characters of eight alphabets, each drawn once by twenty people (Lake et al., Science 2015).

These are the two small background sets in ``ROOT/omniglot``, which share Greek and Latin: 242 characters. The last
four of the twenty people are the test part. Ink is white on black here, as in MNIST.
"""

import io
import os
import re
import zipfile
from collections.abc import Hashable
from pathlib import Path

import numpy as np

from ddkit.data.idx import damaged
from ddkit.data.source import Source, marks_of_files
from ddkit.foundation.errors import InputError, require

ARCHIVES = ("images_background_small1", "images_background_small2")
CHARACTERS, PEOPLE, TRAINED, SIDE = 242, 20, 16, 105  # characters, drawers of each, those of them trained on, pixels
_DRAWING = re.compile(r"[^/]+/(?P<alphabet>[^/]+)/character(?P<character>\d+)/\d+_(?P<person>\d+)\.png")


def read(root: Path, size: int):
    drawings: dict[tuple[str, int], dict[int, np.ndarray]] = {}
    for path in _paths(root):
        if not os.path.isfile(path):
            _download(path)
        for (alphabet, character, person), image in _drawings(path):
            drawings.setdefault((alphabet, character), {})[person] = image
    whole = len(drawings) == CHARACTERS and all(len(by) == PEOPLE for by in drawings.values())
    require(whole, f"the archives in {root / 'omniglot'} hold {len(drawings)} characters instead of {CHARACTERS} drawn "
                   f"by {PEOPLE} people each: copy them again")
    names = sorted(drawings)
    images = np.stack([np.stack([drawings[name][person] for person in sorted(drawings[name])]) for name in names])
    parts = (images[:, :TRAINED], images[:, TRAINED:])
    arrays = ((part.reshape(-1, 1, SIDE, SIDE), np.arange(CHARACTERS).repeat(part.shape[1])) for part in parts)
    return *arrays, [f"{alphabet} {character}" for alphabet, character in names]


def marks(root: Path) -> Hashable | None:
    return marks_of_files(*_paths(root))


def _paths(root: Path) -> list[Path]:
    return [root / "omniglot" / f"{archive}.zip" for archive in ARCHIVES]


def _drawings(path: Path):
    """Pairs ((alphabet, character, person), uint8 [105, 105]) of an archive."""
    from PIL import Image

    try:
        with zipfile.ZipFile(path) as archive:
            for found in filter(None, map(_DRAWING.fullmatch, archive.namelist())):
                image = Image.open(io.BytesIO(archive.read(found.string)))
                require(image.size == (SIDE, SIDE), f"{found.string} is no drawing of {SIDE} pixels")
                ink = 255 * (1 - np.asarray(image.convert("1"), dtype=np.uint8))
                yield (found["alphabet"], int(found["character"]), int(found["person"])), ink
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise damaged(path, str(error)) from error


def _download(path: Path) -> None:
    """Fetch an archive from where torchvision fetches Omniglot's larger ones."""
    from torchvision.datasets import Omniglot
    from torchvision.datasets.utils import download_url

    try:
        download_url(f"{Omniglot.download_url_prefix}/{path.name}", str(path.parent))
    except Exception as error:  # torchvision raises whatever its transport does
        raise InputError(f"{path} is missing and could not be downloaded ({type(error).__name__}): connect to the "
                         f"internet once, or copy {' and '.join(f'{name}.zip' for name in ARCHIVES)} of Omniglot "
                         "there, or set DDKIT_DATA to the folder that has them") from error


SOURCE = Source(read, marks, 28, (0.0806,), (0.2183,), classes=CHARACTERS)
