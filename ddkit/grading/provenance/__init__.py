"""Whether the records that travel with a submission are what they say: untouched, one's own, and possible.

``examined`` is the way in. Nothing here proves that somebody computed a record: numbers can be invented. What is found
is what does not agree: with the record's own digest, with the repository's and the other students' records, with what
its spec asks for, or with itself. ``rescored`` trains a network again and compares, which is slow and finds inventions.

Equal images and equal scores prove nothing: the same spec and seed on the same machine give the same bits to everybody.
Seconds do not: no two makings of a run take equally long to the last digit.
"""

from collections.abc import Iterator
from pathlib import Path

from ddkit.foundation.errors import InputError
from ddkit.grading.findings import Finding
from ddkit.grading.provenance.plausible import implausible
from ddkit.grading.provenance.rescoring import rescored, to_rescore
from ddkit.grading.provenance.traces import copied, index, shipped
from ddkit.grading.provenance.untouched import Noticed, packed, touched
from ddkit.grading.provenance.whose import UNSIGNED, misplaced_names
from ddkit.runs import RECORD, Record

__all__ = ["UNSIGNED", "examined", "rescored", "to_rescore"]


def examined(records: Path, student: str, others: dict[str, Path], names: dict[str, str] | None = None,
             data: str | Path | None = None) -> list[Finding]:
    """What is noticed about the records of a student.

    Args:
        records: the folder that holds a folder for each run of the student's.
        student: the id.
        others: the same folders of all other students, by their ids.
        names: students' names by their ids, as far as they are known; records may be signed with either.
        data: root of the data files, as for ``data.load``; records of data that are not at hand are not compared.
    """
    found, readable, neighbours = [], [], index(others)
    for place in sorted(path.parent for path in records.glob(f"*/{RECORD}")):
        noticed = shipped(place) or [*copied(place, neighbours), *_read(place, readable, data)]
        found += [Finding(kind, "", f"{place.name} {words}") for kind, words in noticed]
    return found + list(_signatures(readable, student, names or {}))


def _read(place: Path, readable: list[Record], data: str | Path | None) -> list[Noticed]:
    """What a record says that cannot be, if it can be read at all: then it is put among the readable ones."""
    if packed(place):
        return [("unreadable record", "comes in packed files, which no run writes: it was not opened")]
    try:
        record = Record.load(place)
        noticed = [*touched(record), *implausible(record, data)]
    except InputError as error:
        return [("unreadable record", f"cannot be read or is not as it was written: {error}")]
    except Exception as error:  # a forged record may hold anything
        return [("unreadable record", f"holds what no run writes ({type(error).__name__}: {error})"[:200])]
    readable.append(record)
    return noticed


def _signatures(records: list[Record], student: str, names: dict[str, str]) -> Iterator[Finding]:
    for kind, words in misplaced_names({record.folder.name: record.maker for record in records}, student, names):
        yield Finding(kind, "", words)
