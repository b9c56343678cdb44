"""The course at full scale is told from whatever records of it are there, and makes none."""

import statistics
from dataclasses import replace

import pytest

from ddkit.course import full_scale
from ddkit.course.profiles import profile
from ddkit.runs import REFERENCE, run

FULL, LAPTOP = profile("full"), profile("laptop")
TINY = replace(profile("quick"), width=4, wide=4, updates=2, standard_epochs=3, transfer_epochs=2, follows=False)


def cells(table: str) -> dict[str, list[str]]:
    """The rows of a Markdown table by their first cell."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    return {name: more for name, *more in rows}


def test_sets_are_those_of_table_1_on_networks_of_the_papers_width():
    made = full_scale.sets(FULL)
    assert {spec.config.width for spec in made.values()} == {128} and {spec.ipc for spec in made.values()} == {10}
    assert made["DataDAM from real"].total_updates == made["DataDAM from noise"].total_updates == 1000
    narrow = full_scale.sets(LAPTOP)
    for name in ("PAD", "RFAD", "FRePo"):
        wide, other = made[name].config, narrow[name].config
        assert replace(wide, width=32) == other and narrow[name].name != made[name].name


def test_where_nothing_was_made_nothing_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_REFERENCE", "0")
    where = {"root": tmp_path}
    assert full_scale.scores(TINY, "standard", **where) == {} and full_scale.transfer(TINY, **where) == {}
    assert "at hand" in full_scale.report(TINY, **where) and not list(tmp_path.iterdir())


def test_what_was_made_is_shown_and_the_rest_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_REFERENCE", "0")
    real = full_scale.sets(TINY)["DataDAM from real"]
    made, scored = (run(spec, root=tmp_path, quiet=True) for spec in (real, TINY.evaluate(real, "standard")))
    assert full_scale.scores(TINY, "standard", root=tmp_path) == {"DataDAM from real": scored}
    row = cells(full_scale.beside_narrow(TINY, root=tmp_path))["DataDAM from real"]
    assert row == ["2", f"{made.seconds / 60:.0f}", made.device, str(scored.scores), "", ""]


def test_transfer_is_shown_of_what_all_networks_have_judged(tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_REFERENCE", "0")
    *first, last = (TINY.transfer(TINY.random(), network) for network in TINY.transfer_networks)
    for spec in first:
        run(spec, root=tmp_path, quiet=True)
    assert full_scale.transfer(TINY, root=tmp_path) == {}
    judged = run(last, root=tmp_path, quiet=True)
    assert full_scale.transfer(TINY, root=tmp_path)["random real"][last.network] == judged
    assert str(judged.scores.headline) in full_scale.report(TINY, root=tmp_path)


def test_everything_that_is_shown_is_asked_for_once():
    asked = full_scale.asked(FULL)
    assert len({spec.name for spec in asked}) == len(asked)
    assert {spec.name for spec in full_scale.sets(FULL).values()} <= {spec.name for spec in asked}


def shipped() -> dict[str, list[str]]:
    rows = cells(full_scale.beside_narrow(FULL, root=REFERENCE))
    return {name: row for name, row in rows.items() if name in full_scale.sets(FULL) and row[-1]}


@pytest.mark.parametrize("name", shipped())
def test_the_lead_of_a_shipped_set_is_that_of_its_networks(name):
    sides = [run(judge.evaluate(full_scale.sets(of)[name], "standard"), root=REFERENCE).scores.values
             for judge, of in ((FULL, FULL), (LAPTOP.wider, LAPTOP))]
    gap = 100 * (statistics.fmean(sides[0]) - statistics.fmean(sides[1]))
    assert shipped()[name][-1].startswith(f"{gap:+.2f} ± ")
    assert all(len(side) == 5 for side in sides)
