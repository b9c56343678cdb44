"""What all specs and sources have in common, and how they are written down, read back and named."""

import importlib
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import ClassVar

from ddkit.data import Dataset, Split, canonical, fingerprint, load, parse_name
from ddkit.foundation.errors import MOST, InputError, meant, plain, require, whole
from ddkit.foundation.files import sha256
from ddkit.foundation.finding import modules_in
from ddkit.runs.jobs import Job, Outcome

HOMES = ("ddkit.specs", "ddkit.applications")  # where kinds of specs, and what they are made of, are found by name


class OfDataset:
    """What names a data set, by one name however it was spelt: digits-04-9 is digits-4-9."""

    dataset: str
    size: int | None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "dataset", canonical(self.dataset))


class OfSource:
    """What is about a source, ``of``, and so about its data set."""

    @property
    def dataset(self) -> str:
        return self.of.dataset

    @property
    def size(self) -> int | None:
        return self.of.size


_WHOLE = (int, int | None)


class Named:
    """A value that can be written down, read back and told from others by what it asks for.

    Whole numbers may be given as 10.0 or "10", and a record in place of the set that it is of.
    """

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if f.type in _WHOLE:
                object.__setattr__(self, f.name, meant(value))
            elif isinstance(f.type, type) and issubclass(f.type, Source):
                object.__setattr__(self, f.name, source_of(value, f.type))
            elif is_record(value):
                object.__setattr__(self, f.name, value.asked)

    def decides(self) -> dict:
        """All that decides what comes of it, by name: its fields, with numbers for what names only stand for.

        Fields that have their default are left out, so that a field added later does not rename old runs.
        """
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        parse_name(self.dataset)
        for f in fields(self):
            if f.type in _WHOLE and getattr(self, f.name) is not None:
                whole(getattr(self, f.name), 1 - MOST, f.name)  # how few there may be, each says itself

    def check_on(self, dataset: Dataset) -> None:
        """Raise InputError for whatever can be seen to be wrong once the data set is loaded, before any work."""


class Source(Named):
    """What networks are trained on; ``dataset`` and ``size`` say whose images it is about, as for ``data.load``."""

    learns_rate = False  # whether it may have learned the learning rate that it is to be trained on with
    prescribes = False  # whether it may own the order, rates or initialisation of the training on it
    seeded = False  # whether another seed of its own makes another set
    fixes_start = False  # whether it is known to own the initialisation, which leaves nothing to chance

    def training_set(self, job: Job, seed: int) -> Split:
        """What an evaluation with ``seed`` trains on: images [N, C, H, W] and their hard or soft labels."""
        raise NotImplementedError

    def takes(self, job: Job) -> dict:
        """What it takes, as ``synthetic.budget.described`` says it; nothing where that is not known."""
        return {}

    def networks_met(self, job: Job) -> int | None:
        """How many networks met the real images that it was made from; None where nobody counted."""
        return None


class Spec(Named):
    """What a run is asked for; ``dataset`` and ``size`` say on which images, as for ``data.load``.

    ``RESULT`` is the pattern of its record's result, as ``schema.fits`` has it, so that a damaged one is told.
    """

    RESULT: ClassVar[dict] = {}

    @property
    def name(self) -> str:
        """The run's name, which ends in ``key``."""
        raise NotImplementedError

    def load(self, root: str | Path | None) -> Dataset:
        """What the run works on; whatever it is, it has ``fingerprint``, ``notes`` and ``to(device)``."""
        return load(self.dataset, root, self.size)

    def fingerprint(self, root: str | Path | None) -> str | None:
        """The fingerprint of what ``load`` would give; None where the data are not at hand."""
        return fingerprint(self.dataset, root, self.size)

    def work(self, job: Job) -> Outcome:
        """Do what is asked for, or go on with it."""
        raise NotImplementedError


def is_record(value: object) -> bool:
    """Whether it is the record of a run, which ``asked`` for it."""
    return isinstance(getattr(type(value), "asked", None), property)


def source_of(given: object, kind: type[Source] = Source) -> Source:
    """A source, or that which a record is of.

    Raises:
        InputError: it is neither, or not of that kind.
    """
    found = given.asked if is_record(given) else given
    what = f"the record of {type(found).__name__}" if is_record(given) else f"{type(found).__name__}"
    require(isinstance(found, kind), f"a set is wanted: a Distill or Coreset, the record of one, or File.of(path, "
                                     f"dataset){', RandomReal or Full' * (kind is Source)}; got {what}")
    return found


def spec_of(given: object) -> Spec:
    """A spec, or that of a record.

    Raises:
        InputError: it is neither.
    """
    found = given.asked if is_record(given) else given
    require(isinstance(found, Spec), "a run is named by a spec, such as Distill or Evaluate(source), or by its "
                                     f"record; got {type(found).__name__}")
    return found


def pairs(options: object) -> tuple[tuple[str, object], ...]:
    """Options given as a dict, or as pairs in a list or tuple, as a tuple of pairs.

    Raises:
        InputError: they are neither.
    """
    listed = list(options.items()) if isinstance(options, dict) else [] if options is None else options
    fits = isinstance(listed, list | tuple) and all(
        isinstance(one, list | tuple) and len(one) == 2 and isinstance(one[0], str) for one in listed)
    require(fits, f"options are a dict, as {{'lam': 0.1}}, or pairs, as [('lam', 0.1)], got {repr(options)[:60]}")
    return tuple((name, _frozen(plain(value))) for name, value in listed)


def describe_spec(spec) -> dict:
    """A spec or source as plain data, with its type's name."""
    values = {f.name: getattr(spec, f.name) for f in fields(spec)}
    return {"type": type(spec).__name__,
            **{name: describe_spec(value) if is_dataclass(value) else value for name, value in values.items()}}


def restore_spec(content: dict):
    """The inverse of ``describe_spec``, from JSON.

    Raises:
        InputError: it describes nothing that this version of ddkit knows.
    """
    try:
        values = {k: restore_spec(v) if isinstance(v, dict) else _frozen(v) for k, v in content.items() if k != "type"}
        return kind_of(content["type"])(**values)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError("the spec is none that this version of ddkit knows: delete its folder to make the run "
                         "again") from error


def kind_of(name: str) -> type | None:
    """The dataclass of that name, wherever it lives among ``HOMES``; None if there is none."""
    modules = (module for home in map(importlib.import_module, HOMES) for module in (home, *modules_in(home)))
    found = (getattr(module, name, None) for module in modules)
    return next((kind for kind in found if isinstance(kind, type) and is_dataclass(kind)), None)


def _frozen(value):
    """The value with tuples for lists, which is what JSON makes of them."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def key(spec) -> str:
    """Eight characters that differ between specs that ask for different work."""
    return sha256(json.dumps(_work(spec), sort_keys=True).encode())[:8]


def _work(value) -> dict:
    decides = value.decides() if isinstance(value, Named) else Named.decides(value)
    return {"type": type(value).__name__, **{k: _work(v) if is_dataclass(v) else v for k, v in decides.items()}}
