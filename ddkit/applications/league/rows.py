"""The rows of a league's table: what each entrant was given, what it made of that, and how far it leads."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ddkit.applications.league.entrants import entrant
from ddkit.applications.league.league import FULL, FULL_PROTOCOL, HERDING, RANDOM
from ddkit.applications.league.published import PUBLISHED, Published
from ddkit.applications.league.work import Game, Played
from ddkit.runs import Record
from ddkit.synthetic.budget import storage, storage_of
from ddkit.training.leads import Lead

_PUBLISHED_AS = {RANDOM: "random", HERDING: "herding", FULL: "whole set"}


@dataclass(frozen=True)
class Judged:
    """Scores in [0, 1] that count once each: of networks on one set or, where there are several sets, of sets.

    Networks that were trained on the same set are no independent witnesses of its method: of several sets each is one.
    """

    values: tuple[float, ...]
    of: str

    @classmethod
    def by(cls, records: Sequence[Record]) -> "Judged":
        if len(records) == 1:
            return cls(tuple(records[0].scores.headline.values), "")
        return cls(tuple(record.scores.headline.mean for record in records), " sets")

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def error(self) -> float | None:
        """Standard error of the mean; None of one value."""
        return statistics.stdev(self.values) / len(self.values) ** 0.5 if len(self.values) > 1 else None

    def lead(self, other: "Judged") -> Lead:
        """In points of a percent; seeds are not paired."""
        sides = ({place: 100 * value for place, value in enumerate(side.values)} for side in (self, other))
        return Lead.of(*sides, paired=False)

    def __str__(self) -> str:
        error = f" ± {100 * self.error:.2f}" if self.error is not None else ""
        return f"{100 * self.mean:.2f}{error} (n={len(self.values)}{self.of})"


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        title, paper: who plays.
        record: of a score, which its look in figures is read from.
        score: of its sets.
        bytes, decoded: stored, and the images that are made of them.
        published: what was published of it, if anything was read.
        updates: of each set; None of what is no distillation.
        minutes: of processor time that a set took, or would have taken if it was made on a GPU, by the calibration;
            experts not counted.
        experts: minutes that these took, on top; None if nobody knows.
        start: score of what its sets began with.
        prescribed: score of sets that own an order or rates, trained on with these.
    """

    title: str
    paper: str
    record: Record
    score: Judged
    bytes: int
    decoded: int
    published: Published | None
    updates: int | None = None
    minutes: float = 0.0
    experts: float | None = 0.0
    start: Judged | None = None
    prescribed: Judged | None = None


def rows(played: Played, ipc: int) -> list[Row]:
    """Of one budget: what was chosen at random and by herding, then the entrants, the best first, then all the data."""
    games = [of_game(game) for game in played.games if game.ipc == ipc]
    first = [_beside(played, name, ipc) for name in (RANDOM, HERDING)]
    last = [_beside(played, FULL, 0)] if (FULL, 0) in played.beside else []
    return first + sorted(games, key=lambda row: -row.score.mean) + last


def of_game(game: Game) -> Row:
    """An entrant's row."""
    who, made = entrant(game.entrant), game.distilled
    seconds = statistics.fmean(_processor_seconds(record, game.calibration) for record in made)
    return Row(who.title, who.paper, game.scored[0], Judged.by(game.scored), storage(made[0].synthetic),
               len(made[0].synthetic.images), who.row, made[0].updates, seconds / 60,
               game.experts and game.experts / 60, Judged.by(game.started),
               Judged.by(game.prescribed) if game.prescribed else None)


def _processor_seconds(made: Record, calibration: Record | None) -> float:
    if calibration and not made.device.startswith("CPU"):
        return calibration.result["start_seconds"] + made.updates * calibration.result["update_seconds"]
    return made.result.get("cpu_seconds", made.seconds)


def _beside(played: Played, name: str, ipc: int) -> Row:
    """Of real images: a byte for a pixel and colour."""
    record = played.beside[name, ipc]
    images, any_set = record.result["training_images"], next(iter(played.games), None)
    numbers = any_set.distilled[0].synthetic.images[0].numel() if any_set else 0
    title = f"{name} ({FULL_PROTOCOL} protocol)" if name == FULL else name
    return Row(title, "", record, Judged.by([record]), storage_of(images, numbers, learned=False), images,
               PUBLISHED[_PUBLISHED_AS[name]])
