"""The results that come with the repository: whether they are reloaded, and which records are theirs; and whether runs
that are nowhere are made."""

import os
from pathlib import Path

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import read_json

REFERENCE = Path(__file__).resolve().parents[2] / "data" / "reference"
RECORD = "record.json"
_TOLD_BY = ("made", "seconds", "fingerprint", "device")  # what two makings of a run do not share


def shelves() -> tuple[Path, ...]:
    """The folders that shipped runs lie in: the course's and, apart from what dashboards compare, those of the league,
    of few-shot distillation, of data that are no pictures, of what learns through training, and of the full scale."""
    apart = ("league", "few-shot", "beyond-pictures", "quarter-hour", "full-scale")
    return REFERENCE, *(REFERENCE / name for name in apart)


def reloads_shipped() -> bool:
    """Whether runs that come with the repository are reloaded; ``DDKIT_REFERENCE=0`` has every run made here.

    Raises:
        InputError: ``DDKIT_REFERENCE`` is anything but 0, 1 or empty.
    """
    return _on("DDKIT_REFERENCE", "make every run here", "reload those that come with the repository")


def makes_runs() -> bool:
    """Whether a run that is nowhere is made; ``DDKIT_MAKE=0`` has runs only reloaded.

    Raises:
        InputError: ``DDKIT_MAKE`` is anything but 0, 1 or empty.
    """
    return _on("DDKIT_MAKE", "reload runs, make none", "make those that are nowhere")


def _on(variable: str, off: str, on: str) -> bool:
    """What a switch in the environment says; it is on where nothing is said."""
    asked = (os.environ.get(variable) or "1").strip()
    require(asked in ("0", "1"), f"{variable} is 0 ({off}) or 1 ({on}), got {asked[:40]!r}")
    return asked == "1"


def shipped(folder: Path, name: str, content: dict) -> bool:
    """Whether the record in ``folder``, of the run ``name``, lies among the shipped ones or is a copy of one of them.

    Args:
        content: of the record, by name.
    """
    if folder.resolve().parent in [shelf.resolve() for shelf in shelves()]:
        return True
    return any(_is(shelf / name / RECORD, content) for shelf in shelves())


def _is(path: Path, content: dict) -> bool:
    """Whether a record, if there is one, is that of the same making."""
    try:
        found = read_json(path)
    except InputError:  # none of that name was shipped
        return False
    return all(found.get(key) == content[key] for key in _TOLD_BY)
