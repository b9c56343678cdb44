"""Differentiable Siamese augmentation (Zhao and Bilen, "DSA", ICML 2021).

The parameters of an augmentation are drawn once, as a ``Draw``, and can then be applied to as many
sides as wanted: to real and synthetic images alike. Every operation is differentiable with respect
to the images. Pixels from outside the image repeat its border (the background, for digits).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.foundation.errors import one_of, require


@dataclass(frozen=True)
class Ranges:
    """How far each operation may go; the defaults are the field's.

    Attributes:
        scale: each side is stretched by 1 / scale to scale.
        rotate: degrees to either side.
        crop: share of the side that the image is shifted by at most.
        cutout: side of the square cut out, as a share of the image's.
        flip: probability of mirroring.
        brightness, saturation, contrast: of ``color``: brightness is changed by half of its number to either side,
            colours are multiplied by 0 to ``saturation``, and contrast by ``contrast`` to 1 + ``contrast``.
    """

    scale: float = 1.2
    rotate: float = 15.0
    crop: float = 0.125
    cutout: float = 0.5
    flip: float = 0.5
    brightness: float = 1.0
    saturation: float = 2.0
    contrast: float = 0.5

    def __post_init__(self):
        require(self.scale >= 1 and math.isfinite(self.scale), f"scale must be at least 1, got {self.scale}")
        for name in ("rotate", "brightness", "saturation", "contrast"):
            value = getattr(self, name)
            require(0 <= value < math.inf, f"{name} must be a number from 0 on, got {value}")
        for name in ("crop", "cutout", "flip"):
            require(0 <= getattr(self, name) <= 1, f"{name} must be from 0 to 1, got {getattr(self, name)}")


FIELD = Ranges()


@dataclass(frozen=True)
class Draw:
    """One augmentation with its parameters.

    Attributes:
        operation: a name in ``OPERATIONS``.
        values: uniform numbers in [0, 1), [n, 4]: one row for all images, for each group of
            consecutive images (a class, say), or for each image.
    """

    operation: str
    values: Tensor


def parse(strategy: str) -> tuple[str, ...]:
    """The operations of a strategy such as ``crop_scale_rotate``; ``none`` has none."""
    if strategy in ("", "none", "None"):
        return ()
    return tuple(one_of(name, OPERATIONS, "augmentation") for name in strategy.split("_"))


def default_strategy(flips: bool) -> str:
    """The field's strategy for photographs; for digits, whose mirror images are no digits, crop, scale and rotate."""
    return "color_crop_cutout_flip_scale_rotate" if flips else "crop_scale_rotate"


SOUND = "slide_stretch"  # of spectrograms: turned, mirrored or moved to other tones they are other sounds


def draw(strategy: str, rows: int, generator: torch.Generator, strength: float = 1.0) -> Draw | None:
    """Draw one operation of the strategy and ``rows`` rows of its parameters (None for no augmentation).

    ``strength`` is the share, about their middle, of the parameters' ranges that they are drawn from.
    """
    operations = parse(strategy)
    if not operations:
        return None
    chosen = int(torch.randint(len(operations), (), generator=generator))
    return Draw(operations[chosen], 0.5 + strength * (torch.rand(rows, 4, generator=generator) - 0.5))


def apply(images: Tensor, augmentation: Draw | None, ranges: Ranges = FIELD) -> Tensor:
    """Augment images [N, C, H, W]; N must be a multiple of the draw's rows, consecutive images share a row."""
    if augmentation is None:
        return images
    rows = len(augmentation.values)
    require(rows > 0 and len(images) % rows == 0, f"{len(images)} images cannot share {rows} augmentations evenly")
    values = augmentation.values.to(images.device, images.dtype).repeat_interleave(len(images) // rows, dim=0)
    return OPERATIONS[augmentation.operation](images, values, ranges)


def apply_in_parts(images: Tensor, augmentation: Draw | None, size: int) -> Tensor:
    """``apply`` without a graph, to ``size`` images at a time: what each operation needs besides them stays small."""
    if augmentation is None:
        return images
    found = torch.empty_like(images)
    with torch.no_grad():
        for start in range(0, len(images), size):
            part = slice(start, start + size)
            found[part] = apply(images[part], part_of(augmentation, len(images), part))
    return found


def part_of(augmentation: Draw | None, images: int, part: slice) -> Draw | None:
    """The same augmentation for a part of so many images, with a row for each of them."""
    if augmentation is None:
        return None
    rows = augmentation.values.repeat_interleave(images // len(augmentation.values), dim=0)
    return Draw(augmentation.operation, rows[part])


def _affine(images: Tensor, matrix: Tensor) -> Tensor:
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _matrix(a, b, x, c, d, y) -> Tensor:
    """The [N, 2, 3] matrices that map output to input positions, both in [-1, 1]."""
    return torch.stack([torch.stack([a, b, x], -1), torch.stack([c, d, y], -1)], -2)


def _scale(images: Tensor, values: Tensor, ranges: Ranges) -> Tensor:
    factors = ranges.scale ** (2 * values[:, :2] - 1)
    zero = torch.zeros_like(factors[:, 0])
    return _affine(images, _matrix(factors[:, 0], zero, zero, zero, factors[:, 1], zero))


def _rotate(images: Tensor, values: Tensor, ranges: Ranges) -> Tensor:
    angle = (2 * values[:, 0] - 1) * math.radians(ranges.rotate)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return _affine(images, _matrix(cos, -sin, zero, sin, cos, zero))


def _crop(images: Tensor, values: Tensor, ranges: Ranges) -> Tensor:
    size = images.shape[-1]
    reach = max(1, round(ranges.crop * size)) if ranges.crop else 0  # whole pixels, so that nothing is blurred
    shift = 2 * torch.floor(values[:, :2] * (2 * reach + 1)).sub(reach) / size
    one, zero = torch.ones_like(shift[:, 0]), torch.zeros_like(shift[:, 0])
    return _affine(images, _matrix(one, zero, shift[:, 0], zero, one, shift[:, 1]))


def _slide(images: Tensor, values: Tensor, ranges: Ranges) -> Tensor:
    """Crop along the columns alone, which are the times of a spectrogram."""
    middle = torch.full_like(values[:, :1], 0.5)
    return _crop(images, torch.cat([values[:, :1], middle], 1), ranges)


def _stretch(images: Tensor, values: Tensor, ranges: Ranges) -> Tensor:
    """Scale half as far: by the square root of what ``scale`` would."""
    return _scale(images, 0.5 + (values - 0.5) / 2, ranges)


def _flip(images: Tensor, values: Tensor, ranges: Ranges) -> Tensor:
    return torch.where(values[:, 0, None, None, None] < ranges.flip, images.flip(-1), images)


def _color(images: Tensor, values: Tensor, ranges: Ranges) -> Tensor:
    for change, column in ((brightness, 0), (saturation, 1), (contrast, 2)):
        images = change(images, values[:, column], ranges)
    return images


def brightness(images: Tensor, values: Tensor, ranges: Ranges = FIELD) -> Tensor:
    """Add a number to all pixels of each image; ``values``, [N], are uniform in [0, 1)."""
    return images + (values[:, None, None, None] - 0.5) * ranges.brightness


def saturation(images: Tensor, values: Tensor, ranges: Ranges = FIELD) -> Tensor:
    """Bring colours nearer to grey, or further from it; grey images stay as they are."""
    grey = images.mean(1, keepdim=True)
    if images.shape[1] == 1:
        return images
    return grey + (images - grey) * values[:, None, None, None] * ranges.saturation


def contrast(images: Tensor, values: Tensor, ranges: Ranges = FIELD) -> Tensor:
    """Bring all pixels nearer to the image's mean, or further from it."""
    middle = images.mean((1, 2, 3), keepdim=True)
    return middle + (images - middle) * (values[:, None, None, None] + ranges.contrast)


def _cutout(images: Tensor, values: Tensor, ranges: Ranges) -> Tensor:
    size = images.shape[-1]
    corner = torch.floor(values[:, :2] * (size + 1)) - size * ranges.cutout / 2
    position = torch.arange(size, device=images.device)
    inside = (position >= corner[..., None]) & (position < corner[..., None] + size * ranges.cutout)  # [N, 2, size]
    return images * ~(inside[:, 0, None, :, None] & inside[:, 1, None, None, :])


OPERATIONS = {"crop": _crop, "scale": _scale, "rotate": _rotate, "flip": _flip, "color": _color, "cutout": _cutout,
              "slide": _slide, "stretch": _stretch}
