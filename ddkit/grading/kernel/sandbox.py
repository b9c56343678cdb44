"""Where strangers' code is executed: the kinds of sandbox, one way to use them, and what each protects."""

import os
from dataclasses import dataclass
from pathlib import Path

from ddkit.foundation.errors import InputError, one_of, require
from ddkit.grading.kernel import bubblewrap, container, needs
from ddkit.grading.kernel.room import Room
from ddkit.grading.kernel.watch import Limits

PROTECTS = {
    "bubblewrap": "no network; it reads Python, ddkit and its data, and writes to a throw-away home only; what it "
                  "starts ends with it",
    "podman": "no network; it reads the image and ddkit's data, and writes to a throw-away home only; memory and "
              "processes are held by the system",
    "docker": "no network; it reads the image and ddkit's data, and writes to a throw-away home only; memory and "
              "processes are held by the system",
    "none": "NOTHING but time, memory, processes and output: it reads and writes all that you can, the gradebook too, "
            "and uses the network",
}
KINDS = ("auto", *PROTECTS)
# A kernel as `python -m ipykernel_launcher` starts it, but for modules of its name in the working folder.
START = "import sys; sys.path.remove(''); import runpy; runpy.run_module('ipykernel_launcher', run_name='__main__')"
_STAYS = "get_ipython().ask_exit = lambda: None"  # exit() would end it 0.1 s later, in whichever cell is then at work
ANYWAY = "or take --sandbox none, which protects nothing of yours, for code that you trust"


@dataclass(frozen=True)
class Sandbox:
    """A kind of sandbox.

    Attributes:
        kind: one of ``PROTECTS``.
        image: of a container, with ddkit and ipykernel in it.
    """

    kind: str
    image: str = ""

    @classmethod
    def chosen(cls, kind: str = "auto", image: str = "") -> "Sandbox":
        """A sandbox that works here; ``auto`` is a container if an image is named, and else bubblewrap.

        Raises:
            InputError: none of that kind works here.
        """
        one_of(kind, KINDS, "sandbox")
        if kind in container.ENGINES or (kind == "auto" and image):
            return cls(_engine(kind, image), image)
        require(not image, f"an image is for podman or docker; the sandbox asked for is {kind}")
        if kind == "none":
            return cls(kind)
        if bubblewrap.works():
            return cls("bubblewrap")
        raise InputError("there is no sandbox for strangers' code: install bubblewrap (apt install bubblewrap, dnf "
                         "install bubblewrap) on a system whose users may have namespaces, name a container's --image "
                         f"for podman or docker, {ANYWAY}")

    @property
    def protects(self) -> str:
        """What it protects, in a sentence."""
        return f"sandbox {self.kind}: {PROTECTS[self.kind]}"

    def command(self, room: Room, wires: Path, limits: Limits, given: dict[str, str],
                binds: list[tuple[Path, Path]], hidden: list[Path]) -> tuple[list[str], dict[str, str]]:
        """The command that starts a kernel, with ``{connection_file}`` in it, and its variables.

        Args:
            given: variables beside those that every kernel has.
            binds: (copy, place): folders and the places where the kernel finds them.
            hidden: folders that the kernel must not see.
        """
        if self.kind == "none":
            told = needs.environment(room.home, wires, room.token) | given
            return _kernel(limits, bubblewrap.PYTHON), _moved(told, binds)
        if self.kind == "bubblewrap":
            before = bubblewrap.command(room, wires, limits, binds, hidden)
            return [*before, *_kernel(limits, bubblewrap.PYTHON)], bubblewrap.environment(room.token) | given
        told = container.environment(room.token) | given
        before = container.command(self.kind, self.image, room, wires, limits, binds, told)
        return [*before, *_kernel(limits, container.PYTHON)], dict(os.environ)

    def end(self, wires: Path) -> None:
        """End what signals to the processes started here do not reach."""
        if self.kind in container.ENGINES:
            container.end(self.kind, wires)


def _engine(kind: str, image: str) -> str:
    """The container engine to be used."""
    require(image != "", f"a container needs an image that has ddkit: give --image, {ANYWAY}")
    tried = container.ENGINES if kind == "auto" else (kind,)
    for engine in tried:
        if container.answers(engine):
            return engine
    raise InputError(f"{' and '.join(tried)} did not answer (`{tried[0]} info`): start it, or leave --image out to use "
                     "bubblewrap")


def _kernel(limits: Limits, python: tuple[str, ...]) -> list[str]:
    """The command of a kernel, under the limits that its shell sets."""
    return ["/bin/sh", "-c", f'{limits.shell()}; exec "$@"', "sh", *python, "-c", START, "-f",
            "{connection_file}", f"--IPKernelApp.exec_lines={_STAYS}"]


def _moved(given: dict[str, str], binds: list[tuple[Path, Path]]) -> dict[str, str]:
    """Variables that name a place inside name the copy itself, where nothing can be mounted."""
    moves = {str(place): str(copy) for copy, place in binds}
    return {name: moves.get(value, value) for name, value in given.items()}
