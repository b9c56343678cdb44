"""Students on a map: their paths end where the method's own loss says, however they were asked for."""

import dataclasses

import pytest
import torch

import ddkit
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods.matching.student import GRADIENTS, Student
from ddkit.specs import Distill
from ddkit.stored import METHOD, START, following
from ddkit.stored.following import ALL, EXPERT, SEGMENT, Following, Place
from ddkit.training.difficulty import subset

OPTIONS = {"batch": 5, "expert_batch": 64, "expert_epochs": 5, "expert_lr": 0.1, "expert_span": 1, "experts": 2,
           "final_start": 1, "last_start": 1, "learned_labels": True, "student_steps": 3, "left_out": 0.0}
PLACE = Place(expert=1, epoch=2, span=2, steps=4)


def spec(**options) -> Distill:
    return Distill("digits-0-1-2", "trajectory", "pad", ipc=3, network="ConvNetD2", width=4, updates=3,
                   options=tuple(sorted((OPTIONS | options).items())))


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Students that follow the experts of a distillation with these options."""
    root = tmp_path_factory.mktemp("runs")

    def made(data=None, **options) -> Following:
        wanted = spec(**options)
        return Following(ddkit.run(wanted.experts, root=root, quiet=True), ddkit.run(wanted, root=root, quiet=True),
                         ddkit.load(data or wanted.dataset))

    return made


@pytest.mark.parametrize("options", [{}, {"left_out": 0.5}, {"learned_labels": False},
                                     {"augmented": False, "batch": 0}], ids=str)
@pytest.mark.parametrize("side", [METHOD, START])
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_a_path_ends_where_the_methods_own_loss_says(make, options, side, gradient):
    students = make(**options)
    made, config = students.sets[side], students.config
    streams = (stream(PLACE.draw, f"trajectory map: {what}") for what in ("order", "augmentation"))
    batches = config.batches(students.dataset, made, *streams)
    found = GRADIENTS[gradient](Student(students.trajectories.template(students.dataset)), made.images, made.labels,
                                torch.tensor(students.rate), [batches.next() for _ in range(PLACE.steps)],
                                students.segment(PLACE))
    path = students.path(side, PLACE)
    assert path.losses[-1] == pytest.approx(found.loss, rel=1e-6) and path.losses[0] == 1
    assert len(path.losses) == len(path.weights) == PLACE.steps + 1
    assert path.weights[0].equal(students.trajectories.weights(1, 2)) and path.losses[-1] != 1


def test_a_path_is_the_same_made_at_once_or_step_by_step_and_known_when_asked_again(make):
    whole, bit_by_bit = make().path(METHOD, PLACE), make()
    for steps in range(1, PLACE.steps + 1):
        assert bit_by_bit.path(METHOD, dataclasses.replace(PLACE, steps=steps)).seconds > 0
    again = bit_by_bit.path(METHOD, PLACE)
    assert again.weights.equal(whole.weights) and again.losses == whole.losses and again.seconds == 0
    shorter = bit_by_bit.path(METHOD, dataclasses.replace(PLACE, steps=2))
    assert shorter.weights.equal(whole.weights[:3]) and shorter.seconds == 0


@pytest.mark.parametrize("other", [{"expert": 0}, {"epoch": 1}, {"draw": 1}])
def test_another_place_is_another_path_though_the_first_is_forgotten(make, other, monkeypatch):
    monkeypatch.setattr(following, "_KEPT", 0)
    students = make()
    first = students.path(METHOD, PLACE)
    assert not students.path(METHOD, dataclasses.replace(PLACE, **other)).weights.equal(first.weights)
    students.path(START, PLACE)
    assert len(students._walked) == 2
    assert students.path(METHOD, PLACE).weights.equal(first.weights)


@pytest.mark.parametrize("left_out", [0.0, 0.5])
def test_in_the_plane_of_a_segment_the_loss_can_be_measured(make, left_out):
    students = make(left_out=left_out)
    plane, segment = students.plane(SEGMENT, PLACE), students.segment(PLACE)
    path = students.path(METHOD, PLACE)
    points = torch.stack([segment.start, segment.target, path.weights[-1]])
    start, target, end = plane.seen(students.counted(SEGMENT, PLACE, points))
    measured = (end - target).square().sum() / (start - target).square().sum()
    assert float(measured) == pytest.approx(path.losses[-1], rel=1e-4)


@pytest.mark.parametrize("of", [ALL, EXPERT, SEGMENT])
def test_what_a_plane_hides_is_said(make, of):
    assert "variance" in make().told(of, PLACE)


def test_the_plane_of_an_expert_holds_more_of_it_than_that_of_all(make):
    students = make()
    own = students.snapshots(1)
    assert students.plane(EXPERT, PLACE).share(own) > students.plane(ALL, PLACE).share(own)


def test_only_the_experts_that_are_looked_at_are_read(make):
    students = make()
    students.path(METHOD, PLACE), students.told(EXPERT, PLACE), students.told(SEGMENT, PLACE)
    assert set(students._snapshots) == {PLACE.expert}
    students.plane(ALL, PLACE)
    assert set(students._snapshots) == {0, 1}


@pytest.mark.parametrize(("epoch", "span"), [(0, 1), (0, 2), (1, 1), (2, 2), (3, 2), (4, 1)])
def test_the_images_shown_are_those_of_the_epochs_between_start_and_target(make, epoch, span):
    students = make()
    order, seen = students.shown(Place(0, epoch, span, 1))
    expected = {int(i) for e in range(epoch, epoch + span) for i in subset(order, e, 5)}
    assert set(order[seen].tolist()) == expected


def test_experts_that_saw_all_images_have_no_order(make):
    students = make(difficulty="none")
    assert not students.ordered
    with pytest.raises(InputError, match="all images in every epoch"):
        students.shown(PLACE)


@pytest.mark.parametrize("other", [spec(expert_lr=0.2), Distill("digits-0-1-2", ipc=2, network="ConvNetD2", width=4,
                                                              updates=2, options=(("network_steps", 1),))])
def test_a_distillation_of_other_experts_or_of_none_is_refused(other, tmp_path):
    experts = ddkit.run(spec().experts, root=tmp_path, quiet=True)
    with pytest.raises(InputError, match="did not match"):
        Following(experts, ddkit.run(other, root=tmp_path, quiet=True), ddkit.load("digits-0-1-2"))


@pytest.mark.parametrize("of", range(3), ids=["experts", "distillation", "data set"])
def test_what_is_of_other_data_is_refused(tmp_path, of):
    given = [ddkit.run(spec().experts, root=tmp_path, quiet=True), ddkit.run(spec(), root=tmp_path, quiet=True),
             ddkit.load("digits-0-1-2")]
    given[of] = dataclasses.replace(given[of], fingerprint="another one")
    with pytest.raises(InputError, match="is of other data"):
        Following(*given)
