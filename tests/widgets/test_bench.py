"""The hyperparameter bench: every knob by its declaration, stored answers only after a guess, ordinary runs."""

import dataclasses
import itertools

import pytest

import ddkit
from ddkit import methods
from ddkit.data import PICTURES
from ddkit.foundation.errors import InputError
from ddkit.foundation.knobs import declared
from ddkit.methods import presets
from ddkit.runs import Record
from ddkit.stored import Grid, combination
from ddkit.stored.grid import Cell
from ddkit.widgets.hyperparameter_bench import HyperparameterBench

AXES = {"lam": (0.0, 1.0), "ipc": (1, 2, 5)}
SPEC = ddkit.Distill("digits-0-1", ipc=2, network="ConvNetD1", width=4, updates=4, options=(("network_steps", 1),))
OTHERS = [ddkit.Distill("digits-0-1", method, next(iter(methods.get(method).PRESETS)), ipc=1,
                        updates=530 if method == "translative" else 5)  # 500 of which are in its fixed network
          for method in methods.METHODS if method != SPEC.method]
OTHERS = [dataclasses.replace(spec, init=next(iter(getattr(spec.config, "inits", None) or [spec.init])))
          for spec in OTHERS]


@pytest.fixture
def grid():
    cells = tuple(Cell(values, "a run", (0.5 + 0.1 * index, 0.6 + 0.05 * index), (2.0, 1.0), 3.5, 0.1)
                  for index, values in enumerate(itertools.product(*AXES.values())))
    return Grid(SPEC, AXES, cells, "assignment", "ConvNetD1", 4, "f" * 64, "2026-01-01", "CPU", {"ddkit": "1"})


@pytest.fixture
def bench(grid, tmp_path):
    return HyperparameterBench([SPEC, *OTHERS], root=tmp_path, grid=grid)


def test_a_grid_is_read_as_it_was_written(grid, tmp_path):
    grid.save(tmp_path / "grid.json")
    again = Grid.load(tmp_path / "grid.json")
    assert again.cells == grid.cells and again.axes == grid.axes and again.spec == grid.spec
    assert again.at(lam=1.0, ipc=2).mean == pytest.approx((0.9 + 0.8) / 2)
    assert again.at(lam=1.0, ipc=2).error == pytest.approx(0.05)  # |0.9 - 0.8| / 2
    assert [cell.values for cell in again.along("ipc", lam=0.0, ipc=5)] == [(0.0, 1), (0.0, 2), (0.0, 5)]


def test_a_grid_with_a_hole_is_refused(grid, tmp_path):
    Grid(**grid.__dict__ | {"cells": grid.cells[1:]}).save(tmp_path / "grid.json")
    with pytest.raises(InputError, match="lacks combinations"):
        Grid.load(tmp_path / "grid.json")


def test_a_combination_replaces_fields_and_knobs_and_keeps_the_others():
    spec = combination(SPEC, {"lam": 0.5, "ipc": 5})
    assert spec.ipc == 5 and dict(spec.options) == {"lam": 0.5, "network_steps": 1} and spec.config.lam == 0.5


def test_what_is_stored_shows_only_after_a_guess_and_hides_when_anything_moves(bench, grid):
    revealed = bench.revealed
    assert "±" not in revealed.says.value and "img" not in revealed.picture.value
    revealed.axes["lam"].value, revealed.axes["ipc"].value, revealed.guess.value = 1.0, 2, 75
    revealed.reveal.click()
    cell = grid.at(lam=1.0, ipc=2)
    assert f"{100 * cell.mean:.1f} ± {100 * cell.error:.1f} %" in revealed.says.value
    assert "10.0 points too low" in revealed.says.value and "n = 2" in revealed.says.value
    along_first = revealed.picture.value
    revealed.along.value = "ipc"
    assert "img" in revealed.picture.value and revealed.picture.value != along_first
    revealed.axes["ipc"].value = 5
    assert "±" not in revealed.says.value and "img" not in revealed.picture.value


@pytest.mark.parametrize(("guess", "said"), [
    (85, "right, within the standard error"), (80, "right, within the standard error"),
    (79, "6.0 points too low"), (91, "6.0 points too high")])
def test_a_guess_is_wrong_from_the_standard_error_on(bench, guess, said):
    revealed = bench.revealed
    revealed.axes["lam"].value, revealed.axes["ipc"].value, revealed.guess.value = 1.0, 2, guess
    revealed.reveal.click()
    assert "85.0 ± 5.0 %" in revealed.says.value and f"your guess was {said}. The images" in revealed.says.value


@pytest.mark.parametrize("method", methods.METHODS)
def test_every_knob_of_the_method_chosen_has_a_field_and_its_default_makes_the_same_run(bench, method):
    bench.method.value = method
    base = next(spec for spec in (SPEC, *OTHERS) if spec.method == method)
    assert set(bench.fields) == {knob.name for knob in declared(methods.get(method).Config)} - {"updates"}
    assert bench.spec.name == base.name and bench.spec.config == base.config


@pytest.mark.parametrize("method", methods.METHODS)
def test_a_changed_knob_changes_the_run_and_a_refused_one_stands_beside_its_field(bench, method):
    bench.method.value = method
    field = next(bench.fields[name] for name in ("real_batch", "student_steps", "networks") if name in bench.fields)
    before = bench.spec
    field.control.value = "3"
    assert bench.spec.name != before.name and getattr(bench.spec.config, field.knob.name) == 3
    field.control.value = "-1"
    assert "must" in field.view.children[1].value
    with pytest.raises(InputError, match=field.knob.name):
        bench.spec  # noqa: B018
    bench.tracks[0].start.click()
    assert "not begun" in bench.tracks[0].says.value and bench.tracks[0].live is None


def test_a_budget_in_bytes_leaves_no_images_per_class_to_choose(grid, tmp_path):
    kip = next(spec for spec in OTHERS if spec.method == "kip")
    bench = HyperparameterBench([dataclasses.replace(SPEC, budget=9000), kip], root=tmp_path, grid=grid)
    for method, decided in ((SPEC.method, True), ("kip", False)):
        bench.method.value = method
        before = bench.spec.name
        bench.ipc.value += 1
        assert bench.ipc.disabled == (bench.spec.name == before) == decided


def test_another_preset_brings_its_own_form(bench):
    bench.method.value = "gradient"
    for preset, form in (("idc", "multi-formation"), ("dsa", "pixels"), ("idc", "multi-formation")):
        bench.preset.value = preset
        assert bench.spec.form == form


def test_the_presets_values_are_what_the_knobs_begin_from(bench):
    bench.preset.value = "paper"
    assert bench.fields["power"].value == 4 and bench.fields["image_momentum"].value == 0.5
    assert bench.spec.preset == "paper"


@pytest.mark.parametrize("dataset", [*PICTURES, "digits-0-1"])
@pytest.mark.parametrize("method", methods.METHODS)
def test_every_data_set_is_offered_to_every_method_with_the_presets_values_there(bench, method, dataset):
    bench.method.value, bench.dataset.value = method, dataset
    bench._offer_knobs({})
    bench.dataset.value = "digits-0-1"
    bench.dataset.value = dataset
    usual = presets.configure(method, bench.preset.value, {}, dataset)
    assert {name: field.value for name, field in bench.fields.items()} == {n: getattr(usual, n) for n in bench.fields}
    assert bench.spec.dataset == dataset and bench.spec.options == ()


def test_on_another_data_set_a_knob_that_was_moved_stays(bench):
    bench.fields["lam"].control.value = "0.25"
    bench.dataset.value = "mhist"
    assert bench.spec.config.lam == 0.25 and bench.spec.config.networks == 200  # of the preset on that data
    assert bench.spec.config.width == SPEC.width


def test_a_data_sets_size_belongs_to_it(grid, tmp_path):
    bench = HyperparameterBench([dataclasses.replace(SPEC, size=16)], root=tmp_path, grid=grid)
    assert bench.spec.size == 16
    bench.dataset.value = "mhist_like"
    assert bench.spec.size is None
    bench.dataset.value = SPEC.dataset
    assert bench.spec.size == 16


@pytest.mark.parametrize(("field", "value"), [("updates", 5000), ("ipc", 200)])
def test_a_spec_beyond_the_sliders_usual_reach_is_begun_from_as_it_is(grid, tmp_path, field, value):
    long = dataclasses.replace(SPEC, **{field: value})
    assert HyperparameterBench([long], root=tmp_path, grid=grid).spec.name == long.name


@pytest.mark.parametrize(("control", "value"), [("dataset", "digits"), ("method", "kip"), ("preset", "paper"),
                                                ("init", "noise"), ("ipc", 3), ("updates", 7)])
def test_the_run_that_the_form_stands_for_is_named_at_once(bench, control, value):
    assert bench.spec.name in bench.names.value
    before = bench.names.value
    getattr(bench, control).value = value
    assert bench.names.value != before and bench.spec.name in bench.names.value
    knob = bench.fields["image_lr"]
    knob.control.value = "0.123"
    assert bench.spec.name in bench.names.value and bench.spec.config.image_lr == 0.123


def test_values_that_do_not_go_together_are_told_before_run(bench):
    bench.method.value = "trajectory"
    bench.fields["final_start"].control.value = "1000"
    assert "end before final_start" in bench.names.value and "no run yet" in bench.names.value
    bench.fields["final_start"].control.value = "20"
    assert bench.spec.name in bench.names.value


def test_two_tracks_make_two_ordinary_runs_one_after_the_other(bench, tmp_path):
    left, right = bench.tracks
    left.start.click()
    left.live.wait(60)
    bench.fields["lam"].control.value = "0.5"
    right.start.click()
    right.live.wait(60)
    for track in (left, right):
        assert "done" in track.says.value and "<img" in track.images.value and "<img" in track.curves.value
        record = track.live.seen.record
        assert Record.load(record.folder) == record and record.folder.parent == tmp_path
        plain = ddkit.run(track.live.spec, root=tmp_path / "plain", quiet=True)
        assert plain.synthetic.images.equal(record.synthetic.images)
    assert left.live.spec.name != right.live.spec.name
    assert "validation" in str(record.result) and record.result["validation"]


def test_a_private_set_is_begun_from_noise_and_not_scored_on_the_way(bench):
    bench.method.value = "private"
    spec, options = bench.wanted()
    assert spec.init == "noise" and list(bench.init.options) == ["noise"] and options["validate_every"] == 0
    spec.check()
    bench.method.value = "datadam"
    assert bench.wanted()[1]["validate_every"] > 0


def test_a_run_that_is_there_is_shown_as_it_is(bench, tmp_path):
    bench.updates.value = 9
    spec, options = bench.wanted()
    made = ddkit.run(spec, root=tmp_path, quiet=True)
    assert options["validate_every"] == 1 and not made.result["validation"]
    bench.tracks[0].start.click()
    assert bench.tracks[0].live.wait(60) == made and "done" in bench.tracks[0].says.value


def test_a_bench_made_anew_ends_the_run_of_the_one_before(bench, grid, tmp_path):
    bench.updates.value, bench.fields["network_steps"].control.value = 1000, "5"
    bench.tracks[0].start.click()
    again = HyperparameterBench([SPEC], root=tmp_path, grid=grid)
    assert not bench.tracks[0].live.going and again.tracks[0].live is None
    assert "stopped" in bench.tracks[0].says.value


def test_without_a_grid_the_live_bench_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr("ddkit.widgets.hyperparameter_bench.grids", list)
    bench = HyperparameterBench([SPEC], root=tmp_path)
    assert bench.revealed is None and bench.spec.name == SPEC.name
    with pytest.raises(InputError, match="No grid"):
        bench.figure()


def test_something_to_begin_from_is_needed():
    with pytest.raises(InputError, match="to begin from"):
        HyperparameterBench([])
