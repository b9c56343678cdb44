"""Passing a batch in chunks: the same maps as in one pass, within the memory asked for."""

import copy

import pytest
import torch

from ddkit.networks import build
from ddkit.networks.bigbatch import chunked_maps, images_per_chunk


def network(name, width=32):
    return build(name, 1, 10, 28, width=width, generator=torch.Generator().manual_seed(0))


IMAGES = torch.randn(11, 1, 28, 28, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["ConvNetD3", "ConvNetD3BN"])
@pytest.mark.parametrize("budget", [1, 4, 128])
def test_four_copies_of_a_chunks_largest_map_fit_the_budget_and_one_image_more_would_not(name, budget):
    bytes_each = 4 * 32 * 32 * 32 * 4  # copies, channels, rows, columns, float32
    size = images_per_chunk(network(name), IMAGES[:1], budget)
    assert size * bytes_each <= budget * 2**20 < (size + 1) * bytes_each


def test_a_chunk_has_at_least_one_image():
    assert images_per_chunk(network("ConvNetD3", width=512), IMAGES[:1], 1) == 1


@pytest.mark.parametrize("name", ["MLP", "ConvNetD3", "ConvNetD3BN", "ResNet18BN"])
def test_chunks_cover_the_batch_in_order_with_the_maps_of_one_pass(name):
    net = network(name)
    budget = 2 if name.startswith("ResNet") else 1
    with torch.inference_mode():
        whole = copy.deepcopy(net).train().features(IMAGES)
        chunks = [(part, list(maps)) for part, maps in chunked_maps(net, IMAGES, budget)]
    assert [i for part, _ in chunks for i in range(11)[part]] == list(range(11))
    assert name == "MLP" or len(chunks) > 2
    for level, expected in enumerate(whole):
        torch.testing.assert_close(torch.cat([maps[level] for _, maps in chunks]), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["ConvNetD3", "ConvNetD3BN"])
def test_the_network_is_left_as_it_was(name, training):
    net = network(name).train(training)
    before = copy.deepcopy(net.state_dict())
    with torch.inference_mode():
        for _, maps in chunked_maps(net, IMAGES, 1):
            list(maps)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert {module.training for module in net.modules()} == {training}
    assert not any(module._forward_pre_hooks for module in net.modules())
    net(IMAGES).sum().backward()  # no inference tensor has slipped in
