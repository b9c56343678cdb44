"""Every number is a run: ``run`` reloads, resumes or makes what a spec names; a ``Record`` is what came of it."""

import os
import platform
import shutil
from datetime import datetime, timezone
from functools import partial
from itertools import chain, count
from pathlib import Path

import torch

from ddkit import __version__
from ddkit.data import Dataset, Split, canonical, fingerprint, parse_name
from ddkit.foundation.device import default_device, describe
from ddkit.foundation.errors import InputError, require, telling_interrupts
from ddkit.foundation.files import expanded, sha256, write_tensors
from ddkit.foundation.progress import attended, say
from ddkit.methods.loop import Callback
from ddkit.networks.cost import peak_memory_mib
from ddkit.runs import evolution
from ddkit.runs.jobs import Job
from ddkit.runs.makers import maker
from ddkit.runs.record import EVOLUTION, SYNTHETIC, WEIGHTS, Record
from ddkit.runs.shipped import RECORD, makes_runs, reloads_shipped, shelves
from ddkit.runs.spec import Source, Spec, describe_spec, source_of, spec_of
from ddkit.runs.working import STARTED, begun_as, working_in
from ddkit.synthetic import SyntheticSet


def runs_root(root: str | Path | None = None) -> Path:
    """The folder that runs are kept in: the argument, else ``DDKIT_RUNS``, else ``./data/runs``."""
    return expanded(root or os.environ.get("DDKIT_RUNS") or "data/runs")


def find(spec: Spec, root: str | Path | None = None, data: str | Path | None = None) -> Record | None:
    """The record of ``spec`` on the data at hand, if it was made here or comes with the repository.

    Where the data are not at hand there is nothing to compare it with, and the one under the spec's name is returned.
    A record that cannot be read is told, and is none. ``DDKIT_REFERENCE=0`` leaves out those of the repository.
    """
    spec = spec_of(spec)
    return _find(spec, spec.fingerprint(data), runs_root(root), data)


def _find(spec, seen: str | None, root: Path, data: str | Path | None) -> Record | None:
    shipped = shelves() if reloads_shipped() else ()
    for place in chain.from_iterable(places(spec.name, seen, shelf) for shelf in (root, *shipped)):
        record, wrong = _read(place)
        if wrong:
            say(f"{place / RECORD} is left out, for it cannot be read: {wrong}")
        if record and record.is_of(spec) and not _unlike(record, seen, data):
            return record
    return None


def _unlike(record: Record, seen: str | None, data: str | Path | None) -> str:
    """How the data at hand differ from those that a record came of, in words; "" where they do not, or are not there.

    Args:
        seen: the fingerprint of the run's own data at hand, if they are.
    """
    others = ((f" of {one['dataset']}", one["fingerprint"], fingerprint(one["dataset"], data, one["size"]))
              for one in record.other_data)
    return next((f"fingerprint {known[:12]}{of}, these have {found[:12]}"
                 for of, known, found in chain([("", record.fingerprint, seen)], others) if found not in (None, known)),
                "")


def _read(place: Path) -> tuple[Record | None, str]:
    """The record in a folder if there is one that can be read, and what is wrong with one that cannot, in a clause."""
    if not (place / RECORD).exists():
        return None, ""
    try:
        record = Record.load(place)
        _ = record.name  # which a strange spec has none of
        return record, ""
    except InputError as error:
        return None, str(error)


def _set_aside(place: Path) -> None:
    """Move a folder whose record cannot be read out of the way of the run that is to be made there, and say so."""
    if not _read(place)[1]:
        return
    names = chain([f"{place.name}.damaged"], (f"{place.name}.damaged-{number}" for number in count(2)))
    aside = next(path for path in map(place.with_name, names) if not path.exists())
    try:
        place.rename(aside)
    except FileNotFoundError:  # another process was faster
        return
    except OSError as error:
        raise InputError(f"{place} holds a record that cannot be read, and cannot be moved aside "
                         f"({error.strerror or error}): delete it to make the run again") from error
    say(f"{place} was set aside as {aside.name}: the run is made anew")


def places(name: str, seen: str | None, root: Path) -> list[Path]:
    """The folders that a run may lie in: that of its name and, if that is taken by other data, one for these data."""
    return [root / name] + ([root / f"{name}-{seen[:8]}"] if seen else [])


@telling_interrupts(lambda: "what was saved before is kept")
def run(spec: Spec, *, root: str | Path | None = None, folder: str | Path | None = None,
        data: str | Path | None = None, callbacks: tuple[Callback, ...] = (), validate_every: int = 0, stop=None,
        quiet: bool = False) -> Record:
    """Reload, resume or make the run that ``spec`` names, on the data at hand.

    Records and unfinished work of other data, by their content, are never reused. While the run is made its folder is
    held for this process: another that wants the same run waits, and then reloads it. A record under ``root`` that
    cannot be read is told, its folder set aside, and the run made anew; ``DDKIT_REFERENCE=0`` has every run made here,
    though it came with the repository, and ``DDKIT_MAKE=0`` has none made.

    Args:
        root: folder that runs are kept in (default: ``DDKIT_RUNS``, else ``data/runs``).
        folder: this run's own folder, instead of one under ``root``.
        data: root of the data files, as for ``data.load``.
        callbacks: watch what is made, step by step, as ``loop.Callback`` says; of a record that is found they hear
            nothing: what there is to see is in it.
        stop: set this event from another thread to stop at the next step, of whatever kind; the same call goes on.
        validate_every: score a distillation on validation data after so many updates (0: never).

    Raises:
        InputError: the spec cannot work, or ``folder`` holds another run, or this one on other data, or other files
            alone; or it would have to be made under ``DDKIT_MAKE=0``; or it is there, and was not validated so often.
        Stopped: ``stop`` was set; what was done is saved.
        Interrupted: in a notebook in place of a KeyboardInterrupt; it says what is saved, and the same call goes on.
    """
    spec = spec_of(spec)
    spec.check()
    require(validate_every >= 0, f"validation comes after so many updates, or never (0), got {validate_every}")
    folder, found = folder and expanded(folder), None
    found = _in(folder, spec, spec.fingerprint(data), data) if folder else find(spec, root, data)
    if found:
        return _there(found, validate_every)
    require(makes_runs(), f"{spec.name} is not at hand, and none is made (DDKIT_MAKE=0): unset DDKIT_MAKE, or put its "
                          f"folder into {runs_root(root)}")
    dataset = spec.load(data).to(default_device())
    spec.check_on(dataset)
    identity = {"run": spec.name, "fingerprint": dataset.fingerprint}
    name = maker(runs_root(root))
    place = folder or _vacant(spec, identity, runs_root(root), quiet)
    others, other_data = {"root": root, "data": data, "quiet": quiet}, []
    means = {"device": describe(default_device()), "ddkit": __version__, "torch": torch.__version__,
             "python": platform.python_version()}
    with working_in(place, identity, means, quiet, chosen=bool(folder)) as worked:
        found = _in(place, spec, dataset.fingerprint, data)  # made by whom we waited for
        if found:
            return _there(found, validate_every)
        job = Job(dataset, place, identity, partial(_another, spec, other_data, **others),
                  {"callbacks": callbacks, "validate_every": validate_every}, quiet, name, other_data)
        with attended(partial(_tell_step, callbacks) if callbacks else None, stop):
            return _make(spec, job, **worked)


def _there(found: Record, validate_every: int) -> Record:
    """A record that was found, as the run that was asked for."""
    (found.folder / STARTED).unlink(missing_ok=True)  # of a process that was killed right after the record
    scored = found.result.get("validation")
    if validate_every and scored is not None:
        there = [updates for updates, _ in scored]
        how = (f"validated after {_few(there)} updates, not after every {validate_every}" if there else
               "without validation")
        require(set(range(validate_every, found.updates + 1, validate_every)) <= set(there),
                f"{found.folder} holds this run {how}: leave validate_every out, or make the run again in a folder of "
                "its own")
    return found


def _few(numbers: list[int]) -> str:
    """Numbers in words: the first of many."""
    return ", ".join(map(str, numbers if len(numbers) < 5 else [*numbers[:3], "..."]))


def _tell_step(callbacks: tuple[Callback, ...], title: str, done: int, most: int) -> None:
    for callback in callbacks:
        callback.on_step(title, done, most)


def _another(of: Spec, noted: list[dict], spec: Spec, **where) -> Record:
    """The run that another asks for; on which other data than that other's it was made is noted."""
    record = run(spec, **where)
    own = {"dataset": record.asked.dataset, "size": record.asked.size, "fingerprint": record.fingerprint}
    noted += [one for one in (own, *record.other_data) if one not in noted
              and parse_name(one["dataset"])[0] != parse_name(of.dataset)[0]]
    return record


def _in(place: Path, spec, seen: str | None, data: str | Path | None) -> Record | None:
    """The record in a folder, which must be that of ``spec`` on the data seen."""
    if not (place / RECORD).exists():
        return None
    found = Record.load(place)
    require(found.is_of(spec), f"{place} holds another run: choose another folder or delete it")
    unlike = _unlike(found, seen, data)
    require(not unlike, f"{place} holds this run on other data ({unlike}): choose another folder or delete it")
    return found


def _vacant(spec, identity: dict, root: Path, quiet: bool) -> Path:
    """The folder that the run is made in: that of its name, unless it belongs to the same run on other data."""
    named, own = places(spec.name, identity["fingerprint"], root)
    for place in (named, own):
        _set_aside(place)
    shipped = reloads_shipped() and any(_read(shelf / spec.name)[0] for shelf in shelves())
    taken = shipped or (named / RECORD).exists()
    if taken:
        say(f"{spec.name} was made before on other data than these (fingerprint {identity['fingerprint'][:12]}): "
            "it is made anew for them", quiet)
    begun = begun_as(named)
    return own if (named / RECORD).exists() or (begun and begun != identity) else named


def _make(spec: Spec, job: Job, device: str, **versions: str) -> Record:
    """Do the work and write down what came of it: the record last, which says that all is there.

    The device and the versions are those that worked on it, in words, also before it was resumed.
    """
    done, place = spec.work(job), job.place
    if done.synthetic:
        done.synthetic.save(place / SYNTHETIC)
    if done.evolution:
        evolution.write(place / EVOLUTION, done.evolution, done.synthetic)
    if done.weights:
        write_tensors(place / WEIGHTS, done.weights)
    dataset = job.dataset
    written = {SYNTHETIC: done.synthetic, EVOLUTION: done.evolution, WEIGHTS: done.weights}
    files = {name: sha256((place / name).read_bytes()) for name, content in written.items() if content}
    Record(describe_spec(spec), datetime.now(timezone.utc).isoformat(timespec="seconds"), dataset.fingerprint,
           device, versions, done.seconds, peak_memory_mib(default_device()), done.updates, done.result,
           list(dataset.notes), files, job.maker, spec.name, job.other_data, place).save()
    for path in (*done.superseded, place / STARTED):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return Record.load(place)


def training_set(source: Source, dataset: Dataset, seed: int, root=None, data=None, quiet: bool = False) -> Split:
    """What an evaluation of ``source`` with ``seed`` trains on: images [N, C, H, W] and their hard or soft labels."""
    _require_of(source, dataset)
    job = Job(dataset, Path(), {}, partial(run, root=root, data=data, quiet=quiet))
    return source_of(source).training_set(job, seed)


def starting_set(spec, dataset: Dataset) -> SyntheticSet:
    """The synthetic set that a distillation starts from."""
    _require_of(spec, dataset)
    return spec_of(spec).starting_set(dataset)


def _require_of(given, dataset: Dataset) -> None:
    """Refuse data that a record is not of, by their content, or that a spec or source does not name."""
    if isinstance(given, Record):
        given.require_of(dataset)
    named, own = getattr(given, "dataset", dataset.name), canonical(dataset.name)
    require(named == own,
            f"{type(given).__name__} names {named}, and the data set given is {own}: give load('{named}')")
