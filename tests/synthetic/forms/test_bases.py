"""Linear bases: how many images, closed forms of their slopes, the nearest sums of all."""

import pytest
import torch
import torch.nn.functional as F
from small_forms import CIFAR, MNIST, SMALL, at, counted, descended, learned, noise, seeded, small

from ddkit.foundation.errors import InputError
from ddkit.synthetic.forms import configure, get
from ddkit.synthetic.forms.bases import enlarged, enlarging, nearest, reduced
from ddkit.synthetic.forms.form import random_real


@pytest.mark.parametrize("canvas, ipc, number, images", [
    (MNIST, 1, 4, 176), (MNIST, 1, 8, 78), (MNIST, 1, 10, 58), (MNIST, 1, 16, 29), (MNIST, 1, 20, 19),
    (MNIST, 1, 24, 13), (MNIST, 1, 32, 4), (MNIST, 10, 16, 470), (MNIST, 10, 32, 225), (MNIST, 10, 64, 102),
    (CIFAR, 1, 16, 115), (MNIST, 1, None, 21), (MNIST, 10, None, 79),
])
def test_as_many_images_as_the_papers_formula_gives(canvas, ipc, number, images):
    assert counted("bases", canvas, ipc, number=number, shrink=2) == images


def test_the_bytes_are_those_of_bases_and_coefficients():
    form = get("bases").noise(configure("bases", {"number": 16, "shrink": 2}), CIFAR, 1, seeded(), "cpu")
    size = form.size()
    assert (size.bytes, size.shared_bytes, size.decoded) == (4 * 30688, 4 * 16 * 3 * 16 * 16, 1150)


@pytest.mark.parametrize("ipc, number, shrink, words", [
    (1, 40, 2, "needs 32,960 bytes for one image of each of 10 classes, and the budget is 31,360"),
    (1, 8, 3, "28 x 28 pixels at 1 / 3"), (9, 17, 7, "17 bases of 16 numbers each"),
])
def test_what_does_not_fit_is_a_sentence(ipc, number, shrink, words):
    with pytest.raises(InputError, match=words):
        counted("bases", MNIST, ipc, number=number, shrink=shrink)


def test_slopes_are_those_of_a_product_of_matrices():
    """Of S = A E(B), with E the enlarging: dA = dS E(B)^T and dB = E^T(A^T dS)."""
    form, slope = small("bases"), noise(8, *SMALL.shape, seed=3)
    form.pull(slope)
    bases, coefficients = form.parts["bases"], form.parts["coefficients"]
    height, width = enlarging(8, 2), enlarging(4, 2)
    whole = height @ bases.detach() @ width.T
    torch.testing.assert_close(coefficients.grad, slope.flatten(1) @ whole.flatten(1).T)
    of_whole = (coefficients.detach().T @ slope.flatten(1)).view(3, *SMALL.shape)
    torch.testing.assert_close(bases.grad, height.T @ of_whole @ width)


def test_one_hot_coefficients_of_whole_bases_are_pixels_bit_for_bit():
    images, slope = noise(8, *SMALL.shape, dtype=torch.float32), noise(8, *SMALL.shape, seed=1, dtype=torch.float32)
    form = get("bases")(configure("bases", {"number": 8, "shrink": 1}), SMALL, 4,
                        {"bases": images.clone(), "coefficients": torch.eye(8)})
    pixels = at("pixels", images)
    learned(form, torch.float32)
    learned(pixels, torch.float32)
    for step in range(3):
        assert form.decode().equal(pixels.decode())
        for each, name in ((form, "bases"), (pixels, "images")):
            each.pull(slope.roll(step))
            with torch.no_grad():
                each.parts[name] -= 0.1 * each.parts[name].grad


def test_enlarging_is_torchs_and_keeps_what_is_smooth():
    small_one = noise(3, 2, 7, 5)
    for shrink in (2, 3, 4):
        wanted = F.interpolate(small_one, (7 * shrink, 5 * shrink), mode="bilinear", align_corners=False)
        torch.testing.assert_close(enlarged(small_one, shrink), wanted)
        height, width = enlarging(7 * shrink, shrink), enlarging(5 * shrink, shrink)
        torch.testing.assert_close(height @ small_one @ width.T, wanted)
        torch.testing.assert_close(reduced(wanted, shrink), small_one)
    assert reduced(small_one, 1).equal(small_one)


def test_the_start_is_the_nearest_that_there_is():
    """No slope is left in the parts, and the rest is what the singular values left out."""
    images = noise(8, *SMALL.shape)
    form = learned(at("bases", images, number=3))
    form.pull(form.decode().detach() - images)
    assert max(float(part.grad.abs().max()) for part in form.parts.values()) < 1e-12
    height, width = (torch.linalg.qr(enlarging(side, 2))[0] for side in (8, 4))
    within = (height.T @ images @ width).flatten(1)
    rest = images.square().sum() - torch.linalg.svdvals(within)[:3].square().sum()
    torch.testing.assert_close((form.decode().detach() - images).square().sum(), rest)


@pytest.mark.parametrize("number", [3, 16])
def test_images_that_bases_can_make_are_made(number):
    """Also where there are more bases than images: those beside them are orthonormal, too, and not used."""
    images = enlarged(noise(4, 2, 4, 2)[:3], 2)[[0, 1, 2, 1]]
    bases, coefficients = nearest(images, number, 2, seeded())
    whole = enlarged(bases, 2).flatten(1)
    torch.testing.assert_close(coefficients @ whole, images.flatten(1))
    torch.testing.assert_close(whole @ whole.T, torch.eye(number, dtype=torch.float64))


def test_steps_of_coefficients_are_those_of_pixels_on_the_span():
    """The enlarged bases are orthonormal: a step of coefficients alone is the projected step of pixels."""
    form, slope = small("bases"), noise(8, *SMALL.shape, seed=5)
    whole = enlarged(form.parts["bases"].detach(), 2).flatten(1)
    before, fixed = form.decode().detach(), form.rates(0.1)
    form.rates = lambda rate, signed=False: fixed | {"bases": 0.0}
    found = descended(form, [slope], 0.1)
    torch.testing.assert_close(found, before - 0.1 * (slope.flatten(1) @ whole.T @ whole).view_as(before))


def test_noise_is_drawn_as_xaviers():
    form = get("bases").noise(configure("bases", {}), MNIST, 10, seeded(), "cpu")
    for part in form.parts.values():
        rows = part.flatten(1)
        bound = (6 / sum(rows.shape)) ** 0.5
        assert bound * 0.99 < float(rows.abs().max()) <= bound and abs(float(rows.mean())) < bound / 20


def test_real_digits_are_begun_from_nearly(mnist):
    """Of the squares of 210 real images 24 % are missing at one image per class (measured), with 19 bases."""
    form = get("bases").begin(configure("bases", {}), mnist, 1, "real", seeded())
    images = random_real(mnist, 21, seeded())
    assert 0.22 < float((form.decode() - images).square().sum() / images.square().sum()) < 0.27
