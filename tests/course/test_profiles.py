"""Profiles and presets: sizes that fit the data, and Table 1 read right."""

import dataclasses

import pytest

from ddkit.course import lesson
from ddkit.course import task_1 as course
from ddkit.course.profiles import POLYPS, PROFILES, profile
from ddkit.data import PICTURES, SOURCES
from ddkit.foundation.errors import InputError
from ddkit.methods import presets
from ddkit.networks import build
from ddkit.specs import origin


@pytest.mark.parametrize("dataset", POLYPS)
def test_the_full_profile_of_polyps_is_the_second_row_of_table_1(dataset):
    spec = profile("full", dataset).distill()
    config = spec.config
    assert (config.networks, config.iterations, config.image_lr, config.image_steps) == (200, 10, 0.1, 1)
    assert (config.network_lr, config.network_steps, config.real_batch, config.lam) == (0.01, 50, 128, 0.01)
    assert (spec.ipc, spec.size, config.network, config.width, spec.total_updates) == (50, 224, "ConvNetD7", 128, 2000)


def test_the_first_row_and_other_data_sets_are_as_they_were():
    config = profile("full").distill().config
    assert (config.networks, config.real_batch, config.network, profile("full").ipc) == (100, 256, "ConvNetD3", 10)
    assert profile("full", "digits") == dataclasses.replace(profile("full"), dataset="digits")


@pytest.mark.parametrize("ipc, latest, left_out", [(1, (4, 4), 0.0), (10, (10, 20), 0.5), (50, (20, 40), 0.25)])
def test_the_full_profile_matches_the_papers_epochs_for_each_number_of_images(ipc, latest, left_out):
    config = profile("full").match_trajectories("pad", ipc).config
    assert ((config.last_start, config.final_start), config.left_out) == (latest, left_out)
    assert (config.first_start, config.student_steps, config.expert_span, config.expert_epochs) == (0, 80, 2, 50)


def test_a_preset_prints_what_it_is_on_each_data_set():
    common, polyps = presets.departures("datadam", "course"), presets.departures("datadam", "course", "mhist")
    assert polyps[: len(common)] == common and "K = 200" in polyps[-1] and "K = 200" not in " ".join(common)
    assert presets.get("datadam", "paper", "mhist") == presets.get("datadam", "paper")


@pytest.mark.parametrize("dataset", PICTURES)
@pytest.mark.parametrize("name", PROFILES)
def test_every_spec_of_a_profile_fits_its_data_set(name, dataset):
    chosen = profile(name, dataset)
    wanted = course.specs(chosen)
    specs = [chosen.baseline(), *(s for part in wanted.values() for row in part.values() for s in row.values())]
    for spec in specs:
        spec.check()
        build(spec.network, len(SOURCES[dataset].mean), 2, chosen.size or SOURCES[dataset].size, width=4)
        assert origin(spec.of).size == chosen.size


def test_an_unknown_data_set_is_named():
    with pytest.raises(InputError, match="unknown dataset 'polyps'"):
        profile("quick", "polyps")


def test_lessons_take_mhist_where_it_lies_or_what_is_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path))
    monkeypatch.delenv("DDKIT_POLYPS", raising=False)
    assert lesson.polyps().dataset == "mhist_like"
    assert "synthetic" in capsys.readouterr().out
    (tmp_path / "MHIST").mkdir()
    (tmp_path / "MHIST" / "annotations.csv").touch()
    assert lesson.polyps().dataset == "mhist"
    assert "synthetic" not in capsys.readouterr().out
    monkeypatch.setenv("DDKIT_POLYPS", "mhist_like")
    assert lesson.polyps().dataset == "mhist_like"
    monkeypatch.setenv("DDKIT_POLYPS", "polyps")
    with pytest.raises(InputError, match="DDKIT_POLYPS"):
        lesson.polyps()


@pytest.mark.parametrize(("name", "repeated"), [("laptop", False), ("full", True), ("quick", True)])
def test_wider_networks_are_the_papers_and_nothing_is_judged_twice(name, repeated):
    chosen = profile(name)
    assert (chosen.wider == chosen) == repeated and chosen.wider.width == chosen.wide
