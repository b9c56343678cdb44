"""The bi-level reference: its gradient by small steps, where it agrees with the first-order way, what it keeps."""

from itertools import pairwise

import pytest
import torch

from ddkit.foundation.randomness import stream
from ddkit.methods.translation.bilevel import bytes_held, distilled, slope
from ddkit.methods.translation.regression import Statistics, batch_loss, weights_of
from ddkit.networks import build
from ddkit.networks.translator import build_translator

LR = 0.05


def noise(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def networks():
    """The one network and a fresh one, of width 2."""
    return [build("ConvNetD1", 1, 3, 8, width=2, generator=stream(seed, "network")).double() for seed in (0, 1)]


@pytest.fixture
def data():
    """A set of four images with targets, and ten real ones with theirs."""
    return noise(4, 1, 8, 8, seed=1), noise(4, 3, seed=2), noise(10, 1, 8, 8, seed=3), noise(10, 3, seed=4)


def test_the_gradient_in_the_network_is_the_numerical_one(networks, data):
    network, fresh = networks

    def loss() -> float:
        return batch_loss(fresh, *distilled(network, *data, 2, LR, keep=False), *data[2:]).item()

    weights = [weight for name, weight in network.named_parameters() if not name.startswith("classifier")]
    found = slope(network, fresh, *data, 2, LR)
    assert [part.shape for part in found] == [weight.shape for weight in weights]
    for weight, slopes in zip(weights, found, strict=True):
        for place in {0, weight.numel() // 2, weight.numel() - 1}:
            values = []
            for step in (1e-5, -1e-5):
                weight.data.view(-1)[place] += step
                values.append(loss())
                weight.data.view(-1)[place] -= step
            assert float(slopes.reshape(-1)[place]) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-4, abs=1e-9)
    assert any(float(part.abs().max()) > 1e-4 for part in found)


@pytest.mark.parametrize("updates", [0, 1, 5])
def test_the_same_set_is_made_whether_graphs_are_kept_or_not_and_by_statistics(networks, data, updates):
    network, images, targets, real, wanted = networks[0], *data
    statistics = Statistics.of(network, real, wanted)
    for _ in range(updates):
        images, targets = images.detach().requires_grad_(), targets.detach().requires_grad_()
        statistics.loss(weights_of(network, images, targets)).backward(inputs=[images, targets])
        images, targets = images - LR * images.grad, targets - LR * targets.grad
    for keep in (True, False):
        made = distilled(network, *data, updates, LR, keep)
        assert torch.allclose(made[0], images, atol=1e-9) and torch.allclose(made[1], targets, atol=1e-9)
        assert made[0].requires_grad == (keep and updates > 0)


def test_the_gradient_in_a_translator_is_the_same_with_the_graph_and_without(networks, data):
    """So the first-order way loses nothing of it: the distilled set does not depend on the translator."""
    network, fresh = networks
    translator = build_translator(1, 4, "identity", stream(0, "translator")).double()
    found = []
    for keep in (True, False):
        images, targets = distilled(network, *data, 3, LR, keep)
        loss = batch_loss(fresh, translator(images), targets, *data[2:])
        found.append(torch.autograd.grad(loss, [translator.last.weight, translator.last.bias]))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-10) and float(one.abs().max()) > 1e-6


def test_what_autograd_keeps_grows_with_every_update_and_not_at_all_for_a_translator(networks, data):
    network, fresh = networks
    translator = build_translator(1, 4, "identity", stream(0, "translator")).double()

    def bilevel(updates: int) -> int:
        return bytes_held(lambda: batch_loss(fresh, *distilled(network, *data, updates, LR), *data[2:]))

    def first_order(updates: int) -> int:
        def work():
            images, targets = distilled(network, *data, updates, LR, keep=False)
            return batch_loss(fresh, translator(images), targets, *data[2:])
        return bytes_held(work)

    grown = [bilevel(updates) for updates in (1, 2, 3, 4)]
    each = {after - before for before, after in pairwise(grown)}
    assert len(each) == 1 and each.pop() > sum(part.nbytes for part in data[:2])  # the set and more, every time
    assert first_order(1) == first_order(2) == first_order(40) < grown[1]
