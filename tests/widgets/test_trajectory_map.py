"""The trajectory map: every control counts, a span never runs past the expert's end, what is said is what is drawn."""

import pytest

import ddkit
from ddkit.foundation.errors import InputError
from ddkit.specs import Distill
from ddkit.stored import METHOD
from ddkit.stored.following import ALL, SEGMENT
from ddkit.widgets.trajectory_map import TrajectoryMap

OPTIONS = {"batch": 5, "expert_batch": 64, "expert_epochs": 5, "expert_lr": 0.1, "expert_span": 1, "experts": 2,
           "final_start": 1, "last_start": 1, "learned_labels": True, "student_steps": 3, "left_out": 0.0}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Two distillations of the same experts, these, and their data."""
    root = tmp_path_factory.mktemp("runs")
    specs = [Distill("digits-0-1-2", "trajectory", "pad", ipc=ipc, network="ConvNetD2", width=4, updates=3,
                     options=tuple(sorted(OPTIONS.items()))) for ipc in (2, 3)]
    records = [ddkit.run(spec, root=root, quiet=True) for spec in specs]
    return {"two": records[0], "three": records[1]}, ddkit.run(specs[0].experts, root=root, quiet=True), ddkit.load(
        "digits-0-1-2")


@pytest.fixture
def shown(stored):
    return TrajectoryMap(*stored)


@pytest.mark.parametrize(("name", "value"), [("expert", 2), ("epoch", 3), ("span", 3), ("steps", 9), ("draw", 4),
                                             ("plane", ALL), ("plane", SEGMENT)])
def test_every_control_changes_the_picture(shown, name, value):
    before = shown.map.value
    getattr(shown, name).value = value
    assert shown.map.value != before


def test_another_distillation_is_another_student(shown):
    before = shown.says.value
    shown.of.index = 1
    assert shown.says.value != before and shown.following.sets[METHOD].ipc == 3


def test_a_span_never_runs_past_the_experts_end(shown):
    shown.epoch.value = 4
    shown.span.value = 5
    assert shown.epoch.max == 0 and shown.place.epoch == 0 and shown.place.span == 5
    shown.span.value = 2
    assert shown.epoch.max == 3 and shown.place.epoch == 0


def test_it_says_how_near_the_students_got_and_whether_that_was_computed(shown):
    shown.steps.value = 7
    loss = shown.following.path(METHOD, shown.place).losses[-1]
    assert f"{loss:.3f} on distilled images" in shown.says.value and "The steps took" in shown.says.value
    shown.steps.value = 6
    assert "were made before" in shown.says.value


def test_the_picture_has_words_and_a_figure_at_rest(shown):
    assert "trajectory loss is" in shown.map.value.split("src=")[0]
    assert len(shown.figure().axes) == 3


def test_something_to_show_is_needed(stored):
    with pytest.raises(InputError, match="at least one distillation"):
        TrajectoryMap({}, *stored[1:])
