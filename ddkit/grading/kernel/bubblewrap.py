"""A kernel in namespaces of its own, by the program ``bwrap``: no network, and of the files only what it needs."""

import functools
import shutil
import subprocess
import sys
from pathlib import Path

from ddkit.grading.kernel import needs
from ddkit.grading.kernel.room import INSIDE, Room
from ddkit.grading.kernel.watch import MIB, Limits

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "fonts", "localtime", "mime.types", "nsswitch.conf")
USER = "student:x:1000:1000::/home/student:/bin/sh\n"
APART = ("--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--hostname", "marking", "--cap-drop",
         "ALL", "--die-with-parent", "--new-session")
PYTHON = (sys.executable,)


def command(room: Room, wires: Path, limits: Limits, binds: list[tuple[Path, Path]], hidden: list[Path]) -> list[str]:
    """What stands before the command of a kernel.

    Args:
        wires: the folder of its sockets, the only one that it shares with this process.
        binds: copies of folders, by the place where the kernel finds them.
        hidden: folders that stay empty even where they lie within something that is shown.
    """
    room.base.joinpath("passwd").write_text(USER, encoding="utf-8")
    memory = ("--size", str(int(limits.files * MIB // 2)), "--tmpfs")  # halves: two of them
    shown = [("--ro-bind-try", str(path), str(path)) for path in (*SYSTEM, *(f"/etc/{name}" for name in ETC))]
    needed = needs.folders()
    shown += [("--ro-bind", str(path), str(path)) for path in needed]
    shown += [("--tmpfs", str(path)) for path in (*hidden, *needs.private())
              if any(path.is_relative_to(one) for one in needed)]
    shown += [("--bind", str(source), str(place)) for source, place in
              ((room.home, INSIDE), (wires, wires), *binds)]
    return ["bwrap", *APART, "--proc", "/proc", "--dev", "/dev", *memory, "/dev/shm", *memory, "/tmp",
            "--ro-bind", str(room.base / "passwd"), "/etc/passwd", *(word for one in shown for word in one),
            "--remount-ro", "/", "--remount-ro", "/dev", "--chdir", str(INSIDE), "--"]


def environment(token: str) -> dict[str, str]:
    """The variables of the kernel."""
    return needs.environment(INSIDE, Path("/tmp"), token)


@functools.cache
def works() -> bool:
    """Whether bubblewrap is installed, and this system lets it work."""
    if shutil.which("bwrap") is None:
        return False
    tried = ["bwrap", *APART, *(word for path in SYSTEM for word in ("--ro-bind-try", path, path)),
             "--proc", "/proc", "--dev", "/dev", "/bin/true"]
    try:
        return subprocess.run(tried, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
