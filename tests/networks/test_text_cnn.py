"""TextCNN against a slow version, on padding, and where it, or another network, is given what it cannot take."""

from dataclasses import replace

import pytest
import torch

from ddkit import data
from ddkit.data import Split
from ddkit.foundation.errors import InputError
from ddkit.networks import build, build_for, sketch_for
from ddkit.specs import Evaluate, Full

WORDS, NUMBERS, CLASSES, WIDTH = 9, 12, 4, 5


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def network():
    return build("TextCNN", 1, CLASSES, NUMBERS, width=WIDTH, generator=seeded()).double()


@pytest.fixture
def texts():
    """Three texts, of nine, six and three words."""
    found = torch.randn(3, 1, WORDS, NUMBERS, generator=seeded(1), dtype=torch.float64)
    found[1, :, 6:], found[2, :, 3:] = 0, 0
    return found


def a_dataset(*shape):
    parts = [Split(torch.randn(8, *shape, generator=seeded(seed)), torch.arange(8) % 2) for seed in range(3)]
    return replace(data.load("digits_graph"), name="drawn", train=parts[0], val=parts[1], test=parts[2],
                   classes=("a", "b"))


def slow(network, text):
    """Word by word: of each run of 3, 4 and 5 words what a filter says, no less than 0, and the most of it."""
    state, embedding = network.state_dict(), []
    for index, words in enumerate((3, 4, 5)):
        weight, bias = (state[f"convolutions.{index}.{name}"] for name in ("weight", "bias"))
        for filtered, shift in zip(weight, bias, strict=True):
            said = [0.0]
            for start in range(WORDS - words + 1):
                run = text[0, start : start + words]
                if any(float(number) for row in run for number in row):
                    said.append(float(shift + sum(filtered[0, i] @ run[i] for i in range(words))))
            embedding.append(max(said))
    return network.classifier.weight @ torch.tensor(embedding, dtype=torch.float64) + network.classifier.bias


def test_it_says_what_a_slow_version_says(network, texts):
    found = network(texts)
    assert found.shape == (3, CLASSES)
    torch.testing.assert_close(found, torch.stack([slow(network, text) for text in texts]))


def test_its_maps_are_one_for_each_run_of_words_and_then_the_embedding(network, texts):
    *maps, embedding = network.features(texts)
    assert [tuple(one.shape) for one in maps] == [(3, WIDTH, WORDS - words + 1, 1) for words in (3, 4, 5)]
    torch.testing.assert_close(embedding, torch.cat([one.flatten(2).amax(2) for one in maps], 1))
    torch.testing.assert_close(network.classifier(embedding), network(texts))


def test_no_gradient_leads_to_padding_and_more_of_it_changes_nothing(network, texts):
    texts.requires_grad_()
    [slope] = torch.autograd.grad(network(texts).square().sum(), texts)
    assert not slope[1, :, 6:].any() and not slope[2, :, 3:].any()
    assert slope[0].abs().sum(2).gt(0).sum() > 3 and slope[1, :, :6].any() and slope[2, :, :3].any()
    longer = torch.cat([texts, torch.zeros(3, 1, 7, NUMBERS, dtype=torch.float64)], 2)
    torch.testing.assert_close(network(longer)[1:], network(torch.cat([texts, longer[:, :, -5:]], 2))[1:])


def test_the_order_of_words_matters_to_it(network, texts):
    turned = texts[:1].flip(2)
    torch.testing.assert_close(turned.mean(2), texts[:1].mean(2))
    assert (network(turned) - network(texts[:1])).abs().max() > 1e-4


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 12), (1, 4, 12), (1, 1, 12)])
def test_what_is_no_text_is_refused_in_a_sentence(shape):
    """Pictures, texts in colours, texts of fewer words than it looks at together, tables."""
    with pytest.raises(InputError, match=f"TextCNN reads texts.*{shape[1]}x{shape[2]}: take a network") as caught:
        sketch_for(a_dataset(*shape), "TextCNN", 8)
    assert "\n" not in str(caught.value)
    if shape == (1, 8, 8):
        with pytest.raises(InputError, match="TextCNN reads texts"):
            Evaluate(Full("digits"), network="TextCNN").check_on(data.load("digits"))


def test_networks_for_pictures_are_refused_on_texts_and_say_which_is_not():
    for name in ("MLP", "ConvNetD3", "ResNet18"):
        with pytest.raises(InputError, match=f"{name} takes square images.*9x12: take TextCNN, or a kernel"):
            build_for(a_dataset(1, 9, 12), name, 8)
    with pytest.raises(InputError, match="1x12: take a kernel"):
        build_for(a_dataset(1, 1, 12), "MLP", 8)
    assert build_for(a_dataset(1, 9, 12), "TextCNN", 8)(torch.zeros(2, 1, 9, 12)).shape == (2, 2)


@pytest.mark.parametrize("name", ["TextCNND2", "TextCNNBN", "TextCNNMP"])
def test_it_takes_neither_depth_nor_norm_nor_pooling(name):
    with pytest.raises(InputError, match="does not exist"):
        build(name, 1, 2, NUMBERS)


def test_its_width_is_a_number_of_filters():
    with pytest.raises(InputError, match="TextCNN's width must be at least 1"):
        build("TextCNN", 1, 2, NUMBERS, width=0)
    assert build("TextCNN", 1, 2, 50, width=7, generator=seeded()).classifier.in_features == 21
