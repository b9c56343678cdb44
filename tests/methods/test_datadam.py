"""DataDAM's loss against slow float64 loops and numerical gradients; its schedule against the paper's algorithm."""

import copy
import math
from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from ddkit.data import Split, augment
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods.matching import datadam
from ddkit.methods.matching.classes import chunked_means
from ddkit.methods.matching.datadam import (
    Config,
    DataDAM,
    attention_map,
    attention_matching_loss,
    attention_view,
    class_means,
)
from ddkit.networks import build
from ddkit.synthetic import SyntheticSet


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def slow_attention(features, power):
    """One image's map, features as nested lists [ch][H][W], in Python numbers."""
    height, width = len(features[0]), len(features[0][0])
    places = [sum(abs(channel[i][j]) ** power for channel in features) for i in range(height) for j in range(width)]
    norm = math.sqrt(sum(a * a for a in places))
    return [a / norm for a in places]


def slow_mean(rows):
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def slow_distance(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def slow_loss(real, synthetic, lam, power):
    """The paper's equations 2 to 5 for lists of nested lists, one class, image and place at a time."""
    total = 0.0
    for level, (r, s) in enumerate(zip(real, synthetic, strict=True)):
        last = level == len(real) - 1
        for real_class, synthetic_class in zip(r, s, strict=True):
            sides = [images if last else [slow_attention(image, power) for image in images]
                     for images in (real_class, synthetic_class)]
            total += (lam if last else 1.0) * slow_distance(*map(slow_mean, sides))
    return total


def sides(real=5, synthetic=2, classes=3):
    return [[noise(classes, n, 4, 5, 5, seed=seed), noise(classes, n, 6, 3, 3, seed=seed + 1),
             noise(classes, n, 7, seed=seed + 2)] for n, seed in ((real, 10), (synthetic, 20))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("power", [1, 2, 4])
def test_attention_maps_have_norm_one_and_equal_slow_loops(power, dtype):
    features = noise(3, 4, 5, 6)
    rows = attention_map(features.to(dtype), power)
    assert rows.shape == (3, 30)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(3, dtype=dtype))
    expected = torch.tensor([slow_attention(image, power) for image in features.tolist()], dtype=dtype)
    torch.testing.assert_close(rows, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("factor", [1e-4, 1e4])
@pytest.mark.parametrize("power", [1, 2, 4])
def test_attention_does_not_depend_on_the_scale_of_the_features(power, factor):
    features = noise(2, 4, 5, 5).float()
    torch.testing.assert_close(attention_map(features * factor, power), attention_map(features, power))


@pytest.mark.parametrize("power", [1, 2, 4])
def test_a_map_that_is_zero_everywhere_stays_zero_with_a_finite_gradient(power):
    features = torch.zeros(2, 3, 4, 4, requires_grad=True)
    rows = attention_map(features, power)
    (rows - 0.5).square().sum().backward()
    assert torch.equal(rows, torch.zeros(2, 16)) and features.grad.isfinite().all()


@pytest.mark.parametrize(("features", "power"), [(torch.ones(2, 3, 4), 4), (torch.ones(2, 3, 4, 4), 0.5)])
def test_attention_refuses_other_shapes_and_powers_below_one(features, power):
    with pytest.raises(InputError):
        attention_map(features, power)


@pytest.mark.parametrize("lam", [0.0, 0.01, 3.0])
@pytest.mark.parametrize("power", [1, 2, 4])
def test_the_loss_equals_slow_loops(power, lam):
    real, synthetic = sides()
    expected = slow_loss(*([f.tolist() for f in side] for side in (real, synthetic)), lam, power)
    assert attention_matching_loss(real, synthetic, lam, power).item() == pytest.approx(expected, rel=1e-10)
    single = attention_matching_loss([f.float() for f in real], [f.float() for f in synthetic], lam, power)
    assert single.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("power", [1, 2, 4])
def test_the_losss_gradient_is_the_numerical_one(power):
    real, synthetic = sides(real=3, classes=2)
    synthetic = [f[..., :2].clone().requires_grad_() for f in synthetic]
    real = [f[..., :2] for f in real]
    assert torch.autograd.gradcheck(lambda *s: attention_matching_loss(real, list(s), 0.5, power), synthetic)


def test_a_set_matches_itself_and_nothing_else():
    real, synthetic = sides()
    assert attention_matching_loss(real, real).item() == 0
    shuffled = [f[:, torch.tensor([3, 0, 4, 1, 2])] for f in real]
    assert attention_matching_loss(real, shuffled).item() == pytest.approx(0, abs=1e-25)
    assert attention_matching_loss(real, synthetic).item() > 0.001


@pytest.mark.parametrize("power", [1, 4])
@pytest.mark.parametrize("name", ["ConvNetD3", "ConvNetD3BN", "MLP", "AlexNet"])
def test_class_means_in_chunks_equal_those_of_one_pass_in_training_mode(name, power):
    images = noise(12, 1, 28, 28, dtype=torch.float32)
    net = build(name, 1, 4, 28, width=32, generator=torch.Generator().manual_seed(1))
    state = copy.deepcopy(net.state_dict())
    *maps, _, embedding = copy.deepcopy(net).train().features(images)
    expected = class_means([f.detach().unflatten(0, (4, 3)) for f in (*maps, embedding)], power)
    found = chunked_means(net, images, 4, attention_view(power, net.nonnegative), budget_mib=1)  # one or two at a time
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert net.training and all(torch.equal(net.state_dict()[key], state[key]) for key in state)


def quick(**changes):
    return Config(**{"networks": 2, "iterations": 2, "network_steps": 2, "real_batch": 8, "width": 4} | changes)


def started(config, dataset, seed=0, ipc=2):
    method, synthetic = DataDAM(config), SyntheticSet.from_real(dataset, ipc, stream(seed, "init"))
    synthetic.images.requires_grad_()
    method.start(dataset, synthetic, partial(stream, seed))
    return method, synthetic


@pytest.mark.parametrize(("networks", "iterations", "image_steps", "expected"), [
    (1, 1, 1, "Nm"),
    (2, 3, 1, "N m tt m tt m N m tt m tt m"),
    (2, 2, 2, "N mm tt mm N mm tt mm"),
    (3, 1, 2, "N mm N mm N mm"),
])
def test_each_of_k_networks_is_matched_t_times_for_zeta_steps_and_trained_between(
        tiny, monkeypatch, networks, iterations, image_steps, expected):
    events = []

    def watched(mark, original):
        return lambda *args, **kwargs: (events.append(mark), original(*args, **kwargs))[1]

    monkeypatch.setattr(datadam, "build_for", watched("N", datadam.build_for))
    monkeypatch.setattr(datadam, "matching_loss", watched("m", datadam.matching_loss))
    monkeypatch.setattr(datadam, "loss_backward", watched("t", datadam.loss_backward))
    config = quick(networks=networks, iterations=iterations, image_steps=image_steps)
    method, _ = started(config, tiny)
    assert config.updates == networks * iterations * image_steps
    for _ in range(config.updates):
        method.update()
    assert "".join(events) == expected.replace(" ", "")


@pytest.mark.parametrize(("image_lr", "scale"), [(0.1, 1.0), (0.5, 100.0)])
def test_an_update_is_one_gradient_step_on_the_loss_over_all_real_images(tiny, image_lr, scale):
    config = quick(augmented=False, image_lr=image_lr, loss_scale=scale, real_batch=99, lam=0.3, power=2)
    method, synthetic = started(config, tiny)
    network = build("ConvNetD3", 1, 3, 8, width=4, generator=stream(0, "networks")).double()
    real = torch.cat([tiny.train.of_class(c) for c in range(3)]).double()
    images = synthetic.images.detach().double().requires_grad_()
    by_class = []
    for batch in (real, images):
        *maps, _, embedding = network.features(batch)
        by_class.append([f.unflatten(0, (3, -1)) for f in (*maps, embedding)])
    loss = attention_matching_loss(*by_class, lam=0.3, power=2)
    [gradient] = torch.autograd.grad(loss, images)
    assert method.update()["loss"] == pytest.approx(loss.item(), rel=1e-3)
    torch.testing.assert_close(synthetic.images.detach().double(), images - image_lr * scale * gradient,
                               atol=1e-4 * image_lr * scale, rtol=1e-4)


def test_training_the_network_is_plain_sgd_on_the_synthetic_set(tiny):
    method, synthetic = started(quick(network_steps=3, network_lr=0.5, image_lr=1e-9), tiny)
    plain = copy.deepcopy(method.network)
    optimiser = torch.optim.SGD(plain.parameters(), 0.5)
    method.update()
    method.update()  # the second round begins with the training
    for _ in range(3):
        optimiser.zero_grad()
        F.cross_entropy(plain(synthetic.images.detach()), synthetic.labels).backward()
        optimiser.step()
    for one, other in zip(method.network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_both_sides_get_the_same_augmentation_with_one_row_for_each_class(tiny, monkeypatch):
    applied = []
    original = augment.apply
    monkeypatch.setattr(augment, "apply", lambda images, drawn: (applied.append((len(images), drawn)),
                                                                 original(images, drawn))[1])
    method, _ = started(quick(), tiny)
    method.update()
    method.update()
    assert [count for count, _ in applied] == [24, 6, 24, 6]  # 3 classes, 8 real and 2 synthetic images of each
    draws = [(drawn.operation, drawn.values[:: len(drawn.values) // 3]) for _, drawn in applied]  # of each class
    for (_, drawn), (_, rows) in zip(applied, draws, strict=True):
        assert torch.equal(drawn.values, rows.repeat_interleave(len(drawn.values) // 3, 0))
    real, synthetic, later = draws[0], draws[1], draws[2]
    assert real[0] == synthetic[0] and torch.equal(real[1], synthetic[1]) and not torch.equal(real[1], later[1])


def test_matching_lowers_the_loss_for_a_fixed_network(tiny):
    config = quick(augmented=False, networks=1, iterations=40, network_steps=0, real_batch=99, image_lr=1.0)
    method, _ = started(config, tiny)
    losses = [method.update()["loss"] for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("changes", [
    {"networks": 0}, {"iterations": 0}, {"image_steps": 0}, {"real_batch": 0}, {"memory_mib": 0}, {"image_lr": 0.0},
    {"network_lr": -1.0}, {"loss_scale": 0.0}, {"network_steps": -1}, {"lam": -0.1}, {"image_momentum": -0.5},
    {"power": 0.5}])
def test_settings_that_cannot_work_are_refused_at_once_by_name(changes):
    with pytest.raises(InputError, match=next(iter(changes))):
        Config(**changes)


@pytest.mark.parametrize(("network", "steps"), [
    ("ConvNetD2", 2), ("ConvNetD3", 2), ("LeNet", 2), ("ConvNetD2BN", 0)])  # in training batch norm sees chunks
def test_matching_in_chunks_moves_the_images_as_in_one_pass(digits, monkeypatch, network, steps):
    original = datadam.build_for
    monkeypatch.setattr(datadam, "build_for", lambda *arguments: original(*arguments).double())
    train = Split(digits.train.images.double(), digits.train.labels)  # else rounding decides which ReLUs are open
    moved = []
    for memory in (1024, 1):
        synthetic = SyntheticSet.from_noise(digits, 3, torch.Generator().manual_seed(0))
        synthetic.images = synthetic.images.double().requires_grad_()
        config = Config(network=network, width=64, network_steps=steps, real_batch=4, loss_scale=30.0, iterations=3,
                        synthetic_memory_mib=memory)
        method = DataDAM(config)
        method.start(replace(digits, train=train), synthetic, lambda name: stream(0, name))
        losses = [method.update()["loss"] for _ in range(3)]
        assert method.chunk < 30 or memory > 1
        moved.append((losses, synthetic.images.detach() - synthetic.start))
    (losses, direct), (chunked_losses, chunked) = moved
    assert chunked_losses == pytest.approx(losses, rel=1e-9)
    assert float(direct.norm()) > 0
    torch.testing.assert_close(chunked, direct, rtol=0, atol=1e-9 * float(direct.abs().max()))


@pytest.mark.parametrize("power", [17, 40, 400, 4e4])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_a_steep_attention_map_is_what_float64_says_and_has_a_gradient(power, scale):
    features = (scale * torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))).requires_grad_()
    found = attention_map(features, power)
    logs = power * features.detach().double().log()
    total = torch.logsumexp(logs, 1).flatten(1)
    expected = torch.nn.functional.normalize((total - total.amax(1, keepdim=True)).exp(), dim=1)
    torch.testing.assert_close(found.detach().double(), expected, rtol=1e-3, atol=1e-6)
    found.square().sum(1).sqrt().sum().backward()
    assert features.grad.isfinite().all()
    assert attention_map(torch.zeros(1, 2, 3, 3), power).equal(torch.zeros(1, 9))
