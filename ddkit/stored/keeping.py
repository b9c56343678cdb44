"""Records as a repository keeps them: sets packed without loss (their parts alone, if a form decodes them), weights as
they are, no images between updates."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ddkit.foundation.errors import InputError
from ddkit.foundation.files import sha256, write_tensors
from ddkit.runs import RECORD, SYNTHETIC, WEIGHTS, Record, shelves
from ddkit.runs.runner import places


def keep(records: Iterable[Record], root: str | Path) -> list[Path]:
    """Copy records with their sets and weights into ``root``, a folder each, so that their runs are reloaded from
    there; what comes with the repository, and what lies there already, is left as it is. Returns the new folders.

    Raises:
        InputError: where one should lie, there is the same run on other data.
    """
    here = [shelf.resolve() for shelf in shelves()]
    new = ((record, _place(record, Path(root))) for record in records if record.folder.resolve().parent not in here)
    return [_kept(record, place) for record, place in new if place]


def _place(record: Record, root: Path) -> Path | None:
    """The first of a run's places that is free; None if one before it holds the run on the same data."""
    found = places(record.name, record.fingerprint, root)
    for place in found:
        if not (place / RECORD).exists():
            return place
        there = Record.load(place)
        if (there.fingerprint, there.other_data) == (record.fingerprint, record.other_data):
            return None
    raise InputError(f"{found[-1]} holds this run on other data than {record.folder}: keep it in another folder")


def _kept(record: Record, place: Path) -> Path:
    files = {}
    if (record.folder / SYNTHETIC).exists():
        record.synthetic.save(place / SYNTHETIC, packed=True)
        files[SYNTHETIC] = sha256((place / SYNTHETIC).read_bytes())
    if (record.folder / WEIGHTS).exists():
        write_tensors(place / WEIGHTS, record.weights)
        files[WEIGHTS] = sha256((place / WEIGHTS).read_bytes())
    replace(record, folder=place, files=files).save(packed=True)
    return place
