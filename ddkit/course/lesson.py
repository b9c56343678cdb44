"""What every notebook begins with, so that lessons hold ideas rather than plumbing."""

import os
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import torch

from ddkit import __version__
from ddkit.course.profiles import Profile, of_polyps, profile
from ddkit.data.sources import mhist
from ddkit.foundation.device import default_device, describe
from ddkit.plots import tables
from ddkit.runs import Record, find, maker, makes_runs, reloads_shipped, run, runs_root, sign

WIDE = 112  # letters, what a page shows of a line without breaking it within a word


def begin(name: str | None = None) -> Profile:
    """Go to the project's folder, so that data and runs are found, and tell the profile; returns it.

    Args:
        name: of who works here, as "Ada Lovelace", given once: it is kept in the folder of runs, and every record made
            from then on says it.

    Raises:
        InputError: what was given, or asked for by an environment variable, cannot be; the sentence says what can.
    """
    here = Path.cwd()
    project = next((p for p in (here, *here.parents) if (p / "ddkit" / "__init__.py").exists()), here)
    os.chdir(project)
    chosen = profile()
    print(f"ddkit {__version__}, torch {torch.__version__}, {describe(default_device())}")
    print(f"{chosen.label} (DDKIT_PROFILE=quick, laptop or full changes it)")
    if name is not None:
        sign(name, runs_root())
    print(f"{_made()}\n{_signed()}")
    _tell_choice(chosen)
    return chosen


def _tell_choice(chosen: Profile) -> None:
    if chosen.told:
        print(chosen.told)


def _made() -> str:
    """Whose runs the lessons show, and whether any is made."""
    if not makes_runs():
        return "runs are reloaded, none is made (DDKIT_MAKE=0)"
    if reloads_shipped():
        return "runs that came with the repository are reloaded (DDKIT_REFERENCE=0 makes your own)"
    return "every run is made here, none that came with the repository is reloaded (DDKIT_REFERENCE=0)"


def _signed() -> str:
    """Who makes them."""
    found = maker(runs_root())
    return f"yours are signed {found}" if found else 'lesson.begin(name="Ada Lovelace") signs runs of your own'


def polyps() -> Profile:
    """The profile of the lessons' polyps, which it tells: MHIST itself if a copy lies in the data folder, else the
    synthetic ``mhist_like``. ``DDKIT_POLYPS=mhist`` or ``mhist_like`` chooses one of them.
    """
    chosen = of_polyps()
    print(chosen.label)
    if chosen.dataset == "mhist_like":
        say(mhist.SYNTHETIC_NOTE, "(DDKIT_POLYPS=mhist takes your own copy of MHIST from the data folder)")
    _tell_choice(chosen)
    return chosen


def say(*sentences: str) -> None:
    """Print each; a long one goes on in a further line, between two words and four spaces in."""
    for sentence in sentences:
        further = " " * (len(sentence) - len(sentence.lstrip()) + 4)
        print(textwrap.fill(sentence, WIDE, subsequent_indent=further, break_long_words=False, break_on_hyphens=False))


def table(text: str):
    """Show a table of ``plots.tables`` made in style ``github``."""
    from IPython.display import Markdown

    return Markdown(text)


def scores(records: dict[str, Record]):
    """Show test accuracies as a table."""
    return table(tables.scores(records, "github"))


def told(record: Record) -> Record:
    """Say when a run was made, how long it took, and whether it was shipped or is yours, by whom; returns it."""
    print(record)
    return record


def shipped(*found: Record | Mapping) -> bool:
    """Whether all records, alone or in dictionaries of any depth, came with the repository."""
    return all(record.shipped for record in _records(found))


def minutes(*found: Record | Mapping) -> float:
    """How long the runs took together, by the clock, each counted once; given as to ``shipped``."""
    return sum({record.folder: record.seconds for record in _records(found)}.values()) / 60


def at_hand(asked: Callable[[Profile], Mapping], chosen: Profile) -> dict:
    """The records of those runs of a profile that have been made, here or by those who made ddkit, as ``asked`` names
    them, in dictionaries of any depth; where none has, those of the quick profile, which are made now. Says which."""
    there, small = _each(asked(chosen), find), profile("quick")
    print("runs at hand" if there else f"no such run is at hand: small ones are made ({small.label})")
    return there or _each(asked(small), partial(run, quiet=True))


def _each(asked: Mapping, work: Callable) -> dict:
    """What becomes of every spec, in the same dictionaries, those that nothing came of left out."""
    found = {name: _each(one, work) if isinstance(one, Mapping) else work(one) for name, one in asked.items()}
    return {name: one for name, one in found.items() if one is not None and one != {}}


def _records(found: Iterable[Record | Mapping]) -> Iterator[Record]:
    for one in found:
        yield from _records(one.values()) if isinstance(one, Mapping) else (one,)


def answered(given: object, *right: object) -> str:
    """Whether what a student wrote is (one of) the right answer(s); ``None`` is no answer yet.

    A list is as good as a tuple or, where no order is asked for, a set; a tensor or array as its numbers; capitals and
    blanks around a word do not matter.
    """
    if given is None:
        return "not answered yet: write your answer in this cell, and run it again"
    found = any(_alike(_plain(given), _plain(one)) for one in right)
    return "right" if found else f"{given!r} is not what the records say: look again"


def _alike(given: object, right: object) -> bool:
    if isinstance(right, set) and isinstance(given, tuple):
        return all(one in given for one in right) and all(one in tuple(right) for one in given)
    return given == right


def _plain(value: object) -> object:
    """Numbers, words in small letters, and tuples or sets of them."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, str):
        return value.strip().lower()
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return set(map(_plain, value)) if isinstance(value, set) else value
