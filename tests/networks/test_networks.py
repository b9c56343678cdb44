"""Networks against published counts, hand-written shapes and hand-computed normalisations."""

import pytest
import torch
import torch.nn.functional as F

from ddkit.foundation.errors import InputError
from ddkit.networks import FAMILIES, AveragePool, build, normalisation
from ddkit.networks.cost import measure


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=seeded(seed))


@pytest.mark.parametrize(("name", "shape", "classes", "expected"), [
    ("ConvNetD3", (1, 28, 28), 10, {"parameters": 317_706, "macs": 48_429_056, "flops": 96_772_096}),
    ("ConvNetD7", (3, 224, 224), 2, {"parameters": 891_138, "macs": 2_640_717_952}),
])
def test_costs_equal_the_published_ones(name, shape, classes, expected):
    cost = measure(build(name, shape[0], classes, shape[1], generator=seeded()), shape).as_dict()
    assert {key: cost[key] for key in expected} == expected


def test_measuring_leaves_the_network_as_it_was():
    network = build("ConvNetD1", 1, 10, 8, width=4, generator=seeded())
    before = list(network.state_dict())
    measure(network, (1, 8, 8))
    assert list(network.state_dict()) == before


def convnet(channels, width, depth, embedding, classes):
    inputs = [channels] + [width] * (depth - 1)
    return [s for c in inputs for s in ((width, c, 3, 3), (width,), (width,), (width,))] + [
        (classes, embedding), (classes,)]


@pytest.mark.parametrize(("name", "channels", "size", "shapes"), [
    ("ConvNet", 1, 28, convnet(1, 128, 3, 2048, 10)),
    ("ConvNet", 3, 32, convnet(3, 128, 3, 2048, 10)),
    ("ConvNetD4", 3, 32, convnet(3, 128, 4, 512, 10)),
    ("LeNet", 1, 28, [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,), (120, 400), (120,), (84, 120), (84,), (10, 84), (10,)]),
    ("AlexNet", 1, 28, [(128, 1, 5, 5), (128,), (192, 128, 5, 5), (192,), (256, 192, 3, 3), (256,),
                        (192, 256, 3, 3), (192,), (192, 192, 3, 3), (192,), (10, 3072), (10,)]),
    ("MLP", 1, 28, [(128, 784), (128,), (128, 128), (128,), (10, 128), (10,)]),
])
def test_parameters_have_the_shapes_of_the_fields_versions(name, channels, size, shapes):
    network = build(name, channels, 10, size, generator=seeded())
    assert [tuple(p.shape) for p in network.state_dict().values()] == shapes


def test_resnet18_has_the_fields_number_of_parameters():
    # 11,173,962 for ten classes and three channels: the well-known CIFAR version; instance norm has as many.
    network = build("ResNet18", 3, 10, 32, generator=seeded())
    assert sum(p.numel() for p in network.parameters()) == 11_173_962


@pytest.mark.parametrize(("name", "shapes"), [
    ("MLP", [(128, 1, 1), (128, 1, 1), (128,)]),
    ("ConvNetD3", [(128, 32, 32), (128, 16, 16), (128, 8, 8), (2048,)]),
    ("LeNet", [(6, 28, 28), (16, 10, 10), (84,)]),
    ("AlexNet", [(128, 32, 32), (192, 16, 16), (256, 8, 8), (192, 8, 8), (192, 8, 8), (3072,)]),
    ("VGG11", [(64, 32, 32), (128, 16, 16), (256, 8, 8), (256, 8, 8), (512, 4, 4), (512, 4, 4), (512, 2, 2),
               (512, 2, 2), (512,)]),
    ("ResNet18", [(64, 28, 28), (128, 14, 14), (256, 7, 7), (512, 4, 4), (512,)]),
])
def test_features_are_every_blocks_map_and_then_the_embedding(name, shapes):
    network = build(name, 1, 10, 28, generator=seeded())
    images = noise(2, 1, 28, 28)
    with torch.no_grad():
        features, logits = network.features(images), network(images)
    assert [tuple(f.shape[1:]) for f in features] == shapes
    assert all(f.min() >= 0 for f in features[:-1]), "maps are taken after the ReLU"
    torch.testing.assert_close(network.classifier(features[-1]), logits)


# Five poolings use 28 colour pixels up (grey ones are padded to 32): VGG11's refusal is tested below.
USUAL = [(name, channels, size) for name in FAMILIES for channels in (1, 3) for size in (28, 32, 64)
         if (name, channels, size) != ("VGG11", 3, 28)]


@pytest.mark.parametrize(("name", "channels", "size"), USUAL)
def test_every_network_tells_images_apart_at_the_usual_sizes(name, channels, size):
    network = build(name, channels, 7, size, generator=seeded())
    with torch.no_grad():
        logits = network(noise(2, channels, size, size))
    assert logits.shape == (2, 7) and (logits[0] - logits[1]).abs().max() > 1e-5


@pytest.mark.parametrize(("name", "channels", "smallest"), [
    ("MLP", 1, 8), ("ConvNetD3", 1, 8), ("ConvNetD3", 3, 8), ("ConvNetD4", 3, 16), ("ConvNetD7", 3, 128),
    ("ConvNetD7", 1, 124), ("AlexNet", 3, 8), ("LeNet", 1, 12), ("LeNet", 3, 16), ("VGG11", 1, 28), ("VGG11", 3, 32),
    ("ResNet18", 3, 9), ("ResNet18BN", 1, 8),
])
def test_refusal_names_the_smallest_size_and_that_size_works(name, channels, smallest):
    with pytest.raises(InputError, match=rf"\b{smallest} pixels"):
        build(name, channels, 2, smallest - 1)
    network = build(name, channels, 2, smallest, width=8, generator=seeded())
    with torch.no_grad():
        logits = network(noise(2, channels, smallest, smallest))
    assert logits.isfinite().all() and (logits[0] - logits[1]).abs().max() > 1e-6


@pytest.mark.parametrize("name", ["cnn", "convnet", "ConvNetD0", "ConvNetD9", "LeNetBN", "VGG11D3", "ConvNetXX", ""])
def test_unknown_names_are_refused_with_the_known_ones(name):
    with pytest.raises(InputError, match="ConvNet"):
        build(name, 1, 10, 28)


@pytest.mark.parametrize(("channels", "classes", "width"), [(0, 10, 8), (1, 1, 8), (1, 10, 0)])
def test_impossible_arguments_are_refused(channels, classes, width):
    with pytest.raises(InputError):
        build("ConvNetD3", channels, classes, 28, width=width)


def rows(x, norm):
    """The numbers that share a mean and a variance, one row each."""
    n, c = x.shape[:2]
    return {"instance": x.reshape(n * c, -1), "layer": x.reshape(n, -1), "group": x.reshape(n * 4, -1),
            "batch": x.transpose(0, 1).reshape(c, -1)}[norm]


@pytest.mark.parametrize(("suffix", "norm"), [
    ("", "instance"), ("IN", "instance"), ("BN", "batch"), ("LN", "layer"), ("GN", "group"), ("NN", "none")])
def test_norms_standardise_over_what_their_name_says(suffix, norm):
    network = build(f"ConvNetD1{suffix}", 1, 10, 8, width=8, generator=seeded())
    images = noise(3, 1, 8, 8)
    weight, bias = list(network.parameters())[:2]
    x = F.conv2d(images, weight, bias, padding=3)
    if norm != "none":
        flat = rows(x, norm)
        flat = (flat - flat.mean(1, keepdim=True)) / (flat.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
        x = flat.reshape(8, 3, 12, 12).transpose(0, 1) if norm == "batch" else flat.reshape(x.shape)
    torch.testing.assert_close(network.features(images)[0], x.clamp(min=0), atol=1e-5, rtol=1e-4)


def test_an_unknown_norm_is_refused():
    with pytest.raises(InputError, match="instance"):
        normalisation("spectral", 4)


@pytest.mark.parametrize("name", [*FAMILIES, "ConvNetD3BN"])
def test_the_same_generator_gives_the_same_weights_and_another_does_not(name, untouched_randomness):
    one, same, other = (build(name, 1, 10, 28, generator=seeded(s)).state_dict() for s in (5, 5, 6))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


def test_weights_are_uniform_within_one_over_the_root_of_fan_in():
    weight = build("MLP", 1, 10, 28, generator=seeded()).hidden[0].weight.detach()
    bound = 1 / 784**0.5
    assert weight.abs().max() <= bound and weight.min() < -0.999 * bound and weight.max() > 0.999 * bound
    assert float(weight.std()) == pytest.approx(bound / 3**0.5, rel=0.01)


@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
def test_average_pooling_equals_torchs_and_can_be_differentiated_twice(size):
    pool, x = AveragePool(), noise(2, 3, *size).double().requires_grad_()
    torch.testing.assert_close(pool(x), F.avg_pool2d(x, 2))
    assert torch.autograd.gradcheck(pool, x) and torch.autograd.gradgradcheck(pool, x)
    torch.testing.assert_close(pool(x.contiguous(memory_format=torch.channels_last)), F.avg_pool2d(x, 2))
