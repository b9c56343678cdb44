"""FGSM and PGD against closed forms, numerical gradients, their own promises, and another library."""

import pytest
import torch
import torch.nn.functional as F

from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.networks import build_for
from ddkit.networks.attacks import Ball, fgsm, pgd, uphill
from ddkit.training import PROTOCOLS, fit, logits


def ball(dataset, epsilon):
    return Ball(epsilon, dataset.mean, dataset.std)


@pytest.fixture(scope="module")
def nets(digits):
    """Two ConvNets trained on digits, and some test images with their labels."""
    made = []
    for seed in range(2):
        made.append(build_for(digits, "ConvNetD3", 8, stream(seed, "network")))
        how = PROTOCOLS["assignment"].__class__("short", epochs=8, lr=0.05)
        fit(made[-1], digits.train, how, stream(seed, "order"), quiet=True)
    return *made, digits.test.images[:120], digits.test.labels[:120]


def accuracy(network, images, labels):
    return float((logits(network, images).argmax(1) == labels).float().mean())


def in_pixels(images, dataset):
    scale, shift = (torch.tensor(v)[:, None, None] for v in (dataset.std, dataset.mean))
    return images * scale + shift


@pytest.mark.parametrize("epsilon", [0.05, 0.3])
def test_no_pixel_changes_by_more_than_epsilon_or_leaves_its_range(nets, digits, epsilon):
    network, _, images, labels = nets
    around = ball(digits, epsilon)
    for changed in (fgsm(network, images, labels, around), pgd(network, images, labels, around, stream(0, "a"), 3),
                    around.anywhere(images, stream(0, "b")), around.corner(images, stream(0, "c"))):
        pixels, before = in_pixels(changed, digits), in_pixels(images, digits)
        assert float((pixels - before).abs().max()) == pytest.approx(epsilon, abs=1e-6)
        assert float(pixels.min()) >= -1e-6 and float(pixels.max()) <= 1 + 1e-6


def test_three_channels_have_a_radius_each():
    around = Ball(0.1, (0.5, 0.4, 0.3), (0.5, 0.25, 0.1))
    images = torch.zeros(1, 3, 2, 2)
    torch.testing.assert_close(around.radius(images).flatten(), torch.tensor([0.2, 0.4, 1.0]))
    wide = Ball(1.0, around.mean, around.std)
    torch.testing.assert_close(wide.back(images + 100, images)[0, :, 0, 0], torch.tensor([1.0, 2.4, 7.0]))
    torch.testing.assert_close(wide.back(images - 100, images)[0, :, 0, 0], torch.tensor([-1.0, -1.6, -3.0]))


def test_the_custom_of_mnist_in_a_networks_units():
    """0.3 of a pixel, beside images that are normalised by MNIST's mean and standard deviation."""
    assert float(Ball(0.3, (0.1307,), (0.3081,)).radius(torch.zeros(1, 1, 28, 28))) == pytest.approx(0.974, abs=5e-4)


def test_without_room_nothing_changes(nets, digits):
    network, _, images, labels = nets
    none = ball(digits, 0.0)
    assert torch.equal(fgsm(network, images, labels, none), images)
    assert torch.equal(pgd(network, images, labels, none, stream(0, "a"), 3), images)


def test_the_gradient_is_a_numerical_one(nets):
    network, _, images, labels = nets
    double, some = network.double(), images[:4].double()
    try:
        found = uphill(double, some, labels[:4])
        direction = torch.randn(some.shape, generator=stream(0, "direction"), dtype=torch.float64)
        step = 1e-6

        def losses(moved):
            return F.cross_entropy(double(moved), labels[:4], reduction="none")

        with torch.no_grad():
            slopes = (losses(some + step * direction) - losses(some - step * direction)) / (2 * step)
        torch.testing.assert_close((found * direction).sum((1, 2, 3)), slopes, rtol=1e-4, atol=1e-8)
    finally:
        network.float()


def test_of_a_linear_model_pgd_is_fgsm_is_the_closed_form():
    """Two classes, scores +-(w x) / 2: the margin y (w x) falls by epsilon |w|_1 where no pixel meets its range."""
    w = torch.randn(16, generator=stream(0, "w"))
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2, bias=False))
    network[1].weight.data = torch.stack([-w, w]) / 2
    images = 0.4 + 0.2 * torch.rand(50, 1, 4, 4, generator=stream(0, "x"))
    labels, around = (images.flatten(1) @ w > 0.5 * w.sum()).long(), Ball(0.1, (0.0,), (1.0,))

    def margins(some):
        return (2 * labels - 1) * (some.flatten(1) @ w)

    one, many = fgsm(network, images, labels, around), pgd(network, images, labels, around, stream(0, "a"), 20)
    torch.testing.assert_close(margins(one), margins(images) - 0.1 * w.abs().sum())
    torch.testing.assert_close(many, one)


def test_accuracy_falls_with_epsilon_and_pgd_is_the_stronger(nets, digits):
    network, _, images, labels = nets
    sizes = (0.0, 0.05, 0.1, 0.2, 1.0)
    by_pgd = [accuracy(network, pgd(network, images, labels, ball(digits, e), stream(0, "a")), labels) for e in sizes]
    by_fgsm = [accuracy(network, fgsm(network, images, labels, ball(digits, e)), labels) for e in sizes]
    assert by_pgd == sorted(by_pgd, reverse=True) and by_pgd[0] == by_fgsm[0] == accuracy(network, images, labels)
    assert by_pgd[-1] == 0 and all(many <= one for many, one in zip(by_pgd, by_fgsm, strict=True))


def test_accuracy_falls_with_the_steps(nets, digits):
    """From the same random points, by steps that together are equally long."""
    network, _, images, labels = nets
    around = ball(digits, 0.1)
    by_steps = [accuracy(network, pgd(network, images, labels, around, stream(0, "a"), steps), labels)
                for steps in (1, 2, 5, 20)]
    assert by_steps == sorted(by_steps, reverse=True) and by_steps[-1] < by_steps[0]


def test_the_gradient_is_not_masked(nets, digits):
    """Images made against another network must not do more harm than those made against this one; noise does least."""
    network, other, images, labels = nets
    around = ball(digits, 0.15)
    own, foreign = (accuracy(network, pgd(against, images, labels, around, stream(0, "a")), labels)
                    for against in (network, other))
    noise = accuracy(network, around.corner(images, stream(0, "b")), labels)
    assert own < foreign < noise


def test_looking_changes_no_network_and_no_image(nets, digits):
    network, _, images, labels = nets
    before, kept = {name: value.clone() for name, value in network.state_dict().items()}, images.clone()
    network.train()
    network.zero_grad(set_to_none=True)
    pgd(network, images, labels, ball(digits, 0.1), stream(0, "a"), 2)
    assert network.training and torch.equal(images, kept) and not images.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("epsilon", [-0.1, 1.5, float("nan")])
def test_an_epsilon_that_is_no_difference_of_pixels_is_refused(epsilon):
    with pytest.raises(InputError, match="difference of pixels"):
        Ball(epsilon, (0.0,), (1.0,))


def test_steps_are_counted():
    with pytest.raises(InputError, match="steps of PGD"):
        pgd(torch.nn.Flatten(), torch.zeros(1, 1, 2, 2), torch.zeros(1).long(), Ball(0.1, (0.0,), (1.0,)), None, 0)


def test_art_finds_the_same(nets, digits):
    """The Adversarial Robustness Toolbox, in pixels: FGSM's images, and PGD's accuracy within a point."""
    attacks = pytest.importorskip("art.attacks.evasion")
    from art.estimators.classification import PyTorchClassifier

    network, _, images, labels = nets
    network.eval()
    theirs = PyTorchClassifier(network, torch.nn.CrossEntropyLoss(), (digits.channels, digits.size, digits.size), 10,
                               clip_values=(0.0, 1.0), preprocessing=(digits.mean[0], digits.std[0]), device_type="cpu")
    pixels = in_pixels(images, digits).numpy().clip(0, 1)
    for epsilon in (0.05, 0.1):
        around = ball(digits, epsilon)
        one = attacks.FastGradientMethod(theirs, eps=epsilon).generate(pixels, labels.numpy())
        ours = in_pixels(fgsm(network, images, labels, around), digits)
        apart = (ours - torch.tensor(one)).abs() > 1e-5
        assert float(apart.float().mean()) < 1e-3  # where a slope is zero, or nearly
        many = attacks.ProjectedGradientDescent(theirs, eps=epsilon, eps_step=2.5 * epsilon / 20, max_iter=20,
                                                verbose=False).generate(pixels, labels.numpy())
        there = float((theirs.predict(many).argmax(1) == labels.numpy()).mean())
        here = accuracy(network, pgd(network, images, labels, around, None), labels)
        assert 0 < there < 1 and here == pytest.approx(there, abs=0.01)
