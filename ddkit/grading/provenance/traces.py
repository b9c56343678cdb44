"""Copies of other people's records, recognised by the seconds that they took."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path

from ddkit.grading.provenance.untouched import Noticed
from ddkit.runs import RECORD, shelves

_LEAST = 1e-3  # seconds, below which clocks may well agree


Index = dict[float, list[tuple[str, str]]]  # owners, and which of their runs took that time


def index(places: dict[str, Path]) -> Index:
    """The times that all records in these folders took, which lie there by their owners."""
    found: Index = {}
    for owner, folder in places.items():
        for path in sorted(folder.glob(f"*/{RECORD}")):
            for seconds in _seconds_in(path):
                found.setdefault(seconds, []).append((owner, path.parent.name))
    return found


def shipped(folder: Path) -> list[Noticed]:
    """Whether the record in a folder is one of the repository's, whatever was edited in it; it is not loaded."""
    seconds = _seconds_in(folder / RECORD)
    found = next(filter(None, (_sharing(seconds, index({"ddkit": shelf})).get("ddkit") for shelf in shelves())), None)
    as_what = f", as {found}" if found != folder.name else ""
    return [("shipped record", f"came with ddkit{as_what}: it took the same time to the last digit")] if found else []


def copied(folder: Path, neighbours: Index) -> Iterator[Noticed]:
    """Whether the record in a folder is another student's as well, whatever was edited in it.

    Of two students who have the same record nothing says who made it: it is told of both.
    """
    for student, run in _sharing(_seconds_in(folder / RECORD), neighbours).items():
        yield "a neighbour's record", f"took the same time to the last digit as {run} of {student}: one is a copy"


def _sharing(mine: frozenset[float], taken: Index) -> dict[str, str]:
    """Whose runs took some of the same times: one run for each owner."""
    return dict(pair for seconds in sorted(mine) for pair in taken.get(seconds, ()))


def _seconds_in(path: Path) -> frozenset[float]:
    """The times that a record says its own work took, of the run and of each seed; none if it cannot be read."""
    try:
        seen = path.stat()
    except OSError:
        return frozenset()
    return _read(path, seen.st_mtime_ns, seen.st_size)


@functools.lru_cache(maxsize=100_000)  # a class of 300 with all their records, which each is compared with
def _read(path: Path, *_seen: int) -> frozenset[float]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return frozenset(filter(_measured, _stated(content)))
    except (OSError, ValueError, RecursionError, TypeError, AttributeError):  # told where that record is examined
        return frozenset()


def _stated(content: dict) -> Iterator[object]:
    result = content["result"] if isinstance(content.get("result"), dict) else {}
    yield from (content.get("seconds"), result.get("cpu_seconds"))
    yield from (result["seconds"] if isinstance(result.get("seconds"), list) else ())
    for run in result["runs"] if isinstance(result.get("runs"), list) else ():
        yield from (run.get("train_seconds"), run.get("test_seconds"))


def _measured(value: object) -> bool:
    """Whether it is a time with all its digits, which no two measurements share."""
    return isinstance(value, float) and value > _LEAST and value != round(value, 4)
