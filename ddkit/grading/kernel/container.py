"""A kernel in a container without network, by podman or docker, from an image that has ddkit.

The file that makes such an image is made by::

    python -c "from ddkit.grading.kernel import container; print(container.CONTAINERFILE)" > Containerfile
    podman build -t ddkit .        # in the repository's root; or: docker build -t ddkit -f Containerfile .
"""

import os
import resource
import shutil
import subprocess
from pathlib import Path

from ddkit.grading.kernel import needs
from ddkit.grading.kernel.room import INSIDE, Room
from ddkit.grading.kernel.watch import MIB, Limits

ENGINES = ("podman", "docker")
CONTAINERFILE = """FROM docker.io/library/python:3.11-slim
COPY pyproject.toml README.md LICENSE /opt/ddkit/
COPY ddkit /opt/ddkit/ddkit
RUN pip install --no-cache-dir torch torchvision --index-url https://download.pytorch.org/whl/cpu \\
 && pip install --no-cache-dir /opt/ddkit ipykernel && rm -rf /opt/ddkit
"""
PYTHON = ("python",)
HIGH = 32_768  # files and processes of a user: all of theirs count, so it is no limit for one submission


def command(engine: str, image: str, room: Room, wires: Path, limits: Limits, binds: list[tuple[Path, Path]],
            given: dict[str, str]) -> list[str]:
    """What stands before the command of a kernel.

    Args:
        wires, binds: as for bubblewrap.
        given: the variables of the kernel.
    """
    memory = f"{int(limits.memory * MIB)}b"
    size = int(limits.files * MIB // 2)
    held = ["--network", "none", "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges",
            "--memory", memory, "--memory-swap", memory, "--pids-limit", str(int(limits.processes) * 4),  # threads, too
            "--tmpfs", f"/tmp:rw,size={size}", "--shm-size", f"{size}b"]
    mounts = [f"{source}:{place}" for source, place in ((room.home, INSIDE), (wires, wires), *binds)]
    mounts += [f"{path}:{path}:ro" for path in needs.data()]
    held += [word for path in needs.private() for word in ("--tmpfs", str(path))]
    shown = [word for mount in mounts for word in ("--volume", mount)]
    shown += [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
    its = ["--user", f"{os.getuid()}:{os.getgid()}"] if engine == "docker" else _podmans()
    return [engine, "run", "--rm", "--name", name_of(wires), *held, *its, *shown, "--workdir", str(INSIDE),
            image]


def _podmans() -> list[str]:
    """Limits not above those that hold here: podman would raise them, which not everybody may. SELinux would keep the
    room's folders from it."""
    ours = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    hard = {name: resource.getrlimit(which)[1] for name, which in ours.items()}
    most = {name: HIGH if value == resource.RLIM_INFINITY else min(value, HIGH) for name, value in hard.items()}
    kept = [word for name, value in most.items() for word in ("--ulimit", f"{name}={value}:{value}")]
    return [*kept, "--security-opt", "label=disable"]


def environment(token: str) -> dict[str, str]:
    """The variables of the kernel: the image has its own for Python."""
    told = {"DDKIT_DATA": str(needs.data()[0])} if needs.data() else {}
    return told | needs.common(INSIDE, Path("/tmp"), token)


def name_of(wires: Path) -> str:
    """Of the container: one for each kernel."""
    return f"{wires.parent.name}-{wires.name}"


def end(engine: str, wires: Path) -> None:
    """End the container of a kernel, with all that runs in it."""
    subprocess.run([engine, "rm", "--force", name_of(wires)], capture_output=True, timeout=60, check=False)


def answers(engine: str) -> bool:
    """Whether an engine is installed and at work."""
    if shutil.which(engine) is None:
        return False
    try:
        return subprocess.run([engine, "info"], capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
