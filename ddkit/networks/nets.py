"""The course's six networks, as the dataset-condensation field uses them.

Every network offers two views of the same pass: ``features(x)`` gives each block's map after its
ReLU and then the embedding (the input of the last linear layer); ``forward(x)`` gives logits.
On 28x28 and 32x32 images parameter shapes and counts equal the field's "DC" versions (Zhao et al.,
"Dataset Condensation with Gradient Matching", ICLR 2021); the heads here adapt to any size.
"""

import math
import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddkit.foundation.errors import InputError, one_of, require
from ddkit.foundation.memory import require_memory

if TYPE_CHECKING:
    from ddkit.data import Dataset

NORMS = ("instance", "batch", "layer", "group", "none")
# In place where the backward pass needs only the output: nothing before it keeps its input.
ACTIVATIONS = {"relu": partial(nn.ReLU, inplace=True), "leakyrelu": nn.LeakyReLU, "sigmoid": nn.Sigmoid,
               "swish": nn.SiLU}


class _MeanOfFour(torch.autograd.Function):
    """Mean of 2x2 places of [N, C, H, W] by slices, which on a CPU is faster than torch's own pooling."""

    generate_vmap_rule = True  # so that per-image gradients can be taken

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = x[:, :, : height // 2 * 2, : width // 2 * 2].unflatten(2, (-1, 2))
        rows = x[:, :, :, 0] + x[:, :, :, 1]
        return (rows[..., ::2] + rows[..., 1::2]).mul_(0.25)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.height, ctx.width = inputs[0].shape[2:]

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        n, c, h, w = gradient.shape
        spread = (0.25 * gradient)[:, :, :, None, :, None].expand(n, c, h, 2, w, 2).reshape(n, c, 2 * h, 2 * w)
        return F.pad(spread, (0, ctx.width - 2 * w, 0, ctx.height - 2 * h))


class AveragePool(nn.Module):
    """2x2 average pooling, [N, C, H, W] to [N, C, H // 2, W // 2]."""

    def forward(self, x: Tensor) -> Tensor:
        slices_are_fast = x.device.type == "cpu" and x.is_contiguous()
        return _MeanOfFour.apply(x) if slices_are_fast else F.avg_pool2d(x, 2)


POOLINGS = {"avg": AveragePool, "max": partial(nn.MaxPool2d, 2), "none": nn.Identity}


def normalisation(name: str, channels: int) -> nn.Module:
    """A normalisation of [N, channels, H, W] maps; ``layer`` is GroupNorm with one group, ``group`` with four."""
    one_of(name, NORMS, "norm")
    if name == "batch":
        return nn.BatchNorm2d(channels)
    groups = {"instance": channels, "layer": 1, "group": math.gcd(4, channels)}
    return nn.Identity() if name == "none" else nn.GroupNorm(groups[name], channels)


class Network(nn.Module):
    """Base of all networks: subclasses define ``maps`` and a ``classifier``."""

    classifier: nn.Linear

    @property
    def nonnegative(self) -> bool:
        """Whether no map has a negative entry, as after a ReLU."""
        return not any(isinstance(module, nn.LeakyReLU | nn.SiLU) for module in self.modules())

    def maps(self, x: Tensor) -> Iterator[Tensor]:
        """Yield each block's map after its activation, [N, ch, H, W], then the embedding [N, D]."""
        raise NotImplementedError

    def features(self, x: Tensor) -> list[Tensor]:
        """Every block's map [N, ch, H, W], then the embedding [N, D]."""
        return list(self.maps(x))

    def embed(self, x: Tensor) -> Tensor:
        """The embedding [N, D] of images [N, C, H, W]."""
        return self.features(x)[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        for latest in self.maps(x):  # dropping each map as it comes keeps inference memory small
            embedding = latest
        return self.classifier(embedding)


class Block(nn.Module):
    """Convolution, normalisation, activation (their output is the block's map), then pooling."""

    def __init__(self, conv: nn.Conv2d, norm: str = "none", activation: str = "relu", pool: str = "none"):
        super().__init__()
        self.conv = conv
        self.norm = normalisation(norm, conv.out_channels)
        self.activation = ACTIVATIONS[activation]()
        self.pool = POOLINGS[pool]()

    def map(self, x: Tensor) -> Tensor:
        return self.activation(self.norm(self.conv(x)))

    def output_size(self, size: int) -> int:
        (kernel, _), (padding, _) = self.conv.kernel_size, self.conv.padding
        size = size + 2 * padding - kernel + 1
        return size if isinstance(self.pool, nn.Identity) else size // 2


class BlockNetwork(Network):
    """A chain of blocks, then a head that turns the flattened last map into the embedding."""

    def _assemble(self, blocks: list[Block], size: int, hidden: tuple[int, ...], classes: int) -> None:
        self.blocks = nn.ModuleList(blocks)
        for block in blocks:
            size = block.output_size(size)
            require(size >= 1, "the image is used up before the last block")
        widths = (blocks[-1].conv.out_channels * size**2, *hidden)
        layers = [nn.Linear(n, m) for n, m in zip(widths, hidden, strict=False)]
        self.hidden = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))
        self.classifier = nn.Linear(widths[-1], classes)

    def maps(self, x: Tensor) -> Iterator[Tensor]:
        for block in self.blocks:
            x = block.map(x)
            yield x
            x = block.pool(x)
        yield self.hidden(x.flatten(1))


class ConvNet(BlockNetwork):
    """``depth`` blocks of 3x3 convolution, norm, activation and 2x2 pooling, then one linear layer.

    A grey image's first convolution has padding 3, so that 28 pixels become 32 as in the field.
    """

    def __init__(self, channels=3, classes=10, size=32, width=128, depth=3, norm="instance", activation="relu",
                 pool="avg"):
        super().__init__()
        one_of(activation, ACTIVATIONS, "activation")
        one_of(pool, POOLINGS, "pooling")
        inputs = [channels] + [width] * (depth - 1)
        paddings = [3 if channels == 1 else 1] + [1] * (depth - 1)
        blocks = [Block(nn.Conv2d(c, width, 3, padding=p), norm, activation, pool)
                  for c, p in zip(inputs, paddings, strict=True)]
        self._assemble(blocks, size, (), classes)


class LeNet(BlockNetwork):
    """Two 5x5 convolutions (6 and 16 channels) with max-pooling, then 120-84-classes."""

    def __init__(self, channels=3, classes=10, size=32):
        super().__init__()
        first = nn.Conv2d(channels, 6, 5, padding=2 if channels == 1 else 0)
        blocks = [Block(first, pool="max"), Block(nn.Conv2d(6, 16, 5), pool="max")]
        self._assemble(blocks, size, (120, 84), classes)


class AlexNet(BlockNetwork):
    """128-192 (5x5) and 256-192-192 (3x3) channels, three max-pools; no norm unless one is asked for."""

    def __init__(self, channels=3, classes=10, size=32, norm="none"):
        super().__init__()
        blocks = [
            Block(nn.Conv2d(channels, 128, 5, padding=4 if channels == 1 else 2), norm, pool="max"),
            Block(nn.Conv2d(128, 192, 5, padding=2), norm, pool="max"),
            Block(nn.Conv2d(192, 256, 3, padding=1), norm),
            Block(nn.Conv2d(256, 192, 3, padding=1), norm),
            Block(nn.Conv2d(192, 192, 3, padding=1), norm, pool="max"),
        ]
        self._assemble(blocks, size, (), classes)


class VGG11(BlockNetwork):
    """Eight 3x3 convolutions of the usual widths with five max-pools."""

    WIDTHS = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool")

    def __init__(self, channels=3, classes=10, size=32, norm="instance"):
        super().__init__()
        blocks, inputs, padding = [], channels, 3 if channels == 1 else 1
        for width, following in zip(self.WIDTHS, (*self.WIDTHS[1:], None), strict=True):
            if width == "pool":
                continue
            conv = nn.Conv2d(inputs, width, 3, padding=padding)
            blocks.append(Block(conv, norm, pool="max" if following == "pool" else "none"))
            inputs, padding = width, 1
        self._assemble(blocks, size, (), classes)


class MLP(Network):
    """Three linear layers, 128 hidden units each; a hidden layer's map is [N, 128, 1, 1]."""

    def __init__(self, channels=1, classes=10, size=28, width=128):
        super().__init__()
        self.hidden = nn.ModuleList([nn.Linear(channels * size**2, width), nn.Linear(width, width)])
        self.classifier = nn.Linear(width, classes)

    def maps(self, x: Tensor) -> Iterator[Tensor]:
        x = x.flatten(1)
        for layer in self.hidden:
            x = layer(x).relu()
            yield x[:, :, None, None]
        yield x


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al., CVPR 2016, the basic block).

    Where the map shrinks, the convolutions take every second place or, with ``pool``, its 2x2 averages do.
    """

    def __init__(self, inputs: int, width: int, stride: int, norm: str, pool: bool = False):
        super().__init__()
        shrink = nn.AvgPool2d(2) if pool and stride != 1 else nn.Identity()
        stride = 1 if pool else stride
        self.shrink = shrink
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.norm1 = normalisation(norm, width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = normalisation(norm, width)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != width:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), normalisation(norm, width))
            if pool:
                self.shortcut.insert(1, shrink)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(self.shrink(self.norm1(self.conv1(x)).relu())))
        return (y + self.shortcut(x)).relu()


class ResNet18(Network):
    """3x3 stem of 64 channels without max-pooling, four stages of two residual blocks, global average.

    With ``pool`` (the field's ``ResNet18_AP``) stages shrink by average pooling, and the last map is not averaged.
    """

    def __init__(self, channels=3, classes=10, size=32, norm="instance", pool=False):
        super().__init__()
        # Instance norm of a single pixel is zero: the last stage, an eighth of the image, needs two.
        require(size > 8 or norm != "instance", "the last stage would see a single pixel")
        self.stem = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        self.norm = normalisation(norm, 64)
        widths, strides = (64, 128, 256, 512), (1, 2, 2, 2)
        self.stages = nn.ModuleList(
            nn.Sequential(Residual(inputs, width, stride, norm, pool), Residual(width, width, 1, norm))
            for inputs, width, stride in zip((64, *widths), widths, strides, strict=False))
        self.averaged = not pool
        self.classifier = nn.Linear(512 * (size // 8) ** 2 if pool else 512, classes)

    def maps(self, x: Tensor) -> Iterator[Tensor]:
        x = self.norm(self.stem(x)).relu()
        for stage in self.stages:
            x = stage(x)
            yield x
        yield x.mean((2, 3)) if self.averaged else x.flatten(1)


FAMILIES = {"MLP": MLP, "ConvNet": ConvNet, "LeNet": LeNet, "AlexNet": AlexNet, "VGG11": VGG11, "ResNet18": ResNet18}
SUFFIXES = {"": "instance", "IN": "instance", "BN": "batch", "LN": "layer", "GN": "group", "NN": "none"}
ACTIVATION_SUFFIXES = {"": "relu", "AR": "relu", "AL": "leakyrelu", "AS": "sigmoid",
                       "ASwish": "swish"}
POOLING_SUFFIXES = {"": "avg", "AP": "avg", "MP": "max", "NP": "none"}
SMALLEST = 8  # pixels
_TRAINED = 16  # bytes that a weight takes in training: itself, its gradient, and two moments
_NAME = re.compile(r"(MLP|ConvNet|LeNet|AlexNet|VGG11|ResNet18)(?:D([1-8]))?([BILGN]N)?(ASwish|A[RLS])?([AMN]P|_AP)?$")


def build(name: str, channels: int, classes: int, size: int, *, width: int = 128,
          generator: torch.Generator | None = None) -> Network:
    """Build and initialise a network by the field's name, drawing only from ``generator``.

    Args:
        name: ``MLP``, ``ConvNet``, ``LeNet``, ``AlexNet``, ``VGG11`` or ``ResNet18``; a ConvNet takes a depth
            ``D1`` to ``D8`` (default 3), and ConvNet, VGG11 and ResNet18 a norm ``BN``, ``IN``, ``LN``, ``GN``
            or ``NN`` (none; default instance norm), as in ``ConvNetD4BN``; after these a ConvNet takes an activation
            ``AR`` (ReLU), ``AL`` (leaky ReLU) or ``AS`` (sigmoid) and a pooling ``AP`` (average), ``MP`` (max) or
            ``NP`` (none), as in ``ConvNetD4BNALMP``.
        channels, classes, size: of the images, which are [N, channels, size, size].
        width: channels of each ConvNet block (other networks have fixed widths).
        generator: source of the initial weights; None draws from torch's global generator.

    Raises:
        InputError: unknown name, or images too small for this network.
    """
    return initialise(sketch(name, channels, classes, size, width).to_empty(device="cpu"), generator)


def sketch(name: str, channels: int, classes: int, size: int, width: int = 128) -> Network:
    """The network without its weights, on torch's meta device, once it is seen that they can be had.

    Raises:
        InputError: unknown name, images too small for this network, or more weights than there is memory to train.
    """
    family, options = parse(name, width)
    require(channels >= 1 and classes >= 2, f"a network needs at least 1 channel and 2 classes, got {channels} and "
                                            f"{classes}")
    try:
        require(size >= SMALLEST, "images are too small")
        with torch.device("meta"):
            network = family(channels, classes, size, **options)
    except InputError as error:
        raise InputError(f"{name} cannot take {size}x{size} images ({error}): the smallest it takes is "
                         f"{_smallest(family, channels, classes, options)} pixels") from error
    except (RuntimeError, OverflowError, TypeError) as error:  # numbers beyond what torch can count
        raise InputError(f"{name} of width {width} on {size}x{size} images has more weights than can be counted: ask "
                         "for less") from error
    weights = sum(p.numel() for p in network.parameters())
    require_memory(_TRAINED * weights, f"training {name} of width {width} with its {weights:,} weights",
                   "take a smaller width or another network")
    return network


def sketch_for(dataset: "Dataset", name: str, width: int) -> Network:
    """``sketch`` the network for a data set's images and classes: an error, if it cannot be."""
    return sketch(name, dataset.channels, len(dataset.classes), dataset.size, width)


def build_for(dataset: "Dataset", name: str, width: int, generator: torch.Generator | None = None) -> Network:
    """``build`` the network for a data set's images and classes, on their device."""
    network = build(name, dataset.channels, len(dataset.classes), dataset.size, width=width, generator=generator)
    return network.to(dataset.train.images.device)


def parse(name: str, width: int = 128) -> tuple[type[Network], dict]:
    """The class and options that a name such as ``ConvNetD4BN`` stands for."""
    match = _NAME.fullmatch(name)
    require(match is not None, f"unknown network '{name}': choose one of MLP, ConvNet, ConvNetD1 to ConvNetD8 (with "
                               "BN, LN, GN or NN for another norm, then AL, AS or ASwish for another activation, then "
                               "MP or NP for another pooling), LeNet, AlexNet, VGG11, ResNet18")
    family, depth, suffix, activation, pooling = match.groups()
    fixed, averaging = family in ("MLP", "LeNet"), family == "ResNet18" and pooling == "_AP"
    convnet = family == "ConvNet" and pooling != "_AP"
    require(not (fixed and suffix) and (convnet or not (depth or activation or (pooling and not averaging))),
            f"network '{name}' does not exist: only ConvNet takes a depth, an activation and a pooling, only ConvNet, "
            "AlexNet, VGG11 and ResNet18 a norm, only ResNet18 _AP")
    options = {} if fixed or (family == "AlexNet" and not suffix) else {"norm": SUFFIXES[suffix or ""]}
    if averaging:
        options["pool"] = True
    if family == "ConvNet":
        require(width >= 1, f"a ConvNet's width must be at least 1, got {width}")
        options |= {"width": width, "depth": int(depth or 3), "activation": ACTIVATION_SUFFIXES[activation or ""],
                    "pool": POOLING_SUFFIXES[pooling or ""]}
    return FAMILIES[family], options


def _smallest(family, channels: int, classes: int, options: dict) -> int:
    for size in range(SMALLEST, 1025):
        try:
            with torch.device("meta"):
                family(channels, classes, size, **options)
            return size
        except InputError:
            continue
    raise AssertionError("no network needs more than 1024 pixels")


@torch.no_grad()
def initialise(network: Network, generator: torch.Generator | None = None) -> Network:
    """Draw all weights anew with torch's default scheme, U(-1/sqrt(fan_in), 1/sqrt(fan_in)), from ``generator``."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(module.weight[0].numel())
            for parameter in module.parameters():
                parameter.uniform_(-bound, bound, generator=generator)
        elif isinstance(module, nn.GroupNorm | nn.BatchNorm2d):
            module.reset_parameters()
    return network
