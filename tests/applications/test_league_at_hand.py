"""A league is shown of what has been made of it, and nothing is made for that."""

import shutil
from dataclasses import replace

import pytest

from ddkit.applications.league import League
from ddkit.applications.league.at_hand import at_hand
from ddkit.applications.league.work import play

SMALL = League("digits-0-1", (1, 2), ("dm", "pad"), updates=2, width=2, seeds=2, epochs=3, quick=True, full=False)


@pytest.fixture
def root(tmp_path_factory, played):
    """A copy of what was made of it."""
    return shutil.copytree(played, tmp_path_factory.mktemp("copy") / "runs")


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    root = tmp_path_factory.mktemp("league")
    play(SMALL, root=root, quiet=True)
    return root


def without(root, pattern: str) -> None:
    found = list(root.glob(pattern))
    assert found
    for folder in found:
        shutil.rmtree(folder)


def test_what_was_played_is_at_hand_and_nothing_is_made_to_show_it(root, monkeypatch):
    assert at_hand(SMALL, root=root) == SMALL
    monkeypatch.setenv("DDKIT_MAKE", "0")
    assert not play(at_hand(SMALL, root=root), root=root, quiet=True).failed


def test_nothing_is_at_hand_where_nothing_was_made(tmp_path):
    assert at_hand(SMALL, root=tmp_path) is None and not list(tmp_path.iterdir())


def test_an_entrant_whose_set_is_not_there_is_left_out(root):
    without(root, "distill-*-trajectory-*")
    assert at_hand(SMALL, root=root) == replace(SMALL, entrants=("dm",))


def test_experts_need_not_be_there(root):
    without(root, "experts-*")
    assert at_hand(SMALL, root=root) == SMALL


def test_a_score_that_is_not_there_takes_its_entrant_along(root):
    without(root, "evaluate-*-start-*")
    assert at_hand(SMALL, root=root) is None


def test_a_budget_without_what_all_are_compared_with_is_left_out(root):
    without(root, "coreset-*-ipc1-*")
    assert at_hand(SMALL, root=root) == SMALL  # the choice itself, but its score is there
    without(root, "evaluate-*-coreset-*")
    assert at_hand(SMALL, root=root) is None


def test_games_that_are_not_there_with_every_budget_are_left_out_alone_and_told(root):
    without(root, "distill-*-trajectory-*-ipc1-*")
    found = at_hand(SMALL, root=root)
    assert found == replace(SMALL, absent=(("pad", 1),))
    assert found.games == [("dm", 1), ("dm", 2), ("pad", 2)]
    assert found.rules.endswith("Left out with 1 image per class: pad.")
    without(root, "distill-*-dm-ipc2-*")
    found = at_hand(SMALL, root=root)
    assert found.games == [("dm", 1), ("pad", 2)]
    assert {(game.entrant, game.ipc) for game in play(found, root=root, quiet=True).games} == set(found.games)


def test_the_full_data_are_left_out_if_they_were_not_trained_on(root):
    assert at_hand(replace(SMALL, full=True), root=root) == SMALL


def test_minutes_are_counted_by_a_calibration_that_is_at_hand(root):
    assert at_hand(replace(SMALL, updates=None), root=root) is None


def test_without_the_data_nothing_is_at_hand(root, tmp_path):
    assert at_hand(replace(SMALL, dataset="mhist"), root=root, data=tmp_path) is None
