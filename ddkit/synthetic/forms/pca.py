"""Latents of a fixed decoder, in small: the decoder is linear, the principal components of real images.

    s_n = mean + sum over k of z_nk w_k,    <w_j, w_k> = 1 if j = k else 0.

IT-GAN (Zhao and Bilen, arXiv 2204.07513) and GLaD (Cazenavette et al., CVPR 2023) learn the latents z of a generator
that was trained before, and count it in no budget. Here components and mean are paid for unless asked otherwise, and
always in the size: 4 (N K + K P + P) bytes for N images of P numbers. They are those of the real images that the set
begins from. The slope in the latents is W^T times that in the images, so that a step in them is the step of pixels,
projected on the components.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.synthetic.forms.bases import nearest
from ddkit.synthetic.forms.form import FLOAT, Canvas, Form, too_small

FEW = 30  # images of each class that a basis leaves if nobody says how large it is


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of latents of principal components."""

    components: Annotated[int | None, Ge(1), Knob("in the basis (IT-GAN's latents have 128 numbers); None, ours, "
                                                  "takes as many as leave thirty images of each class", "K")] = None
    counted: Annotated[bool, Knob("whether the budget pays for the basis; the papers' generators are free")] = True


def settled(config: Config, canvas: Canvas, ipc: int | Fraction) -> Config:
    """With as many components, if nobody said how many, as leave few images of each class."""
    floats = canvas.budget(ipc) // FLOAT - config.counted * canvas.numbers
    fitting = floats // (config.counted * canvas.numbers + FEW * canvas.classes)
    return replace(config, components=config.components or min(max(1, fitting), canvas.numbers))


class Pca(Form):
    """Images in the span of principal components."""

    Config = Config
    shared = ("components", "mean")
    reads_data = True

    @classmethod
    def count(cls, config, canvas, ipc) -> int:
        number = settled(config, canvas, ipc).components
        require(number <= canvas.numbers, f"form 'pca' has {number} components of images of {canvas.numbers} numbers: "
                "choose at most as many")
        row = number * canvas.classes * FLOAT
        basis = config.counted * (number + 1) * canvas.numbers * FLOAT
        found = (canvas.budget(ipc) - basis) // row
        require(found >= 1, too_small("pca", canvas, canvas.budget(ipc), basis + row))
        return found

    @classmethod
    def at(cls, config, canvas, ipc, images, generator) -> "Pca":
        """Mean and components are those of these images."""
        config, mean = settled(config, canvas, ipc), images.mean(0)
        basis, latents = nearest(images - mean, config.components, 1, generator)
        return cls(config, canvas, len(images) // canvas.classes, {"latents": latents},
                   {"components": basis, "mean": mean})

    @classmethod
    def begin(cls, config, dataset, ipc, init, generator) -> "Pca":
        """As ``Form.begin``; noise has the components of real images, and latents that vary as theirs do."""
        noise = isinstance(init, str) and init == "noise"
        made = super().begin(config, dataset, ipc, "real" if noise else init, generator)
        if noise:
            latents = made.parts["latents"]
            drawn = torch.randn(latents.shape, generator=generator).to(latents)
            made.parts["latents"] = drawn * latents.square().mean(0).sqrt()
        return made

    def decode(self, picks: Tensor | None = None) -> Tensor:
        latents, mean = self.parts["latents"], self.fixed["mean"]
        rows = latents if picks is None else latents[picks]
        return mean + (rows @ self.fixed["components"].flatten(1)).unflatten(1, mean.shape)


FORM = Pca
