"""A disk that is nearly full, and one that may not be written to: one sentence, nothing half-written, and a right end
once there is space. Mounts need root: elsewhere nothing of this is tried."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trials.commands import WRITING, Command, Store, Unbroken
from trials.outcomes import Outcome, unfinished
from trials.process import finished
from trials.results import Case, Result

ROUNDS = 3
SIZE, FILLER = 2 << 20, "filler"  # bytes of the disk, and the file that takes what a trial does not leave free
FREE = (0, 0, 4, 8, 16, 32, 64, 128, 256)  # KiB


@dataclass(frozen=True)
class SmallDisk(Case):
    """One command on a disk of 2 MB with little space left on it, and on the same disk mounted read-only."""

    command: Command
    free: int  # bytes

    section = "small disk"

    def work(self, store: Store) -> list[Result]:
        unbroken, folder = store.unbroken(self.command), store.root / "disks" / f"{os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        with mounted(folder):
            store.fill(folder, self.command)
            return [self.result(self._read_only(folder)), self.result(self._full(folder, unbroken))]

    def _read_only(self, folder: Path) -> str:
        before = sorted(folder.rglob("*"))
        with remounted(folder):
            ended = finished(self.command.arguments, folder)
        if not ended.complains or ended.code != 2:
            return f"on a read-only disk: {ended}"
        return "" if sorted(folder.rglob("*")) == before else "a read-only disk was written to"

    def _full(self, folder: Path, unbroken: Unbroken) -> str:
        left = max(0, shutil.disk_usage(folder).free - self.free)
        (folder / FILLER).write_bytes(bytes(left))
        told = f"with {self.free >> 10} KiB free"
        ended = finished(self.command.arguments, folder)
        if ended.code and not ended.complains:
            return f"{told}: {ended}"
        temporaries = [path for path in unfinished(folder) if path.endswith(".tmp")]
        if temporaries:
            return f"{told}: {', '.join(temporaries)} is left"
        (folder / FILLER).unlink()
        ended = finished(self.command.arguments, folder)
        fault = str(ended) if ended.code else unbroken.outcome.difference(Outcome.of(folder, ended.out))
        fault = fault or ", ".join(f"{path} is left" for path in unfinished(folder))
        return fault and f"{told}, then with enough: {fault}"


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """The folder as a small disk of its own."""
    _run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder))
    try:
        yield
    finally:
        _run("umount", "--lazy", str(folder))  # a worker that was just killed may still be in it


@contextlib.contextmanager
def remounted(folder: Path) -> Iterator[None]:
    """The disk of the folder read-only."""
    _run("mount", "-o", "remount,ro", str(folder))
    try:
        yield
    finally:
        _run("mount", "-o", "remount,rw", str(folder))


def possible(folder: Path) -> bool:
    """Whether this user may mount."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with mounted(folder):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def cases(seed: int, number: int | None) -> list[SmallDisk]:
    """Two trials each."""
    asked = [(command, i) for i in range(ROUNDS) for command in WRITING]
    found = []
    for command, i in asked[: None if number is None else (number + 1) // 2]:
        free = Case(f"{command.kind}, small disk", i, seed).rng.choice(FREE) << 10
        found.append(SmallDisk(command.kind, i, seed, command, free))
    return found
