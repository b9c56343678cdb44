"""Which sets were judged alike: by the same data, protocol and network, so that their scores may be compared."""

import statistics
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from ddkit.networks import in_words, takes_width
from ddkit.runs import Record
from ddkit.runs.spec import key
from ddkit.specs import Evaluate, Source, Start
from ddkit.stored.shelf import Shelf, Stored
from ddkit.stored.words import images_per_class, meaning, tell_apart
from ddkit.training.kernels import InfiniteNetwork
from ddkit.training.leads import Lead
from ddkit.training.scores import Scores


@dataclass(frozen=True)
class Judge:
    """What has to be alike before two scores are compared; the length of training and the precision are told apart."""

    dataset: str
    size: int | None
    fingerprint: str
    protocol: str
    network: str
    width: int | None

    @classmethod
    def of(cls, one: Stored) -> "Judge":
        spec = one.spec
        width = spec.width if takes_width(spec.network) else None
        return cls(spec.dataset, spec.size, one.record.fingerprint, spec.protocol, spec.network, width)

    @property
    def data(self) -> str:
        """The data set in words."""
        return self.dataset + f" at {self.size} pixels" * bool(self.size)

    @property
    def reader(self) -> str:
        """The network in words."""
        if InfiniteNetwork.named(self.network) is not None:
            return f"{self.network}, infinitely wide"
        return in_words(self.network, self.width)


@dataclass(frozen=True, eq=False)
class Sample:
    """The scores of a set before a judge: those of one evaluation, or of sets that differ in their seed alone.

    Attributes:
        judge: that gave them.
        source: what was trained on; of several sets the first.
        called: the set in words.
        beside: what the name says of how it was judged, where that is not as usual.
        epochs: length of training.
        runs: one evaluation, or one of each set.
    """

    judge: Judge
    source: Source
    called: str
    beside: str
    epochs: int
    runs: tuple[Stored, ...]

    @property
    def name(self) -> str:
        """All that is to be said in words."""
        return self.called + self.beside + f", {self.sets} sets" * (self.sets > 1)

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(one.record for one in self.runs)

    @property
    def meaning(self) -> str:
        return meaning(self.source)

    @property
    def means(self) -> Hashable:
        """What its name stands for, before whatever judge."""
        return self.source, self.sets > 1, self.runs[0].spec.precision

    @property
    def ipc(self) -> int | None:
        """Images per class; None of the full data and of files, which do not say, and of sets of so many bytes."""
        return images_per_class(made_of(self.source))

    @property
    def sets(self) -> int:
        """How many sets of different seeds."""
        return len(self.runs)

    @cached_property
    def scores(self) -> Scores:
        """Of every network, by the metric that figures show."""
        runs = tuple(run for record in self.records for run in record.scores.runs)
        return replace(self.records[0].scores, runs=runs).headline

    @cached_property
    def by_seed(self) -> dict[int, float]:
        """The score in [0, 1] of each seed: the network's or, of several sets, the set's (the mean of its networks)."""
        if self.sets == 1:
            return {run["seed"]: value for run, value in zip(self.scores.runs, self.scores.values, strict=True)}
        return {made_of(one.spec.of).seed: statistics.fmean(one.record.scores.headline.values) for one in self.runs}

    @property
    def score(self) -> str:
        """Mean and standard deviation over what ``by_seed`` tells apart, and how many, in words."""
        values = [100 * value for value in self.by_seed.values()]
        spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        return f"{statistics.fmean(values):.2f}{spread} % (n={len(values)})"

    @property
    def trained(self) -> str:
        """How many networks were trained, and how, in words: ``one network under assignment, 20 epochs``."""
        count = len(self.scores.runs)
        networks = "one network" if count == 1 else f"{count} networks"
        length = f", {self.epochs:,} epoch{'s' * (self.epochs > 1)}" * (self.epochs > 0)  # a kernel has none
        return f"{networks} under {self.judge.protocol}{length}"

    def confusion(self, seeds: Collection[int]) -> list[list[int]]:
        """Counts (rows: true class) summed over the seeds, as ``by_seed`` has them."""
        if self.sets == 1:
            counted = [run for run in self.scores.runs if run["seed"] in seeds]
        else:
            counted = [run for one in self.runs if made_of(one.spec.of).seed in seeds for run in one.record.scores.runs]
        parts = [run["confusion"] for run in counted]
        return [[sum(cells) for cells in zip(*rows, strict=True)] for rows in zip(*parts, strict=True)]

    @property
    def notes(self) -> list[str]:
        return self.records[0].notes

    @property
    def classes(self) -> list[str]:
        """Their names."""
        result = self.records[0].result
        return result.get("classes") or [str(label) for label in range(len(self.scores.runs[0]["confusion"]))]

    @property
    def drawn_from(self) -> tuple | None:
        """What the seeds draw: networks of one kind or, of several sets, starts of one kind; None if nothing known."""
        if self.sets == 1:
            return ("networks",)
        made = made_of(self.source)
        if not getattr(made, "draws_start", False):
            return None
        return ("starts", made.dataset, made.size, self.ipc, made.init, *made.formed.items())


def lead(first: Sample, second: Sample, most: int | None = None) -> Lead:
    """How far the first is above the second, from the first ``most`` seeds of either.

    Evaluations before one judge share their seeds' draws, initial weights above all, so they are paired by seed; so are
    sets of several seeds that began from the same images. Nothing else is.
    """
    return Lead.of(first.by_seed, second.by_seed, paired=_paired(first, second), most=most)


def counted(first: Sample, second: Sample, most: int | None = None) -> tuple[list[int], list[int]]:
    """The seeds of either that ``lead`` counts."""
    shared = [seed for seed in first.by_seed if seed in second.by_seed]
    one, other = (shared, shared) if _paired(first, second) else (list(first.by_seed), list(second.by_seed))
    return one[:most], other[:most]


def _paired(first: Sample, second: Sample) -> bool:
    return (first.judge == second.judge and first.drawn_from == second.drawn_from is not None
            and len(first.by_seed.keys() & second.by_seed.keys()) > 1)


def judged(shelf: Shelf) -> dict[Judge, list[Sample]]:
    """All evaluations by who judged, in the order of judges and of what sets mean; samples over sets come last."""
    by_judge: dict[Judge, list[Stored]] = {}
    for one in shelf.of(Evaluate):
        by_judge.setdefault(Judge.of(one), []).append(one)
    order = sorted(by_judge, key=lambda j: (j.data, j.protocol, j.network, j.width, j.fingerprint))
    return {judge: _samples(judge, _longest(by_judge[judge])) for judge in order}


def _longest(found: Iterable[Stored]) -> list[Stored]:
    """Of evaluations that differ in their number of seeds alone, that of the most."""
    best: dict[tuple, Stored] = {}
    for one in found:
        alike = (key(one.spec.of), *_training(one), one.record.updates)
        if alike not in best or len(one.record.scores.runs) > len(best[alike].record.scores.runs):
            best[alike] = one
    return list(best.values())


def _training(one: Stored) -> tuple[int, str]:
    """How long, and in which precision, networks were trained on a set; the last epoch may have ended early."""
    return one.record.result["epochs"], one.spec.precision


def _samples(judge: Judge, found: list[Stored]) -> list[Sample]:
    names, groups = tell_apart(one.spec.of for one in found), _groups(found)
    single = [Sample(judge, one.spec.of, names[one.spec.of], beside, one.record.result["epochs"], (one,))
              for beside, group in groups for one in group]
    several = [(beside, group) for beside, group in groups if len(group) > 1 and group[0].spec.of.seeded]
    kinds = tell_apart(changed(group[0].spec.of, seed=0) for _, group in several)
    pooled = [Sample(judge, group[0].spec.of, kinds[changed(group[0].spec.of, seed=0)], beside,
                     group[0].record.result["epochs"], tuple(group)) for beside, group in several]
    return sorted(single, key=_order) + sorted(pooled, key=_order)


def _groups(found: list[Stored]) -> list[tuple[str, list[Stored]]]:
    """Evaluations that differ in nothing but the seed of the set, by that seed, after what names say of how."""
    kinds: dict[tuple, dict[int, list[Stored]]] = {}
    for one in found:
        kind = kinds.setdefault((key(changed(one.spec.of, seed=0)), *_training(one)), {})
        kind.setdefault(one.record.updates, []).append(one)
    return [(_beside(group[0], len(kind) > 1), sorted(group, key=_seed)) for kind in kinds.values()
            for group in kind.values()]


def _beside(one: Stored, by_updates: bool) -> str:
    return (f", judged in {one.spec.precision}" * (one.spec.precision != "float32")
            + f", for {one.record.updates:,} updates" * by_updates)


def _seed(one: Stored) -> int:
    return getattr(made_of(one.spec.of), "seed", 0)


def made_of(source: Source) -> Source:
    """The source or, of a start, the set that it is the start of."""
    return source.of if isinstance(source, Start) else source


def changed(source: Source, **changes) -> Source:
    """A source with other fields, as far as it has them; of a start, those of the set that it is the start of."""
    if isinstance(source, Start):
        return Start(changed(source.of, **changes))
    return replace(source, **{name: value for name, value in changes.items() if hasattr(source, name)})


def _order(sample: Sample) -> tuple:
    return (sample.ipc or 10**9, sample.meaning != "method", sample.name, sample.epochs)
