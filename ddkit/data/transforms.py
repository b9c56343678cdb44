"""Augmentations that are not differentiable, as DC-BENCH trains with (Cui et al., NeurIPS 2022): torchvision's.

They work on pixels: images are un-normalised, clipped to [0, 1] and rounded to 256 values, as real ones are by
themselves, then transformed and normalised again. One draw serves a whole batch, as in the paper's code. Digits, whose
mirror images are no digits, are not flipped.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ddkit.data.dataset import Dataset
from ddkit.foundation.errors import one_of, require
from ddkit.foundation.packing import nearest_pixels, normalised

PADDING = 4  # pixels that a crop is shifted by at most


def strategy(name: str, dataset: Dataset) -> Callable[[Tensor, torch.Generator], Tensor]:
    """The augmentation of that name, as a function of images [N, C, H, W], normalised as the data set's, and of the
    random stream.

    Raises:
        InputError: an unknown one, or the data are no pictures.
    """
    require(dataset.pictures, f"'{name}' augments pictures, which {dataset.name} are not: take siamese augmentation, "
                              f"which is {dataset.strategy} there")
    steps = STRATEGIES[one_of(name, STRATEGIES, "augmentation")](dataset)

    def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
        seed = int(torch.randint(2**62, (), generator=generator))
        pixels = nearest_pixels(images, dataset.mean, dataset.std)
        with torch.random.fork_rng(devices=[]):  # torchvision draws from torch's own stream, which is to stay as it was
            torch.random.default_generator.manual_seed(seed)
            for step in steps:
                pixels = step(pixels)
        return normalised(pixels, dataset.mean, dataset.std)

    return augmented


def _autoaugment(dataset: Dataset) -> list[Callable]:
    from torchvision.transforms import AutoAugment, AutoAugmentPolicy

    return [AutoAugment(AutoAugmentPolicy.CIFAR10)]


def _randaugment(dataset: Dataset) -> list[Callable]:
    from torchvision.transforms import RandAugment

    return [RandAugment(num_ops=1)]


def _imagenet(dataset: Dataset) -> list[Callable]:
    from torchvision.transforms import ColorJitter

    return [*_shifted(dataset), ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.2)]


def _cifar(dataset: Dataset) -> list[Callable]:
    return [*_shifted(dataset), _cut_out]


def _shifted(dataset: Dataset) -> list[Callable]:
    """A crop of the image with a black margin, then a flip."""
    from torchvision.transforms import RandomCrop, RandomHorizontalFlip

    return [RandomCrop(dataset.size, padding=PADDING), *[RandomHorizontalFlip()] * dataset.flips]


def _cut_out(pixels: Tensor) -> Tensor:
    """Black out a square of half the side around a place anywhere in the image: 16 of 32 pixels, as in the paper."""
    height, width = pixels.shape[-2:]
    reach = height // 4
    row, column = int(torch.randint(height, ())), int(torch.randint(width, ()))
    pixels = pixels.clone()
    pixels[..., max(0, row - reach) : row + reach, max(0, column - reach) : column + reach] = 0
    return pixels


STRATEGIES = {"autoaugment": _autoaugment, "randaugment": _randaugment, "imagenet": _imagenet, "cifar": _cifar}
