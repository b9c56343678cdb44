"""Augmentations that are not differentiable: what they leave as it was, what they draw from, and what they can do."""

from dataclasses import replace

import pytest
import torch

from ddkit.data import transforms
from ddkit.data.source import MIRRORED
from ddkit.foundation.errors import InputError
from ddkit.foundation.packing import nearest_pixels, normalised


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def coloured(dataset):
    """The data set in three channels, of which mirror images count as the same."""
    split = replace(dataset.train, images=dataset.train.images.repeat(1, 3, 1, 1))
    return replace(dataset, train=split, mean=dataset.mean * 3, std=dataset.std * 3, strategy=MIRRORED)


def test_real_images_are_what_their_bytes_say(mnist):
    """The round trip through 256 values loses nothing of images that came from bytes."""
    images = mnist.train.images[:50]
    again = normalised(nearest_pixels(images, mnist.mean, mnist.std), mnist.mean, mnist.std)
    torch.testing.assert_close(again, images, atol=1e-5, rtol=0)


def test_pixels_beyond_black_and_white_are_clipped(digits):
    images = torch.tensor([-9.0, 9.0]).repeat(392).view(1, 1, 28, 28)
    assert nearest_pixels(images, digits.mean, digits.std).unique().tolist() == [0, 255]


@pytest.mark.parametrize("name", transforms.STRATEGIES)
@pytest.mark.parametrize("colour", [False, True])
def test_every_strategy_follows_its_stream_alone(digits, name, colour, untouched_randomness):
    dataset = coloured(digits) if colour else digits
    images = dataset.train.images[:8]
    before, augmented = images.clone(), transforms.strategy(name, dataset)
    drawn = [augmented(images, seeded(seed)) for seed in range(12)]
    assert torch.equal(images, before)
    assert torch.equal(drawn[3], augmented(images, seeded(3)))
    assert all(one.shape == images.shape and one.dtype == images.dtype and one.isfinite().all() for one in drawn)
    assert any(not torch.equal(one, drawn[0]) for one in drawn)


def test_digits_are_not_mirrored_and_photographs_are(digits):
    names = [[type(step).__name__ for step in transforms.STRATEGIES["cifar"](dataset)]
             for dataset in (digits, coloured(digits))]
    assert "RandomHorizontalFlip" not in names[0] and "RandomHorizontalFlip" in names[1]


def test_a_crop_shifts_whole_images_and_fills_with_black(digits):
    images = torch.full((2, 1, 28, 28), 9.0)
    white, black = normalised(torch.tensor([255, 0], dtype=torch.uint8).view(2, 1, 1, 1), digits.mean, digits.std)
    [crop] = transforms._shifted(digits)
    shifted = normalised(crop(nearest_pixels(images, digits.mean, digits.std)), digits.mean, digits.std)
    whites = (shifted == white).flatten(1).sum(1)
    assert (whites >= 24 * 24).all() and (whites <= 28 * 28).all()
    assert ((shifted == white) | (shifted == black)).all()


def test_the_square_that_is_cut_out_has_half_the_side_or_less_at_the_border():
    sizes = set()
    for _ in range(50):
        gone = transforms._cut_out(torch.full((3, 1, 32, 32), 255, dtype=torch.uint8)) == 0
        assert gone[0].equal(gone[1])
        rows, columns = (int(gone[0, 0].any(axis).sum()) for axis in (1, 0))
        assert int(gone[0].sum()) == rows * columns and 8 <= rows <= 16 and 8 <= columns <= 16
        sizes.add(rows)
    assert 16 in sizes


def test_another_name_is_refused_with_the_list(digits):
    with pytest.raises(InputError, match="unknown augmentation 'mixup': choose one of autoaugment, cifar"):
        transforms.strategy("mixup", digits)
