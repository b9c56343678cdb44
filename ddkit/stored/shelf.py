"""All records at hand: those made here, and those that come with the repository."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ddkit.foundation.errors import InputError
from ddkit.runs import RECORD, REFERENCE, Record, runs_root
from ddkit.runs.spec import Spec, restore_spec

Kind = TypeVar("Kind", bound=Spec)


@dataclass(frozen=True)
class Stored:
    """A record and the spec that names it."""

    spec: Spec
    record: Record


@dataclass(frozen=True)
class Shelf:
    """What was found.

    Attributes:
        runs: each once; one made here goes before the same that came with the repository.
        unread: why other folders with a record could not be read, a sentence each.
    """

    runs: tuple[Stored, ...]
    unread: tuple[str, ...] = ()

    @property
    def left_out(self) -> str:
        """What is to be said of folders that could not be read, in a sentence; "" where all could."""
        count = len(self.unread)
        return f"{count} record{'s' * (count > 1)} could not be read: {self.unread[0]}" if count else ""

    def of(self, kind: type[Kind]) -> list[Stored]:
        """The runs of one kind of spec."""
        return [one for one in self.runs if isinstance(one.spec, kind)]

    def find(self, spec: Spec, fingerprint: str) -> Record | None:
        """The record of a spec on the data of that fingerprint."""
        wanted, made_as = (spec.name, fingerprint), ("", spec.name)
        return next((one.record for one in self.runs if (one.spec.name, one.record.fingerprint) == wanted
                     and one.record.made_as in made_as), None)


def shelf(root: str | Path | None = None, reference: Path = REFERENCE) -> Shelf:
    """Every record in a folder of runs (None: as ``runs_root``) and among those that came with the repository."""
    found: dict[tuple[str, str], Stored] = {}
    unread = []
    for folder in (*_folders(runs_root(root)), *_folders(reference)):
        try:
            record = Record.load(folder)
            spec = restore_spec(record.spec)
            found.setdefault((record.name, record.fingerprint), Stored(spec, record))
        except InputError as error:
            unread.append(str(error))
    return Shelf(tuple(found.values()), tuple(unread))


def _folders(root: Path) -> Iterator[Path]:
    return (path.parent for path in sorted(root.glob(f"*/{RECORD}")))
