"""What a run gives its spec to work with, and what it gets back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from ddkit.data import Dataset
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.synthetic import SyntheticSet

PARTS = "parts"  # the folder that an unfinished application goes on from


@dataclass(frozen=True)
class Job:
    """What a spec works with.

    Attributes:
        dataset: that it names.
        place: folder of the run.
        identity: the run and its data, which everything that a later call goes on from must carry.
        run: gives the record of another run, by its spec.
        other_data: on which other data these runs were made, for the record.
        watching: what a distillation is watched and validated by, as ``loop.distill`` takes it.
        quiet: as for ``runs.run``.
        maker: who makes it, for the record.
    """

    dataset: Dataset
    place: Path
    identity: dict
    run: Callable
    watching: dict = field(default_factory=dict)
    quiet: bool = False
    maker: str = ""
    other_data: list[dict] = field(default_factory=list)

    @property
    def parts(self) -> Path:
        """Folder for what a later call can go on from; it is removed once the record stands."""
        return self.place / PARTS

    def checkpoint(self, name: str, **more) -> Checkpoint:
        """Where to keep something unfinished; ``more`` is what else decides what comes of it."""
        return Checkpoint(self.place / name, self.identity | {"file": name} | more)


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        seconds, updates, result: for the record.
        synthetic, evolution: a set, if any, and its images after some of the updates.
        superseded: files and folders that the record makes needless.
        weights: of a network that was trained to be used again, by name.
    """

    seconds: float
    updates: int
    result: dict
    synthetic: SyntheticSet | None = None
    evolution: dict[int, Tensor] | None = None
    superseded: tuple[Path, ...] = ()
    weights: dict[str, Tensor] | None = None
