"""One process at a time in a run's folder: the others wait, and are told for whom."""

import contextlib
import os
import platform
from datetime import datetime
from pathlib import Path

from ddkit.foundation.checkpoints import same_identity
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import read_json, sweep, write_json
from ddkit.foundation.progress import say
from ddkit.runs.shipped import RECORD

LOCK, STARTED = ".lock", "started.json"
THEN = ", then "  # between what worked on a run one after the other


@contextlib.contextmanager
def working_in(place: Path, identity: dict, means: dict[str, str], quiet: bool = False, *, chosen: bool = False):
    """Hold a run's folder while the block works there, as ``identity``; a folder in which nothing came of it goes.

    Args:
        means: that the block works with, in words by kind: the device, versions of software.
        chosen: somebody chose the folder, who may keep files of their own there; else it bears the run's name.

    Yields:
        The same kinds, each with all that ever worked on what is unfinished there, in words, such as ``CPU, 1 thread,
        then CPU, 2 threads``; what older versions left there does not say all of them.

    Raises:
        InputError: the folder cannot be written, or holds the unfinished work of another run, or is ``chosen`` and
            holds other files alone.
    """
    missing = [folder for folder in (place, *place.parents) if not folder.exists()]
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = _locked(place, quiet)
    except OSError as error:
        raise InputError(f"cannot write {place} ({error.strerror or error}): choose a folder you may write to with "
                         "free space; nothing was changed") from error
    try:
        begun = place / STARTED
        if chosen:
            _require_no_others(place)
        if begun.exists():
            same_identity(begun, _identity(begun), identity)
        before = _means(begun)
        all_means = {kind: list(dict.fromkeys([*before.get(kind, []), word])) for kind, word in means.items()}
        sweep(place)
        write_json(begun, {"identity": identity, "process": os.getpid(), "host": platform.node(), "means": all_means,
                           "since": datetime.now().astimezone().isoformat(timespec="seconds")})
        yield {kind: THEN.join(words) for kind, words in all_means.items()}
    finally:
        _leave(place, lock, missing)


def _require_no_others(place: Path) -> None:
    """Refuse a folder with files, hidden ones left out, of which nothing says that they are a run's: it would write
    over some, and remove others."""
    found = sorted(path.name for path in place.iterdir() if not path.name.startswith("."))
    require(not found or RECORD in found or STARTED in found, f"{place} holds {found[0] if found else ''} and no run, "
            "finished or begun: choose a new or empty folder, or delete what is in it")


def begun_as(place: Path) -> dict | None:
    """The identity of the unfinished work in a folder, or None where there is none that says so."""
    return _identity(place / STARTED) if (place / STARTED).exists() else None


def at_work(place: Path) -> str | None:
    """Who works in a folder at this moment, in words; None where nobody does, as far as its lock tells."""
    from filelock import FileLock, Timeout

    if not (place / LOCK).exists():
        return None
    try:
        with FileLock(place / LOCK).acquire(timeout=0):
            return None
    except Timeout:
        return _worker(place)
    except (NotImplementedError, OSError):  # no locks are known there, or the folder is gone
        return None


def _identity(begun: Path) -> dict:
    found = read_json(begun).get("identity")
    return found if isinstance(found, dict) else {}


def _means(begun: Path) -> dict[str, list[str]]:
    """All that worked there before, by kind; older versions noted devices alone, or nothing."""
    content = read_json(begun) if begun.exists() else {}
    found = content.get("means", {"device": content.get("devices")})
    named = found.items() if isinstance(found, dict) else ()
    return {kind: [str(word) for word in words] for kind, words in named if isinstance(words, list)}


def _locked(place: Path, quiet: bool):
    """The folder's lock, taken; where the file system knows no locks, None."""
    from filelock import FileLock, Timeout

    lock = FileLock(place / LOCK)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"{place} is being worked on by {_worker(place)}: waiting for it (Ctrl-C leaves)", quiet)
            lock.acquire()
    except NotImplementedError:
        say(f"{place} lies where files cannot be locked: do not start the same run twice at once", quiet)
        return None
    return lock


def _worker(place: Path) -> str:
    try:
        begun = read_json(place / STARTED)
        return f"process {begun['process']} on {begun['host']} since {begun['since']}"
    except (InputError, KeyError):
        return "another process"


def _leave(place: Path, lock, missing: list[Path]) -> None:
    """Let go of the folder. Its lock's file goes where nobody can be waiting for it in earnest: beside a finished
    record, which is looked for before and after waiting, or in a folder with nothing else in it."""
    with contextlib.suppress(OSError):  # an open file cannot be removed everywhere
        if not {path.name for path in place.iterdir()} - {LOCK, STARTED}:
            (place / STARTED).unlink(missing_ok=True)
        if not (place / STARTED).exists():
            (place / LOCK).unlink(missing_ok=True)
        for folder in missing:
            folder.rmdir()  # not where anything is in it
    if lock:
        lock.release()
