"""The knobs that were chosen in lesson 2, kept beside the runs so that later lessons take the run they name.

A choice belongs to a profile's name, a data set and what the images start from; each has a file of its own.
"""

from pathlib import Path

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import read_json, write_json
from ddkit.foundation.schema import NUMBER, fits
from ddkit.runs import runs_root

FOLDER = "choices"  # in that of the runs
_SCHEMA = {"knobs": {...: (NUMBER, bool, str, None)}}


def chosen(profile: str, dataset: str, init: str, root: str | Path | None = None) -> dict[str, object]:
    """The knobs that were chosen, by name; none where nothing was. ``root`` is the folder of runs, here and below, as
    for ``runs_root``.

    Raises:
        InputError: the file is damaged; the sentence says how to go on.
    """
    path = _path(profile, dataset, init, root)
    if not path.exists():
        return {}
    try:
        found = read_json(path)
    except InputError as error:
        raise InputError(_lost(path)) from error
    require(fits(found, _SCHEMA), _lost(path))
    return found["knobs"]


def keep(profile: str, dataset: str, init: str, knobs: dict[str, object],
         root: str | Path | None = None) -> None:
    """Write a choice down, in place of the one before it."""
    write_json(_path(profile, dataset, init, root), {"knobs": knobs})


def forget(profile: str, dataset: str, init: str, root: str | Path | None = None) -> None:
    """Take a choice back."""
    path = _path(profile, dataset, init, root)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot delete {path} ({error.strerror or error}): delete it by hand to go back to the "
                         "profile's own run") from error


def told(knobs: dict[str, object]) -> str:
    """The knobs in words: ``lam 0.1, updates 100``."""
    return ", ".join(f"{name} {value}" for name, value in knobs.items())


def _path(profile: str, dataset: str, init: str, root: str | Path | None) -> Path:
    return runs_root(root) / FOLDER / f"{profile}-{dataset}-{init}.json"


def _lost(path: Path) -> str:
    return (f"{path} is damaged, so that what was chosen is not known: call profile.choose(...) with your knobs again, "
            "or profile.choose() for the profile's own run")
