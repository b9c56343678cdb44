"""DD-Ranking's scores of the sets of a league: each from ordinary runs, forms left out, told where runs are at hand."""

import dataclasses
import json

import pytest

from ddkit.__main__ import main
from ddkit.applications.league import League, settings
from ddkit.applications.league.work import play
from ddkit.applications.rankings import of_league
from ddkit.runs import RECORD, run
from ddkit.training.rankings import augmentation_robust_score, label_robust_score

LEAGUE = League("digits", (1,), ("dm", "rfad", "dm-multi-formation"), updates=2, width=2, seeds=2, epochs=2, full=False,
                quick=True)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("ranked")


@pytest.fixture(scope="module")
def played(root):
    return play(LEAGUE, root=root, quiet=True)


@pytest.fixture(scope="module")
def ranked(played, root):
    assert of_league.at_hand(played, root=root) == {}
    return of_league.rank(played, root=root, quiet=True)


def test_sets_of_pixels_are_ranked_by_the_formulas_from_ordinary_runs(ranked, played, root):
    assert {one.title for one in ranked[1]} == {"DM", "RFAD"} and list(ranked) == [1]
    assert [one.score.mean for one in ranked[1]] == sorted((one.score.mean for one in ranked[1]), reverse=True)
    how = of_league.training(played)
    for one in ranked[1]:
        game = next(game for game in played.games if game.distilled[0].asked == one.records["chosen"].asked.of)
        arms = {name: run(spec, root=root, quiet=True).scores.mean
                for name, spec in of_league.asked(game, 10, how).items()}
        assert ("hard" in arms) == (one.title == "RFAD"), "whose labels are learned"
        hard = arms.get("hard", arms["plain"])
        assert one.ranking.lrs.value == pytest.approx(
            label_robust_score(arms["full"], hard, arms["chosen"], arms["at_random"]))
        assert one.ranking.ars.value == pytest.approx(
            augmentation_robust_score(arms["chosen"], arms["at_random"], arms["plain"], arms["at_random_plain"]))


def test_what_is_at_hand_is_told_without_making_anything(ranked, played, root, tmp_path):
    again = of_league.at_hand(played, root=root)
    assert of_league.told(again) == of_league.told(ranked) and of_league.at_hand(played, root=tmp_path) == {}
    (table,) = of_league.told(ranked, "github")
    for one in ranked[1]:
        assert f"| {one.title} " in table and str(one.ranking.lrs) in table and str(one.ranking.ars) in table


def test_how_far_the_orders_agree_is_told_of_enough_sets(ranked):
    few = ranked[1]
    assert of_league.agreement(few) == []
    (sentence,) = of_league.agreement(few * 3)
    assert "of 6 sets" in sentence and "by LRS" in sentence and "by ARS" in sentence


@pytest.fixture
def small(monkeypatch):
    """The profile's league, made as small as that of these tests."""
    monkeypatch.setattr(settings, "of_profile", lambda name, **asked: dataclasses.replace(
        LEAGUE, **{name: asked[name] for name in ("ipcs", "entrants", "full")}))


def test_the_command_ranks_and_keeps_what_the_rankings_are_made_of(ranked, root, small, tmp_path, capsys):
    asked = ["rank-league", "--profile", "quick", "--runs", str(root)]
    assert main([*asked, "--keep", str(tmp_path)]) == 0
    assert of_league.told(ranked)[0] in capsys.readouterr().out
    kept = {path.parent.name for path in tmp_path.glob(f"*/{RECORD}")}
    assert {record.name for record in of_league.records(ranked)} == kept
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["1"]
    assert [one["lrs"]["value"] for one in told] == [one.ranking.lrs.value for one in ranked[1]]


@pytest.mark.parametrize(("asked", "told"), [
    (["--methods", "dm-multi-formation"], "only sets of pixels are ranked"), (["--ipc", "2"], "play them first"),
    (["--methods", "nobody"], "unknown entrant 'nobody'")])
def test_what_cannot_be_ranked_is_told_in_a_sentence(asked, told, ranked, root, small, capsys):
    assert main(["rank-league", "--profile", "quick", "--runs", str(root), *asked]) == 2
    assert told in capsys.readouterr().err
