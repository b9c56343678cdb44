"""Writing files whole or not at all, and reading tensors without running code."""

import contextlib
import hashlib
import json
import os
import pickle
from pathlib import Path

import torch

from ddkit.errors import InputError


@contextlib.contextmanager
def atomic(path: Path):
    """Yield a temporary path beside ``path``; it takes the name ``path`` only if the block succeeds."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror or error}): choose a folder you may write to "
                         "with free space; nothing was changed") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_json(path: Path, content: dict) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path} ({error}): delete it to make the run again") from error


def save_state(path: Path, state: dict) -> None:
    """Save nested dicts, lists, numbers and tensors so that ``load_state`` can read them back."""
    with atomic(path) as temporary:
        torch.save(state, temporary)


def load_state(path: Path) -> dict:
    """Load what ``save_state`` or the field's tools saved; anything but plain data is refused unread.

    Raises:
        InputError: the file is missing, damaged, or holds objects whose loading would run code.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path}") from error
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} is refused: {_objection(error)}; ask for tensors saved with torch.save or "
                         "safetensors") from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise InputError(f"{path} is damaged or no torch file ({_first_line(error)}): copy or make it again") from error


def sha256(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _objection(error: pickle.UnpicklingError) -> str:
    """Torch's reason in one clause, such as ``GLOBAL os.system was not an allowed global``."""
    for line in str(error).replace(". ", ".\n").splitlines():
        if "GLOBAL" in line or "Unsupported" in line:
            return "loading it would run code (" + line.split("WeightsUnpickler error:")[-1].strip().rstrip(".") + ")"
    return f"it holds more than plain tensors ({_first_line(error)})"
