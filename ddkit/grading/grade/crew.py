"""Work done by several processes at once, each of which may crash, hang or be ended without harm to the others."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path

_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_LOOKS = 1.0  # seconds between looks at the clock


@dataclass(frozen=True)
class Job:
    """A piece of work.

    Attributes:
        work: a function of a module.
        given: what it is called with.
        log: the file that what it prints goes to.
        seconds: that it may take.
    """

    work: Callable
    given: object
    log: Path
    seconds: float


def at_once(jobs: Iterable[Job], most: int, modules: list[str]) -> Iterator[tuple[Job, str]]:
    """Do jobs, so many at a time, each in a process of its own that has imported ``modules``.

    Yields:
        each job when it has ended, and in a few words how it failed; "" if it did not.
    """
    context = multiprocessing.get_context(_METHOD)
    if _METHOD == "forkserver":
        context.set_forkserver_preload(modules)
    waiting, running = iter(jobs), {}
    try:
        while True:
            for job in _first(waiting, most - len(running)):
                process = context.Process(target=_do, args=(job,))
                process.start()
                running[process] = (job, time.monotonic() + job.seconds)
            if not running:
                return
            connection.wait([process.sentinel for process in running], _LOOKS)
            for process, (job, end) in list(running.items()):
                late = process.is_alive() and time.monotonic() > end
                if late:
                    stop(process.pid)
                if late or not process.is_alive():
                    process.join()
                    del running[process]
                    yield job, f"it took more than {job.seconds:.0f} s" if late else _failure(process.exitcode)
    finally:
        for process in running:
            stop(process.pid)
            process.join()


def _first(waiting: Iterator[Job], count: int) -> Iterator[Job]:
    for _, job in zip(range(count), waiting, strict=False):
        yield job


def _failure(code: int) -> str:
    if code >= 0:
        return "" if code == 0 else "it failed"
    with contextlib.suppress(ValueError):
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process was ended by signal {-code}"


def _do(job: Job) -> None:
    """Do a job in this process, which ends with the one that started it, whatever happens to that."""
    signal.signal(signal.SIGINT, lambda *_: None)  # who started it ends it; what it starts hears signals as ever
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process().sentinel,), daemon=True).start()
    job.work(job.given)
    sys.stdout.flush()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    stop(os.getpid())


def stop(number: int) -> None:
    """End a process and all that it started, at once."""
    import psutil

    with contextlib.suppress(psutil.Error):
        process = psutil.Process(number)
        for one in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.Error):
                one.kill()
