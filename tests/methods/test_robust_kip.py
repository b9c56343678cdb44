"""Robust KIP: what it moves real images to, against finite differences; without room to move it is KIP."""

from functools import partial

import pytest
import torch

from ddkit import methods
from ddkit.data import load
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods.loop import distill
from ddkit.synthetic import SyntheticSet
from ddkit.training.kernels import InfiniteNetwork, solve

SMALL = {"updates": 6, "real_batch": 12, "network": "NTKD2"}
ROBUST = SMALL | {"epsilon": 0.1, "attack_steps": 4}


def started(dataset, **changes):
    method = methods.get("robust_kip")(methods.get("robust_kip").Config(**ROBUST | changes))
    synthetic = SyntheticSet.from_real(dataset, 2, stream(0, "init"))
    method.start(dataset, synthetic, partial(stream, 0))
    for parameter in synthetic.parameters():
        parameter.requires_grad_()
    return method, synthetic


def distilled(dataset, name, config):
    synthetic = SyntheticSet.from_real(dataset, 2, stream(0, "init"))
    distill(methods.get(name)(methods.get(name).Config(**config)), synthetic, dataset, updates=6, seed=0, quiet=True)
    return synthetic.images.detach()


def error(method, synthetic, real, labels):
    """Of each image [N], by the formula, in float64."""
    kernel, images = InfiniteNetwork.named("NTKD2"), synthetic.images.detach().double()
    wanted = torch.full((len(labels), 10), -0.1, dtype=torch.float64)
    wanted[torch.arange(len(labels)), labels] += 1
    targets = torch.eye(10, dtype=torch.float64).repeat_interleave(2, 0) - 0.1
    alpha = solve(kernel(images, images), targets, method.config.ridge)
    return (kernel(real.double(), images) @ alpha - wanted).square().sum(1)


def test_without_room_to_move_it_is_kip(digits):
    plain = distilled(digits, "kip", SMALL)
    apart = [float((distilled(digits, "robust_kip", ROBUST | {"epsilon": epsilon}) - plain).abs().max())
             for epsilon in (0.0, 0.1)]
    assert apart[0] < 1e-4 and apart[1] > 100 * apart[0]


def test_images_are_moved_within_the_ball_to_where_the_set_errs_more(digits):
    method, synthetic = started(digits)
    real, labels = digits.train.images[:20], digits.train.labels[:20]
    moved = method.attacked(real, labels)
    change = (moved - real).abs() * torch.tensor(digits.std)[:, None, None]
    pixels = moved * torch.tensor(digits.std)[:, None, None] + torch.tensor(digits.mean)[:, None, None]
    assert 0.05 < change.max() < 0.1 + 1e-6 and pixels.min() > -1e-6 and pixels.max() < 1 + 1e-6
    drawn = method.ball.anywhere(real, stream(0, "attack"))
    before, by_chance, after = (error(method, synthetic, images, labels) for images in (real, drawn, moved))
    assert bool((after > before).all()) and after.mean() > by_chance.mean()


def test_a_step_goes_where_finite_differences_point(digits):
    method, synthetic = started(digits, attack_steps=1)
    real, labels = digits.train.images[:3], digits.train.labels[:3]
    begun = method.ball.anywhere(real, stream(0, "attack"))
    step = method.attacked(real, labels) - begun
    for number, row, column in ((0, 3, 4), (1, 5, 2), (2, 4, 6)):
        nudge = torch.zeros_like(begun).double()
        nudge[number, 0, row, column] = 1e-5
        rise = (error(method, synthetic, begun + nudge, labels) - error(method, synthetic, begun - nudge, labels)).sum()
        assert float(rise) * float(step[number, 0, row, column]) >= 0


def test_it_goes_on_from_its_state_to_the_same_bits(digits):
    whole, one = started(digits)
    for _ in range(6):
        whole.update()
    first, half = started(digits)
    for _ in range(3):
        first.update()
    state, images, labels = first.state_dict(), half.images.detach().clone(), half.labels.detach().clone()
    second, other = started(digits)
    with torch.no_grad():
        other.images.copy_(images)
        other.labels.copy_(labels)
    second.load_state_dict(state)
    for _ in range(3):
        second.update()
    assert torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)


def test_what_has_no_pixels_is_refused():
    with pytest.raises(InputError, match="take method 'kip'"):
        started(load("digits_graph"))
