"""How much memory there is, so that what cannot fit is refused before it is asked for."""

import contextlib
from pathlib import Path

from ddkit.foundation.errors import require

_GIB = 1 << 30
_GROUPS = {  # folders of a control group's files: those of the limit and of what is used, and what of it can be dropped
    "/sys/fs/cgroup": ("memory.max", "memory.current", "inactive_file"),
    "/sys/fs/cgroup/memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def available() -> int:
    """Bytes that this process may still take: of the machine, of its control group, of its own limit."""
    import psutil

    found = [psutil.virtual_memory().available]
    for folder, names in _GROUPS.items():
        with contextlib.suppress(OSError, ValueError, KeyError):  # not everywhere, and "max" where there is no limit
            found.append(_left_in(Path(folder), *names))
    with contextlib.suppress(ImportError):  # on Windows
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            found.append(most - psutil.Process().memory_info().vms)
    return max(0, min(found))


def _left_in(group: Path, limit: str, used: str, droppable: str) -> int:
    """Bytes left in a control group, files kept in memory for later not counted."""
    statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    most, taken = (int((group / name).read_text()) for name in (limit, used))
    return most - taken + int(statistics[droppable])


def require_memory(needed: int, what: str, remedy: str = "ask for less") -> None:
    """Raise InputError if ``needed`` bytes are more than there are; ``what`` would take them."""
    free = available()
    require(needed <= free, f"{what} would take about {needed // _GIB + 1:,} GiB of memory, and {free / _GIB:,.1f} GiB "
                            f"are free: {remedy}")
