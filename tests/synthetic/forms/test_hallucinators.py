"""Hallucinators: their size, nothing in them that bends, the identity, which image is of which base."""

import pytest
import torch
import torch.nn.functional as F
from small_forms import CIFAR, MNIST, SMALL, at, counted, descended, learned, noise, seeded, small

from ddkit.foundation.errors import InputError
from ddkit.synthetic.forms import configure, get
from ddkit.synthetic.forms.form import random_real
from ddkit.synthetic.forms.hallucinators import HALLUCINATOR, shapes

PAPER = {"number": 5, "kernel": 3, "shrink": 1}
IDENTITY = {"number": 1, "kernel": 1, "shrink": 1, "spread": 0.0}


@pytest.mark.parametrize("canvas, floats", [(MNIST, 1372), (CIFAR, 5568)])
def test_a_hallucinator_has_as_many_numbers_as_the_papers(canvas, floats):
    parts = shapes(configure("hallucinators", PAPER), canvas)
    assert sum(torch.Size(shape).numel() for shape in parts.values()) == floats


@pytest.mark.parametrize("canvas, ipc, options, bases", [
    (MNIST, 10, PAPER, 9), (MNIST, 50, PAPER, 49), (CIFAR, 2, PAPER, 1), (MNIST, 1, {}, 1), (MNIST, 10, {}, 37),
])
def test_bases_and_hallucinators_take_the_budget(canvas, ipc, options, bases):
    config = configure("hallucinators", options)
    count = get("hallucinators").count(config, canvas, ipc)
    assert count == bases * config.number
    form = at("hallucinators", noise(10 * count, *canvas.shape, dtype=torch.float32), canvas, **options)
    size, whole = form.size(), canvas.numbers // config.shrink**2
    each = {MNIST: 1372, CIFAR: 5568}[canvas]
    assert size.shared_bytes == 4 * config.number * each and size.decoded == 10 * count
    assert size.bytes == 4 * (10 * bases * whole + config.number * each) <= canvas.budget(ipc)
    assert size.bytes + 40 * whole > canvas.budget(ipc)


@pytest.mark.parametrize("options, words", [
    (PAPER, "needs 58,800 bytes for one image of each of 10 classes, and the budget is 31,360"),
    ({"kernel": 29}, "at most as large as the images, which are 28 x 28, got 29"), ({"shrink": 3}, "shrink"),
])
def test_what_does_not_fit_is_a_sentence(options, words):
    with pytest.raises(InputError, match=words):
        counted("hallucinators", MNIST, 1, **options)
    with pytest.raises(InputError, match="odd, got 2"):
        configure("hallucinators", {"kernel": 2})


def test_every_image_is_one_hallucinator_of_one_base():
    """Image n is hallucinator n % h of base n // h, computed one by one."""
    form = small("hallucinators")
    parts, found = form.parts, form.decode()
    assert parts["bases"].shape == (4, 2, 4, 2)
    for n, image in enumerate(found):
        base, one = parts["bases"][n // 2, None], {name: parts[name][n % 2] for name in HALLUCINATOR}
        inside = F.conv2d(F.interpolate(base, scale_factor=2, mode="bilinear"), one["encoder"], one["encoder_bias"])
        wanted = F.conv_transpose2d(inside * one["scale"] + one["shift"], one["decoder"], one["decoder_bias"])
        torch.testing.assert_close(image, wanted[0])
    picks = torch.tensor([7, 0, 3, 7])
    torch.testing.assert_close(form.decode(picks), found[picks])


def test_nothing_in_it_bends():
    """H(a) + H(b) - H(0) = H(a + b)."""
    form, found = small("hallucinators"), []
    bases = form.parts["bases"]
    for a, b in ((1, 0), (0, 1), (0, 0), (1, 1)):
        form.parts["bases"] = a * bases + b * noise(*bases.shape, seed=4)
        found.append(form.decode())
    torch.testing.assert_close(found[0] + found[1] - found[2], found[3])


def test_one_identity_is_pixels_bit_for_bit():
    images, slopes = noise(8, *SMALL.shape), [noise(8, *SMALL.shape, seed=n) for n in range(3)]
    form, pixels = learned(at("hallucinators", images, **IDENTITY)), learned(at("pixels", images))
    assert form.decode().equal(images)
    form.rates = lambda rate: dict.fromkeys(form.parts, 0.0) | {"bases": rate}
    assert descended(form, slopes, 0.1).equal(descended(pixels, slopes, 0.1))


def test_it_begins_at_the_identity_with_what_lies_at_the_edge():
    """Without spread and shrinking images come back whole where their outermost pixels are of one colour."""
    images = noise(8, *SMALL.shape)
    images[..., 0, :] = images[..., -1, :] = images[..., 0] = images[..., -1] = -0.4
    form = at("hallucinators", images, number=2, kernel=3, shrink=1, spread=0.0)
    torch.testing.assert_close(form.decode(), images.unflatten(0, (2, 4))[:, :2].repeat_interleave(2, 1).flatten(0, 1))


def test_hallucinators_differ_from_the_start():
    images = at("hallucinators", noise(8, *SMALL.shape), number=2).decode().unflatten(0, (4, 2))
    assert (images[:, 0] - images[:, 1]).abs().amax((1, 2, 3)).min() > 0.05


def test_real_digits_are_begun_from_nearly(mnist):
    """Of the squares of the bases' real images 23 % are missing (measured): kernels are spread, bases a quarter."""
    form = get("hallucinators").begin(configure("hallucinators", {}), mnist, 10, "real", seeded())
    images = random_real(mnist, 148, seeded()).unflatten(0, (10, 148))[:, :37].repeat_interleave(4, 1).flatten(0, 1)
    assert 0.15 < float((form.decode() - images).square().sum() / images.square().sum()) < 0.35
