"""Limits of what a submission may use, and what the processes that it started use now."""

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path

import psutil

from ddkit.foundation.errors import require

MIB = 2**20
MAPPED = 16_384  # MiB of address space beside what is used: torch maps 3400 on two cores, some 70 more for each thread
FILES = 20_000  # that a folder may hold


def _limit(default: float, text: str):
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Limits:
    """What one notebook may use; enough for every lesson in the quick profile on a slow and busy machine."""

    cell_seconds: float = _limit(600, "that a cell may take")
    notebook_seconds: float = _limit(3600, "that a notebook may take")
    processor_seconds: float = _limit(7200, "of all processor cores that a notebook may use")
    memory: float = _limit(4096, "MiB that its processes may hold together")
    processes: int = _limit(64, "that may run at once")
    text: int = _limit(200, "KiB that a cell may print")
    output: int = _limit(20_000, "KiB of pictures and other output that a cell may show")
    files: int = _limit(1024, "MiB of files that it may write")
    restarts: int = _limit(5, "times that a kernel is started again")

    def __post_init__(self):
        for one in fields(self):
            value = getattr(self, one.name)
            require(isinstance(value, int | float) and 0 < value < 1e9,
                    f"a limit is a number above 0 ({one.name}: {one.metadata['help']}), got {value!r}")

    def shell(self) -> str:
        """The limits that the system itself holds for every process, in the words of a shell.

        One file may take half of what all may take: where it was cut off there, it costs no later cell.
        """
        sizes = {"c": 0, "f": int(self.files * MIB // 512 // 2), "v": int((self.memory + MAPPED) * 1024),
                 "t": int(self.processor_seconds) + 60}
        return "; ".join(f"ulimit -{name} {value}" for name, value in sizes.items())


class Watch:
    """What a process and all that it started use.

    Args:
        pid: of the first of them.
        folder: that all lies in which they may write to.
    """

    def __init__(self, pid: int, folder: Path, limits: Limits):
        self.limits, self.folder = limits, folder
        self.seen: dict[tuple[int, float], psutil.Process] = {}  # also those whose parents have ended since
        self._looks = 0
        with contextlib.suppress(psutil.Error):
            self._remember(psutil.Process(pid))

    def over(self) -> tuple[str, str] | None:
        """The kind of limit that is passed, with a sentence; None while all is well."""
        alive = self._alive()
        most = self.limits
        if len(alive) > most.processes:
            return "too many processes", f"it started more than {most.processes:g} processes"
        if self._memory(alive) > most.memory * MIB:
            return "over memory", f"it took more than {most.memory:g} MiB of memory"
        if sum(map(_seconds, alive)) > most.processor_seconds:
            return "over time", f"it used more than {most.processor_seconds:g} s of the processor"
        self._looks += 1
        if self._looks % 5 == 1 and not fits(self.folder, most.files * MIB):
            return "too many files", f"it wrote more than {most.files:g} MiB or {FILES} files"
        return None

    def _alive(self) -> list[psutil.Process]:
        self.seen = {key: process for key, process in self.seen.items() if process.is_running()}
        for process in list(self.seen.values()):
            with contextlib.suppress(psutil.Error):
                for child in process.children(recursive=True):
                    self._remember(child)
        return list(self.seen.values())

    def _remember(self, process: psutil.Process) -> None:
        with contextlib.suppress(psutil.Error):
            self.seen[process.pid, process.create_time()] = process

    def _memory(self, alive: list[psutil.Process]) -> float:
        """Bytes; what processes share is counted once where counting it for each would pass the limit."""
        each = sum(_told(lambda process=process: process.memory_info().rss) for process in alive)
        if each <= self.limits.memory * MIB or len(alive) == 1:
            return each
        return sum(_told(lambda process=process: process.memory_full_info().pss) for process in alive)


def _told(ask) -> float:
    try:
        return ask()
    except (psutil.Error, OSError):  # it ended meanwhile, or is another user's
        return 0


def _seconds(process: psutil.Process) -> float:
    """Of the processor, with those of its ended children."""
    return _told(lambda: sum(process.cpu_times()[:4]))


def fits(folder: Path, most: float) -> bool:
    """Whether a folder holds at most so many bytes, in at most ``FILES`` files; not if it cannot be read."""
    size = 0
    try:
        for number, entry in enumerate(_entries(folder)):
            with contextlib.suppress(OSError):
                size += entry.stat(follow_symlinks=False).st_blocks * 512
            if size > most or number >= FILES:
                return False
    except PermissionError:
        return False
    return True


def _entries(folder: Path) -> Iterable[os.DirEntry]:
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as inside:
                for entry in inside:
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):  # taken away meanwhile
            continue


def end_all(token: str, seen: Iterable[psutil.Process] = ()) -> None:
    """End what carries the token in its environment, and the processes given, until none is left."""
    for _ in range(20):
        found = [process for process in psutil.process_iter() if _carries(process, token)]
        found += [process for process in seen if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
        if not found:
            return
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=0.5)


def _carries(process: psutil.Process, token: str) -> bool:
    try:
        return process.environ().get("DDKIT_MARKING") == token and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False
