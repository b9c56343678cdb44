"""Whether a record and the files beside it are those that were written together."""

import json
from collections.abc import Iterator
from pathlib import Path

from ddkit.foundation.errors import InputError
from ddkit.foundation.files import DIGEST, PACKED, sha256
from ddkit.runs import RECORD, Record

Noticed = tuple[str, str]  # the kind of a finding, and what comes after the run's name


def packed(folder: Path) -> bool:
    """Whether files of a run are packed as the repository's are: no run writes them so, and a few bytes may unpack to
    more than the machine has."""
    return any(_is_packed(path) for path in folder.glob("*.safetensors"))


def _is_packed(path: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return any(f'"{PACKED}"' in note for note in (file.metadata() or {}).values())
    except (SafetensorError, OSError, ValueError):
        return False  # which loading it tells


def touched(record: Record) -> Iterator[Noticed]:
    """What tells that files were changed, lost or put there after the record was written.

    The record's own digest was checked when it was loaded, if it has one.
    """
    if DIGEST not in json.loads((record.folder / RECORD).read_text(encoding="utf-8")):
        yield "changed record", "has lost its digest: it was written by another program than ddkit, or edited"
    for name, digest in sorted(record.files.items()):
        path = record.folder / Path(name).name
        if not path.is_file():
            yield "missing file", f"came without {path.name}, which was written with it"
        elif sha256(path.read_bytes()) != digest:
            yield "changed file", f"came with a {path.name} that is not the one that was written with it"
    yield from _moved(record)
    yield from _renamed(record)


def _moved(record: Record) -> Iterator[Noticed]:
    """Whether the images are as far from their start as the record says."""
    stated = record.result.get("moved")
    if stated is None:
        return
    try:
        actual = record.synthetic.moved
    except InputError:  # told as a missing or changed file
        return
    if abs(actual - stated) > 0.01 * max(1.0, abs(actual)):
        yield "changed record", f"says that the images moved by {stated:.2f}; those beside it moved by {actual:.2f}"


def _renamed(record: Record) -> Iterator[Noticed]:
    name = record.asked.name
    if record.folder.name not in (name, f"{name}-{record.fingerprint[:8]}"):
        yield "renamed record", f"is the run {name}: a lesson that asks for it does not find it in this folder"
