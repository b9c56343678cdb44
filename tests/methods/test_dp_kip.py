"""DP-KIP: gradients that are never made against autograd's, the mechanism's promises, and what was really spent."""

import math
from dataclasses import replace

import pytest
import torch
from test_private import At, Watched, watched

import ddkit
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods import METHODS, presets
from ddkit.methods.loop import distill
from ddkit.methods.matching.classes import PoissonBatches
from ddkit.methods.private.accountant import rdp_epsilon
from ddkit.methods.private.dp_kip import gradients
from ddkit.methods.private.mechanism import clipped_sum
from ddkit.synthetic import SyntheticSet
from ddkit.training.kernels import InfiniteNetwork, solve

SMALL = {"updates": 6, "real_batch": 12, "image_lr": 0.05, "clip": 0.01, "ridge": 1e-2}
OPEN = {"epsilon": None, "sigma": 0.0, "clip": 1e30}
SPEC = ddkit.Distill("digits-0-1", "dp_kip", "course", ipc=2, init="noise", updates=5, options=(("real_batch", 30),))


def method(**changes):
    return METHODS["dp_kip"](presets.configure("dp_kip", "course", SMALL | changes))


def run(made, dataset, updates=6, seed=0, **options):
    synthetic = SyntheticSet.from_noise(dataset, 2, stream(seed, "init"))
    return synthetic, distill(made, synthetic, dataset, updates=updates, seed=seed, quiet=True, **options)


def drawn(n, name):
    """Images and targets of four classes, float64."""
    images = torch.randn(n, 1, 5, 5, generator=stream(0, name), dtype=torch.float64)
    return images, torch.eye(4, dtype=torch.float64)[torch.arange(n) % 4] - 0.25


def one_by_one(kernel, synthetic, targets, real, wanted, ridge):
    """Each image's own gradient, by autograd, [B, n * d], and its loss."""
    found, losses = [], []
    for image, target in zip(real, wanted, strict=True):
        leaf = synthetic.clone().requires_grad_()
        answer = kernel(image[None], leaf) @ solve(kernel(leaf, leaf), targets, ridge)
        loss = (answer - target).square().sum() / 2
        found.append(torch.autograd.grad(loss, leaf)[0].flatten())
        losses.append(loss.detach())
    return torch.stack(found), torch.stack(losses)


@pytest.mark.parametrize("network", ["NTK", "NTKD3", "NNGP", "NNGPD2", "NTKD0", "NNGPD0"])
@pytest.mark.parametrize("ridge", [1e-6, 0.1])
def test_gradients_that_are_never_made_are_those_of_autograd_one_by_one(network, ridge):
    kernel, (s, y), (x, t) = InfiniteNetwork.named(network), drawn(9, "set"), drawn(6, "real")
    wanted, losses = one_by_one(kernel, s, y, x, t, ridge)
    found, told = gradients(kernel, s, y, x, t, ridge)
    torch.testing.assert_close(told, losses)
    torch.testing.assert_close(found.norms, wanted.norm(dim=1))
    for clip in (1e9, float(wanted.norm(dim=1).median()), 1e-4):
        torch.testing.assert_close(found.clipped_sum(clip).flatten(), clipped_sum(wanted, clip))


def test_the_gradient_is_the_slope_of_the_loss():
    """Against differences of the loss itself, in a direction at random."""
    kernel, (s, y), (x, t) = InfiniteNetwork.named("NTK"), drawn(6, "set"), drawn(3, "real")
    along = torch.randn(s.shape, generator=stream(0, "along"), dtype=torch.float64)
    ahead, behind = (gradients(kernel, s + step * along, y, x, t, 0.01)[1].sum() for step in (1e-5, -1e-5))
    slope = (gradients(kernel, s, y, x, t, 0.01)[0].clipped_sum(1e9) * along.flatten(1)).sum()
    assert float(slope) == pytest.approx(float(ahead - behind) / 2e-5, rel=1e-6)


@pytest.mark.parametrize("other", [1000.0, 1e6, 0.0, math.nan, math.inf])
def test_one_image_however_strange_moves_the_sum_by_little(other):
    """By C if it is left out, by 2 C if it is exchanged."""
    kernel, (s, y), (x, t) = InfiniteNetwork.named("NTK"), drawn(6, "set"), drawn(5, "real")
    clip, strange = 0.01, x.clone()
    strange[2] *= other
    found = {name: gradients(kernel, s, y, images, targets, 0.01)[0] for name, (images, targets) in {
        "plain": (x, t), "strange": (strange, t), "without": (x[[0, 1, 3, 4]], t[[0, 1, 3, 4]])}.items()}
    sums = {name: one.clipped_sum(clip) for name, one in found.items()}
    assert all(bool(one.isfinite().all()) for one in sums.values())
    assert float((sums["plain"] - sums["without"]).norm()) <= clip * 1.001
    assert float((sums["strange"] - sums["without"]).norm()) <= clip * 1.001
    each = torch.stack([gradients(kernel, s, y, x[i:i + 1], t[i:i + 1], 0.01)[0].clipped_sum(clip) for i in range(5)])
    assert float(each.flatten(1).norm(dim=1).max()) <= clip * (1 + 1e-9)


def test_without_data_the_released_gradient_is_noise_of_its_variance(tiny, monkeypatch):
    monkeypatch.setattr(PoissonBatches, "draw", lambda batches: (tiny.train.images[:0], tiny.train.labels[:0]))
    made, found = method(updates=40, epsilon=None, sigma=3.0), []
    step = made.release
    made.release = lambda total: found.append(step(total)) or found[-1]
    run(made, tiny, updates=40)
    drawn = torch.stack(found)
    spread = 3.0 * 0.01 / 12
    assert float(drawn.square().mean()) == pytest.approx(spread**2, rel=5 * math.sqrt(2 / drawn.numel()))


def test_without_noise_and_clipping_adam_follows_the_mean_gradient(tiny):
    """The first step: the learning rate in every pixel, against the sign of the mean of all gradients."""
    synthetic, _ = run(method(**OPEN, updates=1000, real_batch=36), tiny, updates=1)
    start, train = synthetic.start.double(), tiny.train
    targets = torch.eye(len(tiny.classes), dtype=torch.float64) - 1 / len(tiny.classes)
    slope, _ = one_by_one(InfiniteNetwork.named("NTK"), start, targets[synthetic.labels], train.images.double(),
                          targets[train.labels], 1e-2)
    moved = (synthetic.images - synthetic.start).flatten()
    big = slope.mean(0).abs() > 1e-6
    assert big.any() and torch.equal(moved.sign()[big], -slope.mean(0).sign().to(moved)[big])


def test_it_learns_and_noise_is_its_price(tiny):
    """The kernel's own error on the training images."""
    def error(synthetic):
        kernel, y = InfiniteNetwork.named("NTK"), torch.eye(len(tiny.classes), dtype=torch.float64)
        images = synthetic.images.double()
        answer = kernel(tiny.train.images.double(), images) @ solve(kernel(images, images), y[synthetic.labels], 1e-2)
        return float((answer - y[tiny.train.labels]).square().sum(1).mean())

    begun = error(run(method(**OPEN), tiny, updates=1)[0])
    plain = error(run(method(**OPEN, updates=60, real_batch=36), tiny, updates=60)[0])
    noisy = error(run(method(epsilon=1.0, updates=60, real_batch=36), tiny, updates=60)[0])
    assert plain < 0.7 * begun and plain < noisy


@pytest.mark.parametrize("at", [1, 4])
def test_a_run_that_is_gone_on_with_has_the_same_bits_and_accounts_for_all(tmp_path, at):
    whole = ddkit.run(SPEC, root=tmp_path / "whole", quiet=True).synthetic
    with pytest.raises(KeyboardInterrupt):
        ddkit.run(SPEC, root=tmp_path / "broken", callbacks=(At(at, KeyboardInterrupt()),), quiet=True)
    resumed = ddkit.run(SPEC, root=tmp_path / "broken", quiet=True).synthetic
    assert torch.equal(resumed.images, whole.images) and resumed.origin == whole.origin
    spent = resumed.origin["privacy"]
    assert spent["steps"] == 5 and spent["epsilon"] == rdp_epsilon(spent["q"], spent["sigma"], 5, spent["delta"])
    assert spent["epsilon"] == pytest.approx(10, rel=1e-5)


def test_epsilon_is_of_the_steps_really_made_and_no_more_are_made(tiny):
    made = method()
    synthetic = SyntheticSet.from_noise(tiny, 2, stream(0, "init"))
    made.start(tiny, synthetic, lambda name: stream(0, name))
    for steps in range(1, 7):
        assert made.update()["epsilon"] == rdp_epsilon(1 / 3, made.sigma, steps, 1e-5)
        assert synthetic.origin["privacy"]["steps"] == steps
    with pytest.raises(InputError, match="is spent by 6 updates"):
        made.update()


@pytest.mark.parametrize("name", ["dp_kip", "one_release"])
def test_real_data_are_read_through_the_one_door_alone_and_the_start_knows_nothing(tiny, monkeypatch, name):
    draw = PoissonBatches.draw

    def behind_the_door(batches):
        Watched.door_open = True
        try:
            return draw(batches)
        finally:
            Watched.door_open = False

    monkeypatch.setattr(PoissonBatches, "draw", behind_the_door)
    small = SMALL if name == "dp_kip" else {"updates": 6, "networks": 2, "width": 2, "network": "ConvNetD1"}
    sets = []
    other = replace(tiny, train=replace(tiny.train, images=tiny.train.images.flip(0) + 1))
    for dataset in (watched(tiny), tiny, other):
        made = METHODS[name](presets.configure(name, "course", small))
        synthetic = SyntheticSet.from_noise(tiny, 1, stream(0, "init"))
        distill(made, synthetic, dataset, updates=6, seed=0, quiet=True)
        sets.append(synthetic)
    guarded, plain, foreign = sets
    assert torch.equal(guarded.images, plain.images) and not torch.equal(foreign.images, plain.images)
    assert torch.equal(foreign.start, plain.start) and "fingerprint" not in plain.origin


@pytest.mark.parametrize(("changes", "words"), [
    ({"network": "MLP"}, "DP-KIP's kernel is NTK or NNGP"), ({"sigma": 1.0}, "set one of the two"),
    ({"clip": 0.0}, "clip must be positive")])
def test_settings_that_cannot_work_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        method(**changes)
