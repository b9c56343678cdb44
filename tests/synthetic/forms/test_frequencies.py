"""Frequencies: the orthonormal cosine transform, masks that are counted and kept, pixels where nothing is masked."""

import math

import pytest
import torch
from small_forms import CIFAR, MNIST, SMALL, at, counted, descended, learned, noise, seeded, small

from ddkit.foundation.errors import InputError
from ddkit.synthetic.forms import configure, get
from ddkit.synthetic.forms.form import random_real
from ddkit.synthetic.forms.frequencies import cosines, most_varying, packed, transformed, unpacked, untransformed


@pytest.mark.parametrize("canvas, ipc, kept, images", [
    (MNIST, 1, 64, 11), (MNIST, 10, 64, 122), (MNIST, 1, 32, 23), (MNIST, 1, 784, 1), (MNIST, 3, 784, 3),
    (CIFAR, 1, 64, 15), (CIFAR, 10, 32, 319),
    (MNIST, 1, None, 5), (MNIST, 10, None, 59), (CIFAR, 1, None, 5),
])
def test_as_many_images_as_masks_and_coefficients_leave(canvas, ipc, kept, images):
    """The paper's ipc H W / k does not count the masks: of 12.25 images 11.87 are left."""
    assert counted("frequencies", canvas, ipc, kept=kept) == images
    channels, height, width = canvas.shape
    kept = kept or {MNIST: 131, CIFAR: 171}[canvas]
    masks = math.ceil(10 * height * width / 8) if kept < height * width else 0
    assert images == (4 * ipc * 10 * canvas.numbers - masks) // (4 * 10 * channels * kept)
    size = at("frequencies", noise(10 * images, *canvas.shape, dtype=torch.float32), canvas, kept=kept).size()
    assert size.bytes == 4 * 10 * images * channels * kept + masks and size.decoded == 10 * images


def test_more_coefficients_than_a_channel_has_are_a_sentence():
    with pytest.raises(InputError, match="keeps 785 coefficients of a channel, which has 784"):
        counted("frequencies", MNIST, 9, kept=785)


@pytest.mark.parametrize("size", [1, 7, 28])
def test_the_transform_is_the_cosine_transform_and_orthonormal(size):
    matrix, x = cosines(size), noise(size)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(size, dtype=torch.float64))
    slow = [math.sqrt((1 if u == 0 else 2) / size)
            * sum(float(x[i]) * math.cos(math.pi * (2 * i + 1) * u / (2 * size)) for i in range(size))
            for u in range(size)]
    torch.testing.assert_close(matrix @ x, torch.tensor(slow, dtype=torch.float64))


def test_there_and_back_and_as_long_as_before():
    images = noise(3, 2, 6, 5)
    spectra = transformed(images)
    torch.testing.assert_close(untransformed(spectra), images)
    torch.testing.assert_close(spectra.square().sum(), images.square().sum())


def test_of_all_coefficients_steps_are_those_of_pixels():
    images, slopes = noise(8, *SMALL.shape), [noise(8, *SMALL.shape, seed=n) for n in range(1, 6)]
    form, pixels = at("frequencies", images, kept=32), at("pixels", images)
    assert not form.fixed and form.size() == pixels.size()
    found, wanted = (descended(learned(each), slopes, 0.3) for each in (form, pixels))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    found, wanted = (descended(learned(each, torch.float32), [s.float() for s in slopes], 0.3)
                     for each in (at("frequencies", images.float(), kept=32), at("pixels", images.float())))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_masked_coefficients_stay_exactly_zero():
    form = small("frequencies")
    descended(form, [noise(8, *SMALL.shape, seed=n) for n in range(3)], 0.3)
    spectra, masks = form.spectra().detach(), unpacked(form.fixed["masks"], (2, 8, 4))
    for spectrum, mask in zip(spectra, masks.repeat_interleave(4, 0), strict=True):
        assert int(mask.sum()) == 9 and not spectrum[:, ~mask].any() and spectrum[:, mask].all()
    assert transformed(form.decode().detach())[~masks.repeat_interleave(4, 0)[:, None].expand(-1, 2, -1, -1)
                                               ].abs().max() < 1e-12


def test_the_mask_is_of_those_that_vary_most_summed_over_channels():
    spectra = noise(5, 2, 3, 4) * torch.arange(1, 13).view(3, 4).flip(1) + 100
    slow = {}
    for row in range(3):
        for column in range(4):
            slow[row, column] = 0.0
            for channel in range(2):
                values = [float(s[channel, row, column]) for s in spectra]
                mean = sum(values) / 5
                slow[row, column] += sum((v - mean) ** 2 for v in values)
    best = sorted(slow, key=slow.get, reverse=True)[:4]
    assert {tuple(p) for p in most_varying(spectra, 4).nonzero().tolist()} == set(best)


def test_of_a_single_image_of_a_class_the_largest_are_kept():
    images = noise(2, *SMALL.shape)
    form = at("frequencies", images, kept=5)
    for spectrum, full in zip(form.spectra(), transformed(images), strict=True):
        sizes = full.square().sum(0).flatten().sort(descending=True)[0]
        torch.testing.assert_close(spectrum.square().sum(), sizes[:5].sum())


def test_kept_coefficients_are_those_of_the_images():
    images = noise(8, *SMALL.shape)
    form = at("frequencies", images, kept=9)
    kept = unpacked(form.fixed["masks"], (2, 8, 4)).repeat_interleave(4, 0)[:, None]
    torch.testing.assert_close(form.spectra(), transformed(images) * kept)
    picks = torch.tensor([5, 0, 5])
    torch.testing.assert_close(form.spectra(picks), form.spectra()[picks])


@pytest.mark.parametrize("shape", [(10, 28, 28), (3, 5), (1,), (17,)])
def test_bits_are_eight_to_a_byte_and_come_back(shape):
    masks = noise(*shape) > 0
    bits = packed(masks)
    assert bits.dtype == torch.uint8 and len(bits) == math.ceil(masks.numel() / 8)
    assert unpacked(bits, shape).equal(masks)


def test_noise_is_white_on_the_masks_of_real_images(tiny):
    begin, config = get("frequencies").begin, configure("frequencies", {"kept": 12})
    real, drawn = (begin(config, tiny, 40, init, seeded()) for init in ("real", "noise"))
    assert real.fixed["masks"].equal(drawn.fixed["masks"])
    coefficients = drawn.parts["coefficients"]
    assert abs(float(coefficients.mean())) < 0.05 and abs(float(coefficients.std()) - 1) < 0.05


def test_real_digits_are_begun_from_nearly(mnist):
    """Of the squares of 110 real images 26 % are missing with the paper's 64 coefficients (measured)."""
    form = get("frequencies").begin(configure("frequencies", {"kept": 64}), mnist, 1, "real", seeded())
    images = random_real(mnist, 11, seeded())
    assert 0.23 < float((form.decode() - images).square().sum() / images.square().sum()) < 0.29
