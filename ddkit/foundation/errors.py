"""The ways a run can end early, each with one sentence that says what was wrong and what to do."""

import contextlib
import re
import sys
from collections.abc import Callable


class InputError(ValueError):
    """The user's input cannot work; the message says what was expected and what to do (exit code 2)."""


class Diverged(RuntimeError):
    """A loss became NaN or infinite; the last good state has been saved."""


class Incomplete(RuntimeError):
    """Some of what was asked for could not be made; the message says what, and all else has been (exit code 1)."""


class Unmoved(RuntimeError):
    """A distillation ended with the images it started from, so it distilled nothing."""


class Stopped(RuntimeError):
    """A run was asked to stop; its checkpoint has been saved and the same call goes on from there."""


class Terminated(KeyboardInterrupt):
    """The process was told to end (SIGTERM); it saves as it does when interrupted."""


class Interrupted(KeyboardInterrupt):
    """A run was interrupted: what of it is saved, and how it goes on; two lines in a notebook, no traceback."""

    def __init__(self, saved: str, then: str = "run the cell again to go on"):
        super().__init__(saved, then)

    def __str__(self) -> str:
        return "; ".join(self.args)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        saved, then = self.args
        return [f"interrupted: {saved}", then]


def in_notebook() -> bool:
    """Whether IPython runs this, in a notebook or a terminal."""
    return "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None


@contextlib.contextmanager
def telling_interrupts(saved: Callable[[], str]):
    """While the block runs in a notebook, a ``KeyboardInterrupt`` becomes an ``Interrupted`` that says what is
    ``saved``. Any that says more stays as it is, and so does every one elsewhere, as Python ends scripts by its type:
    there ``what_is_saved`` tells it of the error, by the innermost block that was left."""
    try:
        yield
    except KeyboardInterrupt as error:
        if type(error) is not KeyboardInterrupt or not in_notebook():
            error.saved = what_is_saved(error) or saved()
            raise
        raise Interrupted(saved()) from None


def what_is_saved(error: BaseException) -> str:
    """What is saved of the work that was interrupted; "" where it was none that saves anything."""
    return getattr(error, "saved", "")


def require(condition: bool, message: str) -> None:
    """Raise :class:`InputError` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise InputError(message)


def one_of(value: str, known, what: str) -> str:
    """Return ``value`` if it is among ``known``; otherwise say which values there are."""
    require(value in known, f"unknown {what} '{value}': choose one of {', '.join(sorted(known))}")
    return value


MOST = 2**53  # whole numbers below which floats are exact: far beyond any count that ends
LARGEST = 1e30  # that a rate or weight may be: what an optimiser makes of it must be a float32


def whole(value: object, least: int, what: str) -> None:
    """Raise InputError unless ``value`` is a whole number from ``least`` on, such as a number of ``what``."""
    require(isinstance(value, int) and not isinstance(value, bool), f"{what} must be a whole number, got {value!r}")
    require(value >= least, f"{what} must be at least {least}, got {value}")
    require(value < MOST, f"{what} must be below 2^53, got {value}")


def plain(value: object) -> object:
    """A number of NumPy's or torch's as Python's own; anything else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def meant(value: object) -> object:
    """The whole number that 10.0 or "10" stands for; anything else as it is, for ``whole`` to refuse by its name."""
    value = plain(value)
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,18}\s*", value):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value
