"""Frequencies (FreD; Shin, Shin and Moon, "Frequency Domain-based Dataset Distillation", NeurIPS 2023): of each image
the k coefficients of its cosine transform in which the images of its class differ most.

    S = D^T F D,    F = 0 outside the mask of the class,    D the orthonormal DCT-II: D D^T = I.

A mask is shared by the images of a class and by their channels, and takes a bit for every coefficient. So the bytes of
``ipc`` images per class make floor((4 ipc C P - C H W / 8) / (4 C k channels)) images of each class. Of all
coefficients there is no mask, and plain gradient descent takes the steps that it takes in pixels.
"""

import math
from dataclasses import dataclass, replace
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.synthetic.forms.form import FLOAT, Canvas, Form, too_small

SHARE = 6  # from real images so masked, ten per class, a network learned MNIST to 95 %; of 64 of 784 kept to 82 %


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of frequencies."""

    kept: Annotated[int | None, Ge(1), Knob("coefficients of each channel that are kept (the paper's: 64 under "
                                            "distribution and trajectory matching, 32 under gradient matching); None, "
                                            "ours, keeps one in six", "k")] = None


def cosines(size: int) -> Tensor:
    """The matrix D of the orthonormal DCT-II, float64 [size, size]: D x are the coefficients of x, lowest first."""
    places = torch.arange(size, dtype=torch.float64)
    matrix = torch.cos(math.pi / size * (places + 0.5) * places[:, None]) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix


def transformed(images: Tensor) -> Tensor:
    """The coefficients of images [..., H, W], same shape."""
    rows, columns = (cosines(side).to(images) for side in images.shape[-2:])
    return rows @ images @ columns.T


def untransformed(spectra: Tensor) -> Tensor:
    """The images of coefficients [..., H, W], same shape."""
    rows, columns = (cosines(side).to(spectra) for side in spectra.shape[-2:])
    return rows.T @ spectra @ columns


def packed(masks: Tensor) -> Tensor:
    """Masks bool [...] as bits, uint8 [ceil(n / 8)]."""
    bits = F.pad(masks.flatten().to(torch.uint8), (0, -masks.numel() % 8)).unflatten(0, (-1, 8))
    return (bits << torch.arange(8, dtype=torch.uint8, device=bits.device)).sum(1, dtype=torch.uint8)


def unpacked(bits: Tensor, shape: tuple[int, ...]) -> Tensor:
    """What ``packed`` was given."""
    found = bits[:, None] >> torch.arange(8, dtype=torch.uint8, device=bits.device) & 1
    return found.flatten()[: math.prod(shape)].bool().reshape(shape)


def most_varying(spectra: Tensor, kept: int) -> Tensor:
    """Mask, bool [H, W], of the ``kept`` coefficients that vary most over images' spectra [n, channels, H, W]."""
    varying = spectra.double().var(0, correction=0).sum(0).flatten()
    mask = torch.zeros_like(varying, dtype=torch.bool)
    mask[varying.argsort(descending=True, stable=True)[:kept]] = True
    return mask.unflatten(0, spectra.shape[-2:])


def settled(config: Config, canvas: Canvas) -> Config:
    """With one in six of a channel's coefficients kept, if nobody said how many."""
    _, height, width = canvas.shape
    return replace(config, kept=config.kept or -(-height * width // SHARE))


class Frequencies(Form):
    """Masked cosine transforms."""

    Config = Config
    reads_data = True

    @classmethod
    def count(cls, config, canvas, ipc) -> int:
        config, (channels, height, width) = settled(config, canvas), canvas.shape
        require(config.kept <= height * width, f"form 'frequencies' keeps {config.kept} coefficients of a channel, "
                f"which has {height * width}: choose at most as many")
        one = canvas.classes * channels * config.kept * FLOAT
        masks = 0 if config.kept == height * width else -(-canvas.classes * height * width // 8)
        found = (canvas.budget(ipc) - masks) // one
        require(found >= 1, too_small("frequencies", canvas, canvas.budget(ipc), masks + one))
        return found

    @classmethod
    def at(cls, config, canvas, ipc, images, generator) -> "Frequencies":
        """The coefficients in which these images of a class vary most; of a single image, its largest."""
        config, spectra = settled(config, canvas), transformed(images)
        by_class = spectra.unflatten(0, (canvas.classes, -1))
        if by_class.shape[1] == 1:
            by_class = torch.cat([by_class, -by_class], 1)  # whose variance is the square
        masks = torch.stack([most_varying(of_class, config.kept) for of_class in by_class])
        made = cls(config, canvas, len(images) // canvas.classes, {}, {} if masks.all() else {"masks": packed(masks)})
        made.parts["coefficients"] = spectra.flatten(2).gather(2, made._places(images.device)).contiguous()
        return made

    @classmethod
    def begin(cls, config, dataset, ipc, init, generator) -> "Frequencies":
        """As ``Form.begin``; the masks of noise are those of real images."""
        noise = isinstance(init, str) and init == "noise"
        made = super().begin(config, dataset, ipc, "real" if noise else init, generator)
        if noise:
            drawn = torch.randn(made.parts["coefficients"].shape, generator=generator)
            made.parts["coefficients"] = drawn.to(made.parts["coefficients"].device)
        return made

    def spectra(self, picks: Tensor | None = None) -> Tensor:
        """All coefficients of the images, or of those of ``picks``, [N, C, H, W]: 0 where the mask is."""
        coefficients, shape = self.parts["coefficients"], self.canvas.shape
        places = self._places(coefficients.device)
        if picks is not None:
            coefficients, places = coefficients[picks], places[picks]
        empty = coefficients.new_zeros(len(coefficients), shape[0], shape[1] * shape[2])
        return empty.scatter(2, places, coefficients).unflatten(2, shape[1:])

    def decode(self, picks: Tensor | None = None) -> Tensor:
        return untransformed(self.spectra(picks))

    def _places(self, device: torch.device) -> Tensor:
        """Where the kept coefficients of each image lie among all of a channel, int64 [N, C, k]."""
        channels, height, width = self.canvas.shape
        shape = (self.canvas.classes, height * width)
        bits = self.fixed.get("masks")
        masks = torch.ones(shape, dtype=torch.bool, device=device) if bits is None else unpacked(bits, shape)
        places = masks.nonzero()[:, 1].unflatten(0, (self.canvas.classes, -1))
        return places.repeat_interleave(self.ipc, 0)[:, None].expand(-1, channels, -1)


FORM = Frequencies
