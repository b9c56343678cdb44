"""Arrays that take long to make, kept on disk under a key that names what they were made from."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ddkit.foundation.errors import InputError
from ddkit.foundation.files import atomic, expanded, sha256


def cached(folder: Path, name: str, key: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays that ``make`` gives, from the cache of ``folder`` if that holds them under the same ``key``.

    Where nothing can be written, they are made every time.
    """
    places = [place / f"{name}.safetensors" for place in (folder / ".ddkit", _users_cache(folder))]
    for place in places:
        arrays = _recall(place, key)
        if arrays:
            return arrays
    arrays = make()
    for place in places:
        if _keep(place, key, arrays):
            break
    return arrays


def _users_cache(folder: Path) -> Path:
    """This user's cache for the data in ``folder``."""
    root = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
    return expanded(root) / "ddkit" / sha256(os.fsencode(folder.resolve()))[:16]


def _recall(path: Path, key: str) -> dict[str, np.ndarray] | None:
    """The arrays in a cache file; None if there is none, or it is another copy's, or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            kept = file.metadata() or {}
            if kept.get("key") != key:
                return None
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError):
        return None
    return arrays if kept.get("content") == _checksum(arrays) else None


def _keep(path: Path, key: str, arrays: dict[str, np.ndarray]) -> bool:
    """Whether the arrays could be written."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        with atomic(path) as temporary:
            save_file(arrays, temporary, {"key": key, "content": _checksum(arrays)})
    except (InputError, SafetensorError):
        return False
    return True


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    return sha256(*(np.ascontiguousarray(arrays[name]).data for name in sorted(arrays)))
