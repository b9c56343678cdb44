"""The games of a league: each entrant distils in its budget, every set is scored, and what came of it is told."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from ddkit.applications.league.calibration import updates_in
from ddkit.applications.league.league import League, per_class
from ddkit.data import load
from ddkit.foundation.errors import Diverged, InputError, Unmoved
from ddkit.foundation.progress import say
from ddkit.runs import Record, find, run
from ddkit.runs.workers import in_parallel
from ddkit.specs import Distill, Evaluate, Start

REFUSED = (InputError, Diverged, Unmoved)  # what costs an entrant its row, and no other's


@dataclass(frozen=True)
class Game:
    """An entrant with one budget, and what came of it.

    Attributes:
        entrant: its name.
        ipc: the budget, in images per class.
        distilled, scored, started: records of the sets, of their scores and of their starts' scores, one a set.
        prescribed: of the scores of sets that own an order or rates, trained on with these.
        calibration: that the updates were counted by, unless they were fixed.
        experts: seconds that the experts took, if it matches any; None if their record is not at hand.
    """

    entrant: str
    ipc: int
    distilled: tuple[Record, ...]
    scored: tuple[Record, ...]
    started: tuple[Record, ...]
    calibration: Record | None = None
    experts: float | None = 0.0
    prescribed: tuple[Record, ...] = ()


@dataclass(frozen=True)
class Played:
    """All that came of a league.

    Attributes:
        games: of the entrants that got through.
        beside: records of what they are compared with, as ``League.beside`` names it.
        failed: why others have none, by entrant and images per class.
    """

    league: League
    games: tuple[Game, ...]
    beside: dict[tuple[str, int], Record]
    failed: dict[tuple[str, int], str]

    @property
    def records(self) -> Iterator[Record]:
        """All that it is read from; experts, which are large, left out."""
        yield from self.beside.values()
        for game in self.games:
            yield from filter(None, (game.calibration, *game.distilled, *game.scored, *game.started,
                                     *game.prescribed))


def play(league: League, **where) -> Played:
    """Make, resume or reload every run of a league, side by side where joblib is told to, here or on a cluster.

    Args:
        where: ``root``, ``data`` and ``quiet``, as for ``runs.run``.

    Raises:
        InputError: the data or what all are compared with cannot be had; what one entrant cannot is told in ``failed``.
    """
    asked, classes = league.beside(), league.classes
    _check(league, asked.values(), where)
    shared = {spec.name: spec for spec in (*asked.values(), *_starts(league, classes))}
    in_parallel(partial(_made, where), ((spec,) for spec in shared.values()))
    told = in_parallel(partial(_play, league, classes, where), league.games)
    failed = {game: sentence for game, sentence in zip(league.games, told, strict=True) if sentence}
    games = tuple(_game(league, *game, classes, where) for game in league.games if game not in failed)
    return Played(league, games, {name: run(spec, **where) for name, spec in asked.items()}, failed)


def _check(league: League, asked: Iterable[Evaluate], where: dict) -> None:
    """Refuse what cannot work before anything is made; what is at hand needs no data."""
    places = {name: value for name, value in where.items() if name != "quiet"}
    missing = [spec for spec in asked if find(spec, **places) is None]
    dataset = load(league.dataset, where.get("data"), league.size) if missing else None
    for spec in missing:
        spec.check()
        spec.check_on(dataset)


def _made(where: dict, spec: Evaluate) -> None:
    """Make or reload a run; what it gives is read from its folder, and not sent from one process to another."""
    run(spec, **where)


def _starts(league: League, classes: int) -> list[Evaluate]:
    """Starts that several entrants share and that nothing need be distilled for."""
    found = []
    for name, ipc in league.games:
        for seed in range(league.sets):
            try:
                spec = league.distillation(name, ipc, seed)
                if Start(spec).drawn and spec.form == "pixels":
                    found.append(league.start_of(spec, ipc * classes, classes))
            except InputError:  # which the entrant's own game will tell
                continue
    return found


def _play(league: League, classes: int, where: dict, name: str, ipc: int) -> str:
    """Make an entrant's runs; returns why that cannot be, in a sentence, or nothing."""
    try:
        game = _game(league, name, ipc, classes, where)
    except REFUSED as error:
        sentence = f"{name} with {per_class(ipc)} has no row: {error}"
        say(sentence, where.get("quiet", False))
        return sentence
    scores = "; ".join(str(record.scores.headline) for record in game.scored)
    say(f"{name} with {per_class(ipc)}: {scores}, ± the standard deviation over networks", where.get("quiet", False))
    return ""


def _game(league: League, name: str, ipc: int, classes: int, where: dict) -> Game:
    """An entrant's records, made where they are not at hand."""
    timed, records = None if league.updates else run(league.calibration_of(name, ipc), **where), []
    prescribed = []
    updates = league.updates or updates_in(league.minutes, timed.result["start_seconds"],
                                           timed.result["update_seconds"])
    for seed in range(league.sets):
        made = league.distillation(name, ipc, seed, updates)
        distilled = run(made, **where)
        images = len(distilled.synthetic.images)
        score, start = (league.evaluation(made, images, ipc, classes), league.start_of(made, images, classes))
        records.append((distilled, run(score, **where), run(start, **where)))
        if made.prescribes:
            prescribed.append(run(league.prescribed(made), **where))
    return Game(name, ipc, *zip(*records, strict=True), timed, _experts(made, where), tuple(prescribed))


def _experts(made: Distill, where: dict) -> float | None:
    """Seconds that they took; none are trained for the sake of that, where what was matched to them is at hand."""
    found = made.experts and find(made.experts, where.get("root"), where.get("data"))
    return found.seconds if found else None if made.experts else 0.0
