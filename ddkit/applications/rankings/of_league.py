"""DD-Ranking's two scores of the sets that played in a league: the same sets under two more questions.

Both compare a set with as many random real images as it has. A form decodes to more images than its bytes would hold of
pixels, so that its opponents would be others: sets of pixels alone are ranked beside each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from tabulate import tabulate

from ddkit import runs
from ddkit.applications.league.league import per_class
from ddkit.applications.league.rows import Judged, of_game
from ddkit.applications.league.work import Game, Played
from ddkit.applications.rankings.report import Training, arms, random_beside, ranking
from ddkit.applications.rankings.report import as_dict as plain
from ddkit.applications.rankings.spec import Tuned
from ddkit.applications.search.ranking import FEWEST, correlation
from ddkit.runs import Record
from ddkit.training.rankings import Ranking

HEADERS = ("method", "league's score %", "LRS", "ARS", "HLR", "IOR")
NOTES = (
    "LRS and ARS are .2689 for a set that is as good as what it is compared with, and higher for one that is worth "
    "more; HLR is what is lost of the full data, passed through twice, IOR what is gained over random images. ± is the "
    "standard error over networks; that of the random images and of the full data is in every row alike, so that two "
    "rows differ by less chance than their errors say.",
    "The league trains plainly, at one rate for all and on the sets' own labels. LRS asks how much is left with "
    "classes for labels, and both ask what a set is worth beside random images when both are augmented; every rate is "
    "chosen on validation data.",
)


@dataclass(frozen=True)
class Ranked:
    """A set of the league.

    Attributes:
        title: the method.
        score: the league's.
        records: of what its ranking is made of, by the names of ``ARMS``.
    """

    title: str
    score: Judged
    records: Mapping[str, Record]

    @property
    def ranking(self) -> Ranking:
        return ranking(self.records)


def training(played: Played) -> Training:
    """Networks as the league trains them, at the best of three rates; two passes over the full data."""
    league = played.league
    return Training(network=league.network, width=league.width, seeds=league.seeds, epochs=league.epochs,
                    rates=(0.005, 0.01, 0.05), full_epochs=2)


def asked(game: Game, classes: int, how: Training) -> dict[str, Tuned]:
    """The runs that a set's ranking is made of, by the names of ``ARMS``; of several sets it is the first's."""
    made = game.distilled[0]
    return arms(made.asked, random_beside(made.asked, len(made.synthetic.labels), classes), made.synthetic.soft, how)


def rank(played: Played, **where) -> dict[int, list[Ranked]]:
    """The sets of pixels by images per class, the league's best first, their runs made where they are not at hand;
    ``where`` as for ``runs.run``."""
    return _ranked(played, lambda spec: runs.run(spec, **where))


def at_hand(played: Played, **where) -> dict[int, list[Ranked]]:
    """Those of ``rank`` whose runs are all at hand; ``where`` as for ``runs.find``."""
    return _ranked(played, lambda spec: runs.find(spec, **where))


def _ranked(played: Played, record_of: Callable[[Tuned], Record | None]) -> dict[int, list[Ranked]]:
    how, classes, found = training(played), played.league.classes, {}
    for game, row in ((game, of_game(game)) for game in played.games):
        if row.decoded == game.ipc * classes:
            records = {name: record_of(spec) for name, spec in asked(game, classes, how).items()}
            if all(records.values()):
                found.setdefault(game.ipc, []).append(Ranked(row.title, row.score, records))
    return {ipc: sorted(sets, key=lambda one: -one.score.mean) for ipc, sets in found.items()}


def records(found: Mapping[int, list[Ranked]]) -> list[Record]:
    """All that the rankings are made of, each once."""
    every = [record for sets in found.values() for one in sets for record in one.records.values()]
    return list({record.name: record for record in every}.values())


def told(found: Mapping[int, list[Ranked]], style: str = "simple") -> list[str]:
    """The tables by images per class, each under its own heading."""
    return [f"DD-Ranking's scores, {per_class(ipc)}\n\n{table(sets, style)}" for ipc, sets in found.items()]


def table(found: list[Ranked], style: str = "simple") -> str:
    """A row for each set, how far the orders agree, and what the columns mean."""
    lines = [(one.title, str(one.score), *map(str, (one.ranking.lrs, one.ranking.ars, one.ranking.hlr,
                                                    one.ranking.ior))) for one in found]
    return "\n\n".join([tabulate(lines, HEADERS, style, disable_numparse=True), *agreement(found), *NOTES])


def as_dict(found: Mapping[int, list[Ranked]]) -> dict[int, list[dict]]:
    """The same as plain data: accuracies and scores as shares, and what they are made of."""
    return {ipc: [{"title": one.title, "league": list(one.score.values)} | plain(one.records) for one in sets]
            for ipc, sets in found.items()}


def agreement(found: list[Ranked]) -> list[str]:
    """In a sentence, how far either score orders the sets as the league does; nothing of too few sets."""
    if len(found) < FEWEST:
        return []
    league = torch.tensor([one.score.mean for one in found])
    by = {name: torch.tensor([getattr(one.ranking, name.lower()).value for one in found]) for name in ("LRS", "ARS")}
    told = " and ".join(f"by {name} {correlation('Spearman', league, values)}" for name, values in by.items())
    return [f"Rank correlation (Spearman) of {len(found)} sets with the league's order, and its 95 % interval: {told}."]
