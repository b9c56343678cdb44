"""Lesson 1: what a forward pass over the test images costs."""

from collections.abc import Callable

import torch

from ddkit.exercises.checking import Exercise
from ddkit.exercises.owned import Wanted, of_digits_and_polyps
from ddkit.networks import ConvNet, build
from ddkit.specs import Evaluate, Full


def forward_flops(network: ConvNet, size: int, images: int) -> int:
    """Floating-point operations of the convolutions and the classifier for so many images of that side length."""
    return 2 * images * (sum(pixels * conv.weight.numel() for conv, pixels in outputs(network, size))
                         + network.classifier.weight.numel())


def outputs(network: ConvNet, size: int, pool: int = 2, grow: bool = True) -> list[tuple[torch.nn.Conv2d, int]]:
    """Every convolution with the number of pixels of its output."""
    found = []
    for block in network.blocks:
        size += (2 * block.conv.padding[0] - 2) * grow
        found.append((block.conv, size**2))
        size //= pool
    return found


def _counted(per_convolution: Callable, factor: int = 2, classifier: bool = True, one: bool = False, **how) -> Callable:
    def flops(network: ConvNet, size: int, images: int) -> int:
        total = sum(per_convolution(conv, pixels) for conv, pixels in outputs(network, size, **how))
        return factor * (1 if one else images) * (total + classifier * network.classifier.weight.numel())
    return flops


def _macs(conv: torch.nn.Conv2d, pixels: int) -> int:
    return pixels * conv.weight.numel()


def _trials(generator: torch.Generator) -> list[tuple]:
    return [(build("ConvNetD3", 1, 10, 28, width=8, generator=generator), 28, 100),
            (build("ConvNetD2", 3, 2, 32, width=4, generator=generator), 32, 7)]


EXERCISES = {"convolution-macs": Exercise(
    forward_flops, _trials,
    {
        "these are MACs: a multiply-accumulate is two floating-point operations": _counted(_macs, factor=1),
        "this is the cost of one image: the test set has more": _counted(_macs, one=True),
        "these are MACs of one image: FLOPs of the whole test set are asked for": _counted(_macs, factor=1, one=True),
        "the classifier is left out: a linear layer has a multiply-accumulate for each weight":
            _counted(_macs, classifier=False),
        "the pooling is left out: each block halves the side length for the next": _counted(_macs, pool=1),
        "the padding is left out: a convolution with padding 3 makes a larger map than it is given":
            _counted(_macs, grow=False),
        "these are parameters times two: every weight of a convolution works once at each pixel of its output":
            _counted(lambda conv, pixels: conv.weight.numel()),
        "the input channels are left out: each of them has weights of its own":
            _counted(lambda conv, pixels: pixels * conv.weight[:, 0].numel()),
        "the kernel's size is left out: 3 x 3 weights work at each pixel":
            _counted(lambda conv, pixels: pixels * conv.weight[..., 0, 0].numel()),
        "the map's area is asked for, not its side length":
            _counted(lambda conv, pixels: int(pixels**0.5) * conv.weight.numel()),
        "the maps are counted after pooling: the convolution comes before":
            _counted(lambda conv, pixels: pixels // 4 * conv.weight.numel()),
        "that is the cost of training (a backward pass is about two forward passes): only a forward pass is asked for":
            _counted(_macs, factor=6),
    })}


def _baselines(specs: list) -> bool:
    full = [spec for spec in specs if isinstance(spec, Evaluate) and isinstance(spec.of, Full)]
    return len(full) == len(specs) and of_digits_and_polyps(spec.dataset for spec in full)


RECORDS = {"baselines": Wanted("two evaluations of the full data, one of digits and one of polyps", _baselines)}
