"""What is loaded: the fixed split, the normalisation, sizes, counts and chance."""

import dataclasses

import pytest
import torch

from ddkit import data
from ddkit.data import denormalise, load
from ddkit.foundation.errors import InputError


def test_the_validation_split_is_a_fixed_disjoint_tenth_of_each_class(digits):
    again = data.load("digits")
    assert torch.equal(again.val.images, digits.val.images) and torch.equal(again.train.labels, digits.train.labels)
    train, val = ({image.numpy().tobytes() for image in split.images} for split in (digits.train, digits.val))
    assert not train & val
    kept, held = (torch.bincount(split.labels, minlength=10) for split in (digits.train, digits.val))
    assert ((held - (kept + held) / 10).abs() <= 1).all()


def test_digits_of_the_test_part_are_never_trained_on(digits):
    test = {image.numpy().tobytes() for image in digits.test.images}
    assert not test & {image.numpy().tobytes() for image in digits.full_train.images}
    assert len(digits.full_train) + len(digits.test) == 1797


def test_denormalising_undoes_the_normalisation_and_clips():
    pixels = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    mean, std = (0.1, 0.5, 0.9), (0.2, 0.3, 0.4)
    normalised = torch.stack([(pixels[:, c] - mean[c]) / std[c] for c in range(3)], 1)
    torch.testing.assert_close(denormalise(normalised, mean, std), pixels)
    assert denormalise(torch.full((3, 1, 1), 99.0), mean, std).tolist() == [[[1.0]]] * 3


def test_sizes_below_eight_are_refused():
    with pytest.raises(InputError, match="8 pixels"):
        load("digits", size=7)


def test_resizing_keeps_the_mean_brightness(digits):
    small = load("digits", size=14)
    assert small.size == 14 and small.train.images.shape[-2:] == (14, 14)
    assert abs(float(small.train.images.mean() - digits.train.images.mean())) < 0.02


def test_digits_have_a_mean_of_zero_and_a_deviation_of_one(digits):
    images = digits.full_train.images
    assert abs(float(images.mean())) < 0.02 and abs(float(images.std()) - 1) < 0.02


def test_chance_is_the_share_of_the_most_frequent_test_class(tiny):
    test = data.Split(tiny.test.images[:4], torch.tensor([0, 2, 2, 2]))
    assert dataclasses.replace(tiny, test=test).chance == 0.75


def test_loading_leaves_the_global_random_streams_alone(raw, untouched_randomness):
    load("mnist", raw.parents[1])
    load("digits", size=8)


def test_real_mnist_has_the_published_counts_and_statistics(mnist):
    assert (len(mnist.train), len(mnist.val), len(mnist.test)) == (54_000, 6_000, 10_000)
    assert torch.bincount(mnist.full_train.labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert abs(float(mnist.train.images.mean())) < 0.01 and abs(float(mnist.train.images.std()) - 1) < 0.01
    assert mnist.chance == pytest.approx(0.1135)
