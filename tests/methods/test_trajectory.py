"""Trajectory matching: both gradients against a numerical one, the presets against what the papers say of them."""

import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils import parameters_to_vector

from ddkit.data import augment
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods import presets
from ddkit.methods.loop import distill
from ddkit.methods.matching.student import Batch, Student, stepwise, unrolled
from ddkit.methods.matching.trajectory import Config, Segment, TrajectoryMatching, right_logits, trajectory_loss
from ddkit.methods.presets import configure
from ddkit.networks import build
from ddkit.synthetic import SyntheticSet, forms
from ddkit.training.experts import Plan, Trajectories, train_expert

QUICK = {"network": "ConvNetD1", "width": 4, "experts": 2, "expert_epochs": 5, "expert_lr": 0.1, "expert_batch": 6,
         "expert_span": 1, "last_start": 1, "final_start": 3, "expansion": 4, "student_steps": 3, "rate": 0.05,
         "image_lr": 1.0}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def problem():
    """A student, six images with logits, four batches with augmentation, and a segment, in double precision."""
    network = build("ConvNetD2", 1, 3, 8, width=3, generator=seeded()).double()
    student, start = Student(network), parameters_to_vector(network.parameters()).detach()
    target = start + 0.1 * torch.randn(len(start), generator=seeded(1), dtype=torch.float64)
    images = torch.randn(6, 1, 8, 8, generator=seeded(2), dtype=torch.float64)
    labels = torch.randn(6, 3, generator=seeded(3), dtype=torch.float64)
    generator = seeded(4)
    batches = [Batch(torch.randperm(6, generator=generator)[:4], augment.draw("crop_scale_rotate", 4, generator))
               for _ in range(4)]
    return student, images, labels, torch.tensor(0.3, dtype=torch.float64), batches, Segment(start, target)


def slow_loss(student, images, labels, rate, batches, segment):
    """The definition: train the network itself by SGD and measure how far it is from the expert."""
    network = copy.deepcopy(student.network)
    torch.nn.utils.vector_to_parameters(segment.start.clone(), network.parameters())
    for batch in batches:
        seen, meant = augment.apply(images[batch.indices], batch.draw), labels[batch.indices]
        network.zero_grad()
        F.cross_entropy(network(seen), meant.softmax(1) if meant.ndim == 2 else meant).backward()
        with torch.no_grad():
            for weight in network.parameters():
                weight -= rate * weight.grad
    left, go = 0.0, 0.0
    vectors = (parameters_to_vector(network.parameters()), segment.start, segment.target)
    for end, start, target in list(zip(*(v.tolist() for v in vectors), strict=True))[segment.first :]:
        left, go = left + (end - target) ** 2, go + (start - target) ** 2
    return left / go


def nudged(tensor, place, by):
    tensor = tensor.clone()
    tensor[place] += by
    return tensor


STEP = 1e-6  # in float64: small enough to cross no ReLU's kink, large enough for rounding


@pytest.mark.parametrize("gradient", [unrolled, stepwise])
@pytest.mark.parametrize("first", [0, 50])
def test_loss_and_gradients_equal_slow_numerical_ones(problem, gradient, first):
    student, images, labels, rate, batches, segment = problem
    segment = Segment(segment.start, segment.target, first)
    found = gradient(student, images, labels, rate, batches, segment)
    assert found.loss == pytest.approx(slow_loss(student, images, labels, rate, batches, segment), rel=1e-10)

    def slope(index, place, step=STEP):
        sides = [[images, labels, rate] for _ in range(2)]
        for side, sign in zip(sides, (1, -1), strict=True):
            side[index] = nudged(side[index], place, sign * step)
        high, low = (slow_loss(student, *side, batches, segment) for side in sides)
        return (high - low) / (2 * step)

    for place in [(0, 0, 3, 3), (2, 0, 4, 5), (5, 0, 1, 6)]:
        assert float(found.images[place]) == pytest.approx(slope(0, place), rel=1e-4, abs=1e-9)
    for place in [(0, 0), (3, 2), (5, 1)]:
        assert float(found.labels[place]) == pytest.approx(slope(1, place), rel=1e-4, abs=1e-9)
    assert float(found.rate) == pytest.approx(slope(2, ()), rel=1e-4)


@pytest.mark.parametrize("network", ["ConvNetD2", "MLP", "LeNet"])
@pytest.mark.parametrize("hard", [False, True])
def test_both_gradients_agree(network, hard):
    model = build(network, 1, 10, 28, width=4, generator=seeded()).double()
    student, start = Student(model), parameters_to_vector(model.parameters()).detach()
    segment = Segment(start, start + 0.1 * torch.randn(len(start), generator=seeded(1), dtype=torch.float64))
    images = torch.randn(6, 1, 28, 28, generator=seeded(2), dtype=torch.float64)
    labels = torch.arange(6) if hard else torch.randn(6, 10, generator=seeded(3), dtype=torch.float64)
    batches = [Batch(torch.randperm(6, generator=seeded(i))[:3]) for i in range(5)]
    rate = torch.tensor(0.2, dtype=torch.float64)
    one, other = (f(student, images, labels, rate, batches, segment) for f in (unrolled, stepwise))
    torch.testing.assert_close(one.images, other.images, rtol=1e-4, atol=1e-12)
    torch.testing.assert_close(one.rate, other.rate, rtol=1e-4, atol=0)
    assert (one.labels is None) == (other.labels is None) == hard
    if not hard:
        torch.testing.assert_close(one.labels, other.labels, rtol=1e-4, atol=1e-12)


def test_the_loss_is_one_at_the_start_and_zero_at_the_target():
    start, target = torch.randn(2, 9, generator=seeded())
    assert trajectory_loss(start, start, target) == 1 and trajectory_loss(target, start, target) == 0


def test_weights_left_out_count_in_neither_numerator_nor_denominator():
    start, target, student = torch.randn(3, 10, generator=seeded())
    spoilt = start.clone()
    spoilt[:4] = 1e6
    expected = (student[4:] - target[4:]).square().sum() / (start[4:] - target[4:]).square().sum()
    assert Segment(start, target, 4).loss(student) == expected == Segment(spoilt, target, 4).loss(student)


def test_the_range_of_start_epochs_grows_evenly_and_then_stays():
    config = Config(first_start=2, last_start=10, final_start=20, expansion=100)
    assert [config.latest_start(i) for i in (0, 9, 10, 50, 99, 100, 5000)] == [10, 10, 11, 15, 19, 20, 20]


def test_presets_differ_where_the_papers_do():
    mtt, datm, pad = (configure("trajectory", name, {}) for name in ("mtt", "datm", "pad"))
    assert (mtt.learned_labels, mtt.threshold, mtt.difficulty, mtt.left_out) == (False, 0, "none", 0)
    assert mtt.last_start == mtt.final_start
    assert (datm.learned_labels, datm.threshold, datm.difficulty, datm.left_out) == (True, 1, "none", 0)
    assert (datm.first_start, datm.last_start, datm.final_start) == (0, 10, 20)
    assert (datm.student_steps, datm.expert_span) == (80, 2)
    differing = {name for name in vars(datm) if getattr(datm, name) != getattr(pad, name)}
    assert differing == {"difficulty", "left_out"} and pad.left_out == 0.5
    assert all(presets.departures("trajectory", name) for name in ("mtt", "datm", "pad"))


def test_the_form_of_haba_is_as_far_from_the_papers_as_is_said(digits):
    said = " ".join(presets.departures("trajectory", "haba"))
    name, options = presets.form("trajectory", "haba")
    form = forms.begin(name, forms.configure(name, options), digits, 10, "real", seeded())
    number, shape = form.config.number, form.parts["bases"].shape[2:]
    assert f"{number} hallucinators" in said and shape == (14, 14) and "half the height and width" in said
    rates = form.rates(configure("trajectory", "haba", {}).image_lr)
    assert max(rates.values()) < 10 and "far below HaBa's own, 100" in said and "rates are HaBa's" not in said


@pytest.fixture(scope="module")
def trajectories(tmp_path_factory):
    """Maker of experts for a data set and a config, trained once."""
    made = {}

    def of(dataset, config) -> Trajectories:
        if config.plan not in made:
            folder = tmp_path_factory.mktemp("experts")
            for index in range(config.experts):
                train_expert(folder, index, config.plan, dataset, 0, None, quiet=True)
            made[config.plan] = Trajectories(folder, config.plan)
        return made[config.plan]

    return of


@pytest.fixture
def started(tiny, trajectories):
    """A started method and its synthetic set, of a preset with quick settings."""

    def start(preset="datm", init="real", seed=0, **changes):
        config = configure("trajectory", preset, {**QUICK, **changes, "difficulty": "none"})
        method = TrajectoryMatching(config)
        method.trajectories = trajectories(tiny, config)
        synthetic = SyntheticSet.begin(init, tiny, 2, seeded(seed))
        method.start(tiny, synthetic, partial(stream, seed))
        return method, synthetic

    return start


def test_datm_starts_from_images_that_experts_get_right_with_the_right_ones_mean_logits(started, tiny):
    method, synthetic = started()
    finished = [method.trajectories.network(i, 5, tiny) for i in range(2)]
    train = {image.numpy().tobytes(): int(label) for image, label in zip(tiny.train.images, tiny.train.labels,
                                                                         strict=True)}
    for image, label, logits in zip(synthetic.images, [0, 0, 1, 1, 2, 2], synthetic.labels, strict=True):
        assert train[image.numpy().tobytes()] == label
        answers = [expert(image[None])[0].detach() for expert in finished]
        right = [answer for answer in answers if int(answer.argmax()) == label]
        assert int(answers[0].argmax()) == label
        torch.testing.assert_close(logits, sum(right) / len(right))
    assert synthetic.meaning == "logits" and torch.equal(synthetic.start, synthetic.images)


@pytest.mark.parametrize("form", ["hallucinators", "multi-formation"])
def test_datms_labels_are_of_the_images_that_a_form_makes(started, tiny, form):
    method, _ = started()
    synthetic = haba(tiny, 3, number=2, spread=0.0) if form == "hallucinators" else SyntheticSet.of_form(
        forms.begin(form, forms.configure(form, {}), tiny, 1, "real", seeded()), tiny, "real")
    method.start(tiny, synthetic, partial(stream, 0))
    finished = [method.trajectories.network(i, 5, tiny) for i in range(2)]
    right = right_logits(finished, synthetic.images.detach(), synthetic.form.labels)
    known = ~right.isnan()
    assert known.any() and torch.equal(synthetic.labels[known], right[known])
    assert torch.equal(synthetic.predicted, synthetic.form.labels)


def test_mtt_keeps_the_given_images_and_their_classes(started, tiny):
    _, synthetic = started("mtt", final_start=1)
    assert torch.equal(synthetic.images, SyntheticSet.from_real(tiny, 2, seeded()).images)
    assert synthetic.meaning == "classes" and len(synthetic.parameters()) == 1


def test_labels_can_only_be_learned_from_real_images(started):
    with pytest.raises(InputError, match="start from real images"):
        started(init="noise")


def test_too_few_images_that_experts_get_right_are_named(tiny, trajectories):
    config = configure("trajectory", "datm", {**QUICK, "expert_lr": 1e-9})
    method = TrajectoryMatching(config)
    method.trajectories = trajectories(tiny, config)
    with pytest.raises(InputError, match="too few images correctly"):
        method.start(tiny, SyntheticSet.from_real(tiny, 12, seeded()), partial(stream, 0))


def test_an_update_moves_images_labels_and_rate_downhill(started):
    method, synthetic = started(image_lr=0.1, label_lr=0.1, rate_lr=0.1, last_start=0, final_start=0)
    segment, batches = method._segment(), method._batches()
    method._segment, method._batches = lambda: segment, lambda: batches
    before = [t.clone() for t in (synthetic.images, synthetic.labels, method.log_rate)]
    losses = [method.update()["loss"] for _ in range(12)]
    assert losses[-1] < losses[0]
    assert not any(torch.equal(*pair) for pair in zip(before, (synthetic.images, synthetic.labels, method.log_rate),
                                                      strict=True))
    assert synthetic.learning_rate == pytest.approx(float(method.log_rate.exp()))


def test_updates_above_the_threshold_change_nothing(started):
    method, synthetic = started(threshold=1e-9)
    before = synthetic.images.clone()
    told = method.update()
    assert told["skipped"] == 1 and told["loss"] > 1e-9 and torch.equal(synthetic.images, before)
    method, synthetic = started(threshold=1e9)
    assert method.update()["skipped"] == 0 and not torch.equal(synthetic.images, before)


def test_the_rate_stays_positive_however_hard_it_is_pulled(started):
    method, synthetic = started(rate_lr=5.0, threshold=0.0, image_lr=1e-6)
    rates = [method.update()["rate"] for _ in range(8)]
    assert len(set(rates)) > 1 and min(rates) > 0 and synthetic.learning_rate == rates[-1]


def test_students_start_within_the_range_and_see_every_image_once_before_any_twice(started):
    method, _ = started(batch=2)
    starts = {tuple(method.trajectories.weights(i, e)[:3].tolist()): e for i in range(2) for e in range(6)}
    seen = set()
    for method.done in [0] * 40:
        seen.add(starts[tuple(method._segment().start[:3].tolist())])
    assert seen == {0, 1}
    method.done, later = 99, set()
    for _ in range(60):
        later.add(starts[tuple(method._segment().start[:3].tolist())])
    assert later == {0, 1, 2, 3}
    order = torch.cat([batch.indices for batch in method._batches() + method._batches()]).tolist()
    assert sorted(order[:6]) == sorted(order[6:]) == list(range(6))


def haba(tiny, ipc=8, **options):
    """A set of bases and hallucinators."""
    config = forms.configure("hallucinators", {"number": 3, "shrink": 1, **options})
    form = forms.get("hallucinators").begin(config, tiny, ipc, "real", seeded())
    return SyntheticSet.of_form(form, tiny, "real")


OTHERS = {"ftd": {"average": 0.5, "final_start": 3}, "haba": {"final_start": 3}}


@pytest.mark.parametrize("preset", ["ftd", "haba"])
def test_without_what_is_theirs_other_presets_are_mtt_bit_for_bit(started, preset):
    theirs = {"average": 0.0, "gap": 0.0, "sharpness": 0.0, "image_momentum": 0.5}
    sets = [started(name, final_start=3, **changes)[:2] for name, changes in ((preset, theirs), ("mtt", {}))]
    for method, _ in sets:
        assert method.config.plan == sets[0][0].config.plan
        for _ in range(3):
            method.update()
    assert sets[0][1].images.equal(sets[1][1].images)


def test_an_averaged_set_is_the_average_of_what_the_optimiser_goes_through(started):
    plain, latest = started("mtt", final_start=3)
    averaged, shown = started("ftd", average=0.75, gap=0.0, sharpness=0.0, final_start=3)
    expected = latest.images.clone()
    for _ in range(4):
        assert plain.update() == averaged.update()
        expected = 0.75 * expected + 0.25 * latest.images
        torch.testing.assert_close(shown.images, expected)
    assert not shown.images.equal(latest.images) and averaged.shown.state_dict()["latest"][0].equal(latest.images)


def test_a_step_sees_one_view_of_all_its_bases_and_every_view_comes(started, tiny):
    method, _ = started("haba", final_start=3, batch=3)
    synthetic = haba(tiny)
    batches = method.config.batches(tiny, synthetic, seeded(1), seeded(2))
    seen, views = [], set()
    for _ in range(40):
        indices = batches.next().indices
        views.add(int(indices[0] % 3))
        assert (indices % 3 == indices[0] % 3).all() and len(indices) == 3
        seen += (indices // 3).tolist()
    bases = len(synthetic.labels) // 3
    assert views == {0, 1, 2} and sorted(seen[: bases // 3 * 3]) == sorted(set(seen[: bases // 3 * 3]))


def test_one_hallucinator_that_changes_nothing_gives_bases_the_gradient_of_pixels(started, tiny):
    synthetic = haba(tiny, number=1, kernel=1, spread=0.0)
    plain = SyntheticSet.from_real(tiny, 2, seeded())
    plain.images, plain.start = synthetic.images.detach().clone(), synthetic.start.clone()
    plain.labels = synthetic.labels
    found = []
    for preset, one, part in (("haba", synthetic, "bases"), ("mtt", plain, None)):
        method, _ = started(preset, final_start=3)
        for parameter in one.parameters():
            parameter.requires_grad_()
        method.start(tiny, one, partial(stream, 0))
        method.update()
        found.append(one.form.parts[part].grad if part else one.images.grad)
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("preset", ["datm", "ftd", "haba"])
def test_a_killed_distillation_resumes_to_the_same_bits(tiny, started, tmp_path, preset):
    def begin():
        return haba(tiny) if preset == "haba" else SyntheticSet.from_real(tiny, 2, seeded())

    def go(updates, checkpoint):
        method, _ = started(preset, **OTHERS.get(preset, {}))
        synthetic = begin()
        history = distill(method, synthetic, tiny, updates=updates, seed=0, checkpoint=checkpoint, quiet=True)
        return synthetic, history

    whole, _ = go(6, None)

    method, _ = started(preset, **OTHERS.get(preset, {}))
    real = method.update

    def update():
        if method.done == 3:
            raise KeyboardInterrupt
        return real()

    method.update = update
    with pytest.raises(KeyboardInterrupt):
        distill(method, begin(), tiny, updates=6, seed=0,
                checkpoint=Checkpoint(tmp_path / "c.pt"), quiet=True)
    resumed, history = go(6, Checkpoint(tmp_path / "c.pt"))
    assert history.updates == 6 and resumed.learning_rate == whole.learning_rate
    assert torch.equal(resumed.images, whole.images) and torch.equal(resumed.labels, whole.labels)


@pytest.mark.parametrize("changes", [
    {"student_steps": 0}, {"rate": 0.0}, {"left_out": 1.0}, {"first_start": 3, "last_start": 2}, {"gradient": "best"},
    {"expert_epochs": 21}, {"threshold": -1.0}])
def test_settings_that_cannot_work_are_refused(changes):
    with pytest.raises(InputError):
        configure("trajectory", "pad", changes)


def test_a_plan_follows_the_config():
    config = configure("trajectory", "pad", {"experts": 3, "sharpness": 0.01, "half": True})
    assert config.plan == Plan(experts=3, sharpness=0.01, difficulty="el2n", half=True)
