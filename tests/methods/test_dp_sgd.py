"""DP-SGD: plain SGD where nothing is clipped, what one image can do, resumed bits, and what was really spent."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils import parameters_to_vector

from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods.private import dp_sgd
from ddkit.methods.private.accountant import rdp_epsilon
from ddkit.methods.private.dp_sgd import PrivateTraining, fit_privately
from ddkit.networks import build_for

HOW = PrivateTraining(updates=5, real_batch=12)


def network_for(dataset, seed=0):
    return build_for(dataset, "ConvNetD1", 4, stream(seed, "network"))


def trained(dataset, how=HOW, **options):
    network = network_for(dataset)
    made, cost = fit_privately(network, dataset, how, partial(stream, 0), quiet=True, **options)
    return parameters_to_vector(network.parameters()).detach(), made, cost


def test_without_noise_and_clipping_it_is_gradient_descent(tiny, monkeypatch):
    monkeypatch.setattr(dp_sgd, "rdp_sigma", lambda *_: 0.0)
    found, made, _ = trained(tiny, replace(HOW, clip=1e30, real_batch=36, lr=0.05, momentum=0.9))
    network = network_for(tiny)
    optimiser = torch.optim.SGD(network.parameters(), 0.05, 0.9)
    for _ in range(5):
        optimiser.zero_grad()
        F.cross_entropy(network(tiny.train.images), tiny.train.labels).backward()
        optimiser.step()
    torch.testing.assert_close(found, parameters_to_vector(network.parameters()), atol=1e-6, rtol=1e-4)
    assert made.updates == 5


def test_one_image_moves_the_first_step_by_little_whatever_it_shows(tiny):
    how = replace(HOW, updates=1, real_batch=36, lr=1.0)
    loud = tiny.train.images.clone()
    loud[3] *= 1000
    strange = replace(tiny, train=replace(tiny.train, images=loud))
    (one, *_), (other, *_) = trained(tiny, how), trained(strange, how)
    assert 0 < float((one - other).norm()) <= 2 * how.clip / 36 * 1.001


def test_the_cost_is_that_of_the_steps_made(tiny):
    _, made, cost = trained(tiny)
    assert made.updates == cost["steps"] == 5 and cost["q"] == 12 / 36
    assert cost["epsilon"] == rdp_epsilon(cost["q"], cost["sigma"], 5, HOW.delta)
    assert cost["epsilon"] == pytest.approx(10, rel=1e-5) and cost["epsilon"] <= 10


@pytest.mark.parametrize("at", [1, 4])
def test_a_training_that_is_broken_off_goes_on_to_the_same_bits(tiny, tmp_path, monkeypatch, at):
    whole, _, cost = trained(tiny)
    real, begun = dp_sgd.privatise, []

    def killed(*arguments):
        begun.append(1)
        if len(begun) == at + 1:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(dp_sgd, "privatise", killed)
    monkeypatch.setattr(dp_sgd, "SAVE_EVERY", -1.0)
    checkpoint = Checkpoint(tmp_path / "training.pt")
    with pytest.raises(KeyboardInterrupt):
        trained(tiny, checkpoint=checkpoint)
    resumed, made, again = trained(tiny, checkpoint=checkpoint)
    assert torch.equal(resumed, whole) and again == cost and made.updates == 5
    assert len(begun) == 5 + 1 and not checkpoint.path.exists()


def test_what_cannot_work_is_refused(tiny):
    with pytest.raises(InputError, match="36 training images"):
        trained(tiny, replace(HOW, real_batch=37))
    with pytest.raises(InputError, match="batch norm"):
        HOW.check_network("ConvNetD3BN")
    with pytest.raises(InputError, match="epsilon"):
        PrivateTraining(epsilon=math.nan)
