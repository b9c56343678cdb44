"""The Free Spoken Digit Dataset: an archive of recordings of the ten digits by six speakers (Jackson et al., 2016).

Its home is the public repository Jakobovski/free-spoken-digit-dataset; its licence, CC BY-SA 4.0, lets it be passed on
under the same terms. A name such as 7_theo_12.wav says the digit, the speaker and which of fifty recordings it is.
"""

import io
import os
import re
import wave
import zipfile
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddkit.data.idx import damaged
from ddkit.data.sound import spectrograms
from ddkit.data.source import marks_of_files
from ddkit.foundation.errors import require

DIGITS, SPEAKERS, EACH = 10, 6, 50  # EACH: recordings of a digit by a speaker
TESTED = 5  # recordings of a digit by a speaker that are the official test part: the first ones
_AT_ONCE = 100  # sounds whose transforms are in memory together
_NAME = re.compile(r"(?:.*/)?(?P<digit>\d)_(?P<speaker>[a-z]+)_(?P<number>\d+)\.wav")


@dataclass(frozen=True)
class Recordings:
    """All of them, sorted by their names.

    Attributes:
        images: spectrograms uint8 [N, 1, side, side], as ``spectrograms.pictures`` draws them.
        digits, numbers: int64 [N].
        speakers: the name of each one's speaker.
    """

    images: np.ndarray
    digits: np.ndarray
    speakers: np.ndarray
    numbers: np.ndarray


def archive_in(root: Path) -> Path:
    """Where the recordings lie, or ought to."""
    return root / "spoken_digits" / "recordings.zip"


def marks(root: Path) -> Hashable | None:
    return marks_of_files(archive_in(root))


def recordings(root: Path) -> Recordings:
    """The spectrograms of all recordings, drawn in about a second.

    Raises:
        InputError: the archive is missing, damaged or not whole.
    """
    path = archive_in(root)
    _require_there(path)
    names = [_NAME.fullmatch(name) for name in _names(path)]
    return Recordings(_drawn(path), *(np.array([kind(name[what]) for name in names])
                               for what, kind in (("digit", int), ("speaker", str), ("number", int))))


def clip(root: Path, digit: int, speaker: str, number: int) -> Tensor:
    """One recording, float32 [samples] in [-1, 1], ``spectrograms.RATE`` samples in a second.

    Raises:
        InputError: there is none, or as of ``recordings``.
    """
    path, wanted = archive_in(root), f"{digit}_{speaker}_{number}.wav"
    _require_there(path)
    found = [name for name in _names(path) if name.rsplit("/", 1)[-1] == wanted]
    require(bool(found), f"{path} holds no {wanted}: a recording is named by its digit, its speaker and a number")
    with zipfile.ZipFile(path) as archive:
        return _sound(path, archive, found[0])


def _require_there(path: Path) -> None:
    require(os.path.isfile(path), f"{path} is missing: pack the folder recordings of the public repository "
                                  "Jakobovski/free-spoken-digit-dataset into it, or set DDKIT_DATA to the folder that "
                                  "has spoken_digits")


def _names(path: Path) -> list[str]:
    """Of all recordings, in order.

    Raises:
        InputError: the archive is damaged, or not whole.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = sorted(name for name in archive.namelist() if _NAME.fullmatch(name))
    except (zipfile.BadZipFile, OSError) as error:
        raise damaged(path, str(error)) from error
    whole = DIGITS * SPEAKERS * EACH
    require(len(found) == whole, f"{path} holds {len(found):,} recordings instead of {whole:,}: pack it again")
    return found


def _drawn(path: Path) -> np.ndarray:
    """Pixels, by transforms of float64: in float32 some are rounded up on one processor and down on another."""
    with zipfile.ZipFile(path) as archive:
        sounds = torch.stack([spectrograms.middle(_sound(path, archive, name)) for name in _names(path)])
    images = torch.cat([spectrograms.pictures(part) for part in sounds.double().split(_AT_ONCE)])
    return (255 * images).round().to(torch.uint8).numpy()


def _sound(path: Path, archive: zipfile.ZipFile, name: str) -> Tensor:
    try:
        with wave.open(io.BytesIO(archive.read(name))) as file:
            told = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError, OSError, zipfile.BadZipFile) as error:
        raise damaged(path, f"{name}: {error}") from error
    if told != (spectrograms.RATE, 1, 2) or not frames:
        raise damaged(path, f"{name} is not one channel of 16 bits, {spectrograms.RATE:,} times a second")
    return torch.from_numpy(np.frombuffer(frames, "<i2").astype(np.float32) / 32768)
