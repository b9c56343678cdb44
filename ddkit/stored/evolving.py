"""Distillations whose images between the updates were kept, to be looked at one moment after another."""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ddkit.runs import EVOLUTION, Record
from ddkit.specs import Source
from ddkit.stored.shelf import Shelf, Stored
from ddkit.stored.words import tell_apart


@dataclass(frozen=True, eq=False)
class Evolving:
    """A distillation and its images at several moments.

    Attributes:
        source: the spec.
        name: the run in words, its data set among them.
        method: that made it, by its name.
        record: with the evolution.
    """

    source: Source
    name: str
    method: str
    record: Record

    @cached_property
    def updates(self) -> list[int]:
        """The moments, from the start to the end."""
        return list(self.record.evolution)

    def pixels(self, updates: int) -> Tensor:
        """The images at a moment, [N, C, H, W] in [0, 1]."""
        return self.record.synthetic.pixels(self.record.evolution[updates])

    def moved(self, updates: int) -> float:
        """How far the pictures are from those of the start: the Euclidean norm, in pixels from black, 0, to white, 1.

        As pictures all moments can be compared: those between the start and the end were kept as nothing else.
        """
        synthetic = self.record.synthetic
        return float((self.pixels(updates) - synthetic.pixels(synthetic.start)).norm())

    @cached_property
    def losses(self) -> list[float]:
        """The loss of each update."""
        return [losses["loss"] for losses in self.record.result["losses"]]


def evolving(shelf: Shelf) -> list[Evolving]:
    """All runs that kept their images, by method, those on the data set of most runs first, and then by name."""
    kept: dict[str, list[Stored]] = {}
    for one in shelf.runs:
        if (one.record.folder / EVOLUTION).exists() and hasattr(one.spec, "method"):
            kept.setdefault(_data(one.spec), []).append(one)
    found = []
    for data, runs in kept.items():
        names = tell_apart(one.spec for one in runs)
        found += [Evolving(one.spec, f"{data}: {names[one.spec]}", one.spec.method, one.record) for one in runs]
    return sorted(found, key=lambda run: (run.method, -len(kept[_data(run.source)]), run.name))


def _data(source: Source) -> str:
    return source.dataset + f" at {source.size} pixels" * bool(source.size)
