"""What came of a command, in a form in which two outcomes can be compared: scores and tensors, without times."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ddkit.foundation.files import DIGEST

RESULTS = ("record.json", "expert.json")
UNFINISHED = ("*.tmp", "checkpoint*.pt", "parts", "looks.pt", "started.json")
OF_TIMES = ("time.png",)  # figures
TIMES = ("made", "peak_memory_mib", "folder", "speedup")  # and whatever has "seconds" in its name


@dataclass(frozen=True)
class Outcome:
    """What a command printed as JSON (None: none) and, by path, what each file holds that is a result."""

    printed: object
    files: dict[str, object]

    @classmethod
    def of(cls, folder: Path, printed: str = "") -> "Outcome":
        held = {str(path.relative_to(folder)): content_of(path) for path in _files(folder)}
        return cls(_without_times(_json(printed)), {path: content for path, content in held.items() if content})

    def difference(self, other: "Outcome", but: str = "") -> str:
        """What differs in another outcome, in words; empty where nothing does. Files that it has besides do not count.

        Args:
            but: a file that need not be the same.
        """
        for path in sorted(self.files.keys() - {but}):
            ours, theirs = self.files[path], other.files.get(path)
            if theirs is None:
                return f"{path} is missing"
            if ours != theirs:
                return f"{path} is another:{_first_difference(ours, theirs)}"
        if self.printed == other.printed:
            return ""
        return f"another answer:{_first_difference(self.printed, other.printed)}"


def unfinished(folder: Path) -> list[str]:
    """Files of an unfinished run, which none should leave behind at its end."""
    return sorted(str(path.relative_to(folder)) for name in UNFINISHED for path in folder.rglob(name))


def content_of(path: Path):
    """A result's content without times, as data or as a digest; empty if the file is none; if damaged, a reason."""
    try:
        if path.name in RESULTS:
            content = json.loads(path.read_bytes())
            return _without_times({name: part for name, part in content.items() if name != DIGEST})
        if path.suffix == ".safetensors":
            return _tensors(path)
        if path.suffix == ".png" and path.name not in OF_TIMES:
            return _sha(path.read_bytes())
        return _saved(path) if path.suffix == ".pt" and not path.match("checkpoint*") else ""
    except Exception as error:  # whatever a reader makes of a damaged file
        return f"unreadable ({type(error).__name__})"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "cache" not in path.parts
                  and ".ddkit" not in path.parts and "parts" not in path.relative_to(folder).parts)


def _tensors(path: Path) -> str:
    from safetensors.numpy import load_file

    return _sha(*(part for name, array in sorted(load_file(path).items())
                  for part in (f"{name} {array.dtype} {array.shape}".encode(), np.ascontiguousarray(array).data)))


def _saved(path: Path) -> str:
    import torch

    return _sha(*_bytes(torch.load(path, map_location="cpu", weights_only=True)))


def _bytes(content):
    """The content of nested lists, dicts and tensors, piece by piece."""
    if isinstance(content, dict):
        content = list(content.items())
    if isinstance(content, list | tuple):
        for part in content:
            yield from _bytes(part)
    elif hasattr(content, "numpy"):
        yield f"{content.dtype} {list(content.shape)}".encode()
        yield np.ascontiguousarray(content.numpy()).data
    else:
        yield repr(content).encode()


def _json(text: str):
    try:
        return json.loads(text)
    except ValueError:
        return None


def _without_times(content):
    if isinstance(content, list):
        return [_without_times(part) for part in content]
    if isinstance(content, dict):
        return {name: _without_times(part) for name, part in content.items()
                if name not in TIMES and "seconds" not in name}
    return content


def _first_difference(one, other, path: str = "") -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys(), key=str):
            if one.get(name) != other.get(name):
                return _first_difference(one.get(name), other.get(name), f"{path}.{name}")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            if a != b:
                return _first_difference(a, b, f"{path}[{i}]")
    return f"{path} {str(one)[:60]} became {str(other)[:60]}"


def _sha(*parts) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]
