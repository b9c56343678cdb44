"""The course's six networks, as the dataset-condensation field uses them, and one that reads texts.

Every network offers two views of the same pass: ``features(x)`` gives each block's map after its
ReLU and then the embedding (the input of the last linear layer); ``forward(x)`` gives logits.
On 28x28 and 32x32 images parameter shapes and counts equal the field's "DC" versions (Zhao et al.,
"Dataset Condensation with Gradient Matching", ICLR 2021); the heads here adapt to any size.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddkit.foundation.errors import one_of, require
from ddkit.networks.blocks import ACTIVATIONS, POOLINGS, Block, BlockNetwork, Network, Residual, normalisation
from ddkit.networks.precision import computing, exact


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
            with computing(self.precision, x.device):
                x = exact(layer(x).relu())
            yield x[:, :, None, None]
        yield x


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
        with computing(self.precision, x.device):
            x = self.norm(self.stem(x)).relu()
        for stage in self.stages:
            with computing(self.precision, x.device):
                x = stage(x)
            yield x
        yield exact(x).mean((2, 3)) if self.averaged else exact(x).flatten(1)


class TextCNN(Network):
    """Convolutions over 3, 4 and 5 words side by side, and of each the maximum over time (Kim, EMNLP 2014).

    A text is [1, words, numbers], a row for each word; a row of zeros is padding. No gradient leads to it, and a map is
    zero where its convolution sees nothing else. Maps are [N, width, places, 1], one for each number of words.
    """

    WINDOWS = (3, 4, 5)

    def __init__(self, channels=1, classes=10, size=50, width=128):
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(channels, width, (words, size)) for words in self.WINDOWS)
        self.classifier = nn.Linear(width * len(self.WINDOWS), classes)

    def maps(self, x: Tensor) -> Iterator[Tensor]:
        said = (x != 0).any(3, keepdim=True).to(x.dtype)
        x, largest = x * said, []
        for words, convolution in zip(self.WINDOWS, self.convolutions, strict=True):
            with computing(self.precision, x.device):
                found = exact(convolution(x)).relu() * F.max_pool2d(said, (words, 1), 1)
            largest.append(found.amax((2, 3)))
            yield found
        yield torch.cat(largest, 1)
