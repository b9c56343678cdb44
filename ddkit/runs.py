"""Every number is a run: ``run`` reloads, resumes or makes what a spec names; a ``Record`` is what came of it."""

import os
import platform
import shutil
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from functools import cached_property, partial
from pathlib import Path

import torch

from ddkit import __version__, methods, presets
from ddkit.applications.base import Application, Job
from ddkit.coresets import STARTS, select
from ddkit.cost import Stopwatch, measure, peak_memory_mib
from ddkit.data import Dataset, Split, load
from ddkit.device import default_device, describe
from ddkit.distill import Callback, History, distill
from ddkit.errors import InputError, require
from ddkit.experts import Trajectories, check_space, difficulty_order, train_expert
from ddkit.files import atomic, read_json, write_json
from ddkit.kernel_scores import KERNEL_PROTOCOLS, KernelProtocol
from ddkit.kernel_scores import score as kernel_score
from ddkit.networks import build
from ddkit.progress import say
from ddkit.randomness import stream
from ddkit.scores import Scores
from ddkit.specs import (
    Coreset,
    Distill,
    Evaluate,
    Experts,
    File,
    Full,
    RandomReal,
    Source,
    Spec,
    Start,
    describe_spec,
    origin,
    restore_spec,
)
from ddkit.synthetic import SyntheticSet
from ddkit.training import PROTOCOLS, Protocol, score

REFERENCE = Path(__file__).resolve().parent.parent / "data" / "reference"  # results that come with the repository
RECORD, SYNTHETIC, EVOLUTION = "record.json", "synthetic.safetensors", "evolution.safetensors"
PARTS = "parts"  # what an unfinished application goes on from


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
        """The distilled or chosen set (of a record that has one)."""
        return SyntheticSet.load(self.folder / SYNTHETIC)

    @cached_property
    def evolution(self) -> dict[int, torch.Tensor]:
        """The images after some of the updates (of a distillation's record), normalised.

        Empty where they were not kept, as of the larger sets in ``data/reference``.
        """
        from safetensors.torch import load_file

        path = self.folder / EVOLUTION
        kept = load_file(path) if path.exists() else {}
        return {int(updates): kept[updates] for updates in sorted(kept, key=int)}

    @cached_property
    def trajectories(self) -> Trajectories:
        """The snapshots (of a record of experts)."""
        return Trajectories(self.folder, restore_spec(self.spec).plan)

    @property
    def scores(self) -> Scores:
        """The test scores (of a record that has any)."""
        return Scores(tuple(self.result["runs"]), notes=tuple(self.notes))

    def __str__(self) -> str:
        told = f"{self.folder.name}: made {self.made[:10]} in {self.seconds:.0f} s on {self.device}"
        return "\n".join([told, *(f"({note})" for note in self.notes)])


def runs_root(root: str | Path | None = None) -> Path:
    """The folder that runs are kept in: the argument, else ``DDKIT_RUNS``, else ``./data/runs``."""
    return Path(root or os.environ.get("DDKIT_RUNS") or "data/runs")


def find(spec: Spec, root: str | Path | None = None) -> Record | None:
    """The record of ``spec``, if it was made here or comes with the repository."""
    for place in (runs_root(root), REFERENCE):
        if (place / spec.name / RECORD).exists():
            return Record.load(place / spec.name)
    return None


def run(spec: Spec | Application, *, root: str | Path | None = None, folder: str | Path | None = None,
        data: str | Path | None = None, callbacks: tuple[Callback, ...] = (), validate_every: int = 0, stop=None,
        quiet: bool = False) -> Record:
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
        require(restore_spec(found.spec).name == spec.name,
                f"{place} holds another run: choose another folder or delete it")
        return found
    if isinstance(spec, Experts):
        return _train_experts(spec, place, data, quiet)
    if isinstance(spec, Distill):
        return _distill(spec, place, root, data, callbacks, validate_every, stop, quiet)
    if isinstance(spec, Coreset):
        return _choose(spec, place, data, quiet)
    if isinstance(spec, Application):
        return _apply(spec, place, root, data, quiet)
    return _evaluate(spec, place, root, data, quiet)


def _choose(spec: Coreset, place: Path, data, quiet: bool) -> Record:
    dataset, watch = load(spec.dataset, data, spec.size).to(default_device()), Stopwatch()
    synthetic = select(dataset, spec.ipc, spec.method, on=spec.on, width=spec.width, epochs=spec.epochs, seed=spec.seed,
                       folder=_writable(place), quiet=quiet)
    synthetic.origin |= {"on": spec.on, "seed": spec.seed}
    synthetic.save(place / SYNTHETIC)
    return _record(spec, dataset, place, watch.seconds, 0, {"moved": synthetic.moved})


def _train_experts(spec: Experts, place: Path, data, quiet: bool) -> Record:
    """Train every expert, in parallel where joblib is told to (``joblib.parallel_config``), or reload those done."""
    from joblib import Parallel, delayed

    dataset = load(spec.dataset, data, spec.size).to(default_device())
    say(check_space(place, spec.plan, dataset), quiet)
    order = difficulty_order(place, spec.plan, dataset, spec.seed, quiet)
    tasks = (delayed(train_expert)(place, i, spec.plan, dataset, spec.seed, order, quiet)
             for i in range(spec.plan.experts))
    done = Parallel()(tasks)
    result = {name: [expert[name] for expert in done] for name in done[0]} | {"bytes": spec.plan.bytes(dataset)}
    return _record(spec, dataset, place, sum(result["seconds"]), spec.plan.epochs, result)


def _distill(spec: Distill, place: Path, root, data, callbacks, validate_every: int, stop, quiet: bool) -> Record:
    dataset = load(spec.dataset, data, spec.size).to(default_device())
    synthetic = starting_set(spec, dataset)
    method = methods.get(spec.method)(spec.config)
    if spec.experts:
        method.trajectories = run(spec.experts, root=root, data=data, quiet=quiet).trajectories
    history = distill(
        method, synthetic, dataset, updates=spec.total_updates, seed=spec.seed,
        checkpoint=_writable(place) / "checkpoint.pt",
        identity={"run": spec.name, "fingerprint": dataset.fingerprint},
        validate=lambda s: _validation_score(s, dataset, spec), validate_every=validate_every,
        callbacks=callbacks, stop=stop, quiet=quiet)
    synthetic.origin |= {"method": spec.method, "preset": spec.preset, "seed": spec.seed, "updates": history.updates}
    synthetic.save(place / SYNTHETIC)
    _save_evolution(place / EVOLUTION, history)
    record = _record(spec, dataset, place, history.seconds, history.updates, {
        "moved": synthetic.moved, "cpu_seconds": history.cpu_seconds, "losses": history.losses,
        "validation": history.validation, "departures": presets.departures(spec.method, spec.preset, spec.dataset)})
    (place / "checkpoint.pt").unlink(missing_ok=True)
    return record


def starting_set(spec: Distill, dataset: Dataset) -> SyntheticSet:
    """The synthetic set that the run starts from."""
    if spec.init in STARTS:
        return select(dataset, spec.ipc, spec.init, seed=spec.seed)
    return SyntheticSet.begin(spec.init, dataset, spec.ipc, stream(spec.seed, "init"))


def _validation_score(synthetic: SyntheticSet, dataset: Dataset, spec: Distill) -> float:
    """Headline score of the set on validation data, by the protocol that the method names."""
    how = (PROTOCOLS | KERNEL_PROTOCOLS)[methods.get(spec.method).validation]
    network, width = spec.config.network, spec.config.width
    return Scores((_score(how)(synthetic.training_split(), dataset, network, how, spec.seed, width=width, split="val",
                               quiet=True),)).headline.mean


def _score(how: Protocol | KernelProtocol):
    """The function that scores by a protocol."""
    return kernel_score if isinstance(how, KernelProtocol) else score


def _save_evolution(path: Path, history: History) -> None:
    from safetensors.torch import save_file

    with atomic(path) as temporary:
        save_file({str(k): v.contiguous() for k, v in history.snapshots.items()}, temporary)


def _evaluate(spec: Evaluate, place: Path, root, data, quiet: bool) -> Record:
    asked = origin(spec.of)
    dataset = load(asked.dataset, data, asked.size).to(default_device())
    how, partial = spec.how(dataset), _writable(place) / "partial.json"
    if spec.protocol == "learned":
        how = replace(how, lr=_learned_rate(distilled_set(spec.of, dataset, root, data, quiet)))
    done = read_json(partial)["runs"] if partial.exists() else []
    for seed in range(len(done), spec.trials):
        training = training_set(spec.of, dataset, seed, root, data, quiet)
        title = f"{spec.network} on {type(spec.of).__name__} data, {spec.protocol}, seed {seed + 1} of {spec.trials}"
        done.append(_score(how)(training, dataset, spec.network, how, seed, width=spec.width, title=title,
                                checkpoint=place / f"checkpoint-{seed}.pt", quiet=quiet))
        write_json(partial, {"runs": done})
    images = len(training_set(spec.of, dataset, 0, root, data, quiet))
    result = {"runs": done, "protocol": how.as_dict(), "classes": list(dataset.classes), "chance": dataset.chance,
              "training_images": images, "epochs": how.epochs_for(images)}
    if isinstance(how, KernelProtocol):
        result["kernel"] = how.kernel_of(spec.network)
    else:
        result["cost"] = _cost(spec, dataset)
    seconds = sum(r["train_seconds"] + r["test_seconds"] for r in done)
    record = _record(spec, dataset, place, seconds, done[0]["updates"], result)
    partial.unlink()
    return record


def _apply(spec: Application, place: Path, root, data, quiet: bool) -> Record:
    asked = origin(spec.of)
    dataset = load(asked.dataset, data, asked.size).to(default_device())
    others = {"root": root, "data": data, "quiet": quiet}
    done = spec.work(Job(dataset, _writable(place) / PARTS, partial(run, **others),
                         lambda source, seed: training_set(source, dataset, seed, **others), quiet))
    if done.synthetic:
        done.synthetic.save(place / SYNTHETIC)
    record = _record(spec, dataset, place, done.seconds, done.updates, done.result)
    shutil.rmtree(place / PARTS, ignore_errors=True)
    return record


def _cost(spec: Evaluate, dataset: Dataset) -> dict[str, int]:
    shape = (dataset.channels, dataset.size, dataset.size)
    network = build(spec.network, shape[0], len(dataset.classes), shape[1], width=spec.width,
                    generator=stream(0, "cost"))
    return measure(network, shape).as_dict()


def _record(spec: Spec, dataset: Dataset, place: Path, seconds: float, updates: int, result: dict) -> Record:
    device = default_device()
    versions = {"ddkit": __version__, "torch": torch.__version__, "python": platform.python_version()}
    record = Record(describe_spec(spec), datetime.now(timezone.utc).isoformat(timespec="seconds"), dataset.fingerprint,
                    describe(device), versions, seconds, peak_memory_mib(device), updates, result,
                    list(dataset.notes), place)
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
        return SyntheticSet.from_real(dataset, source.ipc, stream(seed, "random real")).training_split()
    if isinstance(source, Start) and source.drawn:
        return starting_set(source.of, dataset).training_split()
    synthetic = distilled_set(origin(source), dataset, root, data, quiet)
    synthetic = synthetic.undistilled() if isinstance(source, Start) else synthetic
    return synthetic.training_split().to(dataset.train.images.device)


def distilled_set(source: Source, dataset: Dataset, root=None, data=None, quiet: bool = False) -> SyntheticSet:
    """The synthetic set that a distillation makes, a coreset chooses or a file holds."""
    if isinstance(source, File):
        return source.open(dataset)
    return run(source, root=root, data=data, quiet=quiet).synthetic


def _learned_rate(synthetic: SyntheticSet) -> float:
    require(synthetic.learning_rate is not None, "this set has no learned learning rate: use the 'standard' protocol")
    return synthetic.learning_rate
