"""What a student handed in, kept as it came: ``handed_in/STUDENT/1``, ``2``, ..., one folder for each delivery.

A delivery holds what no earlier one has, byte for byte; it is written elsewhere first and then takes its name, so that
there are no halves. Nothing that lies there is ever written to again. Runs (folders with a ``record.json``) stay whole.
Of a zip that a student handed in, what is in it is kept, in a folder of its name.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ddkit.grading.collect.arriving import UNREADABLE, Entry, Limits, told
from ddkit.grading.findings import Finding

RECORD = "record.json"
NOTEBOOKS = (".ipynb", ".ipynb.txt", ".ipynb.json")  # browsers add endings
LEFT_OUT = "left out"  # the kind of finding that says so
_MIB = 1 << 20


@dataclass(frozen=True)
class _Unit:
    """What is kept whole: a run, or a file.

    Attributes:
        folder: of the run, with a slash at its end; "" if it is none.
        entries: its files.
    """

    folder: str
    entries: list[Entry]


def keep(entries: list[Entry], folder: Path, work: Path, limits: Limits) -> list[Finding]:
    """Keep what is new of a delivery.

    Args:
        folder: of the student.
        work: an empty place on the same disk.

    Returns:
        what was left out, and why.
    """
    findings = [_left_out(entry.name, entry.refused) for entry in entries if entry.refused]
    units = _within(limits, _units(_named_once([entry for entry in entries if not entry.refused])), findings)
    kept = {place: _sizes(place) for place in deliveries(folder)}
    new = []
    for unit in units:
        digests = {entry.name: digest for entry in unit.entries if (digest := _digest(entry, findings))}
        if digests and not any(_has(place, sizes, unit, digests) for place, sizes in kept.items()):
            new += [entry for entry in unit.entries if entry.name in digests]
    if new:
        _write(new, work, findings)
        folder.mkdir(parents=True, exist_ok=True)
        work.rename(folder / str(max((int(place.name) for place in kept), default=0) + 1))
    return findings


def deliveries(folder: Path) -> list[Path]:
    """What a student handed in, from the first to the last."""
    found = folder.iterdir() if folder.exists() else ()
    return sorted((path for path in found if path.name.isdigit()), key=lambda path: int(path.name))


def is_notebook(path: PurePosixPath) -> bool:
    """Whether a file is a notebook by its name, and not what Jupyter saves by itself."""
    return path.name.lower().endswith(NOTEBOOKS) and ".ipynb_checkpoints" not in path.parts


def runs_in(paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """The folders of runs among files: those with a record, and without one further down."""
    folders = {path.parent for path in paths if path.name == RECORD}
    return sorted(folders - {above for folder in folders for above in folder.parents} - {PurePosixPath()})


def _left_out(name: str, why: str) -> Finding:
    return Finding(LEFT_OUT, "", f"{name}: {why}")


def _named_once(entries: list[Entry]) -> list[Entry]:
    """The entries, those that would take another's name renamed."""
    seen: Counter[str] = Counter()
    made = []
    for entry in entries:
        count = seen[entry.name.lower()]
        seen[entry.name.lower()] += 1
        stem, dot, ending = entry.parts[-1].partition(".")
        made.append(entry.at(*entry.parts[:-1], f"{stem} ({count + 1}){dot}{ending}") if count else entry)
    return made


def _units(entries: list[Entry]) -> list[_Unit]:
    """What belongs together, notebooks first, then runs, so that limits spare them."""
    folders = runs_in(PurePosixPath(*entry.parts) for entry in entries)
    runs: dict[PurePosixPath, list[Entry]] = {folder: [] for folder in folders}
    notebooks, others = [], []
    for entry in sorted(entries, key=lambda entry: entry.name):
        path = PurePosixPath(*entry.parts)
        run = next((folder for folder in path.parents if folder in runs), None)
        (runs[run] if run else notebooks if is_notebook(path) else others).append(entry)
    return [*(_Unit("", [one]) for one in notebooks), *(_Unit(f"{folder}/", run) for folder, run in runs.items()),
            *(_Unit("", [one]) for one in others)]


def _within(limits: Limits, units: list[_Unit], findings: list[Finding]) -> list[_Unit]:
    """The units that a student may hand in."""
    files = size = 0
    taken, left = [], []
    for unit in units:
        more = sum(entry.size for entry in unit.entries)
        if files + len(unit.entries) > limits.files or size + more > limits.mib * _MIB:
            left += unit.entries
            continue
        files, size = files + len(unit.entries), size + more
        taken.append(unit)
    if left:
        findings.append(_left_out(left[0].name + f" and {len(left) - 1} more" * (len(left) > 1), (
            f"more than the {limits.mib} MiB and {limits.files:,} files that one student may hand in; --mib and "
            "--files allow more")))
    return taken


def _digest(entry: Entry, findings: list[Finding]) -> str:
    """sha256 of an entry's content; "" if it cannot be read."""
    found = hashlib.sha256()
    try:
        for piece in entry.pieces():
            found.update(piece)
    except UNREADABLE as error:
        findings.append(_left_out(entry.name, f"it cannot be read ({told(error)})"))
        return ""
    return found.hexdigest()


def _sizes(place: Path) -> dict[str, int]:
    """The sizes of a delivery's files by their names."""
    return {path.relative_to(place).as_posix(): path.stat().st_size for path in place.rglob("*") if path.is_file()}


def _has(place: Path, sizes: dict[str, int], unit: _Unit, digests: dict[str, str]) -> bool:
    """Whether a delivery has the same files with the same content, and in a run's folder no others."""
    if unit.folder and {name for name in sizes if name.startswith(unit.folder)} != set(digests):
        return False
    return all(name in sizes and digest_of(place / name) == digest for name, digest in digests.items())


def digest_of(path: Path) -> str:
    """sha256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_MIB):
            found.update(piece)
    return found.hexdigest()


def _write(entries: list[Entry], work: Path, findings: list[Finding]) -> None:
    """Write the files of a delivery, read-only and as old as they say."""
    for entry in entries:
        path = work.joinpath(*entry.parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                for piece in entry.pieces():
                    stream.write(piece)
        except (FileExistsError, NotADirectoryError):
            findings.append(_left_out(entry.name, "a file and a folder have this name"))
            continue
        os.utime(path, (entry.when, entry.when))
        path.chmod(0o444)
