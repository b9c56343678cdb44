"""Writing files whole or not at all, each with its digest, and reading them back without running code.

Three kinds of file are ddkit's own: JSON (``write_json``), sets of tensors (``write_tensors``, safetensors) and the
state that an unfinished run goes on from (``checkpoints.Checkpoint``). Each carries the sha256 of what it says, so
that a flipped byte is one sentence and not another result; files written before there were digests are read as they
are. ``save_state`` and ``load_state`` are for the field's own layouts, which have none.
"""

import contextlib
import glob
import hashlib
import io
import json
import lzma
import os
import pickle
import re
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.packing import pack, unpack

DIGEST = "sha256"  # the key that a file's digest stands under
_NOTES = "ddkit"  # the key of a safetensors header that notes stand under
_AS_OLD = {"identity", "files"}  # keys that came with it: content that has one of them has a digest too
PACKED = "packed"  # the note that says how packed tensors come back
_WIDTH, _DEEP = 120, 2  # of a line of JSON; the levels that stand apart
_WORD = re.compile(r'(?:"(?:\\.|[^"\\])*"|: |[^\s"])+')  # of JSON: a value with its key, and what holds it
_TEMPORARY = re.compile(r"\..+\.(\d+)-\d+\.tmp")


LONGEST_NAME = 255  # bytes that file systems allow a name


def expanded(path: str | Path) -> Path:
    """The path, with ``~`` for the user's home as a shell has it.

    Raises:
        InputError: no file system could hold a file of that name.
    """
    require("\0" not in str(path), f"{str(path)!r} is no path: it holds a NUL")
    found = Path(os.path.expanduser(path))
    require(all(len(os.fsencode(part)) <= LONGEST_NAME for part in found.parts),
            f"a name in the path {str(found)[:40]}... is longer than {LONGEST_NAME} bytes: choose a shorter one")
    return found


@contextlib.contextmanager
def atomic(path: Path):
    """Yield a temporary path beside ``path``; it takes the name ``path`` only if the block succeeds.

    Raises:
        InputError: the file cannot be written: no permission, no space, a name too long.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep_beside(path)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror or error}): choose a folder you may write to "
                         "with free space; nothing was changed") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def sweep(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder; nobody may be writing there."""
    for path in (*folder.glob(".*.tmp"), *folder.glob("*/.*.tmp")):  # ddkit's folders go no deeper
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _sweep_beside(path: Path) -> None:
    """Remove what writers of the same file that were killed have left beside it."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        found = _TEMPORARY.fullmatch(left.name)
        if found and not _lives(int(found[1])):
            left.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    import psutil

    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def write_bytes(path: Path, content: bytes) -> None:
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, content: dict) -> None:
    """Write plain data with its digest."""
    write_bytes(path, (_laid_out(content | {DIGEST: _digest_of_json(content)}) + "\n").encode())


def _laid_out(value, depth: int = 0) -> str:
    """JSON for people: what fits on a line stands on one, and deep down lines are filled."""
    flat, indent = json.dumps(value), " " * (depth + 1)
    if not isinstance(value, dict | list | tuple) or not value or (depth and len(flat) + depth < _WIDTH):
        return flat
    if depth > _DEEP:
        return f"\n{indent}".join(_filled(_WORD.findall(flat), _WIDTH - depth - 1))
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    heads = [f"{key}: " for key in map(json.dumps, json.loads(flat))] if isinstance(value, dict) else [""] * len(value)
    parts = value.values() if isinstance(value, dict) else value
    lines = [head + _laid_out(part, depth + 1) for head, part in zip(heads, parts, strict=True)]
    return f"{opening}\n{indent}" + f",\n{indent}".join(lines) + f"\n{' ' * depth}{closing}"


def _filled(words: list[str], width: int) -> list[str]:
    lines = [""]
    for word in words:
        lines[-1:] = [f"{lines[-1]} {word}".strip()] if len(lines[-1]) + len(word) < width else [lines[-1], word]
    return lines


def read_json(path: Path) -> dict:
    """Read what ``write_json`` wrote.

    Raises:
        InputError: the file is missing, damaged or no JSON object.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot read {path} ({first_line(error)}): delete it to make the run again") from error
    require(isinstance(content, dict), f"{path} holds no record of ddkit: delete it to make the run again")
    return verified(path, content, _digest_of_json)


def write_tensors(path: Path, tensors: dict[str, Tensor], notes: dict | None = None, *, packed: bool = False) -> None:
    """Write tensors as safetensors, with ``notes`` (plain data) and the digest of both in its header.

    The same content makes the same bytes. ``packed`` tensors take fewer, which only ``read_tensors`` can read; of
    images the notes' ``mean`` and ``std`` say how they are normalised.
    """
    from safetensors.torch import save

    # Cloned: safetensors refuses tensors that share memory.
    plain = {name: t.detach().cpu().clone(memory_format=torch.contiguous_format) for name, t in tensors.items()}
    notes = notes or {}
    if packed:
        plain, how = pack(plain, (notes["mean"], notes["std"]) if {"mean", "std"} <= notes.keys() else None)
        notes = notes | {PACKED: how}
    # Under one key: of several, safetensors changes the order from file to file.
    write_bytes(path, save(plain, {_NOTES: json.dumps(notes | {DIGEST: _digest_of_tensors(plain, notes)})}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors and notes that ``write_tensors`` wrote.

    Raises:
        InputError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {_NOTES: "{}"}
            notes = json.loads(header.get(_NOTES, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is missing or damaged ({first_line(error)}): {_AGAIN}") from error
    require(isinstance(notes, dict), _damaged(path))
    notes = verified(path, notes, lambda rest: _digest_of_tensors(tensors, rest))
    if PACKED in notes:
        try:
            tensors = unpack(tensors, notes.pop(PACKED))
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, lzma.LZMAError) as error:
            raise InputError(_damaged(path)) from error
    return tensors, notes


def save_state(path: Path, state) -> None:
    """Save nested dicts, lists, numbers and tensors as a plain torch file."""
    stream = io.BytesIO()
    torch.save(state, stream)
    write_bytes(path, stream.getvalue())


def load_state(path: Path):
    """Load what ``save_state`` or the field's tools saved; anything but plain data is refused unread.

    Raises:
        InputError: the file is missing, damaged, or holds objects whose loading would run code.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's would come before the sentence
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path}") from error
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} is refused: {_objection(error)}; ask for tensors saved with torch.save or "
                         "safetensors") from error
    except Exception as error:  # a damaged file may lead torch's reader to any, and another torch's to others
        raise InputError(f"{path} is damaged or no torch file ({first_line(error)}): copy or make it again") from error


def sha256(*parts: bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def digest(content) -> str:
    """sha256 of nested dicts, lists, numbers, texts and tensors: of what they say, whatever file holds them."""
    found = hashlib.sha256()
    _feed(found, content)
    return found.hexdigest()


def _feed(found, content) -> None:
    if isinstance(content, Tensor):
        found.update(f"tensor {content.dtype} {tuple(content.shape)}".encode())
        found.update(content.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    elif isinstance(content, dict):
        found.update(f"dict {len(content)}".encode())
        for key, value in content.items():
            _feed(found, key)
            _feed(found, value)
    elif isinstance(content, list | tuple):
        found.update(f"{type(content).__name__} {len(content)}".encode())
        for value in content:
            _feed(found, value)
    else:
        found.update(f"{type(content).__name__} {content!r};".encode())


def _digest_of_tensors(tensors: dict[str, Tensor], notes: dict) -> str:
    return digest([json.dumps(notes, sort_keys=True), {name: tensors[name] for name in sorted(tensors)}])


def _digest_of_json(content: dict) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode())


def verified(path: Path, content: dict, digest_of: Callable[[dict], str]) -> dict:
    """The content without its digest, which it must agree with if it has one."""
    rest = {key: value for key, value in content.items() if key != DIGEST}
    found = content.get(DIGEST)
    require(found == digest_of(rest) or (found is None and not _AS_OLD & rest.keys()), _damaged(path))
    return rest


_AGAIN = "delete it to make it again, or copy it again"


def _damaged(path: Path) -> str:
    return f"{path} is damaged (its content is not what was written there): {_AGAIN}"


def first_line(error: Exception) -> str:
    """What an error says, cut to a clause."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _objection(error: pickle.UnpicklingError) -> str:
    """Torch's reason in one clause, such as ``GLOBAL os.system was not an allowed global``."""
    for line in str(error).replace(". ", ".\n").splitlines():
        if "GLOBAL" in line or "Unsupported" in line:
            return "loading it would run code (" + line.split("WeightsUnpickler error:")[-1].strip().rstrip(".") + ")"
    return f"it holds more than plain tensors ({first_line(error)})"
