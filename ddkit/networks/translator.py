"""A translator of images into images, that a set made for one network may serve others (Liu and Wang, ICCV 2023)."""

import math

import torch
from torch import Tensor, nn

from ddkit.foundation.errors import one_of
from ddkit.networks.names import initialise

START = ("identity", "random")


class Translator(nn.Module):
    """Three blocks of convolution, group norm and ReLU, and a last convolution, at the images' own resolution.

    What it gives is added to the image (``residual``), so that with a last convolution of zeros it changes nothing.
    Fully convolutional: it takes images of any size, each for itself, whatever else is in the batch.
    """

    def __init__(self, channels: int, width: int, residual: bool = True):
        super().__init__()
        self.residual = residual
        groups = math.gcd(4, width)
        self.blocks = nn.Sequential(*(part for before in (channels, width, width) for part in (
            nn.Conv2d(before, width, 3, padding=1), nn.GroupNorm(groups, width), nn.ReLU())))
        self.last = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W], translated."""
        change = self.last(self.blocks(images))
        return images + change if self.residual else change


def bytes_to_train(width: int, images: int, pixels: int) -> int:
    """About what a translator of that width takes in a step on so many images of so many pixels: its weights with
    gradients and moments, and what its layers keep of the images."""
    return 16 * 18 * width**2 + 4 * 9 * width * images * pixels


def build_translator(channels: int, width: int, start: str, generator: torch.Generator) -> Translator:
    """A translator that begins as the identity, or with random weights and no residual."""
    with torch.device("meta"):  # torch's own start, which draws from its global stream, is not wanted
        empty = Translator(channels, width, residual=one_of(start, START, "start of a translator") != "random")
    translator = initialise(empty.to_empty(device="cpu"), generator)
    if start != "random":
        nn.init.zeros_(translator.last.weight)
        nn.init.zeros_(translator.last.bias)
    return translator
