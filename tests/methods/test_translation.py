"""Few-shot distillation by a translator: its loss by slow sums, what its parts may not depend on, what is counted."""

import threading
import tracemalloc
from dataclasses import fields, replace

import pytest
import torch

from ddkit.data import Dataset, Split, load
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError, Stopped
from ddkit.foundation.randomness import stream
from ddkit.methods import presets
from ddkit.methods.loop import Callback, distill
from ddkit.methods.translation import pretraining
from ddkit.methods.translation.inner import OneNetwork
from ddkit.methods.translation.plan import TranslatorPlan
from ddkit.methods.translation.pretraining import Pretraining, choose, distil_subset
from ddkit.methods.translation.regression import Statistics, batch_loss, centred, features, weights_of
from ddkit.methods.translation.translative import Translative
from ddkit.methods.translation.trying import Tone, trial
from ddkit.networks import build, names
from ddkit.networks.translator import build_translator
from ddkit.runs import Record, run
from ddkit.specs import Distill, Evaluate, Pretrain, describe_spec, restore_spec
from ddkit.specs import pretrain as specs_pretrain
from ddkit.synthetic import SyntheticSet

SMALL = TranslatorPlan(network="ConvNetD2", width=4, subsets=2, fewest_classes=2, most_classes=3, most_ipc=2, real=8,
             inner_updates=4, steps=4, judged=8, channels=4, held_out=2, trials=2)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def letters() -> Dataset:
    """Six classes of 16x16 images, 30 of each, bright in a place of their own."""
    generator = torch.Generator().manual_seed(1)

    def split(each: int) -> Split:
        labels = torch.arange(6).repeat_interleave(each)
        images = 0.5 * torch.randn(6 * each, 1, 16, 16, generator=generator)
        for image, label in zip(images, labels.tolist(), strict=True):
            image[:, 2 * label : 2 * label + 4, 3:13] += 2
        return Split(images, labels)

    return Dataset("digits", split(30), split(3), split(3), tuple("abcdef"), (0.5,), (0.3,), "f" * 64,
                   "crop_scale_rotate")


@pytest.fixture(scope="module")
def network():
    return build("ConvNetD2", 1, 3, 16, width=4, generator=stream(0, "network")).double()


@pytest.fixture
def a_set():
    return noise(5, 1, 16, 16, seed=3), noise(5, 3, seed=4)


def test_statistics_give_the_loss_of_all_the_images_and_its_gradient(network, a_set):
    real, wanted = noise(40, 1, 16, 16, seed=1), noise(40, 3, seed=2)
    images, targets = (part.requires_grad_() for part in a_set)
    statistics = Statistics.of(network, real, wanted)
    summed = statistics.loss(weights_of(network, images, targets))
    direct = batch_loss(network, images, targets, real, wanted)
    assert summed.item() == pytest.approx(direct.item(), rel=1e-10)
    for one, other in zip(torch.autograd.grad(summed, [images, targets], retain_graph=True),
                          torch.autograd.grad(direct, [images, targets]), strict=True):
        assert torch.allclose(one, other, rtol=1e-8, atol=1e-12)


def test_the_loss_equals_a_slow_sum_over_images(network, a_set):
    images, targets = a_set
    real, wanted = noise(6, 1, 16, 16, seed=1), noise(6, 3, seed=2)
    rows, own = features(network, real), features(network, images)
    gram = own @ own.T
    ridged = gram + 1e-6 * gram.diagonal().mean() * torch.eye(5, dtype=torch.float64)
    weights = own.T @ torch.linalg.inv(ridged) @ targets
    slow = sum(sum((float(row @ weights[:, c]) - float(y[c])) ** 2 for c in range(3))
               for row, y in zip(rows, wanted, strict=True)) / 6
    assert batch_loss(network, images, targets, real, wanted).item() == pytest.approx(slow, rel=1e-7)


def test_each_real_image_passes_the_network_once(network, monkeypatch):
    seen = []
    monkeypatch.setattr("ddkit.methods.translation.regression.features",
                        lambda _, images: (seen.append(len(images)), features(network, images))[1])
    monkeypatch.setattr("ddkit.methods.translation.regression.CHUNK", 7)
    Statistics.of(network, noise(20, 1, 16, 16), noise(20, 3))
    assert seen == [7, 7, 6]


@pytest.mark.parametrize("seed", [0, 1])
def test_weights_of_a_good_space_follow_from_those_of_any_other_without_the_data(seed):
    """Proposition 1: X theta* (theta*^+ theta w) = X theta w for every X of full column rank; not where theta* has
    less than full row rank."""
    d, middle, wide = 4, 6, 7
    theta, better, w = noise(d, middle, seed=seed), noise(d, wide, seed=seed + 10), noise(middle, 2, seed=seed + 20)
    moved = torch.linalg.pinv(better) @ theta @ w
    poor = noise(d, 2, seed=30) @ noise(2, wide, seed=31)
    for data in (noise(9, d, seed=40), noise(12, d, seed=41)):
        assert torch.allclose(data @ better @ moved, data @ theta @ w, atol=1e-10)
        assert not torch.allclose(data @ poor @ torch.linalg.pinv(poor) @ theta @ w, data @ theta @ w, atol=1e-2)


def test_the_gradient_in_a_translator_is_the_numerical_one(network, a_set):
    images, targets = a_set
    real, wanted = noise(6, 1, 16, 16, seed=1), noise(6, 3, seed=2)
    translator = build_translator(1, 4, "identity", stream(0, "translator")).double()

    def loss():
        return batch_loss(network, translator(images), targets, real, wanted)

    parameter = translator.last.weight
    [slope] = torch.autograd.grad(loss(), [parameter])
    for place in ((0, 0, 0, 0), (0, 3, 1, 2)):
        values = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                parameter[place] += step
                values.append(float(loss()))
                parameter[place] -= step
        assert float(slope[place]) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-4)


@pytest.mark.parametrize("start", ["identity", "random"])
def test_a_translator_takes_each_image_for_itself_at_any_size(start):
    translator = build_translator(1, 8, start, stream(0, "translator"))
    for size in (28, 32):
        images = torch.randn(4, 1, size, size, generator=stream(1, "images"))
        given = translator(images)
        assert given.shape == images.shape and torch.equal(given, images) == (start == "identity")
        order = torch.tensor([2, 0, 3, 1])
        assert torch.allclose(translator(images[order]), given[order], atol=1e-6)
        assert torch.allclose(translator(images[1:2]), given[1:2], atol=1e-6)


def test_the_fixed_network_has_the_same_features_whatever_the_classes_and_seeds(letters):
    fewer = letters.only([0, 3])
    one, other = (features(SMALL.fixed_network(data), letters.test.images) for data in (letters, fewer))
    assert torch.equal(one, other)


# --- the method


def options(**changes):
    steps = changes.pop("steps", 2)
    return presets.configure("translative", "laptop", {
        "inner_updates": 3, "updates": 3 + steps, "width": 4, "network": "ConvNetD2", "real_batch": 10, "channels": 4,
        "subsets": 2, "pretraining_steps": 2} | changes)


def made(dataset, seed=0, updates=None, method=None, **changes):
    config = options(**changes)
    synthetic = SyntheticSet.from_real(dataset, 1, stream(0, "init"))
    method = method or Translative(config)
    distill(method, synthetic, dataset, updates=updates or config.updates, seed=seed, quiet=True)
    return synthetic, method


def test_without_steps_an_identity_translator_is_one_network_bit_for_bit(letters):
    one, _ = made(letters, translator="none", steps=0)
    same, _ = made(letters, translator="identity", steps=0)
    assert torch.equal(one.images, same.images) and torch.equal(one.labels, same.labels)
    moved, _ = made(letters, translator="random", steps=0)
    assert not torch.equal(one.images, moved.images)  # what is translated at the last update in the fixed network


@pytest.mark.parametrize("translator", ["none", "random", "identity"])
@pytest.mark.parametrize("networks", [1, 2])
def test_networks_that_met_the_real_images_are_counted(letters, translator, networks, monkeypatch):
    built = []
    fresh = TranslatorPlan.fresh_network
    monkeypatch.setattr(TranslatorPlan, "fresh_network", lambda *args: (built.append(1), fresh(*args))[1])
    synthetic, _ = made(letters, translator=translator, networks=networks)
    assert synthetic.origin["networks met"] == 1 + 2 * networks == 1 + len(built)


def test_the_set_is_what_the_loss_sees(letters):
    synthetic, method = made(letters, translator="identity")
    with torch.no_grad():
        assert torch.equal(synthetic.images, method.translator(method.inner.images))
    assert torch.equal(synthetic.labels, method.inner.targets) and synthetic.meaning == "targets"


def test_pixels_in_fresh_networks_follow_the_plain_gradient_of_the_regression(letters):
    """The first step by hand: Adam moves every pixel by its rate against the sign of the gradient."""
    before, _ = made(letters, translator="none", steps=0)
    after, method = made(letters, translator="none", steps=1, adapt_lr=0.01)
    images = before.images.clone().requires_grad_()
    fresh = method.config.plan_of_translator.fresh_network(letters, stream(0, "networks"))
    picks = torch.randint(len(letters.train), (10,), generator=stream(0, "sampling"))
    real, wanted = letters.train.images[picks], centred(letters.train.labels[picks], 6)
    loss = batch_loss(fresh, images, before.labels, real, wanted)
    [slope] = torch.autograd.grad(loss, images)
    clear = slope.abs() > 1e-5
    assert torch.allclose((after.images - before.images)[clear], -0.01 * slope.sign()[clear], atol=1e-4)


class StopAt(Callback):
    def __init__(self, update, stop):
        self.update, self.stop = update, stop

    def on_update(self, synthetic, history):
        if history.updates == self.update:
            self.stop.set()


@pytest.mark.parametrize("translator", ["none", "identity"])
@pytest.mark.parametrize("at", [1, 3, 4])
def test_a_run_that_was_stopped_in_either_part_ends_in_the_same_bits(letters, tmp_path, translator, at):
    whole, _ = made(letters, translator=translator)
    synthetic, stop = SyntheticSet.from_real(letters, 1, stream(0, "init")), threading.Event()
    work = {"updates": 5, "seed": 0, "quiet": True, "checkpoint": Checkpoint(tmp_path / "kept.pt")}
    with pytest.raises(Stopped):
        distill(Translative(options(translator=translator)), synthetic, letters, stop=stop,
                callbacks=[StopAt(at, stop)], **work)
    resumed = SyntheticSet.from_real(letters, 1, stream(0, "init"))
    distill(Translative(options(translator=translator)), resumed, letters, **work)
    assert torch.equal(resumed.images, whole.images) and torch.equal(resumed.labels, whole.labels)
    assert resumed.origin["networks met"] == 3


# --- pre-training


def subsets(letters, folder, plan=SMALL, numbers=(0, 1), seed=0):
    learned, _ = plan.classes(letters, seed)
    return [distil_subset(Checkpoint(folder / f"{n}.pt"), n, plan, learned, letters, seed) for n in numbers]


def test_subsets_depend_on_their_number_alone_and_are_reloaded(letters, tmp_path):
    first = subsets(letters, tmp_path)
    [alone] = subsets(letters, tmp_path / "other", numbers=[1])
    assert torch.equal(alone.images, first[1].images) and not torch.equal(first[0].images[:1], first[1].images[:1])
    kept = subsets(letters, tmp_path)
    assert all(torch.equal(a.images, b.images) and a.seconds == b.seconds for a, b in zip(first, kept, strict=True))


def test_what_judges_a_subset_was_not_distilled_from_and_is_of_its_classes(letters, tmp_path):
    learned, held = SMALL.classes(letters, 0)
    assert not set(learned) & set(held) and sorted(learned + held) == list(range(6))
    for number in range(6):
        inner, judges, start = choose(number, SMALL, learned, letters, 0)
        rows = {name: set(picks.rows.tolist()) for name, picks in (("inner", inner), ("judges", judges),
                                                                   ("start", start))}
        assert not rows["inner"] & rows["judges"] and rows["start"] <= rows["inner"]
        for picks in (inner, judges, start):
            of_class = {(int(letters.train.labels[row]), int(label)) for row, label in zip(*picks[:2], strict=True)}
            assert {true for true, _ in of_class} <= set(learned) and len(of_class) == picks.classes
            images, targets = picks.of(letters.train)
            assert torch.equal(images, letters.train.images[picks.rows])
            assert torch.equal(targets.argmax(1), picks.labels)


def test_pretraining_keeps_no_graph_of_the_distillation(letters, tmp_path):
    peaks = []
    for updates in (2, 40):
        plan = TranslatorPlan(**{**vars(SMALL), "inner_updates": updates})
        training = Pretraining(plan, letters, subsets(letters, tmp_path / str(updates), plan), 0)
        assert not any(s.images.requires_grad or s.targets.requires_grad for s in training.subsets)
        tracemalloc.start()
        training.step()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_pretraining_goes_on_where_it_stopped_to_the_same_bits(letters, tmp_path, monkeypatch):
    monkeypatch.setattr("ddkit.methods.translation.pretraining.SAVE_EVERY", 1)
    given = subsets(letters, tmp_path)
    whole = Pretraining(SMALL, letters, given, 0)
    whole.run(Checkpoint(tmp_path / "whole.pt"), quiet=True)
    broken = Pretraining(SMALL, letters, given, 0)
    monkeypatch.setattr(broken, "step", lambda: Pretraining.step(broken) if len(broken.losses) < 2 else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        broken.run(Checkpoint(tmp_path / "kept.pt"), quiet=True)
    resumed = Pretraining(SMALL, letters, given, 0)
    resumed.run(Checkpoint(tmp_path / "kept.pt"), quiet=True)
    assert resumed.losses == whole.losses and len(whole.losses) == SMALL.steps
    for name, weight in whole.translator.state_dict().items():
        assert torch.equal(weight, resumed.translator.state_dict()[name])


def test_the_seconds_before_a_stop_count_by_both_clocks():
    kept = {"seconds": 500.0, "cpu_seconds": 300.0}
    assert [round(watch.seconds) for watch in pretraining._watches(kept)] == [500, 300]
    del kept["cpu_seconds"]  # as in older checkpoints
    assert [round(watch.seconds) for watch in pretraining._watches(kept)] == [500, 500]


def test_pretraining_lowers_the_loss_of_the_subsets_that_it_sees(letters, tmp_path):
    plan = TranslatorPlan(**{**vars(SMALL), "steps": 60, "lr": 5e-3})
    given = subsets(letters, tmp_path, plan)
    training = Pretraining(plan, letters, given, 0)
    before = sum(trial(training.translator, Tone(), s, plan, letters, 5, i)["translated"] for i, s in enumerate(given))
    training.run(Checkpoint(tmp_path / "kept.pt"), quiet=True)
    after = [trial(training.translator, Tone(), s, plan, letters, 5, i) for i, s in enumerate(given)]
    assert sum(t["translated"] for t in after) < before == pytest.approx(sum(t["one network"] for t in after))


def test_a_subset_is_blind_to_what_its_classes_are_called(letters, tmp_path):
    """Relabelling the classes permutes the targets and leaves the images and what a translator makes of them."""
    [given] = subsets(letters, tmp_path, numbers=[0])
    order = torch.randperm(given.targets.shape[1], generator=stream(0, "order"))
    images, wanted = given.judges.of(letters.train)
    statistics = Statistics.of(SMALL.fixed_network(letters), images, wanted)
    permuted = Statistics.of(SMALL.fixed_network(letters), images, wanted[:, order])
    found = []
    for stats, targets in ((statistics, given.targets), (permuted, given.targets[:, order])):
        learner = OneNetwork(SMALL.fixed_network(letters), stats, given.images.clone(), targets.clone(), 0.02, 0.005, 3)
        for _ in range(3):
            learner.update()
        found.append(learner)
    assert torch.allclose(found[0].images, found[1].images, atol=1e-5)
    assert torch.allclose(found[0].targets[:, order], found[1].targets, atol=1e-5)


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"left_out": "a,zz"}, "no class 'zz'"), ({"held_out": 5}, "1 classes of digits are left"),
    ({"fewest_classes": 4}, "fewest_classes is at most most_classes")])
def test_plans_that_cannot_work_are_one_sentence(letters, changes, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        TranslatorPlan(**{**vars(SMALL), **changes}).classes(letters, 0)
    assert "\n" not in str(caught.value)


def test_a_class_that_is_left_out_is_never_looked_at(letters):
    learned, held = TranslatorPlan(**{**vars(SMALL), "left_out": "b,e", "held_out": 1}).classes(letters, 0)
    assert not {1, 4} & {*learned, *held} and len(learned) == 3




def small_run(**changes):
    options = {"subsets": 2, "pretraining_steps": 3, "channels": 4, "inner_updates": 2, "updates": 4, "real_batch": 20,
               "pretrained_on": "digits", "translator": "pre-trained"}
    return Distill("digits-0-1", "translative", "laptop", 1, network="ConvNetD1", width=4, options=options | changes)


@pytest.fixture
def quick_plans(monkeypatch):
    """Plans whose other sizes fit scikit-learn's digits."""
    small = {"fewest_classes": 2, "most_classes": 3, "most_ipc": 1, "real": 10, "inner_updates": 2, "judged": 10,
             "held_out": 2, "trials": 1}
    values = tuple(small.get(field.name, field.default) for field in fields(TranslatorPlan))
    monkeypatch.setattr(TranslatorPlan.__init__, "__defaults__", values)


def test_a_distillation_takes_its_translator_from_a_pretraining_that_is_a_run_of_its_own(quick_plans, tmp_path):
    record = run(small_run(), root=tmp_path, quiet=True)
    [folder] = tmp_path.glob("pretrain-digits-*")
    pretrained = Record.load(folder)
    assert record.synthetic.origin["networks met"] == 3 and not (folder / "parts").exists()
    assert set(pretrained.result["classes"]) | set(pretrained.result["held_out"]) == set("0123456789")
    assert len(pretrained.result["losses"]) == 3 and len(pretrained.result["trials"]) == 1
    assert pretrained.asked == small_run().pretraining and restore_spec(describe_spec(small_run())) == small_run()
    made = pretrained.made
    assert run(pretrained.asked, root=tmp_path, quiet=True).made == made  # found again by its name
    weights = pretrained.weights
    translator = build_translator(1, 4, "identity", stream(0, "translator"))
    translator.load_state_dict(weights)  # all of them, and no others
    (folder / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="is not the file"):
        _ = Record.load(folder).weights
    assert record.synthetic.origin["pretraining"] == {"run": pretrained.name, "fingerprint": pretrained.fingerprint}
    again = run(small_run(), root=tmp_path, quiet=True)
    assert torch.equal(again.synthetic.images, record.synthetic.images)


def test_a_pretraining_that_was_killed_goes_on_from_its_subsets_and_steps(quick_plans, tmp_path, monkeypatch):
    spec = small_run().pretraining
    whole = run(spec, root=tmp_path / "whole", quiet=True)
    step, update = Pretraining.step, OneNetwork.update
    monkeypatch.setattr(Pretraining, "step", lambda self: step(self) if len(self.losses) < 2 else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(spec, root=tmp_path / "broken", quiet=True)
    monkeypatch.setattr(Pretraining, "step", step)
    distilled = []
    monkeypatch.setattr(OneNetwork, "update", lambda self: (distilled.append(1), update(self))[1])
    resumed = run(spec, root=tmp_path / "broken", quiet=True)
    assert len(distilled) == 2  # of the trial's subset alone: two updates
    assert resumed.result["losses"] == whole.result["losses"]
    assert all(torch.equal(w, resumed.weights[name]) for name, w in whole.weights.items())


def test_a_form_that_cannot_store_whole_images_is_refused():
    with pytest.raises(InputError, match="a translator writes whole images"):
        replace(small_run(translator="identity"), form="multi-formation").check()


def test_fewer_updates_than_those_in_the_fixed_network_are_refused_not_left_untranslated():
    with pytest.raises(InputError, match="500 updates are made in the fixed network before the set is translated"):
        _ = Distill("digits", "translative", "laptop", updates=100).config


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"pretrained_on": "letters"}, "unknown dataset 'letters'"), ({"pretrained_on": "cifar10"}, "3 channels, cannot")])
def test_data_that_a_translator_cannot_learn_from_are_told_before_anything_is_made(tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        run(small_run(**changes), root=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())


def test_a_distillation_does_not_go_on_with_a_translator_that_learned_from_other_images(quick_plans, tmp_path,
                                                                                         monkeypatch):
    """Glyphs that were drawn from other fonts, say: the name of the pre-training is the same."""
    class Stop(Callback):
        def on_update(self, synthetic, history):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(small_run(), root=tmp_path, callbacks=(Stop(),), quiet=True)
    [folder] = tmp_path.glob("pretrain-digits-*")
    record = Record.load(folder)
    replace(record, fingerprint="0" * 64).save()
    monkeypatch.setattr("ddkit.specs.distill.Distill.pretraining", property(lambda _: record.asked))
    monkeypatch.setattr("ddkit.runs.spec.fingerprint", lambda *_: None)
    with pytest.raises(InputError, match="another"):
        run(small_run(), root=tmp_path, quiet=True)


def test_fixed_pretraining_adaptation_and_evaluation_never_meet_in_a_network_whatever_the_seed(quick_plans, tmp_path,
                                                                                              monkeypatch):
    """All with seed 0, of the same kind and width: every stage draws networks of its own."""
    built, stage, build_one = {}, [], names.build

    def noted(*arguments, **named):
        network = build_one(*arguments, **named)
        built.setdefault(stage[-1], set()).add(next(network.parameters()).detach().cpu().numpy().tobytes())
        return network

    def in_stage(owner, name, called):
        real = getattr(owner, name)

        def call(*arguments, **named):
            stage.append(called)
            try:
                return real(*arguments, **named)
            finally:
                stage.pop()
        monkeypatch.setattr(owner, name, call)

    monkeypatch.setattr(names, "build", noted)
    in_stage(TranslatorPlan, "fixed_network", "fixed")
    in_stage(Pretraining, "step", "pre-training")
    in_stage(specs_pretrain, "fit_tone", "tone")
    in_stage(specs_pretrain, "trial", "trial")
    in_stage(Translative, "_adapt", "adaptation")
    stage.append("evaluation")
    record = run(small_run(), root=tmp_path, quiet=True)
    for protocol in ("kernel", "assignment"):
        run(Evaluate(record.asked, protocol, "ConvNetD1", 4, 2, 1 if protocol == "assignment" else None),
            root=tmp_path, quiet=True)
    assert set(built) == {"fixed", "pre-training", "tone", "trial", "adaptation", "evaluation"}
    assert len(built["fixed"]) == 1 and all(len(found) > 1 for name, found in built.items() if name != "fixed")
    assert sum(map(len, built.values())) == len(set().union(*built.values()))


def test_no_letter_that_a_translator_learns_from_by_default_is_a_digit(digits):
    assert Pretrain().dataset == "glyphs" and not set(load("glyphs").classes) & set(digits.classes)
