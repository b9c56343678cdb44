"""What the specs of all applications have in common, and what ``runs.run`` gives them to work with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ddkit.data import Dataset, Split
from ddkit.specs import Source, key, origin
from ddkit.synthetic import SyntheticSet


@dataclass(frozen=True)
class Job:
    """What an application works with.

    Attributes:
        dataset: that its source names.
        parts: folder for what a later call can go on from; it is removed once the record stands.
        run: gives the record of another run, by its spec.
        training_set: gives what a network is trained on, by source and seed.
        quiet: as for ``runs.run``.
    """

    dataset: Dataset
    parts: Path
    run: Callable
    training_set: Callable[[Source, int], Split]
    quiet: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of an application: seconds, updates of a network, the result for the record and, if any, a set."""

    seconds: float
    updates: int
    result: dict
    synthetic: SyntheticSet | None = None


class Application:
    """Base of specs that say themselves how they are carried out; what they work on is the source ``of``."""

    of: Source

    @property
    def numbers(self) -> dict:
        """What decides the outcome beside the fields, or stands for a name among them, as a protocol's numbers do."""
        return {}

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        kind = type(self).__name__.lower()
        return f"{kind}-{origin(self.of).dataset}-{type(self.of).__name__.lower()}-{key(self)}"

    def work(self, job: Job) -> Outcome:
        """Do what is asked for, or go on with it."""
        raise NotImplementedError
