"""Distillation through training: which settings are one and the same, and what an update makes of its draws."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError
from ddkit.foundation.knobs import declared
from ddkit.foundation.randomness import stream
from ddkit.methods import presets
from ddkit.methods.average import Average
from ddkit.methods.loop import distill
from ddkit.methods.presets import configure
from ddkit.methods.unrolled import unrolled as module
from ddkit.methods.unrolled.clipping import Clipping
from ddkit.methods.unrolled.rule import LearnedRule
from ddkit.methods.unrolled.unrolled import Config, Unrolled
from ddkit.synthetic import SyntheticSet, forms
from ddkit.synthetic.schedule import ordered

QUICK = {"network": "ConvNetD1", "width": 4, "steps": 4, "real_batch": 3, "rate": 0.1, "image_lr": 0.1, "updates": 6}
SMALL = {"dd": {**QUICK, "starts": 2}, "dd_fixed": {**QUICK, "steps": 3}, "sldd": {**QUICK, "starts": 1},
         "sldd_fixed": {**QUICK, "images": 2}, "rtp": {**QUICK, "step_images": 1},
         "linba": {**QUICK, "step_images": 2}, "rat": {**QUICK, "window": 2}, "gtn": {**QUICK, "step_images": 1}}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def started(tiny):
    """A started method and its synthetic set, of a preset with quick settings."""

    def start(preset="dd", seed=0, ipc=2, **changes):
        method = Unrolled(configure("unrolled", preset, {**SMALL[preset], **changes}))
        synthetic = SyntheticSet.begin("noise", tiny, ipc, seeded(seed))
        method.start(tiny, synthetic, partial(stream, seed))
        return method, synthetic

    return start


def images_after(started, updates=3, **settings):
    method, synthetic = started(**settings)
    for _ in range(updates):
        told = method.update()
    assert told["loss"] > 0 and told["slope"] > 0
    return synthetic.images.detach().clone()


def formed(dataset, form, init="noise", ipc=4, **options):
    """A set of that form."""
    config = forms.configure(form, options)
    return SyntheticSet.of_form(forms.begin(form, config, dataset, ipc, init, seeded()), dataset, init)


FORMED = {"linba": ("bases", {"number": 4}), "gtn": ("decoder", {"fit_steps": 3, "stages": 1}),
          "sldd": ("bytes", {})}


@pytest.mark.parametrize("preset, form", [*((name, None) for name in SMALL), *FORMED.items()], ids=str)
def test_a_killed_distillation_resumes_to_the_same_bits(tiny, preset, form, tmp_path):
    def go(updates, checkpoint, kill_after=None):
        all_images = {"step_images": 0} if form and preset != "linba" else {}
        method = Unrolled(configure("unrolled", preset, SMALL[preset] | all_images))
        synthetic = formed(tiny, form[0], **form[1]) if form else SyntheticSet.from_noise(tiny, 2, seeded())
        update = method.update

        def or_killed():
            if method.done == kill_after:
                raise KeyboardInterrupt
            return update()

        method.update = or_killed
        history = distill(method, synthetic, tiny, updates=updates, seed=0, checkpoint=checkpoint, quiet=True)
        return synthetic, history

    whole, told = go(6, None)
    with pytest.raises(KeyboardInterrupt):
        go(6, Checkpoint(tmp_path / "c.pt"), kill_after=3)
    resumed, history = go(6, Checkpoint(tmp_path / "c.pt"))
    assert history.losses == told.losses
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert one.equal(other)
    assert (whole.schedule is None) == (resumed.schedule is None) == (not SMALL_CONFIG[preset].prescribes)
    if whole.schedule is not None:
        assert all(t.equal(resumed.schedule.tensors()[name]) for name, t in whole.schedule.tensors().items())


SMALL_CONFIG = {name: configure("unrolled", name, SMALL[name]) for name in SMALL}


@pytest.mark.parametrize("one, other", [
    # Labels that are not learned are classes.
    ({"preset": "sldd", "label_lr": 0.0, "rate": 0.1}, {"preset": "dd", "starts": 1}),
    # Without momentum, rates to learn and batches at random, RTP is DD of one batch.
    ({"preset": "rtp", "momentum": 0.0, "step_images": 0},
     {"preset": "dd", "starts": 1, "step_images": 0, "learned_rates": False, "optimiser": "sgd", "image_lr": 0.1,
      "decay": "none", "clip": "norm", "augmented": True}),
    # All images of a class in a step leave nothing to chance but their order.
    ({"preset": "rtp", "step_images": 0}, {"preset": "rtp", "step_images": 0, "ordered": True}),
    # A window of all steps is none.
    ({"preset": "rat", "window": 4}, {"preset": "rat", "window": 0}),
    # After one step, every step is the last.
    ({"preset": "gtn", "steps": 1, "ipc": 1}, {"preset": "gtn", "steps": 1, "ipc": 1, "every_step": False}),
    # With a table of images in place of a generator, and the loss at the end alone, GTN is DD with momentum.
    ({"preset": "gtn", "every_step": False},
     {"preset": "dd", "starts": 1, "momentum": 0.5, "learned_momentum": True, "decay": "cosine", "rule_lr": 0.02,
      "image_momentum": 0.9}),
    # A limit that no gradient reaches is none.
    ({"preset": "rtp", "clip_at": 1e9}, {"preset": "rtp", "clip": "none"})], ids=str)
def test_one_setting_is_another_bit_for_bit(started, one, other):
    assert images_after(started, **one).equal(images_after(started, **other))


def test_a_generator_that_changes_nothing_is_a_table_of_images(started, tiny):
    synthetic = formed(tiny, "decoder", ipc=2, number=1, stages=0, fit_steps=0)
    method, table = started("gtn")
    table.images, table.start = synthetic.images.detach().clone(), synthetic.start.clone()
    for one in (synthetic, table):
        for parameter in one.parameters():
            parameter.requires_grad_()
        method.start(tiny, one, partial(stream, 0))
        for _ in range(3):
            method.update()
    torch.testing.assert_close(synthetic.images, table.images, rtol=1e-5, atol=1e-5)
    assert not synthetic.images.equal(synthetic.start)


@pytest.mark.parametrize("changes", [
    {"preset": "dd", "starts": 1}, {"preset": "dd", "learned_rates": False}, {"preset": "dd", "momentum": 0.5},
    {"preset": "dd", "initialisation": "fixed", "starts": 1}, {"preset": "dd", "augmented": True},
    {"preset": "dd", "every_step": True}, {"preset": "dd", "window": 2}, {"preset": "dd", "step_images": 2},
    {"preset": "rat", "clip": "norm", "clip_at": 1e-3}, {"preset": "gtn", "learned_momentum": False},
    {"preset": "sldd", "label_lr": 0.0}], ids=str)
def test_a_setting_is_obeyed(started, changes):
    assert not images_after(started, **changes).equal(images_after(started, preset=changes["preset"]))


@pytest.mark.parametrize("preset", ["dd", "rtp", "rat", "gtn", "sldd"])
def test_both_modes_make_the_same_update(started, preset):
    one, other = (images_after(started, 1, preset=preset, gradient=mode, optimiser="sgd", clip="none")
                  for mode in ("stepwise", "unrolled"))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", ["dd_fixed", "rtp", "gtn", "sldd_fixed"])
def test_updates_lower_the_real_loss(started, preset):
    method, _ = started(preset, initialisation="fixed", ordered=True, steps=3, decay="none", updates=100)
    images, batches = method.real.draw(), method._at_random()
    method.real.draw, method._at_random = lambda: images, lambda: batches
    losses = [method.update()["loss"] for _ in range(25)]
    assert losses[-1] < 0.9 * losses[0]


def asked(monkeypatch):
    """What ``unroll`` is asked for, call by call."""
    calls, real = [], module.unroll

    def noting(student, start, images, labels, batches, rule, outer, **options):
        calls.append({"start": start, "batches": batches, "rule": rule, **options})
        return real(student, start, images, labels, batches, rule, outer, **options)

    monkeypatch.setattr(module, "unroll", noting)
    return calls


def test_windows_lie_anywhere_and_all_alike(started, monkeypatch):
    method, _ = started("rat", steps=5, window=3, image_lr=1e-9)
    calls = asked(monkeypatch)
    for _ in range(40):
        method.update()
    assert {call["window"] for call in calls} == {(0, 3), (1, 3), (2, 3)}
    counts = [sum(call["window"][0] == first for call in calls) for first in range(3)]
    drawn = torch.bincount(torch.stack([torch.randint(3, (), generator=g) for g in [stream(0, "windows")] * 40]))
    assert counts == drawn.tolist()


def test_losses_count_after_every_step_of_the_window(started, monkeypatch):
    for window, steps in ((0, [1, 2, 3]), (2, None)):
        method, _ = started("gtn", window=window)
        calls = asked(monkeypatch)
        method.update()
        first, length = calls[-1]["window"]
        assert sorted(calls[-1]["within"]) == (steps or [first + 1]) and length == (window or 4)


def test_of_the_losses_after_all_steps_the_mean_counts_as_the_knob_says(started):
    [said] = [knob.knob.doc for knob in declared(Config) if knob.name == "every_step"]
    assert "the mean of the real losses after all steps" in said
    found = []
    for losses in (1, 4):
        method, _ = started("gtn")
        found.append(float(method._real_loss(None, losses)(method._weights(stream(0, "weights")))))
    assert found[1] == pytest.approx(found[0] / 4)


def test_a_fixed_initialisation_is_that_of_every_update_and_of_the_set(started, monkeypatch):
    calls = asked(monkeypatch)
    for preset, same in (("dd_fixed", True), ("dd", False)):
        del calls[:]
        method, synthetic = started(preset)
        for _ in range(2):
            method.update()
        assert calls[0]["start"].equal(calls[-1]["start"]) == same
        assert synthetic.schedule.fixed == same
    method, synthetic = started("dd_fixed")
    method.update()
    assert synthetic.schedule.weights.equal(calls[0]["start"]) is False
    assert synthetic.schedule.weights.equal(calls[-1]["start"])


def test_ordered_steps_see_batch_after_batch_and_the_set_says_so(started, monkeypatch):
    calls = asked(monkeypatch)
    method, synthetic = started("dd", ipc=3, steps=5, starts=1)
    method.update()
    seen = torch.stack([batch.indices for batch in calls[0]["batches"]])
    assert seen.tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 3, 6], [1, 4, 7]]
    assert synthetic.schedule.order.equal(seen)
    torch.testing.assert_close(calls[0]["rule"].rates, torch.full((5,), 0.1))
    method.update()
    assert not calls[1]["rule"].rates.equal(calls[0]["rule"].rates)
    assert not synthetic.schedule.rates.equal(calls[1]["rule"].rates)  # those after the update, not before it


def test_batches_at_random_hold_as_many_images_of_every_class(started, monkeypatch):
    calls = asked(monkeypatch)
    method, synthetic = started("rtp", ipc=5, step_images=2, steps=6)
    method.update()
    for batch in calls[0]["batches"]:
        assert synthetic.labels[batch.indices].tolist() == [0, 0, 1, 1, 2, 2] and len(set(batch.indices.tolist())) == 6
    assert len({tuple(batch.indices.tolist()) for batch in calls[0]["batches"]}) > 1


def test_all_steps_and_the_real_images_share_one_augmentation(started, monkeypatch):
    calls = asked(monkeypatch)
    method, _ = started("rtp")
    draws, apply = [], module.augment.apply
    monkeypatch.setattr(module.augment, "apply", lambda images, draw: draws.append(draw) or apply(images, draw))
    method.update()
    assert draws[0] is not None and {id(draw) for draw in draws} == {id(b.draw) for b in calls[0]["batches"]}


def test_fewer_images_than_classes_begin_as_equal_shares(started):
    _, synthetic = started("sldd_fixed", ipc=1, images=2)
    assert synthetic.labels.tolist() == [[0.5, 0.5, 0], [0, 0, 1]] and synthetic.meaning == "weights"
    assert len(synthetic.images) == len(synthetic.start) == 2
    _, synthetic = started("sldd_fixed", images=0)
    assert synthetic.labels.equal(F.one_hot(torch.tensor([0, 0, 1, 1, 2, 2]), 3).float())


def test_a_number_of_images_is_not_taken_of_another_form(tiny):
    method = Unrolled(configure("unrolled", "sldd_fixed", SMALL["sldd_fixed"]))
    with pytest.raises(InputError, match="set images to 0, or form to pixels"):
        method.start(tiny, formed(tiny, "bases", number=4), partial(stream, 0))


def test_rates_stay_positive_and_momenta_below_one_however_hard_they_are_pulled():
    config = Config(steps=3, rate=0.02, momentum=0.5, learned_momentum=True)
    rule = LearnedRule(config, torch.device("cpu"))
    for values, expected in zip(rule.values(), (0.02, 0.5), strict=True):
        torch.testing.assert_close(values, torch.full((3,), expected))
    sgd = torch.optim.SGD(rule.groups(10.0))
    for _ in range(4):
        rule.pull(torch.full((3,), 50.0), torch.full((3,), -50.0))
        sgd.step()
    rates, momentum = rule.values()
    assert (rates >= 0).all() and (rates < 0.02).all() and (momentum > 0.5).all() and (momentum <= 1).all()


def test_what_is_learned_of_a_rule_has_the_slope_of_its_chain():
    config = Config(steps=2, rate=0.3, momentum=0.6, learned_momentum=True)
    rule = LearnedRule(config, torch.device("cpu"))
    [group] = rule.groups(1.0)
    raw = [p.clone().requires_grad_() for p in group["params"]]
    (2 * F.softplus(raw[0]).sum() + 3 * raw[1].sigmoid().sum()).backward()
    rule.pull(torch.full((2,), 2.0), torch.full((2,), 3.0))
    for one, other in zip(group["params"], raw, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_gradients_are_shortened_to_a_norm_or_to_a_multiple_of_the_usual_one():
    def left(clipping, length):
        gradients = [torch.tensor([0.6 * length, 0.0]), torch.tensor([0.8 * length])]
        assert clipping.clip(gradients) == pytest.approx(length)
        return float(torch.cat(gradients).norm())

    norm, running, none = Clipping("norm", 2.0), Clipping("running", 2.0), Clipping("none", 2.0)
    assert [left(norm, 1.0), left(norm, 8.0)] == pytest.approx([1, 2])
    assert [left(none, 8.0), left(none, 800.0)] == pytest.approx([8, 800])
    # Running mean: 1; then 0.9 + 0.1 * 1.5; then twice that, of 100; and what was left of it counts.
    assert [left(running, length) for length in (1.0, 1.5, 100.0, 100.0)] == pytest.approx(
        [1, 1.5, 2.1, 2 * (0.9 * 1.05 + 0.1 * 2.1)])
    again = Clipping("running", 2.0)
    again.load_state_dict(running.state_dict())
    assert left(again, 100.0) == left(running, 100.0)


def test_an_average_forgets_as_told_and_without_decay_is_the_last():
    half, none = Average(0.5), Average(0.0)
    for value in (1.0, 3.0, 0.1):
        for average in (half, none):
            average.update([torch.tensor([value])])
    assert half.values[0].item() == pytest.approx(1.05) and none.values[0].equal(torch.tensor([0.1]))


@pytest.mark.parametrize("decay, expected", [
    ("none", [0.1] * 20), ("halved", [0.1 * 0.5 ** (i // 2) for i in range(20)])])
def test_learning_rates_fall_as_told(started, decay, expected):
    method, _ = started("dd_fixed", decay=decay, updates=20)
    rates = []
    for method.done in range(20):
        method._decay()
        rates.append(method.optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx(expected)


def test_a_cosine_ends_at_a_tenth(started):
    method, _ = started("gtn", updates=20)
    found = []
    for method.done in (0, 10, 20):
        method._decay()
        found.append(method.optimiser.param_groups[0]["lr"])
    assert found == pytest.approx([0.1, 0.055, 0.01])


def test_presets_differ_where_the_papers_do():
    of = {name: configure("unrolled", name, {}) for name in module.PRESETS}
    assert (of["dd_fixed"].initialisation, of["dd_fixed"].steps, of["dd"].steps) == ("fixed", 3, 30)
    assert of["sldd"].learned_labels and not of["dd"].learned_labels and of["dd"].learned_rates
    assert (of["rtp"].momentum, of["rtp"].steps, of["rtp"].clip, of["rtp"].clip_at) == (0.9, 150, "norm", 2)
    assert (of["rat"].steps, of["rat"].window, of["rat"].clip) == (200, 60, "running")
    assert (of["gtn"].every_step, of["gtn"].learned_momentum, of["gtn"].steps) == (True, True, 64)
    owners = {name for name, config in of.items() if config.prescribes}
    assert owners == {f"{name}{size}" for name in ("dd", "dd_fixed", "sldd", "sldd_fixed", "gtn")
                      for size in ("", "_course")}
    assert {name.removesuffix("_course") for name in of} == {*SMALL, "course"}
    assert all(presets.departures("unrolled", name) for name in of)


@pytest.mark.parametrize("preset", ["linba", "linba_course"])
def test_linear_bases_are_as_many_and_begin_as_is_said(digits, preset):
    said = " ".join(presets.departures("unrolled", preset))
    assert "about as many as each class has images then" in said and "nearest to real images" in said
    name, options = presets.form("unrolled", preset)
    form = forms.begin(name, forms.configure(name, options), digits, 1, "real", stream(0, "init"))
    assert abs(form.config.number - form.ipc) <= 2 and form.config.number != 16


@pytest.mark.parametrize("changes, words", [
    ({"window": 31}, "does not lie within 30 steps"), ({"ordered": False}, "belong to an order"),
    ({"learned_momentum": True}, "begins above 0"), ({"initialisation": "fixed", "starts": 2}, "but one fixed"),
    ({"initialisation": "fixed", "ordered": False, "learned_rates": False}, "an order of its own"),
    ({"images": 5}, "goes with learned labels"), ({"network": "ConvNetD3BN"}, "batch norm"),
    ({"momentum": 1.0}, "below"), ({"clip": "hard"}, "unknown clip")], ids=str)
def test_settings_that_cannot_work_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        Config(**changes)


def test_an_order_that_leaves_images_out_is_refused(started):
    with pytest.raises(InputError, match="4 steps on 1 images of each class see 4, and there are 5"):
        started("dd", ipc=5)


@pytest.mark.parametrize("ipc, per_class, steps, expected", [
    (3, 1, 4, [[0, 3], [1, 4], [2, 5], [0, 3]]), (3, 2, 2, [[0, 1, 3, 4], [2, 0, 5, 3]]), (2, 2, 1, [[0, 1, 2, 3]])])
def test_an_order_goes_through_all_images_before_it_begins_again(ipc, per_class, steps, expected):
    assert ordered(2, ipc, per_class, steps).tolist() == expected
