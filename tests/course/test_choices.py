"""Knobs that are changed in a lesson: beside the profile's, and chosen once for the lessons that follow."""

import dataclasses
import json

import pytest

from ddkit.applications.search import report as search_course
from ddkit.course import choices, full_scale, kernels, lesson, polyps, task_1, trajectories
from ddkit.course.profiles import PROFILES, STARTS, profile
from ddkit.foundation.errors import InputError
from ddkit.methods import coresets
from ddkit.runs import find, run
from ddkit.specs import Start

QUICK = profile("quick")  # whose options are not empty


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("DDKIT_RUNS", str(tmp_path))
    monkeypatch.delenv("DDKIT_REFERENCE", raising=False)
    return tmp_path


def files(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


# A knob changed the natural way.


def by_name(**knobs):
    return QUICK.distill("real", **knobs)


def by_options(form):
    return lambda **knobs: QUICK.distill("real", options=form(knobs.items()))


WAYS = {"name": by_name, "dict": by_options(dict), "list": by_options(list), "pairs": by_options(tuple),
        "lists": by_options(lambda items: [list(one) for one in items])}


@pytest.mark.parametrize("way", WAYS)
def test_a_knob_is_added_to_the_profiles_own(way):
    spec = WAYS[way](lam=0.1)
    assert (spec.config.lam, spec.config.network_steps) == (0.1, 5)
    assert dataclasses.replace(spec.config, lam=QUICK.distill().config.lam) == QUICK.distill().config
    assert WAYS[way](network_steps=3).config.network_steps == 3
    assert spec.name == QUICK.distill("real", lam=0.1).name != QUICK.distill("real").name


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("dataset", ["digits", "mhist_like"])
def test_no_option_of_a_profile_is_lost(name, dataset):
    chosen = profile(name, dataset)
    for spec in (chosen.distill("real", power=3), chosen.distill("real", options={"power": 3})):
        assert dataclasses.replace(spec.config, power=chosen.distill().config.power) == chosen.distill().config


def test_a_field_of_the_spec_and_a_knob_go_together():
    spec = QUICK.distill("noise", seed=3, updates="2", ipc=10.0, lam=0.1)
    assert (spec.seed, spec.updates, spec.ipc, spec.init, spec.config.lam) == (3, 2, 10, "noise", 0.1)
    assert QUICK.distill("real", precision="bfloat16").config.precision == "bfloat16"
    assert QUICK.match_trajectories(ipc="10") == QUICK.match_trajectories(ipc=10)


@pytest.mark.parametrize(("changes", "says"), [
    ({"lam": "much"}, "lam must be a number"), ({"lamda": 1}, "unknown option of datadam 'lamda': choose one of"),
    ({"power": 0}, "power must be at least 1"), ({"options": {"image_lr": -1}}, "image_lr must be positive"),
    ({"options": 5}, "options are a dict"), ({"options": {"lam": 1}, "lam": 2}, "lam is given twice"),
    ({"options": "lam"}, "options are a dict")])
def test_a_knob_that_cannot_work_is_answered_in_a_sentence(changes, says):
    with pytest.raises(InputError, match=says) as error:
        QUICK.distill("real", **changes)
    assert "\n" not in str(error.value)


# A choice.


def test_a_choice_carries_to_every_lesson(capsys):
    before, noise = QUICK.distill("real"), QUICK.distill("noise")
    QUICK.choose(lam=0.1, updates="3")
    assert "chosen from real: lam 0.1, updates 3" in capsys.readouterr().out
    chosen = profile("quick").distill("real")
    assert (chosen.config.lam, chosen.updates, chosen.config.network_steps) == (0.1, 3, 5)
    assert chosen.name != before.name and QUICK.distill("noise") == noise
    assert task_1.specs(QUICK)["scores"]["standard"]["start: real"].of == Start(chosen)
    assert task_1.specs(QUICK)["transfer"]["distilled from real"]["MLP"].of == chosen
    assert kernels.sets(QUICK)["DataDAM"] == trajectories.sources(QUICK)["DataDAM"] == chosen
    assert search_course.proxies(QUICK)["DataDAM"].of.config.lam == 0.1
    assert polyps.sources(QUICK)[polyps.DISTILLED] == chosen


def test_a_call_goes_before_the_choice_and_the_choice_before_the_profile():
    QUICK.choose(lam=0.1, network_steps=3, updates=5)
    spec = QUICK.distill("real", lam=0.5)
    assert (spec.config.lam, spec.config.network_steps, spec.updates) == (0.5, 3, 5)
    assert QUICK.distill("real", updates=7).updates == 7 and QUICK.distill("real", updates=7).config.lam == 0.1


@pytest.mark.parametrize("init", STARTS)
def test_a_choice_belongs_to_profile_data_set_and_start(init):
    QUICK.choose(init, image_lr=1.0)
    assert profile("quick").distill(init).config.image_lr == 1.0
    for other in (profile("laptop", "digits"), profile("quick", "mnist"), profile("quick", "mhist_like")):
        assert other.distill(init) == dataclasses.replace(other, follows=False).distill(init)
    for other in set(STARTS) - {init}:
        assert QUICK.distill(other).config.image_lr != 1.0


def test_a_second_choice_takes_the_place_of_the_first():
    QUICK.choose(lam=0.1)
    QUICK.choose(updates=5)
    assert QUICK.distill().config.lam == dataclasses.replace(QUICK, follows=False).distill().config.lam
    assert QUICK.distill().updates == 5


def test_no_knobs_go_back_to_the_profiles_own(root):
    before = {init: QUICK.distill(init) for init in STARTS}
    QUICK.choose(lam=0.1)
    QUICK.choose("noise", lam=0.2)
    QUICK.choose("noise")
    assert QUICK.distill("noise") == before["noise"] and QUICK.distill("real").config.lam == 0.1
    QUICK.choose("noise", lam=0.2)
    QUICK.choose()
    assert {init: QUICK.distill(init) for init in STARTS} == before and not files(root)
    QUICK.choose()


def test_a_choice_lies_beside_the_runs_that_a_profile_names(root):
    there = dataclasses.replace(QUICK, root=root / "there")
    there.choose(lam=0.1)
    assert there.distill().config.lam == 0.1 and "lam 0.1" in there.told
    assert QUICK.distill().config.lam != 0.1 and not QUICK.told
    assert full_scale.beside(there).root == there.root
    there.choose()
    assert there.distill() == QUICK.distill() and not files(root)


def test_a_choice_equal_to_the_defaults_is_the_profiles_own_run(capsys):
    own = profile("laptop").distill("real")
    assert find(own) and find(own).shipped
    profile("laptop").choose(lam=own.config.lam, updates=own.updates)
    assert "the profile's own run" in capsys.readouterr().out
    assert profile("laptop").distill("real").name == own.name
    assert run(profile("laptop").distill("real")).shipped


@pytest.mark.parametrize(("init", "knobs", "says"), [
    (None, {"lam": "much"}, "lam must be a number"), (None, {"power": 0}, "power must be at least 1"),
    (None, {"lamda": 1}, "unknown option of datadam 'lamda'"), (None, {"updates": 0}, "updates must be at least 1"),
    (None, {"updates": "ten"}, "updates must be a whole number"), (None, {"ipc": 5}, "unknown option of datadam 'ipc'"),
    (None, {"network": "MLP"}, "unknown option of datadam 'network'"), (None, {"method": "kip"}, "'method'"),
    ("zeros", {"lam": 1}, "unknown init 'zeros'"), ("../x", {"lam": 1}, "unknown init"), ("zeros", {}, "unknown init"),
    ({"lam": 1}, {}, "unknown init"), (None, {"precision": "float8"}, "precision"),
    (None, {"lam": 0.5, "image_lr": -1}, "image_lr must be positive")])
def test_a_choice_that_cannot_work_is_refused_and_nothing_is_written(init, knobs, says, root):
    QUICK.choose(lam=0.1)
    before = files(root)
    with pytest.raises(InputError, match=says) as error:
        QUICK.choose(init, **knobs)
    assert "\n" not in str(error.value) and files(root) == before


DAMAGES = ["", "{", "[]", '{"knobs": 5}', '{"knobs": {"lam": [1]}}', '{"lam": 0.1}', "flipped"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_choice_is_told_in_a_sentence_and_chosen_anew(damage, root, capsys):
    QUICK.choose(lam=0.1)
    path = next((root / choices.FOLDER).iterdir())
    path.write_text(path.read_text().replace("0.1", "0.7") if damage == "flipped" else damage)
    with pytest.raises(InputError, match=r"is damaged, .* profile.choose\(\) for the profile's own run") as error:
        QUICK.distill("real")
    assert "\n" not in str(error.value) and str(path) in str(error.value)
    assert QUICK.distill("noise").init == "noise"
    capsys.readouterr()
    assert lesson.begin().name == "quick"
    assert str(error.value) in capsys.readouterr().out
    QUICK.choose(lam=0.2)
    assert QUICK.distill("real").config.lam == 0.2
    path.write_text(damage)
    QUICK.choose()
    assert QUICK.distill("real") == dataclasses.replace(QUICK, follows=False).distill("real")


def test_a_choice_is_written_whole_or_not_at_all(root, monkeypatch):
    QUICK.choose(lam=0.1)
    before = files(root)

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ddkit.foundation.files.os.replace", fails)
    with pytest.raises(InputError, match="cannot write"):
        QUICK.choose(lam=0.2)
    monkeypatch.undo()
    monkeypatch.setenv("DDKIT_RUNS", str(root))
    assert files(root) == before and QUICK.distill().config.lam == 0.1


def test_a_lesson_tells_what_was_chosen_and_how_to_go_back(capsys):
    lesson.begin()
    assert "chosen" not in capsys.readouterr().out
    QUICK.choose(lam=0.1, updates=3)
    QUICK.choose("noise", image_lr=1.0)
    capsys.readouterr()
    lesson.begin()
    told = capsys.readouterr().out
    assert "from real: lam 0.1, updates 3; from noise: image_lr 1.0" in told and "profile.choose() goes back" in told
    profile(dataset="mhist_like").choose(lam=0.3)
    lesson.polyps()
    assert "chosen for mhist_like from real: lam 0.3" in capsys.readouterr().out


def test_polyps_at_another_size_keep_what_was_chosen():
    own = profile("laptop", "mhist_like")
    before = polyps.sized(own, 50).distill("real")
    own.choose(lam=0.5, updates=7, image_lr=2.0, precision="bfloat16")
    spec = polyps.sized(own, 50).distill("real")
    assert (spec.config.lam, spec.updates, spec.config.precision) == (0.5, 7, "bfloat16")
    assert spec.config.image_lr == pytest.approx(2.0 * 50 / own.ipc)
    own.choose()
    assert polyps.sized(own, 50).distill("real") == before


def test_a_chosen_run_is_made_and_found_again(root):
    QUICK.choose(updates=2, networks=1, iterations=2, network_steps=1)
    record = run(profile("quick").distill("real"), quiet=True)
    assert record.updates == 2 and run(QUICK.distill("real")) == record == find(QUICK.distill("real"))
    assert json.loads(next((root / choices.FOLDER).iterdir()).read_text())["knobs"]["networks"] == 1


def test_every_start_can_be_chosen_for():
    assert set(coresets.STARTS) < set(STARTS) and {"real", "noise"} < set(STARTS)
