"""Which records lesson 6 takes: both filters of PAD have to act, and a comparison has to be whole and fair."""

from dataclasses import replace

import pytest

from ddkit import Distill, Start
from ddkit.course import trajectories
from ddkit.course.profiles import PROFILES, profile
from ddkit.exercises import records
from ddkit.exercises.lessons.trajectories import filters

QUICK, KNOWN = profile("quick"), records()
BOTH = QUICK.match_trajectories("pad", left_out=0.5)


def evaluations(judge=QUICK, protocols=("assignment", "standard"), sets=None):
    return [judge.evaluate(source, protocol) for source in (sets or trajectories.sources(judge)).values()
            for protocol in protocols]


@pytest.mark.parametrize(("changes", "act"), [
    ({}, (True, True)), ({"left_out": 0.0}, (True, False)), ({"difficulty": "none"}, (False, True)),
    ({"difficulty": "grand"}, (True, True)),
    ({"expert_epochs": 40}, (False, True)),  # matched to epoch 5 of 40, where nothing was dropped yet
    ({"expert_epochs": 12}, (False, True)), ({"expert_epochs": 10}, (True, True))])
def test_which_filters_act(changes, act):
    few = {"left_out": 0.5, "final_start": 3, "last_start": 2, "expert_span": 2}
    assert filters(QUICK.match_trajectories("pad", **few | changes)) == act


@pytest.mark.parametrize("name", PROFILES)
def test_one_option_turns_both_filters_on_in_every_profile(name):
    assert filters(profile(name).match_trajectories("pad", left_out=0.5)) == (True, True)


def test_the_shipped_run_has_its_second_filter_off():
    assert filters(profile("laptop").match_trajectories("pad")) == (True, False)


def test_attention_matching_has_none_of_these_filters():
    assert filters(Distill()) == (False, False)


@pytest.mark.parametrize(("specs", "fit"), [
    ([BOTH.experts, BOTH], True), ([BOTH], False), ([BOTH.experts], False),
    ([replace(BOTH, seed=1), BOTH, BOTH.experts], True), ([BOTH.experts, QUICK.distill()], False),
    ([BOTH.experts, QUICK.match_trajectories("pad", left_out=0.0)], False),
    ([BOTH.experts, QUICK.match_trajectories("pad", left_out=0.5, experts=3)], False)])
def test_both_filters_wants_a_set_with_its_own_experts(specs, fit):
    assert KNOWN["both-filters"].fits(specs) is fit


class TestCompared:
    def test_the_lessons_own(self):
        assert KNOWN["compared"].fits(evaluations() + evaluations(protocols=("learned",), sets={"PAD": BOTH}))

    @pytest.mark.parametrize("missing", ["PAD", "PAD's start", "DataDAM", "random real"])
    def test_a_set_is_missing(self, missing):
        sets = {name: source for name, source in trajectories.sources(QUICK).items() if name != missing}
        assert not KNOWN["compared"].fits(evaluations(sets=sets))

    @pytest.mark.parametrize("protocol", ["assignment", "standard"])
    def test_a_protocol_is_missing(self, protocol):
        assert not KNOWN["compared"].fits(evaluations(protocols=(protocol,)))

    @pytest.mark.parametrize("other", [{"PAD's start": Start(replace(BOTH, seed=1))}, {"random real": QUICK.random(3)},
                                       {"DataDAM": QUICK.distill(ipc=3)}])
    def test_sets_that_do_not_belong_together(self, other):
        assert not KNOWN["compared"].fits(evaluations(sets=trajectories.sources(QUICK) | other))

    @pytest.mark.parametrize("change", [{"seeds": 3}, {"width": 8}, {"network": "LeNet"},
                                        {"epochs": None, "updates": 1}, {"precision": "bfloat16"}])
    def test_judges_that_differ(self, change):
        first, *others = evaluations()
        assert not KNOWN["compared"].fits([replace(first, **change), *others])

    def test_one_judge_may_count_updates(self):
        found = [replace(spec, epochs=None, updates=1000) for spec in evaluations()]
        assert KNOWN["compared"].fits(found)
        assert not KNOWN["compared"].fits([replace(found[0], updates=1), *found[1:]])

    def test_a_run_of_ones_own_takes_the_place_of_the_profiles(self):
        mine = QUICK.match_trajectories("pad", left_out=0.25)
        sets = trajectories.sources(QUICK, pad=mine)
        assert sets["PAD"] == mine and sets["PAD's start"] == Start(mine) and KNOWN["compared"].fits(
            evaluations(sets=sets))

    def test_the_same_run_named_in_other_words(self):
        said, left_to_the_preset = QUICK.match_trajectories("pad", left_out=0.5), QUICK.match_trajectories("pad")
        assert said != left_to_the_preset and said.name == left_to_the_preset.name
        sets = trajectories.sources(QUICK, pad=said) | {"PAD's start": Start(left_to_the_preset)}
        assert KNOWN["compared"].fits(evaluations(sets=sets))

    def test_what_is_no_evaluation(self):
        assert not KNOWN["compared"].fits([*evaluations(), BOTH])
