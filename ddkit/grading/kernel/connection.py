"""The kernel manager and client of jupyter_client, for kernels that are reached through sockets in a folder.

Imported only where nbgrader is.
"""

from pathlib import Path

import zmq
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

LONGEST = 64 * 2**20  # bytes of a message; a longer one is never received


class Client(AsyncKernelClient):
    """A client that does not read messages of any length."""

    def _create_connected_socket(self, channel, identity=None):
        url, made = self._make_url(channel), self.context.socket(_TYPES[channel])
        made.linger = 0
        made.setsockopt(zmq.MAXMSGSIZE, LONGEST)
        if identity:
            made.identity = identity
        made.connect(url)
        return made


_TYPES = {"hb": zmq.REQ, "shell": zmq.DEALER, "iopub": zmq.SUB, "stdin": zmq.DEALER, "control": zmq.DEALER}


def manager(command: list[str], wires: Path) -> AsyncKernelManager:
    """A manager of the kernel that a command starts, whose sockets lie in a folder.

    It is interrupted by a message: signals do not pass into a sandbox.
    """
    made = AsyncKernelManager(transport="ipc", connection_file=str(wires / "kernel.json"), ip=str(wires / "kernel"),
                              client_class=f"{__name__}.Client")
    made._kernel_spec = KernelSpec(argv=command, display_name="marking", language="python", interrupt_mode="message")
    return made
