"""A command in a process of its own, forked from a parent that has imported everything and computed nothing.

So a trial takes about as long as the command's work: torch need not be imported anew, and no thread of the parent can
be missing in the child.
"""

import contextlib
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import torch

from ddkit.__main__ import main
from ddkit.course import profiles

SAVE_EVERY = 0.05  # seconds between two checkpoints, so that a kill finds some
LARGEST_FILE = 512 << 20  # bytes that a trial may write into one file
TRACEBACK = 70  # exit code of a command that ended in one
POLL = 0.01  # seconds
COMPLAINT = re.compile(r"(python -m )?ddkit[ \w]*: \S")  # of ddkit itself, or of argparse after its usage
NOISE = re.compile(r"Traceback|\w*Warning\b|Segmentation|terminate called")
FRAME = re.compile(r'File "[^"]*/(ddkit/[^"]+)", line (\d+)')  # of a traceback
BAR = re.compile(r"\d+%\|.*\d+/\d+ \[")  # of progress


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code (negative: by that signal), what it printed, and after how many seconds."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def lines(self) -> list[str]:
        """What a terminal would still show of stderr, where a progress bar overwrites itself."""
        shown = (line.rstrip().rsplit("\r", 1)[-1].strip() for line in self.err.split("\n"))
        return [line for line in shown if line]

    @property
    def complains(self) -> bool:
        """Whether it ended as bad input or a failed run must: exit code 1 or 2 and one sentence, which comes last."""
        sentences = [line for line in self.lines if COMPLAINT.match(line)]
        return self.code in (1, 2) and len(sentences) == 1 and sentences == self.lines[-1:] and not self.noisy

    @property
    def noisy(self) -> bool:
        return any(NOISE.search(line) for line in self.lines)

    @property
    def at_work(self) -> bool:
        """Whether a progress bar was shown (with DDKIT_PROGRESS=1)."""
        return BAR.search(self.err) is not None

    def __str__(self) -> str:
        how = f"exit {self.code}" if self.code >= 0 else f"killed by {signal.Signals(-self.code).name}"
        how = "a traceback" if self.code == TRACEBACK else how
        where = [f" at {path}:{line}" for path, line in FRAME.findall(self.err)][-1:]
        said = " / ".join(self.lines[-1 if where else -3 :])[-400:] or "nothing on stderr"
        return f"{how} after {self.seconds:.1f} s{''.join(where)}: {said}"


class Running:
    """A command that has been started; it is the head of a process group of its own."""

    def __init__(self, work: Callable[[], int], folder: Path, memory: int | None = None,
                 environment: dict[str, str] | None = None, save_every: float = SAVE_EVERY):
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 (closed by end)
        self._begun, self._code, self._family = time.monotonic(), None, set()
        _flush()
        self.pid = os.fork()
        if self.pid == 0:
            _child(work, folder, (self._out.fileno(), self._err.fileno()), memory, environment or {}, save_every)
        with contextlib.suppress(OSError):
            os.setpgid(self.pid, self.pid)

    def wait(self, seconds: float, processes: int | None = None) -> bool:
        """Whether it has ended within so many seconds from now; one with too many processes is ended at once."""
        until = time.monotonic() + seconds
        while self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > until:
                return False
            elif processes and len(_group(self.pid)) > processes:
                self.kill()
            else:
                time.sleep(POLL)
        return True

    def kill(self, group: bool = True, by: int = signal.SIGKILL) -> None:
        """Send a signal to the whole group, or to the first process alone, and wait for the end."""
        self._family |= {self.pid} | _group(self.pid)
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, by)
        self.wait(20)

    def end(self) -> Ended:
        """How it ended; whatever is left of its group goes, too."""
        seconds = time.monotonic() - self._begun
        self.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        _remove_semaphores(self._family)
        texts = []
        for file in (self._out, self._err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
            file.close()
        return Ended(self._code if self._code is not None else -signal.SIGKILL, *texts, seconds)


def command(arguments: list[str], folder: Path, **limits) -> Running:
    """Start ``python -m ddkit`` with these arguments in a folder."""
    return Running(lambda: main(arguments), folder, **limits)


def finished(arguments: list[str], folder: Path, seconds: float = 120, **limits) -> Ended:
    """Run a command to its end, at most so many seconds."""
    running = command(arguments, folder, **limits)
    running.wait(seconds)
    return running.end()


def _child(work, folder: Path, outputs: tuple[int, int], memory: int | None, environment: dict[str, str],
           save_every: float):
    """Do the work and leave; nothing of the parent goes on here."""
    code = TRACEBACK
    try:
        os.setpgid(0, 0)
        for number, output in enumerate(outputs, 1):
            os.dup2(output, number)
        os.chdir(folder)
        os.environ.update({"DDKIT_PROGRESS": "0", "XDG_CACHE_HOME": str(Path(folder) / "cache"),
                           "JOBLIB_TEMP_FOLDER": tempfile.gettempdir()} | environment)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin without it
        _limit(memory)
        _hurry(save_every)
        torch.set_num_threads(1)
        code = work() or 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            _flush()
        os._exit(code)


def _group(head: int) -> set[int]:
    """The processes of a group, which may have lost its head."""
    found = set()
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == head:
                found.add(pid)
    return found


def _remove_semaphores(pids: set[int]) -> None:
    """Remove what joblib's workers leave in shared memory when they are killed with the process that would do it."""
    for pid in pids:
        for path in Path("/dev/shm").glob(f"sem.loky-{pid}-*"):
            path.unlink(missing_ok=True)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _limit(memory: int | None) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    if memory:
        limit = psutil.Process().memory_info().vms + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _hurry(save_every: float) -> None:
    """Lower the interval between checkpoints in every module that has one, and shorten the quick course."""
    for name, module in list(sys.modules.items()):
        if name.startswith("ddkit") and hasattr(module, "SAVE_EVERY"):
            module.SAVE_EVERY = save_every
    profiles.PROFILES["quick"] = replace(
        profiles.PROFILES["quick"], width=4, wide=4, ipc=2, updates=4, noise_updates=4, seeds=1, standard_epochs=2,
        transfer_epochs=2)
