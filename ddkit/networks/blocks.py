"""What the networks are built of: blocks, their parts, and the two views that every network offers.

``features(x)`` gives each block's map after its activation and then the embedding (the input of the last linear layer);
``forward(x)`` gives logits.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddkit.foundation.errors import one_of, require
from ddkit.networks import fused
from ddkit.networks.precision import computing, exact

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
    precision: str = "float32"

    def in_precision(self, precision: str) -> "Network":
        """Compute convolutions and matrix products in this precision from now on; returns itself."""
        for module in self.modules():
            module.precision = precision
        return self

    def layer_by_layer(self) -> "Network":
        """Pass blocks layer by layer from now on, as where gradients are differentiated; returns itself."""
        for module in self.modules():
            module.fuse = False
        return self

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
    """Convolution, normalisation, activation (their output is the block's map), then pooling.

    Instance norm with ReLU goes by ``fused`` on a CPU; everything else one layer after the other.
    """

    precision = "float32"
    fuse = True  # unless told not to: it saves nothing where gradients are differentiated

    def __init__(self, conv: nn.Conv2d, norm: str = "none", activation: str = "relu", pool: str = "none"):
        super().__init__()
        self.conv = conv
        self.norm = normalisation(norm, conv.out_channels)
        self.activation = ACTIVATIONS[activation]()
        self.pool = POOLINGS[pool]()

    def map(self, x: Tensor) -> Tensor:
        if self._fuses(x):
            return self._fused(x, pooled=False)
        return self.activation(self.norm(exact(self._convolved(x, self.conv))))

    def forward(self, x: Tensor) -> Tensor:
        """What the next block is given: the map, pooled."""
        if self._fuses(x) and isinstance(self.pool, AveragePool):
            return self._fused(x, pooled=True)
        return self.pool(self.map(x))

    def _fuses(self, x: Tensor) -> bool:
        """Whether ``fused`` computes this block, on this device, with nobody listening to its layers by hooks.

        Without gradients the layers themselves are as fast in float32.
        """
        layers = (self.conv, self.norm, self.activation, self.pool)
        wanted = self.fuse and (torch.is_grad_enabled() or self.precision != "float32")
        return (wanted and x.device.type == "cpu" and type(self.conv) is nn.Conv2d
                and fused.suits(self.norm, self.activation) and not any(map(_hooked, layers)))

    def _fused(self, x: Tensor, pooled: bool) -> Tensor:
        """By ``fused.norm_relu``, which needs no bias of the convolution."""
        conv = self.conv
        weight = conv.weight.contiguous(memory_format=torch.channels_last)

        convolved = self._convolved(x, lambda x: conv._conv_forward(x, weight, None))
        return fused.norm_relu(convolved, conv.bias, self.norm, pooled)

    def _convolved(self, x: Tensor, convolve: Callable[[Tensor], Tensor]) -> Tensor:
        with computing(self.precision, x.device):
            return convolve(x)

    def output_size(self, size: int) -> int:
        (kernel, _), (padding, _) = self.conv.kernel_size, self.conv.padding
        size = size + 2 * padding - kernel + 1
        return size if isinstance(self.pool, nn.Identity) else size // 2


def _hooked(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
                or module._backward_pre_hooks)


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
        yield self._embedded(x)

    def _embedded(self, x: Tensor) -> Tensor:
        return self.hidden(exact(x).flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, classes] of images [N, C, H, W], without the maps, which nobody asked for."""
        for block in self.blocks:
            x = block(x)
        return self.classifier(self._embedded(x))


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
