"""Who makes the runs of a folder: a name given once, which every record that is made from then on says."""

import os
from pathlib import Path

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import read_json, write_json
from ddkit.foundation.progress import say

MAKER = "maker.json"
LONGEST = 80  # characters of a name


def maker(root: Path) -> str:
    """``DDKIT_NAME``, else the name kept in the folder of runs; "" where nobody gave one.

    A damaged file is told, and is no name: it keeps no run from being made.

    Raises:
        InputError: ``DDKIT_NAME`` is no name.
    """
    given = os.environ.get("DDKIT_NAME") or ""
    if given.strip():
        return _checked(given, "DDKIT_NAME")
    path = root / MAKER
    if not path.exists():
        return ""
    try:
        return _checked(read_json(path).get("name"), f"the name in {path}")
    except InputError as error:
        say(f"{error}; until lesson.begin(name=...) is given yours again, runs are made without a name")
        return ""


def sign(name: str, root: Path) -> None:
    """Keep a name for the records that are made in the folder of runs from now on.

    Raises:
        InputError: it is no name, or cannot be written.
    """
    write_json(root / MAKER, {"name": _checked(name, "name")})


def _checked(name: object, what: str) -> str:
    fits = isinstance(name, str) and name.isprintable() and 0 < len(name.strip()) <= LONGEST
    require(fits, f"{what} must be 1 to {LONGEST} printable characters, as in \"Ada Lovelace\", got {repr(name)[:60]}")
    return name.strip()
