"""Progress bars with an estimate, in a terminal and in Jupyter; silent where nobody watches."""

import os
import sys

from tqdm import tqdm


def bar(total: int, title: str, unit: str = "step", done: int = 0, quiet: bool = False) -> tqdm:
    """A progress bar on stderr; ``DDKIT_PROGRESS=0`` or ``1`` forces it off or on."""
    forced = os.environ.get("DDKIT_PROGRESS")
    watched = forced == "1" if forced else sys.stderr.isatty() or "ipykernel" in sys.modules
    return tqdm(total=total, initial=done, desc=title, unit=unit, disable=quiet or not watched, leave=False,
                dynamic_ncols=True, mininterval=0.5)


def say(text: str, quiet: bool = False) -> None:
    """Tell something on stderr, so that stdout keeps the results alone."""
    if not quiet:
        print(text, file=sys.stderr, flush=True)
