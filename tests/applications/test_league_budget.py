"""What a league's budget is: minutes, counted in updates that were timed before; equal updates for sets of any form."""

import dataclasses

import pytest

from ddkit import runs
from ddkit.applications.league import Calibration, League, calibration, report
from ddkit.applications.league.calibration import cycle, updates_in
from ddkit.applications.league.league import HERDING, RANDOM
from ddkit.applications.league.rows import of_game, rows
from ddkit.applications.league.work import play
from ddkit.foundation.errors import InputError
from ddkit.methods import presets
from ddkit.runs import run
from ddkit.specs import Evaluate, RandomReal

TINY = League("digits", (1,), ("dm",), updates=2, width=2, seeds=1, epochs=1, full=False, quick=True)


@pytest.mark.parametrize("epochs", [None, 30])
@pytest.mark.parametrize(("ipc", "decoded"), [(1, 40), (10, 400), (10, 780), (50, 2000), (50, 500)])
def test_sets_that_decode_to_more_images_get_as_many_updates(ipc, decoded, epochs):
    league = League("digits", (ipc,), ("dm",), epochs=epochs)
    of = RandomReal("digits", ipc)
    plain, more = (league.evaluation(of, images, ipc, 10) for images in (10 * ipc, decoded))
    as_many = (epochs or 1000) * (2 if ipc == 50 else 1)
    assert plain == Evaluate(of, "standard", "ConvNetD3", 32, 5, epochs)  # an ordinary run by its ordinary name
    assert league.updates_of(10 * ipc) == as_many
    assert more.updates == (None if league.updates_of(decoded) == as_many else as_many)


def test_an_evaluation_makes_the_updates_that_it_is_asked_for(tmp_path):
    spec = Evaluate(RandomReal("digits", 30), "standard", "ConvNetD3", 2, 1, updates=5)  # two batches an epoch
    record = run(spec, root=tmp_path, quiet=True)
    assert record.updates == record.result["runs"][0]["updates"] == 5
    assert record.result["epochs"] == 3 and record.result["protocol"]["epochs"] is None
    assert runs.find(spec, tmp_path) == record
    with pytest.raises(InputError, match="counts either epochs or updates, not both"):
        run(dataclasses.replace(spec, epochs=3), root=tmp_path)
    with pytest.raises(InputError, match="updates must be at least 1, got 0"):
        run(dataclasses.replace(spec, updates=0), root=tmp_path)
    with pytest.raises(InputError, match="leave the updates out"):
        run(dataclasses.replace(spec, protocol="kernel"), root=tmp_path)


def test_updates_fill_the_minutes():
    assert updates_in(1, 10.0, 7.0) == 7 and updates_in(1, 0.0, 7.0) == 8 and updates_in(0.5, 23.0, 7.0) == 1
    with pytest.raises(InputError, match=r"0.5 minutes allow no update: the start takes 24.00 s and an update 7.00 s"):
        updates_in(0.5, 24.0, 7.0)


@pytest.mark.parametrize(("seconds", "cycle", "costs", "timed"), [
    (0.0, 1, [9, 1, 1, 1, 1, 1], 2), (3.0, 1, [9, 1, 1, 1, 1, 1], 2), (0.5, 4, [0.1, 1, 1, 1, 1, 1, 1], 3),
    (2.0, 4, [0.1, 1, 2, 3, 4, 1, 2], 4), (0.0, 4, [9, 1, 2, 1, 1], 2)])
def test_whole_cycles_are_timed_and_the_first_update_is_not(seconds, cycle, costs, timed, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(calibration.time, "process_time", lambda: now[0])
    timer = calibration._Timer(seconds, cycle)
    timer.on_start(None, None)
    for cost in costs:
        if not timer.enough.is_set():
            now[0] += cost
            timer.on_update(None, None)
    assert timer.timed == timed
    assert timer.update_seconds == pytest.approx(sum(costs[1 : 1 + timed]) / timed)


def test_cycles_are_those_of_the_networks():
    assert cycle(presets.configure("gradient", "dc", {})) == 10 and cycle(presets.configure("kip", "course", {})) == 1
    assert cycle(presets.configure("datadam", "course", {"iterations": 6, "image_steps": 2})) == 12


def test_a_calibration_is_kept_and_decides_the_updates(tmp_path, monkeypatch):
    league = dataclasses.replace(TINY, entrants=("dm",), updates=None, calibration=0.0)
    kept = run(league.calibration_of("dm", 1), root=tmp_path, quiet=True)
    assert isinstance(kept.asked, Calibration) and kept.result["timed"] == kept.updates == calibration.FEWEST
    start, update = kept.result["start_seconds"], kept.result["update_seconds"]
    league = dataclasses.replace(league, minutes=(start + 7.5 * update) / 60)
    assert league.calibration_of("dm", 1) == kept.asked  # for any budget
    monkeypatch.setattr(calibration, "distill", None)  # it is timed once
    first = play(league, root=tmp_path, quiet=True)
    assert [game.distilled[0].updates for game in first.games] == [7]
    again = play(league, root=tmp_path, quiet=True)
    assert [row.score for row in rows(again, 1)] == [row.score for row in rows(first, 1)]
    game = first.games[0]
    assert of_game(game).minutes == game.distilled[0].result["cpu_seconds"] / 60
    by_gpu = dataclasses.replace(game, distilled=(dataclasses.replace(game.distilled[0], device="NVIDIA H200"),))
    assert of_game(by_gpu).minutes == pytest.approx((start + 7 * update) / 60)
    told = {updates: report.told(dataclasses.replace(first, games=(by_gpu,), league=dataclasses.replace(
        league, updates=updates))) for updates in (None, 7)}
    assert "what that core would have taken" in told[None] and "the processor beside it" in told[7]


def test_who_took_much_longer_than_the_budget_is_named(tmp_path):
    found = play(TINY, root=tmp_path, quiet=True)
    took = of_game(found.games[0]).minutes
    for league, named in (({"updates": None, "minutes": took / 1.6}, True), ({"updates": None, "minutes": took}, False),
                          ({"minutes": took / 1.6}, False)):
        said = report.key(dataclasses.replace(found, league=dataclasses.replace(found.league, **league)))
        assert ("Some (DM) took much longer" in said) == ("slower" in said) == named


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_a_budget_is_some_minutes(minutes):
    with pytest.raises(InputError, match=f"a number of minutes above 0, got {minutes:g}"):
        dataclasses.replace(TINY, updates=None, minutes=minutes)


def test_minutes_that_allow_no_update_are_told_in_a_sentence(tmp_path):
    league = dataclasses.replace(TINY, entrants=("dm",), updates=None, minutes=1e-6, calibration=0.0)
    found = play(league, root=tmp_path, quiet=True)
    assert not found.games and "1e-06 minutes allow no update" in found.failed["dm", 1]
    assert [row.title for row in rows(found, 1)] == [RANDOM, HERDING]
    assert found.failed["dm", 1] in report.told(found)


@pytest.mark.parametrize(("epochs", "said"), [(None, "the standard protocol, the last"),
                                              (1500, "the standard protocol for 1,500 epochs, the last")])
def test_the_rules_say_the_length_that_is_not_the_protocols_own(epochs, said):
    assert said in League(epochs=epochs).rules
