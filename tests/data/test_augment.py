"""Augmentation against numerical gradients, scipy and patterns computed by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from ddkit.data import augment
from ddkit.data.augment import Draw, apply, apply_in_parts, default_strategy, draw, parse, part_of
from ddkit.foundation.errors import InputError

OPERATIONS = sorted(augment.OPERATIONS)
IDENTITY = {"scale": [0.5], "rotate": [0.5], "crop": [0.5, 0.5], "flip": [0.9], "color": [0.5, 0.5, 0.5],
            "slide": [0.5], "stretch": [0.5, 0.5]}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def one(operation, *values):
    return Draw(operation, torch.tensor([[*values, *[0.5] * (4 - len(values))]], dtype=torch.float64))


def some(operation, rows):
    return Draw(operation, torch.rand(rows, 4, generator=seeded(3), dtype=torch.float64))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_gradient_with_respect_to_the_images_is_the_numerical_one(operation):
    images = noise(4, 3, 8, 8).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: apply(x, some(operation, 2)), images)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_same_draw_does_the_same_to_both_sides(operation):
    images, drawn = noise(6, 1, 12, 12), some(operation, 3)
    assert torch.equal(apply(images, drawn), apply(images.clone(), drawn))
    other = Draw(operation, (drawn.values + 0.5) % 1)
    assert not torch.equal(apply(images, drawn), apply(images, other))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_one_row_for_each_class_equals_augmenting_each_class_apart(operation):
    images, drawn = noise(6, 3, 12, 12), some(operation, 3)
    apart = [apply(images[2 * i : 2 * i + 2], Draw(operation, drawn.values[i : i + 1])) for i in range(3)]
    torch.testing.assert_close(apply(images, drawn), torch.cat(apart))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_in_parts_it_is_the_same(operation, size):
    images, drawn = noise(12, 3, 8, 8), some(operation, 3)
    torch.testing.assert_close(apply_in_parts(images, drawn, size), apply(images, drawn))
    part = slice(3, 8)  # of which the first belongs to another row than the rest
    torch.testing.assert_close(apply(images[part], part_of(drawn, 12, part)), apply(images, drawn)[part])


def test_no_augmentation_is_none_of_a_part_and_copies_nothing():
    images = noise(4, 1, 8, 8)
    assert apply_in_parts(images, None, 2) is images and part_of(None, 4, slice(2)) is None


@pytest.mark.parametrize("operation", sorted(IDENTITY))
def test_neutral_values_change_nothing(operation):
    images = noise(2, 3, 12, 12)
    torch.testing.assert_close(apply(images, one(operation, *IDENTITY[operation])), images)


@pytest.mark.parametrize("shift", [(dy, dx) for dy in (-2, 0, 1) for dx in (-1, 0, 2)])
def test_crop_shifts_by_whole_pixels_and_repeats_the_border(shift):
    images = noise(1, 1, 16, 16)
    dy, dx = shift  # two pixels, an eighth of 16, to either side: five positions
    cropped = apply(images, one("crop", (dx + 2.5) / 5, (dy + 2.5) / 5))
    rolled = images.roll((-dy, -dx), (2, 3))
    torch.testing.assert_close(cropped[..., 2:-2, 2:-2], rolled[..., 2:-2, 2:-2])
    padded = np.pad(images[0, 0].numpy(), 2, mode="edge")[2 + dy : 18 + dy, 2 + dx : 18 + dx]
    np.testing.assert_allclose(cropped[0, 0].numpy(), padded, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.3, 0.99])
def test_rotation_equals_scipys_about_the_centre(value):
    image, angle = noise(1, 1, 13, 13), math.radians(15) * (2 * value - 1)
    matrix = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    centre = np.array([6.0, 6.0])
    expected = ndimage.affine_transform(image[0, 0].numpy(), matrix, centre - matrix @ centre, order=1, mode="nearest")
    np.testing.assert_allclose(apply(image, one("rotate", value))[0, 0].numpy(), expected, atol=1e-9)


@pytest.mark.parametrize(("across", "down"), [(0.0, 0.0), (0.99, 0.2), (0.5, 0.9)])
def test_scaling_equals_scipys_zoom_about_the_centre(across, down):
    image, centre = noise(1, 1, 12, 12), np.array([5.5, 5.5])
    factors = np.array([1.2 ** (2 * down - 1), 1.2 ** (2 * across - 1)])  # rows, columns
    expected = ndimage.affine_transform(image[0, 0].numpy(), factors, centre * (1 - factors), order=1, mode="nearest")
    np.testing.assert_allclose(apply(image, one("scale", across, down))[0, 0].numpy(), expected, atol=1e-9)


def test_flip_mirrors_left_and_right():
    images = noise(2, 3, 8, 8)
    assert np.array_equal(apply(images, one("flip", 0.1)).numpy(), images.numpy()[..., ::-1])


@pytest.mark.parametrize(("values", "rows", "columns"), [
    ((0.5, 0.5), range(2, 6), range(2, 6)), ((0.0, 0.99), range(0, 2), range(6, 8))])
def test_cutout_blanks_one_square_and_nothing_else(values, rows, columns):
    expected = np.ones((8, 8))
    expected[rows.start : rows.stop, columns.start : columns.stop] = 0
    assert np.array_equal(apply(torch.ones(1, 1, 8, 8), one("cutout", *values))[0, 0].numpy(), expected)


def test_brightness_adds_saturation_greys_and_contrast_stretches():
    images = noise(2, 3, 8, 8)
    torch.testing.assert_close(apply(images, one("color", 0.75, 0.5, 0.5)), images + 0.25)
    grey = images.mean(1, keepdim=True).expand_as(images)
    torch.testing.assert_close(apply(images, one("color", 0.5, 0.0, 0.5)), grey)
    middle = images.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(apply(images, one("color", 0.5, 0.5, 0.75)), middle + 1.25 * (images - middle))


def test_digits_are_cropped_scaled_and_rotated_but_never_flipped(untouched_randomness):
    generator = seeded()
    drawn = {draw(default_strategy(flips=False), 1, generator).operation for _ in range(100)}
    assert drawn == {"crop", "scale", "rotate"}


def test_photographs_get_every_operation():
    assert set(parse(default_strategy(flips=True))) == set(OPERATIONS) - set(parse(augment.SOUND))


def test_sound_is_shifted_in_time_alone_and_scaled_half_as_far():
    images = noise(2, 1, 16, 16)
    for across in (0.0, 0.3, 0.99):
        slid = apply(images, one("slide", across, 0.99))
        torch.testing.assert_close(slid, apply(images, one("crop", across, 0.5)))
    wide = augment.Ranges(scale=1.44)
    torch.testing.assert_close(apply(images, one("stretch", 0.9, 0.2), wide), apply(images, one("scale", 0.9, 0.2)))
    drawn = {draw(augment.SOUND, 1, seeded(s)).operation for s in range(30)}
    assert drawn == {"slide", "stretch"}


def test_the_same_generator_gives_the_same_draw():
    first, same, other = (draw("crop_scale_rotate", 5, seeded(s)) for s in (1, 1, 2))
    assert first.operation == same.operation and torch.equal(first.values, same.values)
    assert not torch.equal(first.values, other.values)


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_a_weaker_draw_keeps_to_the_middle_of_the_range(strength):
    full, weak = (draw("rotate", 200, seeded(), s).values - 0.5 for s in (1.0, strength))
    torch.testing.assert_close(weak, strength * full)
    assert full.abs().max() > 0.49


def test_no_augmentation_draws_nothing_and_returns_the_images():
    generator, images = seeded(), noise(2, 1, 8, 8)
    before = generator.get_state()
    assert draw("none", 3, generator) is None and apply(images, None) is images
    assert torch.equal(generator.get_state(), before)


def test_unknown_operations_and_uneven_rows_are_refused():
    with pytest.raises(InputError, match="crop, cutout, flip, rotate, scale"):
        parse("crop_zoom")
    with pytest.raises(InputError, match="5 images"):
        apply(noise(5, 1, 8, 8), some("flip", 2))
