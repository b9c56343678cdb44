"""Fused instance norm, ReLU and pooling: the plain layers' values and derivatives, first and second, and per image."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ddkit.foundation.randomness import stream
from ddkit.networks import build, fused
from ddkit.networks.blocks import AveragePool, Block

CASES = [((3, 4, 6, 6), True), ((3, 4, 6, 6), False), ((2, 3, 5, 7), True), ((1, 2, 9, 4), False), ((4, 5, 2, 2), True)]


@pytest.fixture(autouse=True, params=[1, 1 << 20], ids=["an image at a time", "all at once"])
def cached(request, monkeypatch):
    monkeypatch.setattr(fused, "CACHED", request.param)


def inputs(shape, dtype=torch.float64) -> tuple[torch.Tensor, nn.GroupNorm]:
    draw = stream(0, f"fused {shape}")
    norm = nn.GroupNorm(shape[1], shape[1]).to(dtype)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(shape[1], generator=draw, dtype=dtype))
        norm.bias.copy_(torch.randn(shape[1], generator=draw, dtype=dtype))
    x = 3 + 2 * torch.randn(shape, generator=draw, dtype=dtype)
    return x.contiguous(memory_format=torch.channels_last).requires_grad_(), norm


def plain(x, norm, pooled):
    z = F.group_norm(x, norm.num_groups, norm.weight, norm.bias, norm.eps).relu()
    return F.avg_pool2d(z, 2) if pooled else z


@pytest.mark.parametrize("shape, pooled", CASES)
def test_values_and_gradients_are_the_plain_layers(shape, pooled):
    x, norm = inputs(shape)
    leaves = [x, norm.weight, norm.bias]
    ours, theirs = fused.norm_relu(x, None, norm, pooled), plain(x, norm, pooled)
    torch.testing.assert_close(ours, theirs)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    along = torch.randn(theirs.shape, generator=stream(1, "along"), dtype=torch.float64)
    for one, other in zip(torch.autograd.grad(ours, leaves, along), torch.autograd.grad(theirs, leaves, along),
                          strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("shape, pooled", CASES)
def test_second_derivatives_are_the_plain_layers(shape, pooled):
    found = []
    for layer in (lambda x, norm: fused.norm_relu(x, None, norm, pooled), lambda x, norm: plain(x, norm, pooled)):
        x, norm = inputs(shape)
        leaves = [x, norm.weight, norm.bias]
        out = layer(x, norm)
        first = torch.autograd.grad(out.square().sum(), leaves, create_graph=True)
        found.append(torch.autograd.grad(sum(g.square().sum() for g in first), leaves))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_are_the_numerical_ones():
    x, norm = inputs((2, 2, 4, 4))
    assert torch.autograd.gradcheck(lambda x, w, b: fused._NormReLU.apply(x, None, w, b, norm.eps, True),
                                    (x, norm.weight, norm.bias))


def test_gradients_of_single_images_come_by_vmap():
    network = build("ConvNetD2", 1, 3, 8, width=4, generator=stream(0, "net"))
    images, labels = torch.randn(5, 1, 8, 8, generator=stream(0, "images")), torch.tensor([0, 1, 2, 0, 1])
    named = dict(network.named_parameters())

    def loss(parameters, image, label):
        return F.cross_entropy(torch.func.functional_call(network, parameters, (image[None],)), label[None])

    together = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(named, images, labels)
    for i in range(5):
        network.zero_grad()
        F.cross_entropy(network(images[i : i + 1]), labels[i : i + 1]).backward()
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(together[name][i], parameter.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pooled", [True, False])
def test_bfloat16_is_float32_but_for_rounding(pooled):
    x, norm = inputs((3, 4, 6, 6), torch.float32)
    rounded = x.detach().bfloat16().requires_grad_()
    exact = rounded.detach().float().requires_grad_()
    ours, theirs = fused.norm_relu(rounded, None, norm, pooled), fused.norm_relu(exact, None, norm, pooled)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.float(), theirs, rtol=1e-2, atol=1e-2)
    along = torch.randn(theirs.shape, generator=stream(1, "along"))
    one, weight = torch.autograd.grad(ours, [rounded, norm.weight], along.bfloat16())
    other, _ = torch.autograd.grad(theirs, [exact, norm.weight], along)
    assert one.dtype == torch.bfloat16 and weight.dtype == torch.float32
    assert F.cosine_similarity(one.float().flatten(), other.flatten(), 0) > 0.999


@pytest.mark.parametrize("pool", ["avg", "max", "none"])
def test_a_block_is_its_layers_and_its_bias_does_not_count(pool):
    block = Block(nn.Conv2d(2, 3, 3, padding=1), "instance", "relu", pool).double()
    x = torch.randn(2, 2, 6, 6, generator=stream(0, "x"), dtype=torch.float64)
    by_layers = block.norm(block.conv(x)).relu()
    torch.testing.assert_close(block.map(x), by_layers)
    torch.testing.assert_close(block(x), block.pool(by_layers))
    block(x).square().sum().backward()
    assert not block.conv.bias.grad.any() and block.conv.weight.grad.any()


@pytest.mark.parametrize("layer", ["conv", "norm", "activation", "pool"])
def test_whoever_listens_to_a_layer_by_a_hook_hears_it(layer):
    network = build("ConvNetD2", 1, 3, 8, width=4, generator=stream(0, "net"))
    x, heard = torch.randn(2, 1, 8, 8, generator=stream(0, "x")), []
    before = network(x)
    hook = getattr(network.blocks[1], layer).register_forward_hook(lambda module, given, out: heard.append(out.shape))
    torch.testing.assert_close(network(x), before)
    assert len(heard) == 1
    hook.remove()
    network(x)
    assert len(heard) == 1


def test_average_pools_of_both_formats_agree_with_torchs():
    x = torch.randn(2, 3, 5, 7, generator=stream(0, "x"), dtype=torch.float64)
    for given in (x, x.contiguous(memory_format=torch.channels_last)):
        given = given.detach().requires_grad_()
        out = AveragePool()(given)
        torch.testing.assert_close(out, F.avg_pool2d(x, 2))
        assert torch.autograd.gradcheck(AveragePool(), given)


@pytest.mark.parametrize("options", [{"groups": 2}, {"dilation": 2, "padding": 2}, {"padding_mode": "circular"},
                                     {"stride": 2}, {"bias": False}], ids=str)
def test_a_convolution_of_any_kind_is_the_one_it_says(options):
    conv = nn.Conv2d(2, 4, 3, **{"padding": 1} | options).double()
    block = Block(conv, "instance", "relu", "avg").double()
    x = torch.randn(2, 2, 8, 8, generator=stream(0, "x"), dtype=torch.float64)
    torch.testing.assert_close(block.map(x), block.norm(block.conv(x)).relu())


def test_no_image_at_all_gives_none():
    x, norm = inputs((3, 4, 6, 6))
    none = x[:0].detach().requires_grad_()
    out = fused.norm_relu(none, None, norm, True)
    out.sum().backward()
    assert out.shape == (0, 4, 3, 3) and none.grad.shape == none.shape and not norm.weight.grad.any()
