"""Every number is a run: ``run`` reloads, resumes or makes what a spec names; a ``Record`` is what came of it."""

import os
import platform
import shutil
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import cached_property, partial
from pathlib import Path

import torch

from ddkit import __version__
from ddkit.data import Dataset, Split, fingerprint, load
from ddkit.foundation.device import default_device, describe
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import expanded, read_json, read_tensors, sha256, write_json, write_tensors
from ddkit.foundation.progress import say
from ddkit.foundation.schema import COUNT, NUMBER, require_fit
from ddkit.methods.loop import Callback
from ddkit.networks.cost import peak_memory_mib
from ddkit.runs import evolution, series
from ddkit.runs.jobs import Job
from ddkit.runs.spec import Source, Spec, describe_spec, restore_spec
from ddkit.runs.working import STARTED, begun_as, working_in
from ddkit.synthetic import SyntheticSet
from ddkit.training.experts import Trajectories
from ddkit.training.scores import Scores

REFERENCE = Path(__file__).resolve().parents[2] / "data" / "reference"  # results that come with the repository
RECORD, SYNTHETIC, EVOLUTION = "record.json", "synthetic.safetensors", "evolution.safetensors"
SERIES = "series.safetensors"  # the long ones of the result
_SCHEMA = {"spec": {"type": str}, "made": str, "fingerprint": str, "device": str, "versions": {...: str},
           "seconds": NUMBER, "peak_memory_mib": NUMBER, "updates": COUNT, "result": dict, "?notes": [str],
           "?files": {...: str}}
_SCORED = {"accuracy": NUMBER, "updates": COUNT, "train_seconds": NUMBER, "test_seconds": NUMBER,
           "?confusion": [[COUNT]]}
_RESULTS = {  # of the kinds of record that tables and figures read
    "Evaluate": {"runs": [_SCORED], "protocol": dict, "?classes": [str], "chance": NUMBER, "training_images": COUNT,
                 "epochs": COUNT},
    "Continual": {"runs": [_SCORED], "classes": [str], "chance": NUMBER, "bytes": [COUNT], "memory_seconds": NUMBER},
    "Search": {"candidates": {...: {"parameters": COUNT, "runs": [{"accuracy": NUMBER}]}}, "chance": NUMBER},
    "Experts": {"losses": [[NUMBER]], "seconds": [NUMBER], "accuracies": [[NUMBER]]},
    "Distill": {"moved": NUMBER, "losses": [{...: NUMBER}], "validation": [[NUMBER]], "departures": [str]},
    "Coreset": {"moved": NUMBER},
}


@dataclass
class Record:
    """What came of a run.

    Attributes:
        spec: as plain data.
        made: when it ended, ISO 8601, UTC.
        fingerprint: of the data set.
        device, versions: what it ran on.
        seconds, peak_memory_mib: what it cost, interruptions left out.
        updates: of the synthetic set, or of each evaluation's network.
        result: of a distillation ``moved``, ``cpu_seconds`` (of all cores), ``losses``, ``validation``, ``departures``;
            of an evaluation ``runs`` (one dict per seed), ``classes``, ``chance``, and ``cost`` of the network or, if
            one predicted, the ``kernel``; of an application what its module says.
        notes: the data set's, which belong beside results: that the images are synthetic, say.
        files: sha256 of the files beside it, by name (older records name none).
        folder: where it lies.
    """

    spec: dict
    made: str
    fingerprint: str
    device: str
    versions: dict[str, str]
    seconds: float
    peak_memory_mib: float
    updates: int
    result: dict
    notes: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default=Path(), compare=False)

    @classmethod
    def load(cls, folder: str | Path) -> "Record":
        """Read the record in ``folder``.

        Raises:
            InputError: there is none, or it is damaged.
        """
        path = expanded(folder) / RECORD
        require(path.exists(), f"no record in {folder}: name the folder of a finished run")
        content, wrong = read_json(path), f"{path} holds no record of ddkit: delete it to make the run again"
        require_fit(content, _SCHEMA, wrong)
        if SERIES in content.get("files", {}):
            long = read_tensors(_verified(path.parent / SERIES, content["files"]))[0]
            try:
                content["result"] = series.join(content["result"], long)
            except (KeyError, IndexError, TypeError, ValueError, StopIteration) as error:
                raise InputError(wrong) from error
        require_fit(content["result"], _RESULTS.get(content["spec"]["type"], {}), wrong)
        require(content["result"].get("runs", [1]) != [], wrong)
        try:
            return cls(**content, folder=path.parent)
        except TypeError as error:
            raise InputError(wrong) from error

    @property
    def name(self) -> str:
        """The name of its spec.

        Raises:
            InputError: the spec is none that this version of ddkit knows.
        """
        try:
            return restore_spec(self.spec).name
        except InputError:
            raise
        except Exception as error:  # whatever a strange spec leads to
            raise InputError(f"{self.folder / RECORD} names no run that this version of ddkit knows: delete it to make "
                             "the run again") from error

    def save(self, *, packed: bool = False) -> None:
        """Write it into its folder, long series into a file of their own; ``packed`` as for ``write_tensors``."""
        result, long = series.split(self.result)
        if long:
            write_tensors(self.folder / SERIES, long, packed=packed)
            self.files[SERIES] = sha256((self.folder / SERIES).read_bytes())
        elif self.files.pop(SERIES, None):
            (self.folder / SERIES).unlink(missing_ok=True)
        write_json(self.folder / RECORD, self.as_dict() | {"result": result})

    def as_dict(self) -> dict:
        return {k: v for k, v in asdict(self).items() if k != "folder"}

    @cached_property
    def synthetic(self) -> SyntheticSet:
        """The distilled or chosen set (of a record that has one)."""
        return SyntheticSet.load(self._own(SYNTHETIC))

    @cached_property
    def evolution(self) -> dict[int, torch.Tensor]:
        """The images after some of the updates (of a distillation's record), normalised.

        Those between the start and the end are kept in 8 bits. Empty where none were kept, as of the larger sets in
        ``data/reference``.
        """
        path = self._own(EVOLUTION)
        return evolution.read(path, self.synthetic) if path.exists() else {}

    def _own(self, name: str) -> Path:
        """The file of that name beside the record, if it is still the one that was written with it."""
        return _verified(self.folder / name, self.files)

    @cached_property
    def trajectories(self) -> Trajectories:
        """The snapshots (of a record of experts)."""
        whose = {"run": self.name, "fingerprint": self.fingerprint}
        return Trajectories(self.folder, restore_spec(self.spec).plan, whose)

    @property
    def scores(self) -> Scores:
        """The test scores (of a record that has any)."""
        return Scores(tuple(self.result["runs"]), notes=tuple(self.notes))

    def __str__(self) -> str:
        told = f"{self.folder.name}: made {self.made[:10]} in {self.seconds:.0f} s on {self.device}"
        return "\n".join([told, *(f"({note})" for note in self.notes)])


def _verified(path: Path, files: dict[str, str]) -> Path:
    require(path.name not in files or not path.exists() or sha256(path.read_bytes()) == files[path.name],
            f"{path} is not the file that was written with its record: delete the folder to make the run again")
    return path


def runs_root(root: str | Path | None = None) -> Path:
    """The folder that runs are kept in: the argument, else ``DDKIT_RUNS``, else ``./data/runs``."""
    return expanded(root or os.environ.get("DDKIT_RUNS") or "data/runs")


def find(spec: Spec, root: str | Path | None = None, data: str | Path | None = None) -> Record | None:
    """The record of ``spec`` on the data at hand, if it was made here or comes with the repository.

    Where the data are not at hand there is nothing to compare it with, and the one under the spec's name is returned.
    """
    return _find(spec, _fingerprint(spec, data), runs_root(root))


def _fingerprint(spec: Spec, data: str | Path | None) -> str | None:
    return fingerprint(spec.dataset, data, spec.size)


def _find(spec, seen: str | None, root: Path) -> Record | None:
    for place in (*_places(spec, seen, root), REFERENCE / spec.name):
        if (place / RECORD).exists():
            record = Record.load(place)
            if record.name == spec.name and seen in (None, record.fingerprint):
                return record
    return None


def _places(spec, seen: str | None, root: Path) -> list[Path]:
    """The folders that a run may lie in: that of its name and, if that is taken by other data, one for these data."""
    return [root / spec.name] + ([root / f"{spec.name}-{seen[:8]}"] if seen else [])


def run(spec: Spec, *, root: str | Path | None = None, folder: str | Path | None = None,
        data: str | Path | None = None, callbacks: tuple[Callback, ...] = (), validate_every: int = 0, stop=None,
        quiet: bool = False) -> Record:
    """Reload, resume or make the run that ``spec`` names, on the data at hand.

    Records and unfinished work of other data, by their content, are never reused. While the run is made its folder is
    held for this process: another that wants the same run waits, and then reloads it.

    Args:
        root: folder that runs are kept in (default: ``DDKIT_RUNS``, else ``data/runs``).
        folder: this run's own folder, instead of one under ``root``.
        data: root of the data files, as for ``data.load``.
        callbacks, stop: watch and stop a distillation, as for ``distill.distill``.
        validate_every: score a distillation on validation data after so many updates (0: never).

    Raises:
        InputError: the spec cannot work, or ``folder`` holds another run, or this one on other data.
    """
    spec.check()
    require(validate_every >= 0, f"validation comes after so many updates, or never (0), got {validate_every}")
    folder, found = folder and expanded(folder), None
    found = _in(folder, spec, _fingerprint(spec, data)) if folder else find(spec, root, data)
    if found:
        (found.folder / STARTED).unlink(missing_ok=True)  # of a process that was killed right after the record
        return found
    dataset = load(spec.dataset, data, spec.size).to(default_device())
    spec.check_on(dataset)
    identity = {"run": spec.name, "fingerprint": dataset.fingerprint}
    place = folder or _vacant(spec, identity, runs_root(root), quiet)
    others = {"root": root, "data": data, "quiet": quiet}
    with working_in(place, identity, quiet):
        found = _in(place, spec, dataset.fingerprint)  # made by whom we waited for
        if found:
            (place / STARTED).unlink(missing_ok=True)
            return found
        job = Job(dataset, place, identity, partial(run, **others),
                  {"callbacks": callbacks, "stop": stop, "validate_every": validate_every}, quiet)
        return _make(spec, job)


def _in(place: Path, spec, seen: str | None) -> Record | None:
    """The record in a folder, which must be that of ``spec`` on the data seen."""
    if not (place / RECORD).exists():
        return None
    found = Record.load(place)
    require(found.name == spec.name, f"{place} holds another run: choose another folder or delete it")
    require(seen in (None, found.fingerprint),
            f"{place} holds this run on other data (fingerprint {found.fingerprint[:12]}, these have "
            f"{str(seen)[:12]}): choose another folder or delete it")
    return found


def _vacant(spec, identity: dict, root: Path, quiet: bool) -> Path:
    """The folder that the run is made in: that of its name, unless it belongs to the same run on other data."""
    named, own = _places(spec, identity["fingerprint"], root)
    taken = (REFERENCE / spec.name / RECORD).exists() or (named / RECORD).exists()
    if taken:
        say(f"{spec.name} was made before on other data than these (fingerprint {identity['fingerprint'][:12]}): "
            "it is made anew for them", quiet)
    begun = begun_as(named)
    return own if (named / RECORD).exists() or (begun and begun != identity) else named


def _make(spec: Spec, job: Job) -> Record:
    """Do the work and write down what came of it: the record last, which says that all is there."""
    done, place = spec.work(job), job.place
    if done.synthetic:
        done.synthetic.save(place / SYNTHETIC)
    if done.evolution:
        evolution.write(place / EVOLUTION, done.evolution, done.synthetic)
    device, dataset = default_device(), job.dataset
    versions = {"ddkit": __version__, "torch": torch.__version__, "python": platform.python_version()}
    files = {name: sha256((place / name).read_bytes()) for name in (SYNTHETIC, EVOLUTION) if (place / name).exists()}
    Record(describe_spec(spec), datetime.now(timezone.utc).isoformat(timespec="seconds"), dataset.fingerprint,
           describe(device), versions, done.seconds, peak_memory_mib(device), done.updates, done.result,
           list(dataset.notes), files, place).save()
    for path in (*done.superseded, place / STARTED):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return Record.load(place)


def training_set(source: Source, dataset: Dataset, seed: int, root=None, data=None, quiet: bool = False) -> Split:
    """What an evaluation of ``source`` with ``seed`` trains on: images [N, C, H, W] and their hard or soft labels."""
    return source.training_set(Job(dataset, Path(), {}, partial(run, root=root, data=data, quiet=quiet)), seed)


def starting_set(spec, dataset: Dataset) -> SyntheticSet:
    """The synthetic set that a distillation starts from."""
    return spec.starting_set(dataset)
