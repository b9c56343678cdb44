"""What the specs of all applications have in common."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError, one_of, require
from ddkit.foundation.files import digest
from ddkit.runs import SYNTHETIC, Record
from ddkit.runs.jobs import PARTS, Job, Outcome
from ddkit.runs.spec import OfSource, Source, Spec, key
from ddkit.specs import Coreset, Distill, Evaluate, Full, RandomReal, Start
from ddkit.synthetic import SyntheticSet
from ddkit.training import PROTOCOLS
from ddkit.training.scores import Scores

__all__ = ["Application", "Job", "OfTraining", "Outcome", "distinct", "made_on", "nothing_else",
           "pooled", "require_makable", "seeded", "trained_unlike"]


class Application(OfSource, Spec):
    """Base of specs that work on a source, ``of``."""

    of: Source

    @property
    def name(self) -> str:
        return f"{type(self).__name__.lower()}-{self.dataset}-{type(self.of).__name__.lower()}-{key(self)}"


class OfTraining(Application):
    """Base of specs with the fields ``protocol``, ``network``, ``width``, ``seeds`` and ``epochs`` of ``Evaluate``: so
    many networks are trained on ``of``, all at one rate, and then asked something else."""

    @property
    def evaluation(self) -> Evaluate:
        return Evaluate(self.of, self.protocol, self.network, self.width, self.seeds, self.epochs)

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        one_of(self.protocol, PROTOCOLS, "protocol")
        require(self.protocol != "learned", "all networks are trained at one learning rate: take another protocol "
                                            "than 'learned'")
        self.evaluation.check()

    def check_on(self, dataset: Dataset) -> None:
        self.evaluation.check_on(dataset)

    def decides(self) -> dict:
        return super().decides() | {"protocol": PROTOCOLS[self.protocol]}

    def checkpoints(self, job: Job, training: Split, seed: int) -> list[Checkpoint]:
        """Where what a network was asked is kept, and the network as far as it is trained on these images; by their
        content, as a set that was made again since is another."""
        made = {} if isinstance(self.of, Full) else {"set": digest([training.images, training.labels])}
        return [job.checkpoint(f"{PARTS}/network-{seed}{suffix}.pt", network=seed, **made) for suffix in ("-done", "")]


def made_on(dataset: Dataset, source: Source, job: Job, place: Path, seed: int = 0, **known):
    """The set that a distillation or coreset makes of *other* images than the run's, or what another source gives.

    Args:
        dataset: whose training images are those, with a fingerprint of its own.
        place: where unfinished work is kept, inside the run's ``parts``; ``known`` is what else it must carry.
        seed: the evaluation's, for sources that draw anew for each.

    Returns:
        The ``SyntheticSet`` of a distillation or coreset; else a ``Split``.
    """
    inner = Job(dataset, place, job.identity | known, nothing_else, {}, job.quiet, job.maker)
    if not isinstance(source, Distill | Coreset):
        return source.training_set(inner, seed)
    done = inner.checkpoint("made.pt")
    if done.load() is None:
        place.mkdir(parents=True, exist_ok=True)
        source.work(inner).synthetic.save(place / SYNTHETIC)
        done.save({})
    return SyntheticSet.load(place / SYNTHETIC)


def require_makable(source: Source, what: str) -> None:
    """Raise InputError unless the source can be made anew of other images, and of those alone."""
    drawn = isinstance(source, Start) and source.drawn
    require(drawn or isinstance(source, Full | RandomReal | Distill | Coreset),
            f"{what} is asked of what can be made anew: a distillation, its start, a coreset, random real images or "
            f"the full data; got {type(source).__name__}")
    require(getattr(source, "experts", None) is None, "experts have seen all images as they are: choose a method "
                                                      "without experts")


def distinct(values: object, wanted: str, fits: Callable[[float], bool]) -> tuple[float, ...]:
    """Different numbers, the smallest first.

    Raises:
        InputError: they are none, or one does not fit; ``wanted`` says what they are, with an example.
    """
    try:
        found = tuple(sorted({float(value) for value in values}))
    except (TypeError, ValueError) as error:
        raise InputError(f"{wanted}, got {repr(values)[:60]}") from error
    require(bool(found) and all(math.isfinite(value) and fits(value) for value in found),
            f"{wanted}, got {repr(values)[:60]}")
    return found


def nothing_else(spec):
    """The ``run`` of a job that no other run may be asked for."""
    raise InputError(f"only some of the images, or changed ones, may be seen, and {spec.name} is a run on all images: "
                     "choose a source that needs no other run")


def pooled(records: Mapping[object, Record]) -> Scores:
    """The scores of several sets as one, with the notes and the spec of the first.

    Networks that were trained on the same set are no independent witnesses of its method: of several sets each counts
    once, by the means of its networks.
    """
    first = next(iter(records.values()))
    runs = [run for record in records.values()
            for run in (record.scores.runs if len(records) == 1 else [_mean(record.scores.runs)])]
    return Scores(tuple(runs), notes=tuple(first.notes), spec=first.spec)


def _mean(runs: Sequence[dict]) -> dict:
    """One run's own numbers, or what several have on average."""
    if len(runs) == 1:
        return runs[0]
    return {name: fmean(run[name] for run in runs) for name, value in runs[0].items()
            if isinstance(value, int | float) and name != "seed"}


def seeded(source: Source, seed: int) -> Source:
    """The source with a seed of its own, where it has one."""
    if isinstance(source, Start):
        return replace(source, of=seeded(source.of, seed))
    return replace(source, seed=seed) if hasattr(source, "seed") else source


def trained_unlike(hows: Mapping[str, str]) -> list[str]:
    """Which rows of a table have networks that were trained otherwise than those of most rows, in a sentence; none
    where all were trained alike.

    Args:
        hows: of each row, how its networks were trained, in words.
    """
    rows: dict[str, list[str]] = {}
    for name, how in hows.items():
        rows.setdefault(how, []).append(name)
    most = max(rows, key=lambda how: len(rows[how]))
    said = "; ".join(f"{', '.join(names)}: {how}" for how, names in rows.items() if how != most)
    return [f"Networks were not trained alike. {said}; all other rows: {most}."] if said else []
