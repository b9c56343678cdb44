"""The loop with a method of its own and with DataDAM: it resumes bit for bit, refuses, stops and tells."""

import threading
import time
from dataclasses import replace
from functools import cache, partial

import pytest
import torch

from ddkit import methods
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import Diverged, InputError, Stopped, Unmoved
from ddkit.foundation.knobs import declared
from ddkit.foundation.randomness import stream
from ddkit.methods import loop as loop
from ddkit.methods import presets
from ddkit.methods.loop import Callback, distill, snapshot_updates
from ddkit.methods.matching.datadam import Config, DataDAM
from ddkit.synthetic import SyntheticSet

UPDATES = 6


class Descent:
    """Noisy gradient descent with momentum towards blank images: a stream and a buffer to be resumed."""

    def __init__(self, rate=0.1, bad=None):
        self.rate, self.bad = rate, bad

    def start(self, dataset, synthetic, rng):
        self.images, self.noise, self.done = synthetic.images, rng("noise"), 0
        self.velocity = torch.zeros_like(synthetic.start)

    def update(self):
        loss = self.images.square().sum()
        [gradient] = torch.autograd.grad(loss, self.images)
        self.velocity = 0.5 * self.velocity + gradient + torch.randn(gradient.shape, generator=self.noise)
        self.done += 1
        with torch.no_grad():
            self.images -= self.rate * self.velocity
            if self.bad == ("image", self.done):
                self.images[0, 0, 0, 0] = torch.inf
        return {"loss": float("nan") if self.bad == ("loss", self.done) else loss.item(), "velocity": 1.0}

    def state_dict(self):
        return {"velocity": self.velocity, "noise": self.noise.get_state(), "done": self.done}

    def load_state_dict(self, state):
        self.velocity, self.done = state["velocity"], state["done"]
        self.noise.set_state(state["noise"])


def datadam(**changes):
    """Three networks, two rounds each: six updates, with renewals and training between."""
    return DataDAM(Config(**{"networks": 3, "iterations": 2, "network_steps": 2, "real_batch": 8, "width": 4,
                             "image_momentum": 0.5} | changes))


def preset(method, name, **changes):
    """A preset in small: three networks with two updates each, trained between them, where it has networks to train."""
    known = {knob.name for knob in declared(methods.get(method).Config)}
    small = {"networks": 3, "outer": 2, "inner": 1, "network_steps": 2, "renewed": 2, "real_batch": 8, "width": 4}
    chosen = {knob: value for knob, value in small.items() if knob in known} | changes
    return methods.get(method)(presets.configure(method, name, chosen))


METHODS = {"descent": Descent, "datadam": datadam, "datadam with batch norm": partial(datadam, network="ConvNetD3BN"),
           "datadam in steps": partial(datadam, iterations=1, image_steps=2),
           "gradient": partial(preset, "gradient", "dsa"), "gradient by class": partial(preset, "gradient", "idc_i"),
           "distribution": partial(preset, "distribution", "idm"),
           "gradient with cutmix": partial(preset, "gradient", "idc", cutmix=0.5, synthetic_batch=1),
           "distribution by frequencies": partial(preset, "distribution", "ncfm", frequencies=16),
           "labels": partial(preset, "labels", "course", window=1),
           "labels by ridge": partial(preset, "labels", "course_ridge", window=1),
           "distribution by found frequencies": partial(preset, "distribution", "ncfm_max", frequencies=16),
           "distribution of some": partial(preset, "distribution", "itgan", synthetic_batch=1),
           "private": partial(preset, "private", "psg", updates=UPDATES, steps=2)}


def run(method, dataset, seed=0, init="real", updates=UPDATES, **options):
    """Distil a fresh set, from what the method can only begin with, if there is such; returns it with the history."""
    init = next(iter(getattr(getattr(method, "config", None), "inits", None) or [init]))
    synthetic = SyntheticSet.begin(init, dataset, 2, stream(seed, "init"))
    return synthetic, distill(method, synthetic, dataset, updates=updates, seed=seed, **options)


@pytest.mark.parametrize("order", [[1, 0, 2, 3, 4, 5], [0, 1, 4, 5, 2, 3], [0, 2, 4, 1, 3, 5], [0, 1, 2, 3, 4],
                                   [0, 1, 2, 3]], ids=str)
@pytest.mark.parametrize("soft", [False, True])
def test_a_set_whose_classes_are_not_where_methods_look_for_them_is_refused(tiny, order, soft):
    synthetic = SyntheticSet.begin("real", tiny, 2, stream(0, "init"))
    images, labels = synthetic.images[order], synthetic.labels[order]
    labels, meaning = (torch.eye(3)[labels], "probabilities") if soft else (labels, "classes")
    changed = replace(synthetic, images=images, start=images.clone(), labels=labels, meaning=meaning, form=None)
    if order == [1, 0, 2, 3, 4, 5]:  # the same classes in their places
        assert distill(Descent(), changed, tiny, updates=1, seed=0, quiet=True).updates == 1
        return
    with pytest.raises(InputError, match="not sorted by class"):
        distill(Descent(), changed, tiny, updates=1, seed=0)
    assert changed.images.equal(images)


class At(Callback):
    """Does something after one of the updates."""

    def __init__(self, update, action):
        self.update, self.action = update, action

    def on_update(self, synthetic, history):
        if history.updates == self.update:
            self.action()


def raising(error):
    def action():
        raise error

    return action


def same(one, other):
    (set_one, history_one), (set_other, history_other) = one, other
    assert torch.equal(set_one.images, set_other.images) and torch.equal(set_one.labels, set_other.labels)
    for name in ("updates", "losses", "validation"):
        assert getattr(history_one, name) == getattr(history_other, name)
    assert history_one.snapshots.keys() == history_other.snapshots.keys()
    assert all(torch.equal(value, history_other.snapshots[key]) for key, value in history_one.snapshots.items())


def brightness(synthetic):
    return float(synthetic.images.detach().mean())


def watched(method):
    """Options for scores in between, which a private method has none of."""
    return {} if method == "private" else {"validate": brightness, "validate_every": 2}


@pytest.fixture(scope="module")
def unbroken(digits):
    """The run of a method that nothing breaks off, made once."""
    return cache(lambda method: run(METHODS[method](), digits, **watched(method)))


BROKEN_OFF = [*((method, how, at) for method in METHODS for how, at in (("interrupt", 2), ("stop", 3))),
              ("datadam", "interrupt", 1), ("datadam", "stop", 5)]  # at its ends the loop is the same for all


@pytest.mark.parametrize(("method", "how", "at"), BROKEN_OFF)
def test_a_run_broken_off_and_resumed_ends_in_the_same_bits(digits, unbroken, tmp_path, method, at, how):
    options = {"checkpoint": Checkpoint(tmp_path / "run.pt", {"run": 1}), **watched(method)}
    stop = threading.Event()
    action, error = (stop.set, Stopped) if how == "stop" else (raising(KeyboardInterrupt()), KeyboardInterrupt)
    with pytest.raises(error):
        run(METHODS[method](), digits, callbacks=[At(at, action)], stop=stop, **options)
    made = []
    resumed = run(METHODS[method](), digits, callbacks=[At(n, lambda n=n: made.append(n)) for n in range(7)], **options)
    finished = at if how == "stop" else at - 1  # the interrupt came before the update was noted
    assert made == list(range(finished + 1, UPDATES + 1))
    same(resumed, unbroken(method))


@pytest.mark.parametrize("method", ["descent", "datadam", "private"])
def test_a_killed_run_goes_on_from_its_last_checkpoint(digits, tmp_path, monkeypatch, method):
    monkeypatch.setattr(loop, "SAVE_EVERY", -1.0)
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(MemoryError):  # anything the loop does not handle, like a kill
        run(METHODS[method](), digits, checkpoint=Checkpoint(checkpoint), callbacks=[At(4, raising(MemoryError()))])
    made = []
    watch = [At(n, lambda n=n: made.append(n)) for n in (3, 4)]
    resumed = run(METHODS[method](), digits, checkpoint=Checkpoint(checkpoint), callbacks=watch)
    assert made == [4]
    same(resumed, run(METHODS[method](), digits))


def test_a_run_interrupted_twice_still_ends_in_the_same_bits(tiny, tmp_path):
    checkpoint = tmp_path / "run.pt"
    for at in (2, 5):
        with pytest.raises(KeyboardInterrupt):
            run(Descent(), tiny, checkpoint=Checkpoint(checkpoint), callbacks=[At(at, raising(KeyboardInterrupt()))])
    same(run(Descent(), tiny, checkpoint=Checkpoint(checkpoint)), run(Descent(), tiny))


def test_an_interrupt_within_an_update_leaves_the_last_whole_one(tiny, tmp_path):
    class Impatient(Descent):
        def update(self):
            losses = super().update()
            if self.done == 4:
                raise KeyboardInterrupt
            return losses

    checkpoint = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        run(Impatient(), tiny, checkpoint=Checkpoint(checkpoint))
    same(run(Descent(), tiny, checkpoint=Checkpoint(checkpoint)), run(Descent(), tiny))


def interrupted(dataset, checkpoint, identity):
    with pytest.raises(KeyboardInterrupt):
        run(Descent(), dataset, checkpoint=Checkpoint(checkpoint, identity),
            callbacks=[At(3, raising(KeyboardInterrupt()))])


def test_a_checkpoint_of_another_run_is_refused_and_kept(tiny, tmp_path):
    checkpoint = tmp_path / "run.pt"
    interrupted(tiny, checkpoint, {"seed": 1})
    before = checkpoint.read_bytes()
    with pytest.raises(InputError, match=r"run\.pt is the checkpoint of another run"):
        run(Descent(), tiny, checkpoint=Checkpoint(checkpoint, {"seed": 2}))
    assert checkpoint.read_bytes() == before


def test_a_truncated_checkpoint_is_refused_by_name(tiny, tmp_path):
    checkpoint = tmp_path / "run.pt"
    interrupted(tiny, checkpoint, {})
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"run\.pt is damaged"):
        run(Descent(), tiny, checkpoint=Checkpoint(checkpoint))


@pytest.mark.parametrize("what", ["loss", "image"])
def test_divergence_names_the_update_and_leaves_the_last_good_images(tiny, tmp_path, what):
    synthetic, checkpoint = SyntheticSet.begin("real", tiny, 2, stream(0, "init")), tmp_path / "run.pt"
    with pytest.raises(Diverged, match="update 4 "):
        distill(Descent(bad=(what, 4)), synthetic, tiny, updates=6, seed=0, checkpoint=Checkpoint(checkpoint))
    good, _ = run(Descent(), tiny, updates=3)
    assert torch.equal(synthetic.images, good.images) and not synthetic.images.requires_grad
    assert torch.equal(torch.load(checkpoint, weights_only=True)["parameters"][0], good.images)
    same(run(Descent(), tiny, checkpoint=Checkpoint(checkpoint)), run(Descent(), tiny))


def test_divergence_without_a_checkpoint_leaves_the_last_good_images_too(tiny):
    synthetic = SyntheticSet.begin("real", tiny, 2, stream(0, "init"))
    with pytest.raises(Diverged, match="update 1 "):
        distill(Descent(bad=("image", 1)), synthetic, tiny, updates=6, seed=0)
    assert synthetic.moved == 0


def test_datadam_with_an_absurd_learning_rate_diverges_and_leaves_finite_images(digits):
    synthetic = SyntheticSet.begin("real", digits, 2, stream(0, "init"))
    with pytest.raises(Diverged, match="learning rate"):
        distill(datadam(image_lr=1e30, loss_scale=1e12), synthetic, digits, updates=UPDATES, seed=0)
    assert synthetic.images.isfinite().all()


def test_a_run_whose_images_did_not_move_is_an_error(tiny):
    ended = []

    class End(Callback):
        def on_end(self, synthetic, history):
            ended.append(1)

    with pytest.raises(Unmoved, match="6 updates"):
        run(Descent(rate=0.0), tiny, callbacks=[End()])
    assert not ended


def test_images_beyond_what_float32_can_measure_are_an_error(tiny):
    with pytest.raises(Diverged, match="lower the images' learning rate"):
        run(Descent(rate=1e25), tiny, updates=1)


class Diary(Callback):
    def __init__(self):
        self.lines = []

    def on_update(self, synthetic, history):
        self.lines.append(("update", history.updates, len(history.losses)))

    def on_validation(self, synthetic, history):
        self.lines.append(("validation", history.updates, history.validation[-1]))

    def on_end(self, synthetic, history):
        self.lines.append(("end", history.updates, synthetic.images.requires_grad))


def test_callbacks_hear_of_updates_validations_and_the_end_in_order(tiny):
    first, second = Diary(), Diary()
    scores = iter([0.5, 0.75])
    run(Descent(), tiny, updates=5, callbacks=[first, second], validate=lambda _: next(scores), validate_every=2)
    assert first.lines == second.lines == [
        ("update", 1, 1), ("update", 2, 2), ("validation", 2, (2, 0.5)), ("update", 3, 3), ("update", 4, 4),
        ("validation", 4, (4, 0.75)), ("update", 5, 5), ("end", 5, False)]


def test_a_stop_set_during_the_last_update_lets_the_run_end(tiny):
    stop = threading.Event()
    _, history = run(Descent(), tiny, stop=stop, callbacks=[At(UPDATES, stop.set)])
    assert history.updates == UPDATES


def test_a_stop_from_another_thread_ends_the_run_after_the_current_update(tiny):
    stop = threading.Event()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    with pytest.raises(Stopped, match=r"stopped after \d+ of 10000000 updates"):
        run(Descent(rate=1e-9), tiny, updates=10_000_000, stop=stop)


def test_no_updates_at_all_are_refused(tiny):
    with pytest.raises(InputError, match="at least 1"):
        run(Descent(), tiny, updates=0)


@pytest.mark.parametrize("count", [6, 20])
@pytest.mark.parametrize("updates", [1, 2, 10, 300, 1000])
def test_snapshots_include_the_start_and_the_end_and_lie_in_between(updates, count):
    wanted = snapshot_updates(updates, count)
    assert min(wanted) == 0 and max(wanted) == updates and len(wanted) <= count
    assert updates < 300 or len(wanted) > 0.7 * count


def test_large_images_are_kept_less_often(tiny, monkeypatch):
    _, history = run(Descent(), tiny, updates=300)
    assert 14 <= len(history.snapshots) <= 20
    monkeypatch.setattr(loop, "FRAME_BYTES", 1)
    _, history = run(Descent(), tiny, updates=300)
    assert len(history.snapshots) == 6


def test_snapshots_hold_the_images_of_their_update(tiny):
    seen = {}

    class Watch(Callback):
        def on_update(self, synthetic, history):
            seen[history.updates] = synthetic.images.detach().clone()

    synthetic, history = run(Descent(), tiny, updates=20, callbacks=[Watch()])
    assert torch.equal(history.snapshots[0], synthetic.start) and torch.equal(history.snapshots[20], synthetic.images)
    assert all(torch.equal(image, seen[n]) for n, image in history.snapshots.items() if n)


@pytest.mark.parametrize("method", ["descent", "datadam"])
@pytest.mark.parametrize("init", ["real", "noise"])
def test_the_same_seed_gives_the_same_images_and_another_seed_others(digits, method, init, untouched_randomness):
    one, again, other = (run(METHODS[method](), digits, seed=seed, init=init) for seed in (4, 4, 5))
    same(one, again)
    assert not torch.equal(one[0].images, other[0].images) and one[1].losses != other[1].losses


def test_the_runs_seed_reaches_the_method_even_from_the_same_start(digits):
    start = SyntheticSet.begin("real", digits, 2, stream(0, "init"))
    images = []
    for seed in (1, 2):
        synthetic = replace(start, images=start.images.clone())
        distill(datadam(), synthetic, digits, updates=UPDATES, seed=seed)
        images.append(synthetic.images)
    assert not torch.equal(*images)


def test_validations_are_no_part_of_the_seconds(tiny):
    def slow(synthetic):
        time.sleep(0.3)
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        return 0.5

    _, history = run(Descent(), tiny, updates=3, validate=slow, validate_every=1)
    assert history.seconds < 1.2 and history.cpu_seconds < 0.6  # of 1.8 and 0.9


def test_distillation_never_reads_validation_or_test_images(digits):
    ruined = replace(digits, **{name: replace(part, images=torch.full_like(part.images, torch.nan))
                                for name, part in (("val", digits.val), ("test", digits.test))})
    same(run(datadam(), digits), run(datadam(), ruined))


def test_datadam_leaves_labels_start_and_data_alone_and_images_without_gradient(digits):
    before = digits.train.images.clone()
    synthetic, history = run(datadam(), digits)
    assert torch.equal(digits.train.images, before) and torch.equal(synthetic.start, history.snapshots[0])
    assert synthetic.labels.tolist() == [c for c in range(10) for _ in range(2)]
    assert not synthetic.images.requires_grad and synthetic.moved > 0
