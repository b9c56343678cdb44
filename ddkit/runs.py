"""Every number is a run: a ``Spec`` names it, ``run`` reloads, resumes or makes it, a ``Record`` is what came of it.

There are two kinds of spec. ``Distill`` makes a synthetic set; ``Evaluate`` trains networks on some
images and scores them on test data. What an evaluation trains on is a source: the full data, random
real images, the start of a distillation, its result, or a file.
"""

import hashlib
import json
import os
import platform
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

import torch

from ddkit import __version__, methods, presets
from ddkit.cost import measure, peak_memory_mib
from ddkit.data import SOURCES, Dataset, Split, load
from ddkit.device import default_device, describe
from ddkit.distill import Callback, History, distill
from ddkit.errors import InputError, one_of, require
from ddkit.files import atomic, read_json, sha256, write_json
from ddkit.networks import build, parse
from ddkit.randomness import stream
from ddkit.synthetic import INITS, SyntheticSet
from ddkit.training import PROTOCOLS, Protocol, Scores, evaluate, protocol, score

REFERENCE = Path(__file__).resolve().parent.parent / "data" / "reference"  # results that come with the repository
RECORD, SYNTHETIC, EVOLUTION = "record.json", "synthetic.safetensors", "evolution.safetensors"


@dataclass(frozen=True)
class Full:
    """All training images of a data set (the validation part is left out)."""

    dataset: str
    size: int | None = None


@dataclass(frozen=True)
class RandomReal:
    """Random real images, ``ipc`` of each class, drawn anew for every evaluation seed."""

    dataset: str
    ipc: int
    size: int | None = None


@dataclass(frozen=True)
class Distill:
    """Names a distillation.

    Attributes:
        dataset, size: as for ``data.load``.
        method, preset: as in ``ddkit.methods`` and ``ddkit.presets``.
        ipc: images per class.
        init: ``real`` or ``noise``.
        network, width: matched on; None takes the preset's.
        updates: of the synthetic set; None takes the preset's.
        seed: of everything random in the run.
        options: (name, value) pairs that replace the preset's.
    """

    dataset: str = "mnist"
    method: str = "datadam"
    preset: str = "course"
    ipc: int = 10
    init: str = "real"
    network: str | None = None
    width: int | None = None
    updates: int | None = None
    seed: int = 0
    size: int | None = None
    options: tuple[tuple[str, object], ...] = ()

    @cached_property
    def config(self):
        """The method's configuration with the preset and the options in place."""
        chosen = {k: v for k, v in (("network", self.network), ("width", self.width)) if v is not None}
        return presets.configure(self.method, self.preset, {**dict(self.options), **chosen})

    @property
    def total_updates(self) -> int:
        return self.config.updates if self.updates is None else self.updates

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        one_of(self.dataset, SOURCES, "dataset")
        one_of(self.init, INITS, "init")
        require(self.ipc >= 1, f"images per class must be at least 1, got ipc {self.ipc}")
        parse(self.config.network, self.config.width)
        require(self.total_updates >= 1, f"a distillation needs at least 1 update, got {self.total_updates}")

    @property
    def name(self) -> str:
        return f"distill-{self.dataset}-{self.method}-{self.preset}-ipc{self.ipc}-{self.init}-{_key(self)}"


@dataclass(frozen=True)
class Start:
    """The synthetic set of a distillation before its first update."""

    of: Distill


@dataclass(frozen=True)
class File:
    """A saved synthetic set, known by the sha256 of its file."""

    path: str
    sha256: str
    dataset: str
    size: int | None = None

    @classmethod
    def of(cls, path: str | Path, dataset: str, size: int | None = None) -> "File":
        require(Path(path).is_file(), f"no such file: {path}")
        return cls(str(path), sha256(Path(path).read_bytes()), dataset, size)


Source = Full | RandomReal | Distill | Start | File


@dataclass(frozen=True)
class Evaluate:
    """Names an evaluation: train ``network`` on ``of`` under ``protocol``, once for each of ``seeds`` seeds."""

    of: Source
    protocol: str = "standard"
    network: str = "ConvNetD3"
    width: int = 128
    seeds: int = 5
    epochs: int | None = None  # replaces the protocol's own length

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        one_of(_origin(self.of).dataset, SOURCES, "dataset")
        one_of(self.protocol, PROTOCOLS, "protocol")
        require(self.seeds >= 1, f"an evaluation needs at least 1 seed, got {self.seeds}")
        parse(self.network, self.width)
        if isinstance(self.of, Distill | Start):
            _distillation(self.of).check()
        if isinstance(self.of, RandomReal):
            require(self.of.ipc >= 1, f"images per class must be at least 1, got ipc {self.of.ipc}")

    @property
    def name(self) -> str:
        what = f"{_origin(self.of).dataset}-{type(self.of).__name__.lower()}"
        return f"evaluate-{what}-{self.protocol}-{self.network}-{_key(self)}"

    def how(self, dataset: Dataset) -> Protocol:
        """The protocol with its numbers."""
        found = protocol(self.protocol, dataset)
        return found if self.epochs is None else Protocol(**{**found.as_dict(), "epochs": self.epochs, "updates": None})


Spec = Distill | Evaluate


def _distillation(source: Distill | Start) -> Distill:
    return source.of if isinstance(source, Start) else source


def _origin(source: Source):
    """Where a source's data set and size are written."""
    return _distillation(source) if isinstance(source, Start) else source


def describe_spec(spec) -> dict:
    """A spec or source as plain data, with its type's name."""
    values = {f.name: getattr(spec, f.name) for f in fields(spec)}
    return {"type": type(spec).__name__,
            **{name: describe_spec(value) if is_dataclass(value) else value for name, value in values.items()}}


def restore_spec(content: dict):
    """The inverse of ``describe_spec``, from JSON."""
    kinds = {kind.__name__: kind for kind in (Full, RandomReal, Distill, Start, File, Evaluate)}
    values = {k: restore_spec(v) if isinstance(v, dict) else v for k, v in content.items() if k != "type"}
    if "options" in values:
        values["options"] = tuple((name, value) for name, value in values["options"])
    return kinds[content["type"]](**values)


def _key(spec) -> str:
    """Eight characters that differ between specs that ask for different work."""
    return hashlib.sha256(json.dumps(_work(spec), sort_keys=True).encode()).hexdigest()[:8]


def _work(spec) -> dict:
    """All that decides a run's outcome: presets and protocols by their numbers, files by their content.

    Fields that have their default are left out, so that a field added later does not rename old runs.
    """
    values = {f.name: getattr(spec, f.name) for f in fields(spec) if getattr(spec, f.name) != f.default}
    if isinstance(spec, Distill):
        for name in ("preset", "network", "width", "options"):
            values.pop(name, None)
        values |= {"config": spec.config, "updates": spec.total_updates}
    elif isinstance(spec, Evaluate):
        values["protocol"] = PROTOCOLS[spec.protocol]
    elif isinstance(spec, File):
        values.pop("path")
    return {"type": type(spec).__name__, **{k: _work(v) if is_dataclass(v) else v for k, v in values.items()}}


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
        result: of a distillation ``moved``, ``losses``, ``validation``, ``departures``; of an evaluation
            ``runs`` (one dict per seed), ``cost`` and ``chance``.
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
    folder: Path = field(default=Path(), compare=False)

    @classmethod
    def load(cls, folder: str | Path) -> "Record":
        """Read the record in ``folder``."""
        require((Path(folder) / RECORD).exists(), f"no record in {folder}: name the folder of a finished run")
        content = read_json(Path(folder) / RECORD)
        try:
            return cls(**content, folder=Path(folder))
        except TypeError as error:
            raise InputError(f"{folder} holds no record of ddkit: delete it to make the run again") from error

    def save(self) -> None:
        write_json(self.folder / RECORD, self.as_dict())

    def as_dict(self) -> dict:
        return {k: v for k, v in asdict(self).items() if k != "folder"}

    @cached_property
    def synthetic(self) -> SyntheticSet:
        """The distilled set (of a distillation's record)."""
        return SyntheticSet.load(self.folder / SYNTHETIC)

    @cached_property
    def evolution(self) -> dict[int, torch.Tensor]:
        """The images after some of the updates (of a distillation's record), normalised."""
        from safetensors.torch import load_file

        return {int(k): v for k, v in sorted(load_file(self.folder / EVOLUTION).items(), key=lambda item: int(item[0]))}

    @property
    def scores(self) -> Scores:
        """The test scores (of an evaluation's record)."""
        return Scores(tuple(self.result["runs"]))

    def __str__(self) -> str:
        return f"{self.folder.name}: made {self.made[:10]} in {self.seconds:.0f} s on {self.device}"


def runs_root(root: str | Path | None = None) -> Path:
    """The folder that runs are kept in: the argument, else ``DDKIT_RUNS``, else ``runs`` beside the data."""
    return Path(root or os.environ.get("DDKIT_RUNS") or "data/runs")


def find(spec: Spec, root: str | Path | None = None) -> Record | None:
    """The record of ``spec``, if it was made here or comes with the repository."""
    for place in (runs_root(root), REFERENCE):
        if (place / spec.name / RECORD).exists():
            return Record.load(place / spec.name)
    return None


def run(spec: Spec, *, root: str | Path | None = None, folder: str | Path | None = None, data: str | Path | None = None,
        callbacks: tuple[Callback, ...] = (), validate_every: int = 0, stop=None, quiet: bool = False) -> Record:
    """Reload, resume or make the run that ``spec`` names.

    Args:
        root: folder that runs are kept in (default: ``DDKIT_RUNS``, else ``data/runs``).
        folder: this run's own folder, instead of one under ``root``.
        data: root of the data files, as for ``data.load``.
        callbacks, stop: watch and stop a distillation, as for ``distill.distill``.
        validate_every: score a distillation on validation data after so many updates (0: never).

    Raises:
        InputError: the spec cannot work, or ``folder`` holds another run.
    """
    spec.check()
    place = Path(folder) if folder else runs_root(root) / spec.name
    found = Record.load(place) if (place / RECORD).exists() else None if folder else find(spec, root)
    if found:
        require(_same(found.spec, spec), f"{place} holds another run: choose another folder or delete it")
        return found
    if isinstance(spec, Distill):
        return _distill(spec, place, data, callbacks, validate_every, stop, quiet)
    return _evaluate(spec, place, root, data, quiet)


def _same(content: dict, spec: Spec) -> bool:
    return _key(restore_spec(content)) == _key(spec)


def _distill(spec: Distill, place: Path, data, callbacks, validate_every: int, stop, quiet: bool) -> Record:
    dataset = load(spec.dataset, data, spec.size).to(default_device())
    synthetic = starting_set(spec, dataset)
    method = methods.get(spec.method)(spec.config)
    history = distill(
        method, synthetic, dataset, updates=spec.total_updates, seed=spec.seed,
        checkpoint=_writable(place) / "checkpoint.pt",
        identity={"run": spec.name, "fingerprint": dataset.fingerprint},
        validate=lambda s: _validation_accuracy(s, dataset, spec), validate_every=validate_every,
        callbacks=callbacks, stop=stop, quiet=quiet)
    synthetic.origin |= {"method": spec.method, "preset": spec.preset, "seed": spec.seed, "updates": history.updates}
    synthetic.save(place / SYNTHETIC)
    _save_evolution(place / EVOLUTION, history)
    record = _record(spec, dataset, place, history.seconds, history.updates, {
        "moved": synthetic.moved, "losses": history.losses, "validation": history.validation,
        "departures": presets.departures(spec.method, spec.preset)})
    (place / "checkpoint.pt").unlink(missing_ok=True)
    return record


def starting_set(spec: Distill, dataset: Dataset) -> SyntheticSet:
    """The synthetic set that the run starts from."""
    return SyntheticSet.begin(spec.init, dataset, spec.ipc, stream(spec.seed, "init"))


def _validation_accuracy(synthetic: SyntheticSet, dataset: Dataset, spec: Distill) -> float:
    """Accuracy on validation data of one network after the assignment's 20 epochs on the set."""
    scores = evaluate(_split(synthetic), dataset, spec.config.network, PROTOCOLS["assignment"], [spec.seed],
                      width=spec.config.width, split="val", quiet=True)
    return scores.mean


def _save_evolution(path: Path, history: History) -> None:
    from safetensors.torch import save_file

    with atomic(path) as temporary:
        save_file({str(k): v.contiguous() for k, v in history.snapshots.items()}, temporary)


def _evaluate(spec: Evaluate, place: Path, root, data, quiet: bool) -> Record:
    origin = _origin(spec.of)
    dataset = load(origin.dataset, data, origin.size).to(default_device())
    how, partial = spec.how(dataset), _writable(place) / "partial.json"
    done = read_json(partial)["runs"] if partial.exists() else []
    for seed in range(len(done), spec.seeds):
        training = training_set(spec.of, dataset, seed, root, data, quiet)
        title = f"{spec.network} on {type(spec.of).__name__} data, {spec.protocol}, seed {seed + 1} of {spec.seeds}"
        done.append(score(training, dataset, spec.network, how, seed, width=spec.width, title=title,
                          checkpoint=place / f"checkpoint-{seed}.pt", quiet=quiet))
        write_json(partial, {"runs": done})
    shape = (dataset.channels, dataset.size, dataset.size)
    network = build(spec.network, shape[0], len(dataset.classes), shape[1], width=spec.width,
                    generator=stream(0, "cost"))
    result = {"runs": done, "protocol": how.as_dict(), "chance": dataset.chance,
              "training_images": len(training), "epochs": how.epochs_for(len(training)),
              "cost": measure(network, shape).as_dict()}
    seconds = sum(r["train_seconds"] + r["test_seconds"] for r in done)
    record = _record(spec, dataset, place, seconds, done[0]["updates"], result)
    partial.unlink()
    return record


def _record(spec: Spec, dataset: Dataset, place: Path, seconds: float, updates: int, result: dict) -> Record:
    device = default_device()
    versions = {"ddkit": __version__, "torch": torch.__version__, "python": platform.python_version()}
    record = Record(describe_spec(spec), datetime.now(timezone.utc).isoformat(timespec="seconds"), dataset.fingerprint,
                    describe(device), versions, seconds, peak_memory_mib(device), updates, result, place)
    record.save()
    return Record.load(place)


def _writable(place: Path) -> Path:
    """The folder, after proving that files can be written there; one that did not exist is not left behind empty."""
    with atomic(place / "probe") as temporary:
        temporary.touch()
    (place / "probe").unlink()
    if not any(place.iterdir()):
        place.rmdir()
    return place


def training_set(source: Source, dataset: Dataset, seed: int, root=None, data=None, quiet: bool = False) -> Split:
    """What an evaluation with ``seed`` trains on: images [N, C, H, W] and their hard or soft labels."""
    if isinstance(source, Full):
        return dataset.train
    if isinstance(source, RandomReal):
        return _split(SyntheticSet.from_real(dataset, source.ipc, stream(seed, "random real")))
    if isinstance(source, Start):
        return _split(starting_set(source.of, dataset))
    if isinstance(source, Distill):
        synthetic = run(source, root=root, data=data, quiet=quiet).synthetic
    else:
        synthetic = open_set(source.path, dataset)
    return _split(synthetic).to(dataset.train.images.device)


def open_set(path: str | Path, dataset: Dataset) -> SyntheticSet:
    """A synthetic set from a file of ddkit (.safetensors) or of the field (.pt)."""
    if Path(path).suffix == ".pt":
        return SyntheticSet.import_pt(path, dataset)
    synthetic = SyntheticSet.load(path)
    require(synthetic.origin.get("fingerprint") == dataset.fingerprint,
            f"{path} was not distilled from {dataset.name} at {dataset.size} pixels: name its data set and size")
    return synthetic


def _split(synthetic: SyntheticSet) -> Split:
    return Split(synthetic.images.detach(), synthetic.labels)
