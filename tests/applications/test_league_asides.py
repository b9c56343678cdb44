"""Leagues beside the main one, and what came of the hopes for ten images per class."""

import dataclasses
import statistics
from itertools import pairwise

import pytest

from ddkit.applications.league import report
from ddkit.applications.league.at_hand import at_hand
from ddkit.applications.league.entrants import ENTRANTS
from ddkit.applications.league.settings import ASIDES, HOPED, aside, of_profile
from ddkit.applications.league.work import play
from ddkit.foundation.errors import InputError
from ddkit.runs import REFERENCE


@pytest.fixture(scope="module")
def ten():
    return play(at_hand(of_profile("laptop", ipcs=(10,), full=False), root=REFERENCE), root=REFERENCE, quiet=True)


def test_each_says_in_what_it_differs():
    leagues = [of_profile("laptop"), *(aside(which, "laptop") for which in ASIDES)]
    assert len({(league.rules, league.ipcs) for league in leagues}) == len(leagues)


@pytest.mark.parametrize("which", ASIDES)
def test_nobody_has_played_it_where_nothing_was_made(which, tmp_path):
    assert at_hand(aside(which, "quick"), root=tmp_path) is None and not list(tmp_path.iterdir())


def test_an_unknown_one_is_refused_in_a_sentence():
    with pytest.raises(InputError, match=r"wider networks"):
        aside("wider", "laptop")


def test_hopes_are_for_entrants_and_percents():
    assert {name for names in HOPED for name in names} <= set(ENTRANTS)
    assert all(50 < percent < 100 for percent in HOPED.values())


def test_a_hope_is_told_of_the_best_of_those_that_it_is_for(ten):
    means = {game.entrant: 100 * statistics.fmean(game.scored[0].scores.values) for game in ten.games}
    lines, told = report.hoped(ten), {names: [n for n in names if n in means] for names in HOPED}
    told = {names: there for names, there in told.items() if there}
    assert len(lines) == len(told)
    for line, (names, there) in zip(lines, told.items(), strict=True):
        best = max(there, key=means.get)
        assert line.startswith(f"{ENTRANTS[best].title}{' ' if len(names) == 1 else ','}")
        assert f"{means[best]:.2f} ± " in line and f"the {HOPED[names]:g} %" in line and "budget of 3 minutes" in line
        assert line.endswith(f": {'' if means[best] >= HOPED[names] else 'not '}reached")


def test_a_longer_game_counts_in_place_of_the_short_one(ten):
    longer = dataclasses.replace(ten, league=dataclasses.replace(ten.league, minutes=30.0),
                                 games=tuple(game for game in ten.games if game.entrant == "dm"))
    changed = [(old, new) for old, new in zip(report.hoped(ten), report.hoped(ten, longer), strict=True) if old != new]
    assert changed and all(new == old.replace("of 3 minutes", "of 30 minutes") for old, new in changed)
    assert all(old.startswith("DM ") for old, _ in changed)


def test_what_more_minutes_gain_is_told_of_those_that_played_in_both_the_largest_first(ten):
    games = tuple(dataclasses.replace(game, scored=other.scored) for game, other in pairwise(ten.games))
    lines = report.gained(dataclasses.replace(ten, games=ten.games[:3]), dataclasses.replace(ten, games=games))
    gaps = [100 * (statistics.fmean(new.scored[0].scores.values) - statistics.fmean(old.scored[0].scores.values))
            for new, old in zip(games[:3], ten.games[:3], strict=True)]
    found = [float(line.rpartition("; ")[2].split(" ")[0]) for line in lines]
    assert found == pytest.approx(sorted(gaps, reverse=True), abs=0.006) and len(set(gaps)) == 3
    assert {line.partition(":")[0] for line in lines} == {ENTRANTS[game.entrant].title for game in ten.games[:3]}
    assert report.gained(ten, None) == []


@pytest.mark.parametrize("other", [{"dataset": "fashion_mnist"}, {"width": 128}, {"network": "LeNet"},
                                   {"minutes": 31.0}, {"updates": 100}], ids=str)
def test_other_leagues_tell_nothing_of_the_hopes(ten, other):
    assert report.hoped(dataclasses.replace(ten, league=dataclasses.replace(ten.league, **other))) == []


def test_hopes_are_for_ten_images_per_class(ten):
    games = tuple(dataclasses.replace(game, ipc=1) for game in ten.games)
    assert report.hoped(dataclasses.replace(ten, games=games)) == []
