"""The ways a run can end early, each with one sentence that says what was wrong and what to do."""

import re


class InputError(ValueError):
    """The user's input cannot work; the message says what was expected and what to do (exit code 2)."""


class Diverged(RuntimeError):
    """A loss became NaN or infinite; the last good state has been saved."""


class Unmoved(RuntimeError):
    """A distillation ended with the images it started from, so it distilled nothing."""


class Stopped(RuntimeError):
    """A run was asked to stop; its checkpoint has been saved and the same call goes on from there."""


class Terminated(KeyboardInterrupt):
    """The process was told to end (SIGTERM); it saves as it does when interrupted."""


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
