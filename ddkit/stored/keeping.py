"""Records as a repository keeps them: sets packed without loss (their parts alone, if a form decodes them), weights as
they are, no images between updates."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ddkit.foundation.files import sha256, write_tensors
from ddkit.runs import RECORD, SYNTHETIC, WEIGHTS, Record, shelves


def keep(records: Iterable[Record], root: str | Path) -> list[Path]:
    """Copy records with their sets and weights into ``root``, a folder each, so that their runs are reloaded from
    there; what comes with the repository, and what lies there already, is left as it is. Returns the new folders."""
    here = [shelf.resolve() for shelf in shelves()]
    new = {record.name: record for record in records if record.folder.resolve().parent not in here}
    wanted = {name: record for name, record in new.items() if not (Path(root) / name / RECORD).exists()}
    return [_kept(record, Path(root) / name) for name, record in wanted.items()]


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
