"""Private statistics: one release, its bound and its noise; after it no real image is looked at, nothing is spent."""

import math

import pytest
import torch
from test_private import At

import ddkit
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods import METHODS, presets
from ddkit.methods.loop import distill
from ddkit.methods.matching.classes import PoissonBatches
from ddkit.methods.private.accountant import gaussian_delta, gaussian_epsilon, gaussian_sigma, rdp_epsilon
from ddkit.methods.private.one_release import CHUNK, regression, sums, unit_features, usable
from ddkit.networks import build_for
from ddkit.synthetic import SyntheticSet
from ddkit.training.kernels import FeatureKernel

SMALL = {"updates": 6, "networks": 2, "width": 2, "network": "ConvNetD1"}
OPEN = {"epsilon": None, "sigma": 0.0}
SPEC = ddkit.Distill("digits-0-1", "one_release", "course", ipc=1, init="noise", network="ConvNetD2", width=2,
                     updates=5, options=(("networks", 2),))


def method(**changes):
    return METHODS["one_release"](presets.configure("one_release", "course", SMALL | changes))


def run(made, dataset, updates=6, **options):
    synthetic = SyntheticSet.from_noise(dataset, 2, stream(0, "init"))
    return synthetic, distill(made, synthetic, dataset, updates=updates, seed=0, quiet=True, **options)


@pytest.mark.parametrize(("epsilon", "sigma"), [(0.5, 7.032), (1, 3.731), (2, 1.994), (10, 0.5)])
def test_the_noise_of_a_single_release_is_the_tables(epsilon, sigma):
    found = gaussian_sigma(epsilon, 1e-5)
    assert found == pytest.approx(sigma, abs=6e-4) and gaussian_delta(epsilon, found) <= 1e-5
    assert gaussian_epsilon(found, 1e-5) == pytest.approx(epsilon, rel=1e-4)
    assert gaussian_epsilon(found, 1e-5) < rdp_epsilon(1, found, 1, 1e-5)  # which is a bound
    assert gaussian_epsilon(0, 1e-5) == gaussian_epsilon(1e-2, 1e-5) == math.inf


@pytest.mark.parametrize("call", [lambda: gaussian_sigma(0, 1e-5), lambda: gaussian_sigma(1, 1),
                                  lambda: gaussian_sigma(51, 1e-5)])
def test_what_a_single_release_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call()


def networks_for(dataset, number):
    return [build_for(dataset, "ConvNetD1", 2, stream(seed, "network")) for seed in range(number)]


@pytest.mark.parametrize("number", [1, 3])
def test_one_image_changes_the_sums_by_the_norm_that_is_told_whatever_it_shows(tiny, number):
    networks, train, classes = networks_for(tiny, number), tiny.train, len(tiny.classes)
    targets = torch.eye(classes)[train.labels] - 1 / classes
    bound = math.sqrt(number * (1 + 1 - 1 / classes))
    whole = sums(networks, train.images, targets)
    without = sums(networks, train.images[1:], targets[1:])
    strange = sums(networks, torch.cat([1000 * train.images[:1], train.images[1:]]), targets)
    assert 0.99 * bound < float((whole - without).norm()) <= bound * (1 + 1e-6)
    assert float((strange - without).norm()) <= bound * (1 + 1e-6)
    seen = torch.cat([FeatureKernel([networks[0]]).detached_features(part) for part in train.images.split(CHUNK)])
    rows = seen.double() / seen.double().norm(dim=1, keepdim=True)
    slow = sum(torch.outer(row, torch.cat([row, target.double()])) for row, target in zip(rows, targets, strict=True))
    torch.testing.assert_close(whole[0], slow)
    torch.testing.assert_close(unit_features(networks[0], train.images).float(), rows.float())


def test_an_image_without_features_counts_for_nothing(tiny):
    grey = torch.zeros(2, *tiny.train.images.shape[1:])
    found = sums(networks_for(tiny, 1), grey, torch.zeros(2, len(tiny.classes)))
    assert bool(found.isfinite().all())


def test_the_release_without_images_is_noise_of_its_variance(tiny, monkeypatch):
    monkeypatch.setattr(PoissonBatches, "draw", lambda batches: (tiny.train.images[:0], tiny.train.labels[:0]))
    monkeypatch.setattr("ddkit.methods.private.one_release.sums", lambda networks, images, targets: torch.zeros(
        2, 32, 35, dtype=torch.float64))
    made = method(epsilon=None, sigma=2.0)
    made.release_only = []
    real = made.release
    made.release = lambda total: made.release_only.append(real(total)) or made.release_only[-1]
    with pytest.raises(RuntimeError):  # as the shapes are none of a network
        run(made, tiny)
    spread = 2.0 * math.sqrt(2 * (2 - 1 / 3)) / len(tiny.train)
    assert float(made.release_only[0].square().mean()) == pytest.approx(spread**2, rel=0.2)


def test_what_is_released_is_made_usable(tiny):
    classes = len(tiny.classes)
    released = torch.randn(2, 6, 6 + classes, generator=stream(0, "noise"), dtype=torch.float64)
    for one, noisy in zip(usable(released, classes, 10), released, strict=True):
        assert torch.equal(one.second, one.second.T) or torch.allclose(one.second, one.second.T)
        assert float(torch.linalg.eigvalsh(one.second).min()) > -1e-12
        assert torch.equal(one.cross, noisy[:, -classes:])
        values, vectors = torch.linalg.eigh((noisy[:, :6] + noisy[:, :6].T) / 2)
        kept = values > 0
        torch.testing.assert_close(one.second, vectors[:, kept] * values[kept] @ vectors[:, kept].T)


def test_the_loss_is_the_error_on_all_real_images_and_falls(tiny):
    """Without noise; the first loss against predictions image by image."""
    made = method(**OPEN, updates=60)
    synthetic = SyntheticSet.from_noise(tiny, 2, stream(0, "init"))
    made.start(tiny, synthetic, lambda name: stream(0, name))
    synthetic.labels.requires_grad_()
    rows = unit_features(made.networks[0], synthetic.images).detach()
    kernel = rows @ rows.T
    ridged = kernel + made.config.ridge * kernel.diagonal().mean() * torch.eye(len(rows))
    alpha = torch.linalg.solve(ridged, made.start_targets)
    answers = unit_features(made.networks[0], tiny.train.images).detach() @ rows.T @ alpha
    targets = torch.eye(len(tiny.classes), dtype=torch.float64)[tiny.train.labels] - 1 / len(tiny.classes)
    losses = [made.update()["loss"] for _ in range(60)]
    assert losses[0] == pytest.approx(float((answers - targets).square().sum(1).mean()), rel=1e-6)
    assert losses[-1] < 0.7 * losses[1]
    best = made.statistics[0].loss(regression(made.statistics[0], 1e-9))
    assert float(best) <= losses[-2]  # the regression on the statistics themselves, which no set can beat


def test_one_release_is_made_and_nothing_is_spent_after_it(tiny, monkeypatch):
    drawn, draw = [], PoissonBatches.draw
    monkeypatch.setattr(PoissonBatches, "draw", lambda batches: drawn.append(draw(batches)) or drawn[-1])
    synthetic, history = run(method(updates=30), tiny, updates=30)
    spent = synthetic.origin["privacy"]
    assert len(drawn) == 1 and torch.equal(drawn[0][0], tiny.train.images)
    assert (spent["q"], spent["steps"]) == (1, 1) and spent["epsilon"] == pytest.approx(10, rel=1e-4)
    assert len({losses["epsilon"] for losses in history.losses}) == 1 and synthetic.moved > 0


@pytest.mark.parametrize("at", [2, 4])
def test_a_run_that_is_gone_on_with_releases_nothing_again(tmp_path, monkeypatch, at):
    whole = ddkit.run(SPEC, root=tmp_path / "whole", quiet=True).synthetic
    with pytest.raises(KeyboardInterrupt):
        ddkit.run(SPEC, root=tmp_path / "broken", callbacks=(At(at, KeyboardInterrupt()),), quiet=True)

    def nothing(batches):
        raise AssertionError("real images were looked at again")

    monkeypatch.setattr(PoissonBatches, "draw", nothing)
    resumed = ddkit.run(SPEC, root=tmp_path / "broken", quiet=True).synthetic
    assert torch.equal(resumed.images, whole.images) and torch.equal(resumed.labels, whole.labels)
    assert resumed.origin == whole.origin and resumed.origin["privacy"]["steps"] == 1


@pytest.mark.parametrize("network", ["ConvNetD3BN", "ResNet18BN"])
def test_batch_norm_by_which_one_image_changes_the_shares_of_all_is_refused(network):
    with pytest.raises(InputError, match=f"network without batch norm.*choose another than {network}"):
        method(network=network)
