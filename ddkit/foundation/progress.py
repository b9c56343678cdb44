"""Progress bars with an estimate, in a terminal and in Jupyter; silent where nobody watches.

Whoever starts long work may attend to it: every bar tells how far it is, and the work ends at its next step when it is
asked to.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from tqdm import tqdm

from ddkit.foundation.errors import Stopped

Told = Callable[[str, int, int], None]  # of a bar: its title, how many steps are done, and of how many


@dataclass(frozen=True)
class _Attention:
    told: Told | None = None
    stop: threading.Event | None = None


_NOBODY = _Attention()
_ATTENTION: ContextVar[_Attention] = ContextVar("attention", default=_NOBODY)


@contextlib.contextmanager
def attended(told: Told | None = None, stop: threading.Event | None = None) -> Iterator[None]:
    """While the block runs, in this thread: tell ``told`` of every bar's steps, and end at one once ``stop`` is set.

    Work in other processes is heard of, and ends, when it is done. What is None stays as it is.
    """
    now = _ATTENTION.get()
    token = _ATTENTION.set(_Attention(told or now.told, stop or now.stop))
    try:
        yield
    finally:
        _ATTENTION.reset(token)


class Bar(tqdm):
    """A progress bar whose steps are told, and at which work can be stopped."""

    steps, most, title, unit_name = 0, 0, "", ""

    def step(self, **numbers: str) -> None:
        """One step is done; ``numbers`` stand beside the bar.

        Raises:
            Stopped: the work was asked to stop, and this was not its last step.
        """
        self.update()
        self.set_postfix(numbers, refresh=False)
        self.steps += 1
        attention = _ATTENTION.get()
        if attention.told:
            attention.told(self.title, self.steps, self.most)
        if attention.stop and attention.stop.is_set() and self.steps < self.most:
            raise Stopped(f"stopped after {self.steps} of {self.most} {self.unit_name}s; the same call goes on")


def bar(total: int, title: str, unit: str = "step", done: int = 0, quiet: bool = False) -> Bar:
    """A progress bar on stderr; ``DDKIT_PROGRESS=0`` or ``1`` forces it off or on."""
    forced = os.environ.get("DDKIT_PROGRESS")
    watched = forced == "1" if forced else sys.stderr.isatty() or "ipykernel" in sys.modules
    made = Bar(total=total, initial=done, desc=title, unit=unit, disable=quiet or not watched, leave=False,
               dynamic_ncols=True, mininterval=0.5)
    made.steps, made.most, made.title, made.unit_name = done, total, title, unit  # a silent tqdm forgets its own
    return made


def say(text: str, quiet: bool = False) -> None:
    """Tell something on stderr, so that stdout keeps the results alone."""
    if not quiet:
        print(text, file=sys.stderr, flush=True)
