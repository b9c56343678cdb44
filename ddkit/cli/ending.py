"""How a command ends: with its results, or in one sentence and an exit code."""

import argparse
import contextlib
import os
import signal
import sys
import threading

from ddkit.foundation.errors import (
    Diverged,
    Incomplete,
    InputError,
    Stopped,
    Terminated,
    Unmoved,
    require,
    what_is_saved,
)
from ddkit.foundation.files import expanded

PATHS = ("data", "runs", "out", "figures", "figure", "export", "keep", "pt", "run", "path", "notebook", "course",
         "notebooks", "pretrained")
"""Options that name files."""


def ended_well(parser: argparse.ArgumentParser, arguments: list[str] | None = None) -> int:
    """Run the command of a command line, whose parser sets ``command`` to a function of the options.

    Returns:
        the exit code (0: it worked, 2: bad input, 1: it failed, 130: interrupted, 143: told to end).
    """
    options = parser.parse_args(arguments)
    try:
        with _ended_as_interrupted():
            _check_texts(options)
            options.command(options)
            sys.stdout.flush()
        return 0
    except InputError as error:
        return _say(error, 2)
    except (Diverged, Incomplete, Unmoved) as error:
        return _say(error, 1)
    except (KeyboardInterrupt, Stopped) as error:
        saved = what_is_saved(error)
        print("\nddkit: interrupted" + f": {saved}; the same command goes on from there" * bool(saved), file=sys.stderr)
        return 143 if isinstance(error, Terminated) else 130
    except BrokenPipeError:  # nobody reads on, as with head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (OSError, MemoryError, RuntimeError) as error:
        sentence = _of_the_machine(error)
        if sentence is None:
            raise
        return _say(sentence, 1)


def _say(sentence: object, code: int) -> int:
    print(f"ddkit: {sentence}", file=sys.stderr)
    return code


@contextlib.contextmanager
def _ended_as_interrupted():
    """While the block runs, being told to end (SIGTERM) is an interruption."""
    def end(*_):
        raise Terminated

    if threading.current_thread() is not threading.main_thread():  # which alone hears signals
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _check_texts(options) -> None:
    """Refuse what no name or path can be, and expand ``~`` in paths."""
    for name, value in vars(options).items():
        if isinstance(value, str):
            require(value.isprintable(), f"--{name.replace('_', '-')} holds characters that cannot be printed: "
                                         f"{value[:40]!r}")
            if name in PATHS:
                require(value.strip() != "", f"a path is blank ({name}): name a file or folder")
                setattr(options, name, str(expanded(value)))


def _of_the_machine(error: BaseException) -> str | None:
    """What the machine could not do, in a sentence; None if the program is to blame."""
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}; the same command goes on from what was saved before"
    words = str(error).splitlines()[0] if str(error) else ""
    if isinstance(error, MemoryError) or "allocate memory" in words or "out of memory" in words:
        return "there is not enough memory for this: ask for fewer or smaller images, or narrower networks"
    return None
