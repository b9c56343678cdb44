"""8-bit pixels: 256 levels of pixel space, a quarter of the bytes, slopes that go straight through."""

from fractions import Fraction

import pytest
import torch
from small_forms import CIFAR, MNIST, SMALL, at, counted, descended, learned, noise, seeded

from ddkit.foundation.errors import InputError
from ddkit.synthetic import forms
from ddkit.synthetic.forms import configure, get
from ddkit.synthetic.forms.form import random_real


def levels_of(canvas):
    """Every level of a channel as a normalised pixel, [channels, 256], as the loader of real images makes it."""
    scale, shift = (torch.tensor(v)[:, None] for v in (canvas.std, canvas.mean))
    return torch.arange(256).float().div(255).sub(shift).div(scale)


@pytest.mark.parametrize("canvas", [MNIST, CIFAR])
def test_four_images_take_the_bytes_of_one(canvas):
    assert [counted("bytes", canvas, ipc) for ipc in (1, 3, 10)] == [4, 12, 40]
    size = at("bytes", noise(40, *canvas.shape, dtype=torch.float32), canvas).size()
    assert (size.bytes, size.shared_bytes, size.decoded) == (40 * canvas.numbers, 0, 40)
    with pytest.raises(InputError, match="'bytes' needs"):
        counted("bytes", canvas, Fraction(1, 5))


def test_what_is_decoded_is_one_of_256_levels_of_every_channel():
    form = learned(at("bytes", 3 * noise(8, *SMALL.shape, dtype=torch.float32)), torch.float32)
    images = descended(form, [noise(8, *SMALL.shape, seed=n, dtype=torch.float32) for n in range(4)], 0.2)
    for channel, levels in zip(images.transpose(0, 1), levels_of(SMALL), strict=True):
        assert torch.isin(channel, levels).all() and len(channel.unique()) > 20


def test_all_levels_are_decoded_bit_for_bit():
    levels = levels_of(SMALL)
    images = levels.view(2, 8, 8, 4).transpose(0, 1).contiguous()
    form = at("bytes", images)
    assert form.decode().equal(images)
    assert form.stored()["images"].dtype == torch.uint8
    assert form.stored()["images"].equal(torch.arange(256, dtype=torch.uint8).view(8, 1, 8, 4).expand(8, 2, 8, 4))


def test_the_nearest_level_is_decoded():
    images = noise(8, *SMALL.shape, dtype=torch.float32)
    found, levels = at("bytes", images).decode(), levels_of(SMALL)
    for channel in range(2):
        distances = (images[:, channel, ..., None] - levels[channel]).abs()
        assert ((found[:, channel] - images[:, channel]).abs() <= distances.min(-1)[0] + 1e-6).all()


def test_slopes_go_straight_through():
    form, slope = learned(at("bytes", noise(8, *SMALL.shape, dtype=torch.float32)), torch.float32), noise(
        8, *SMALL.shape, seed=1, dtype=torch.float32)
    form.pull(slope)
    assert form.parts["images"].grad.equal(slope)


def test_steps_that_are_too_small_for_a_level_add_up():
    """A hundred steps of a hundredth of a level move a pixel by one level, and none is lost between black and white."""
    grey = levels_of(SMALL)[:, 100, None, None].expand(8, *SMALL.shape)
    form = learned(at("bytes", grey), torch.float32)
    level = 1 / 255 / torch.tensor(SMALL.std)[:, None, None].expand(8, *SMALL.shape)
    assert descended(form, [level], -0.01).equal(grey)
    descended(form, [level] * 99, -0.01)
    assert form.stored()["images"].eq(101).all()


def test_pixels_beyond_white_come_back_at_once():
    form = learned(at("bytes", torch.zeros(8, *SMALL.shape)), torch.float32)
    descended(form, [torch.ones(8, *SMALL.shape)], -100)
    assert form.stored()["images"].eq(255).all()
    descended(form, [torch.ones(8, *SMALL.shape)], 0.1)
    assert form.stored()["images"].lt(255).all()


def test_real_images_are_begun_from_bit_for_bit(mnist):
    form = get("bytes").begin(configure("bytes", {}), mnist, 2, "real", seeded())
    assert form.decode().equal(random_real(mnist, 8, seeded()))


def test_a_file_holds_bytes_from_which_learning_goes_on():
    form = at("bytes", noise(8, *SMALL.shape, dtype=torch.float32))
    again = forms.restore(form.describe(), form.stored())
    assert again.decode().equal(form.decode()) and again.parts["images"].dtype == torch.float32
    slope = noise(8, *SMALL.shape, seed=1, dtype=torch.float32)
    assert not descended(learned(again, torch.float32), [slope], 0.1).equal(form.decode())
    with pytest.raises(InputError, match="are bytes, got"):
        forms.restore(form.describe(), {"images": form.decode()})
