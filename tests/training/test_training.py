"""Training against plain PyTorch loops, schedules computed by hand, and scikit-learn's metrics."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics as sk
from torch import nn

from ddkit import training
from ddkit.data import Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import Diverged, InputError
from ddkit.networks import build
from ddkit.training import Protocol, evaluate, fit, fitting, protocol, score
from ddkit.training.scores import Scores, metrics


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small(name="ConvNetD1", seed=0):
    return build(name, 1, 3, 8, width=4, generator=seeded(seed))


def linear():
    """The smallest thing that can be trained, for counting updates."""
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))


def blank(images):
    return Split(torch.zeros(images, 1, 2, 2), torch.arange(images) % 2)


def quick(**changes):
    return Protocol(**{"name": "quick", "epochs": 6, "lr": 0.05, "batch": 10, "augmented": True} | changes)


@pytest.mark.parametrize(("name", "images", "epochs", "updates"), [
    ("assignment", 100, 20, 20), ("assignment", 257, 20, 40), ("standard", 100, 1000, 1000),
    ("matched", 100, 4220, 4220), ("matched", 1000, 1055, 4220)])
def test_protocols_make_the_updates_they_promise(tiny, name, images, epochs, updates):
    mnist_sized = replace(tiny, train=blank(54_000))  # 211 batches of 256, 20 times
    made = fit(linear(), blank(images), protocol(name, mnist_sized), seeded())
    assert (made.updates, len(made.losses), len(made.rates)) == (updates, epochs, epochs)


def test_a_number_of_updates_is_kept_where_it_ends_within_an_epoch():
    made = fit(linear(), blank(600), quick(epochs=None, updates=7, batch=256), seeded())
    assert (made.updates, len(made.losses)) == (7, 3)


@pytest.mark.parametrize(("schedule", "epochs", "expected"), [
    ("cosine", 4, [1.0, 0.8535534, 0.5, 0.1464466]),
    ("cosine", 3, [1.0, 0.75, 0.25]),
    ("half", 4, [1.0, 1.0, 1.0, 0.1]),
    ("half", 6, [1.0, 1.0, 1.0, 1.0, 0.1, 0.1]),
])
def test_learning_rates_follow_the_schedule_computed_by_hand(schedule, epochs, expected):
    made = fit(linear(), blank(4), quick(schedule=schedule, epochs=epochs, lr=0.01), seeded())
    assert made.rates == pytest.approx([0.01 * rate for rate in expected], rel=1e-5)


def schedulers(schedule, optimiser, epochs):
    if schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    return torch.optim.lr_scheduler.MultiStepLR(optimiser, [epochs // 2 + 1])


@pytest.mark.parametrize("schedule", ["cosine", "half"])
def test_fit_equals_a_plain_loop_with_torchs_own_schedule(tiny, schedule):
    network = small()
    plain = copy.deepcopy(network)
    optimiser = torch.optim.SGD(plain.parameters(), 0.05, 0.9, weight_decay=5e-4)
    scheduler = schedulers(schedule, optimiser, 6)
    losses = []
    for _ in range(6):  # one batch of all images: their order does not matter
        loss = F.cross_entropy(plain(tiny.train.images), tiny.train.labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        scheduler.step()
        losses.append(loss.item())
    made = fit(network, tiny.train, quick(schedule=schedule, batch=256, augmented=False), seeded())
    assert made.losses == pytest.approx(losses, rel=1e-4)
    for one, other in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_training_learns_the_training_images(tiny):
    network = small()
    losses = fit(network, tiny.train, quick(epochs=30, augmented=False), seeded()).losses
    assert losses[-1] < 0.3 * losses[0]
    assert training.test(network, tiny.test)["accuracy"] > 0.9


def test_an_augmented_protocol_uses_the_strategy_and_another_does_not(tiny):
    def losses(strategy, **changes):
        return fit(small(), tiny.train, quick(**changes), seeded(), strategy=strategy).losses

    assert losses("crop_scale_rotate") != losses("none")
    assert losses("crop_scale_rotate", augmented=False) == losses("none")


def test_soft_labels_that_name_one_class_train_like_hard_ones(tiny):
    hard, soft = small(), small()
    fit(hard, tiny.train, quick(), seeded(), strategy="crop")
    fit(soft, Split(tiny.train.images, torch.eye(3)[tiny.train.labels]), quick(), seeded(), strategy="crop")
    for one, other in zip(hard.parameters(), soft.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def interrupt_in_pass(network, number):
    """Let the network raise KeyboardInterrupt in its ``number``-th forward pass."""
    passes = iter(range(1, number + 1))

    def count(*_):
        if next(passes) == number:
            raise KeyboardInterrupt

    return network.register_forward_pre_hook(count)


@pytest.mark.parametrize("how", [quick(), quick(epochs=None, updates=22, schedule="half")], ids=["epochs", "updates"])
@pytest.mark.parametrize("name", ["ConvNetD1", "ConvNetD1BN"])
def test_a_fit_broken_off_and_resumed_ends_in_the_same_bits(tiny, tmp_path, monkeypatch, name, how):
    monkeypatch.setattr(fitting, "SAVE_EVERY", -1.0)  # after every epoch of four updates
    unbroken, checkpoint = small(name), tmp_path / "fit.pt"
    expected = fit(unbroken, tiny.train, how, seeded(), strategy="crop_rotate")
    broken = small(name)
    interrupt_in_pass(broken, 15)  # in the middle of the fourth epoch
    with pytest.raises(KeyboardInterrupt):
        fit(broken, tiny.train, how, seeded(), strategy="crop_rotate", checkpoint=Checkpoint(checkpoint))
    resumed = small(name, seed=9)
    passes = []
    resumed.register_forward_pre_hook(lambda *_: passes.append(1))
    made = fit(resumed, tiny.train, how, seeded(9), strategy="crop_rotate", checkpoint=Checkpoint(checkpoint))
    assert len(passes) == expected.updates - 12, "the three finished epochs were made again"
    assert (made.losses, made.rates, made.updates) == (expected.losses, expected.rates, expected.updates)
    assert all(torch.equal(value, resumed.state_dict()[key]) for key, value in unbroken.state_dict().items())
    assert not checkpoint.exists(), "a finished fit leaves no checkpoint"


def test_a_checkpoint_of_another_protocol_is_refused_and_kept(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "SAVE_EVERY", -1.0)
    network, checkpoint = small(), tmp_path / "fit.pt"
    interrupt_in_pass(network, 6)
    with pytest.raises(KeyboardInterrupt):
        fit(network, tiny.train, quick(), seeded(), checkpoint=Checkpoint(checkpoint))
    with pytest.raises(InputError, match="another training run"):
        fit(small(), tiny.train, quick(lr=0.02), seeded(), checkpoint=Checkpoint(checkpoint))
    assert checkpoint.exists()


def test_training_that_diverges_says_so_and_in_which_epoch(tiny):
    with pytest.raises(Diverged, match=r"epoch \d.*learning rate"):
        fit(small("ConvNetD1NN"), tiny.train, quick(lr=1e30), seeded())


def test_training_that_diverges_by_labels_below_zero_names_these(tiny):
    shares = torch.nn.functional.one_hot(tiny.train.labels, len(tiny.classes)).float()
    shares[:, 0] -= 0.5
    with pytest.raises(Diverged, match="below zero"):
        fit(small("ConvNetD1NN"), replace(tiny.train, labels=shares), quick(lr=1e30), seeded())


@pytest.mark.parametrize("unsaid", ["precision", "augmentation"])
def test_a_checkpoint_from_before_a_setting_was_known_is_gone_on_from(tiny, tmp_path, monkeypatch, unsaid):
    monkeypatch.setattr(fitting, "SAVE_EVERY", -1.0)
    network, kept = small(), Checkpoint(tmp_path / "fit.pt")
    interrupt_in_pass(network, 6)
    with pytest.raises(KeyboardInterrupt):
        fit(network, tiny.train, quick(), seeded(), checkpoint=kept)
    state = kept.load()
    del state["protocol"][unsaid]
    kept.save(state)
    resumed, whole = small(), small()
    fit(resumed, tiny.train, quick(), seeded(), checkpoint=kept)
    fit(whole, tiny.train, quick(), seeded())
    assert all(torch.equal(value, resumed.state_dict()[key]) for key, value in whole.state_dict().items())


@pytest.mark.parametrize("changes", [
    {"epochs": None}, {"updates": 5}, {"epochs": 0}, {"epochs": None, "updates": 0}, {"lr": 0.0}, {"batch": 0},
    {"schedule": "linear"}])
def test_protocols_that_cannot_work_are_refused(changes):
    with pytest.raises(InputError):
        quick(**changes)


def test_an_unknown_protocol_or_split_is_refused_with_the_known_ones(tiny):
    with pytest.raises(InputError, match=r"assignment, dcbench_autoaugment.*learned, matched, standard"):
        protocol("best", tiny)
    with pytest.raises(InputError, match="test, val"):
        score(tiny.train, tiny, "MLP", quick(), 0, split="train")


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("present", [5, 4], ids=["all classes", "one class absent"])
def test_metrics_equal_scikit_learns(present):
    labels = torch.randint(present, (60,), generator=seeded()).sort().values
    scores = torch.randn(60, 5, generator=seeded(1)) + 2 * torch.eye(5)[labels]
    guesses = scores.argmax(1).numpy()
    found = metrics(scores, labels)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels.numpy(), guesses))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels.numpy(), guesses))
    assert found["confusion"] == sk.confusion_matrix(labels.numpy(), guesses, labels=range(5)).tolist()


@pytest.mark.parametrize("name", ["ConvNetD1", "ConvNetD1BN"])
def test_testing_sees_every_image_once_in_evaluation_mode(tiny, monkeypatch, name):
    monkeypatch.setattr(fitting, "TEST_BATCH", 7)
    network = small(name)
    fit(network, tiny.train, quick(), seeded())
    before = copy.deepcopy(network.state_dict())
    found = training.logits(network, tiny.test.images)
    with torch.no_grad():
        torch.testing.assert_close(found, network.eval()(tiny.test.images))
    assert all(torch.equal(network.state_dict()[key], before[key]) for key in before)


def test_the_same_seed_gives_the_same_score_and_another_seed_another(tiny, untouched_randomness):
    def losses(seeds):
        runs = evaluate(tiny.train, tiny, "ConvNetD1", quick(), seeds, width=4).runs
        return [(run["losses"], run["confusion"]) for run in runs]

    one = losses([3, 4])
    assert one == losses([3, 4]) and one[0] == losses([3])[0] and one[0] != one[1]


def test_a_seed_gives_the_same_first_weights_whatever_the_training_data(tiny, monkeypatch):
    firsts = []

    def spy(network, *args, **kwargs):
        firsts.append(copy.deepcopy(network.state_dict()))
        return fit(network, *args, **kwargs)

    monkeypatch.setattr(fitting, "fit", spy)
    for data in (tiny.train, tiny.val):
        score(data, tiny, "MLP", quick(epochs=1), 5)
    assert all(torch.equal(firsts[0][key], firsts[1][key]) for key in firsts[0])


def test_a_seed_also_decides_the_order_of_the_images(tiny, monkeypatch):
    orders = []
    monkeypatch.setattr(fitting, "fit", lambda network, data, how, generator, **options: (
        orders.append(torch.randperm(36, generator=generator).tolist()), training.Fit(losses=[0.0]))[1])
    evaluate(tiny.train, tiny, "MLP", quick(), [1, 2, 1])
    assert orders[0] == orders[2] != orders[1]


@pytest.mark.parametrize(("used", "spoilt"), [("val", "test"), ("test", "val")])
def test_a_score_reads_the_part_it_is_asked_for_and_no_other(tiny, used, spoilt):
    part = getattr(tiny, spoilt)
    ruined = replace(tiny, **{spoilt: Split(torch.full_like(part.images, torch.nan), part.labels)})
    one, other = (score(tiny.train, d, "ConvNetD1", quick(), 0, width=4, split=used) for d in (tiny, ruined))
    assert one["confusion"] == other["confusion"]
    assert np.sum(one["confusion"]) == len(getattr(tiny, used))


def test_scores_give_mean_sample_deviation_and_standard_error():
    scores = Scores(tuple({"accuracy": a} for a in (0.8, 0.9, 0.95, 0.7)))
    assert scores.mean == pytest.approx(np.mean(scores.values))
    assert scores.sd == pytest.approx(np.std(scores.values, ddof=1))
    assert scores.se == pytest.approx(np.std(scores.values, ddof=1) / 2)
    assert Scores(({"accuracy": 0.5},)).sd == 0


def test_a_lead_is_counted_in_standard_errors_of_the_difference():
    one, other = (Scores(tuple({"accuracy": a} for a in values)) for values in ((0.8, 0.9, 0.95), (0.7, 0.75)))
    error = np.sqrt(np.var(one.values, ddof=1) / 3 + np.var(other.values, ddof=1) / 2)
    assert one.lead(other) == -other.lead(one) == pytest.approx((np.mean(one.values) - np.mean(other.values)) / error)
    low, high = Scores(({"accuracy": 0.5},)), Scores(({"accuracy": 0.6},))
    assert high.lead(low) == np.inf and low.lead(high) == -np.inf and low.lead(low) == 0


def test_targets_are_regressed_on_by_squared_error(tiny):
    targets = torch.randn(len(tiny.train), 3, generator=seeded())
    network, reference = small(), small()
    fit(network, Split(tiny.train.images, targets, squared=True), quick(epochs=1, batch=1000), seeded())
    weights = list(reference.parameters())
    ((reference(tiny.train.images) - targets) ** 2).mean().backward()
    for trained, weight in zip(network.parameters(), weights, strict=True):
        torch.testing.assert_close(trained, weight - 0.05 * (weight.grad + 5e-4 * weight))


def test_a_wide_network_can_regress_at_the_standard_protocols_rate(digits):
    few = Split(digits.train.images[:20], F.one_hot(digits.train.labels[:20], 10) - 0.1, squared=True)
    network = build("ConvNetD3", 1, 10, 28, width=128, generator=seeded())
    made = fit(network, few, replace(training.PROTOCOLS["standard"], epochs=40), seeded(), quiet=True)
    assert made.losses[-1] < 0.5 * made.losses[0]


def test_images_and_labels_that_are_not_as_many_are_refused(tiny):
    images, labels = tiny.train.images, tiny.train.labels
    for wrong in (labels[:5], torch.cat([labels, labels])):
        with pytest.raises(InputError, match=f"36 images and {len(wrong)} labels do not belong together"):
            Split(images, wrong)
        with pytest.raises(InputError, match="do not belong together"):
            replace(tiny.train, labels=wrong)
