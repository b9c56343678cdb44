"""How much memory there is, so that what cannot fit is refused before it is asked for."""

import contextlib
from pathlib import Path

from ddkit.errors import require

_GIB = 1 << 30
_LIMITS = {  # of a control group: the file of the limit, and that of what is used
    "/sys/fs/cgroup/memory.max": "/sys/fs/cgroup/memory.current",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "/sys/fs/cgroup/memory/memory.usage_in_bytes",
}


def available() -> int:
    """Bytes that this process may still take: of the machine, of its control group, of its own limit."""
    import psutil

    found = [psutil.virtual_memory().available]
    for limit, used in _LIMITS.items():
        with contextlib.suppress(OSError, ValueError):  # not everywhere, and "max" where there is no limit
            found.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
    with contextlib.suppress(ImportError):  # on Windows
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            found.append(most - psutil.Process().memory_info().vms)
    return max(0, min(found))


def require_memory(needed: int, what: str, remedy: str = "ask for less") -> None:
    """Raise InputError if ``needed`` bytes are more than there are; ``what`` would take them."""
    free = available()
    require(needed <= free, f"{what} would take about {needed // _GIB + 1:,} GiB of memory, and {free / _GIB:,.1f} GiB "
                            f"are free: {remedy}")
