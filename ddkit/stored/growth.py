"""How scores grow with the images per class: a curve for each way to have images, and what each point takes."""

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from operator import attrgetter

from ddkit.data.names import SOURCES, parse_name
from ddkit.runs import Record
from ddkit.runs.spec import Spec, key
from ddkit.specs import Coreset, Evaluate, Full, RandomReal, Source, Start
from ddkit.stored.judged import Judge, Sample, changed, judged, made_of
from ddkit.stored.shelf import Shelf
from ddkit.stored.words import tell_apart
from ddkit.synthetic.budget import storage, storage_of


@dataclass(frozen=True, eq=False)
class Point:
    """What so many images per class are worth and take.

    Attributes:
        ipc: images per class.
        sample: their scores.
        bytes: that the set takes.
        made: record of the set, where one had to be made and is at hand.
    """

    ipc: int
    sample: Sample
    bytes: int
    made: Record | None

    @property
    def trained_macs(self) -> int | None:
        """As of ``trained_macs``."""
        return trained_macs(self.sample)


def trained_macs(sample: Sample) -> int | None:
    """Multiply-accumulates of one network's training, a backward pass counted as two forward passes; None where a
    kernel answered."""
    result = sample.records[0].result
    cost = result.get("cost")
    return cost and 3 * cost["macs"] * result["training_images"] * result["epochs"]


@dataclass(frozen=True, eq=False)
class Growth:
    """One way to have images, judged at several numbers of them.

    Attributes:
        name: in words.
        points: by images per class, the fewest first.
    """

    name: str
    points: dict[int, Point]

    @property
    def meaning(self) -> str:
        """As of ``words.meaning``."""
        return next(iter(self.points.values())).sample.meaning

    @property
    def means(self) -> Hashable:
        """What its name stands for, before whatever judge: how the fewest images were had, and in which precision
        judged."""
        return _kind(next(iter(self.points.values())).sample)

    def wanted(self, ipc: int) -> Evaluate:
        """The evaluation that would add a point: the nearest one's, with so many images per class."""
        near = min(self.points, key=lambda stored: abs(math.log(stored / ipc)))
        spec = self.points[near].sample.runs[0].spec
        return replace(spec, of=changed(spec.of, ipc=ipc))

    def within(self, budget: int) -> Point | None:
        """The point of the most images that take no more bytes than the budget."""
        fitting = [point for point in self.points.values() if point.bytes <= budget]
        return fitting[-1] if fitting else None


@dataclass(frozen=True, eq=False)
class Growths:
    """All that one judge saw in one length of training.

    Attributes:
        judge, epochs: which.
        curves: by their name, those of methods first.
        full: the scores of the full data before the same network, under whatever protocol there are some.
    """

    judge: Judge
    epochs: int
    curves: dict[str, Growth]
    full: Sample | None

    @property
    def bytes(self) -> list[int]:
        """What the sets take, each number once, the fewest first."""
        return sorted({point.bytes for curve in self.curves.values() for point in curve.points.values()})


def growths(shelf: Shelf) -> list[Growths]:
    """What every judge saw of sets with so many images per class, at every length of training."""
    everything, found = judged(shelf), []
    for judge, samples in everything.items():
        several = {one.record.folder for sample in samples if sample.sets > 1 for one in sample.runs}
        sized = [sample for sample in samples if sample.ipc is not None
                 and (sample.sets > 1 or sample.records[0].folder not in several)]
        for epochs in sorted({sample.epochs for sample in sized}):
            curves = _curves(shelf, [sample for sample in sized if sample.epochs == epochs])
            found.append(Growths(judge, epochs, curves, _full(judge, everything)))
    return found


def _full(judge: Judge, everything: dict[Judge, list[Sample]]) -> Sample | None:
    """The longest training on the full data before the same network, of the same protocol if there is one."""
    found = [sample for other, samples in everything.items() for sample in samples
             if isinstance(sample.source, Full) and replace(other, protocol=judge.protocol) == judge]
    return max(found, key=lambda sample: (sample.judge == judge, sample.epochs), default=None)


def _curves(shelf: Shelf, samples: list[Sample]) -> dict[str, Growth]:
    """Samples of one kind make a curve, however their options follow the number of images; but where two kinds of
    options stand at the same number, each makes a curve of its own."""
    found: dict[str, dict[int, Point]] = {}
    for name, family in _families(samples).items():
        variants: dict[tuple, list[Sample]] = {}
        for sample in family:
            variants.setdefault(_kind(sample), []).append(sample)
        numbers = [sample.ipc for sample in family]
        groups = {name: family} if len(set(numbers)) == len(numbers) else _named(list(variants.values()))
        for called, group in groups.items():
            found[called] = {sample.ipc: _point(shelf, sample) for sample in sorted(group, key=attrgetter("ipc"))}
    curves = [Growth(name, points) for name, points in found.items()]
    return {curve.name: curve for curve in sorted(curves, key=lambda c: (_RANKS.index(c.meaning), c.name))}


_RANKS = ("method", "random", "start", "full")  # what one looks for first


def _families(samples: list[Sample]) -> dict[str, list[Sample]]:
    """By method, preset and what they began from."""
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(next(iter(tell_apart([sample.source], ipc=False).values())), []).append(sample)
    return found


def _named(variants: list[list[Sample]]) -> dict[str, list[Sample]]:
    names = tell_apart((changed(group[0].source, ipc=1) for group in variants), ipc=False)
    return {names[changed(group[0].source, ipc=1)] + group[0].beside: group for group in variants}


def _kind(sample: Sample) -> tuple[str, str]:
    """What is alike in samples of one curve, if their options are."""
    return key(changed(sample.source, ipc=1, seed=0)), sample.beside


def _point(shelf: Shelf, sample: Sample) -> Point:
    record = _made(shelf, sample)
    return Point(sample.ipc, sample, _bytes(sample, record), record)


def _bytes(sample: Sample, record: Record | None) -> int:
    """What the set took that was scored; older evaluations do not say, and their starts from a seed were of pixels."""
    result, made = sample.records[0].result, made_of(sample.source)
    if "size" in result:
        return result["size"]["bytes"]
    if record and not getattr(sample.source, "drawn", False):  # else of whatever run began so
        return storage(record.synthetic if made is sample.source else record.synthetic.undistilled())
    source, images = SOURCES[parse_name(made.dataset)[0]], result["training_images"]
    numbers = len(source.mean) * (made.size or source.size) ** 2
    return storage_of(images, numbers, learned=not _is_real(sample.source))


def _made(shelf: Shelf, sample: Sample) -> Record | None:
    """The record of the set or, of a start, that of any run that began so."""
    source, fingerprint = sample.source, sample.judge.fingerprint
    if isinstance(source, Start):
        begun = (one for one in shelf.runs if one.record.fingerprint == fingerprint and hasattr(one.spec, "init"))
        return next((one.record for one in begun if key(Start(one.spec)) == key(source)), None)
    return shelf.find(source, fingerprint) if isinstance(source, Spec) else None


def _is_real(source: Source) -> bool:
    """Whether its images are real ones, of one byte a number."""
    if isinstance(source, Start):
        return source.of.init != "noise"
    return isinstance(source, RandomReal | Coreset)
