"""Difficulty scores against their definitions, one image at a time; PAD's schedule against the paper's epochs."""

import pytest
import torch
import torch.nn.functional as F

from ddkit.foundation.errors import InputError
from ddkit.networks import build
from ddkit.training.difficulty import el2n, grand, mean_score, subset


def network(seed=0, name="ConvNetD1"):
    return build(name, 1, 3, 8, width=4, generator=torch.Generator().manual_seed(seed))


def test_el2n_is_the_length_of_the_error_vector(tiny):
    model = network()
    for image, label, score in zip(tiny.train.images, tiny.train.labels, el2n(model, tiny.train), strict=True):
        error = model(image[None])[0].softmax(0).tolist()
        error[int(label)] -= 1
        assert float(score) == pytest.approx(sum(e * e for e in error) ** 0.5, rel=1e-5)


@pytest.mark.parametrize("name", ["ConvNetD1", "MLP", "LeNet"])
def test_grand_is_the_length_of_each_images_own_gradient(digits, name):
    model = build(name, 1, 10, 28, width=4, generator=torch.Generator().manual_seed(0))
    split = type(digits.train)(digits.train.images[:40], digits.train.labels[:40])  # more than one chunk
    for image, label, score in zip(split.images, split.labels, grand(model, split), strict=True):
        gradients = torch.autograd.grad(F.cross_entropy(model(image[None]), label[None]), list(model.parameters()))
        assert float(score) == pytest.approx(sum(float(g.square().sum()) for g in gradients) ** 0.5, rel=1e-4)


def test_scores_are_averaged_over_networks_and_unknown_ones_refused(tiny):
    one, other = network(0), network(1)
    expected = (el2n(one, tiny.train) + el2n(other, tiny.train)) / 2
    torch.testing.assert_close(mean_score("el2n", [one, other], tiny.train), expected)
    with pytest.raises(InputError, match="el2n, grand"):
        mean_score("looks", [one], tiny.train)


@pytest.mark.parametrize(("epoch", "first", "last"), [
    (0, 0, 750), (10, 0, 875), (20, 0, 1000), (39, 0, 1000), (40, 100, 1000), (59, 100, 1000), (60, 200, 1000),
    (99, 200, 1000)])
def test_pad_grows_to_all_by_epoch_20_and_drops_the_easiest_from_40_and_60_on(epoch, first, last):
    assert subset(torch.arange(1000), epoch, 100).tolist() == list(range(first, last))
