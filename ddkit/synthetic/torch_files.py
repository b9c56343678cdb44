"""Torch files that other programs wrote, told by their content and read without running code.

Beside tensors and plain data they may hold NumPy's arrays and numbers, as the accuracies in the field's files are.
"""

import pickle
import zipfile
import zlib
from functools import wraps
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import load_state

AGAIN = "export it again from the tool that made it"
LARGEST_SHARED = 1 << 26  # bytes that a tensor may claim beyond what its file holds of it
PRECISE = (torch.half, torch.bfloat16, torch.float, torch.double)


def is_safetensors(path: Path) -> bool:
    """By content: after eight bytes of its length, the header begins with a brace. Damaged ones go by their name."""
    require(path.is_file(), f"no such file: {path}")
    head = _head(path)
    return head[8:9] == b"{" or (path.suffix == ".safetensors" and not head.startswith(b"PK"))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error}): choose a file you may read") from error


def load(path: Path):
    """What a torch file holds, whatever its name; nothing but plain data, tensors and NumPy's arrays and numbers."""
    require(not is_safetensors(path), f"{path} is a .safetensors file: read it with SyntheticSet.load(path) or "
                                      "ddkit.synthetic.formats.open_set(path, dataset)")
    head = _head(path)
    zipped, old = head.startswith(b"PK\x03\x04"), pickle.dumps(torch.serialization.MAGIC_NUMBER, 2)[2:] in head
    require(zipped or old or not head.startswith(b"\x80"),
            f"{path} is refused: it is a bare pickle, which could run code; ask for tensors saved with torch.save or "
            "safetensors")
    require(zipped or old, f"{path} is damaged or no torch file: copy or make it again")
    if zipped:
        _check_sums(path)
    with torch.serialization.safe_globals(_numpy_globals()):
        return load_state(path)


def _check_sums(path: Path) -> None:
    """Raise InputError where a part of a torch file is not what was written: torch stores sums and compares none."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, zlib.error, NotImplementedError, EOFError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} is damaged or no torch file ({error}): copy or make it again") from error
    require(damaged is None, f"{path} is damaged ({damaged} is not what was written): copy or make it again")


def _numpy_globals() -> list:
    """What rebuilds NumPy's arrays and numbers of plain types, under the names of NumPy 1 and 2."""
    core = np.array(0).__reduce__()[0], np.float64(0).__reduce__()[0]
    renamed = [_renamed(builder, f"numpy.{home}.multiarray") for builder in core for home in ("core", "_core")]
    return [*renamed, np.ndarray, np.dtype, *{type(np.dtype(kind)) for kind in "?bhilqBHILQefd"}]


def _renamed(builder, home: str):
    @wraps(builder)
    def same(*arguments):
        return builder(*arguments)

    same.__module__ = home
    return same


def tensor(path: Path, part) -> Tensor:
    """A tensor from a tensor, an array or nested lists, without what cannot be images or labels."""
    try:
        if isinstance(part, list | tuple) and part and all(isinstance(p, Tensor) for p in part):
            part = torch.stack(list(part))
        made = torch.as_tensor(part).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} holds something else than numbers for images or labels: {AGAIN}") from error
    plain = made.layout == torch.strided and made.device.type == "cpu" and not made.is_quantized
    require(plain and not made.is_complex(), f"{path} holds a tensor that is no plain array of real numbers: {AGAIN}")
    size, held = made.numel() * made.element_size(), made.untyped_storage().nbytes()
    require(size <= max(held, LARGEST_SHARED), f"{path} holds {held:,} bytes of a tensor of {size:,}: {AGAIN}")
    if not made.is_floating_point():
        return made.long()
    return made if made.dtype in PRECISE else made.float()
