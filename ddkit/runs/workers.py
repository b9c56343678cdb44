"""Independent tasks side by side, as joblib is told to (``joblib.parallel_config``): here, or on a cluster."""

import os
import platform
import threading
import time
from collections.abc import Callable, Iterable

from ddkit.foundation.errors import Diverged, InputError

LOOK_EVERY = 0.5  # seconds between two looks at the process that the work is done for


def in_parallel(work: Callable, tasks: Iterable[tuple]) -> list:
    """``work`` of every task's arguments, in their order; never by more workers than there are tasks.

    A worker on this machine leaves when the process that it works for is gone. What cannot work, or diverges, in one
    worker is raised once the others have ended their tasks: to break them off would leave their work half done, and
    joblib's own complaints around the sentence.
    """
    from joblib import Parallel, delayed, effective_n_jobs

    tasks = list(tasks)
    workers = max(1, min(effective_n_jobs(None), len(tasks)))
    here = (platform.node(), os.getpid())
    done = Parallel(n_jobs=workers)(delayed(_watched)(here, work, task) for task in tasks)
    for error in (result for result in done if isinstance(result, _EXPECTED)):
        raise error
    return done


_EXPECTED = (InputError, Diverged)


def _watched(parent: tuple[str, int], work: Callable, task: tuple):
    """Do the task; in a process of its own, that the parent started, watch the parent meanwhile.

    Returns what came of it; in another process also an expected error, as a value.
    """
    if parent == (platform.node(), os.getpid()):
        return work(*task)
    if os.getppid() == parent[1] and not _watching():
        threading.Thread(target=_leave_with, args=(parent[1],), name=_WATCH, daemon=True).start()
    try:
        return work(*task)
    except _EXPECTED as error:
        return error


_WATCH = "ddkit watches the process it works for"


def _watching() -> bool:
    return any(thread.name == _WATCH for thread in threading.enumerate())


def _leave_with(parent: int) -> None:
    import psutil

    while os.getppid() == parent and psutil.pid_exists(parent):
        time.sleep(LOOK_EVERY)
    os._exit(1)  # in the middle of whatever is being done: the next run goes on from what was saved
