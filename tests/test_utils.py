"""The hand-out's names work as the hand-out's do."""

import pytest
import torch

from ddkit import utils
from ddkit.errors import InputError


@pytest.mark.parametrize("name", ["MLP", "ConvNet", "ConvNetD1", "ConvNetD4", "ConvNetBN", "LeNet", "AlexNet", "VGG11",
                                  "VGG11BN", "ResNet18"])
def test_get_network_builds_every_network_of_the_handout(name):
    network = utils.get_network(name, 3, 7, (32, 32))
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


def test_get_network_refuses_what_is_not_square():
    with pytest.raises(InputError, match="square"):
        utils.get_network("ConvNet", 1, 10, (28, 32))


def test_get_dataset_returns_the_nine_things_of_the_handout():
    channel, im_size, classes, names, mean, std, train, test, loader = utils.get_dataset("digits")
    assert (channel, im_size, classes, len(names), len(mean), len(std)) == (1, (28, 28), 10, 10, 1, 1)
    assert len(train) > len(test) and sum(len(batch[1]) for batch in loader) == len(test)


def test_evaluate_synset_trains_in_place_and_scores():
    *_, train, _, loader = utils.get_dataset("digits")
    images, labels = train[:100]
    network = utils.get_network("MLP", 1, 10, (28, 28), seed=0)
    before = network.classifier.weight.clone()
    trained, train_accuracy, test_accuracy = utils.evaluate_synset(0, network, images, labels, loader, epochs=60)
    assert trained is network and not network.classifier.weight.equal(before)
    assert train_accuracy > test_accuracy > 0.5


def test_equal_seeds_make_two_calls_siamese():
    x = torch.rand(4, 1, 28, 28)
    one, other = (utils.DiffAugment(x, "crop_scale_rotate", seed=7, param=utils.ParamDiffAug(True)) for _ in range(2))
    assert one.equal(other) and not one.equal(x)


def test_siamese_means_one_draw_for_all_images():
    x = torch.rand(1, 1, 28, 28).expand(6, -1, -1, -1)
    together = utils.DiffAugment(x, "rotate", seed=3, param=utils.ParamDiffAug(True))
    apart = utils.DiffAugment(x, "rotate", seed=3, param=utils.ParamDiffAug(False))
    assert together.sub(together[:1]).abs().max() == 0 and apart.sub(apart[:1]).abs().max() > 0
