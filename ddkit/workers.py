"""Independent tasks side by side, as joblib is told to (``joblib.parallel_config``): here, or on a cluster."""

import os
import platform
import threading
import time
from collections.abc import Callable, Iterable

LOOK_EVERY = 0.5  # seconds between two looks at the process that the work is done for


def in_parallel(work: Callable, tasks: Iterable[tuple]) -> list:
    """``work`` of every task's arguments, in their order; never by more workers than there are tasks.

    A worker on this machine leaves when the process that it works for is gone.
    """
    from joblib import Parallel, delayed, effective_n_jobs

    tasks = list(tasks)
    workers = max(1, min(effective_n_jobs(None), len(tasks)))
    here = (platform.node(), os.getpid())
    return Parallel(n_jobs=workers)(delayed(_watched)(here, work, task) for task in tasks)


def _watched(parent: tuple[str, int], work: Callable, task: tuple):
    """Do the task; in a process of its own, that the parent started, watch the parent meanwhile."""
    if parent != (platform.node(), os.getpid()) and os.getppid() == parent[1] and not _watching():
        threading.Thread(target=_leave_with, args=(parent[1],), name=_WATCH, daemon=True).start()
    return work(*task)


_WATCH = "ddkit watches the process it works for"


def _watching() -> bool:
    return any(thread.name == _WATCH for thread in threading.enumerate())


def _leave_with(parent: int) -> None:
    import psutil

    while os.getppid() == parent and psutil.pid_exists(parent):
        time.sleep(LOOK_EVERY)
    os._exit(1)  # in the middle of whatever is being done: the next run goes on from what was saved
