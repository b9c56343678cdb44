"""Corrupted pixels: a share rho of each image's pixels is noise and stays so; the others are learned.

(Nguyen, Chen and Lee, ICLR 2021: KIP with rho; Loo et al., NeurIPS 2022: RFAD with rho.) It hides pixels of the images
that a set begins from, and proves nothing about the others. An image takes the bytes that it takes as pixels.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import torch
from annotated_types import Ge, Lt
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.randomness import stream
from ddkit.synthetic.forms.form import Form, too_small


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of corrupted pixels."""

    share: Annotated[float, Ge(0), Lt(1), Knob("of an image's pixels that are noise", "rho")] = 0.2
    seed: Annotated[int, Ge(0), Knob("of which pixels these are, others in each image")] = 0


class Corrupted(Form):
    """Images some of whose pixels are standard normal noise, in all channels."""

    Config = Config

    @classmethod
    def count(cls, config, canvas, ipc) -> int:
        require(ipc >= 1, too_small("corrupted", canvas, canvas.budget(ipc), canvas.budget(1)))
        return int(ipc)

    @classmethod
    def at(cls, config, canvas, ipc, images, generator) -> "Corrupted":
        made = cls(config, canvas, len(images) // canvas.classes, {}, {})
        flat = images.flatten(2)
        order = made._order.to(images.device)[:, None].expand(-1, images.shape[1], -1)
        learned = flat.gather(2, order[..., : made._learned])
        hidden = torch.randn(*flat.shape[:2], flat.shape[2] - made._learned, generator=generator).to(images)
        made.parts, made.fixed = {"pixels": learned}, {"noise": hidden}
        return made

    def decode(self, picks: Tensor | None = None) -> Tensor:
        pixels, hidden = self.parts["pixels"], self.fixed["noise"]
        places = self._order.argsort(1).to(pixels.device)
        if picks is not None:
            pixels, hidden, places = pixels[picks], hidden[picks], places[picks]
        flat = torch.cat([pixels, hidden], 2)
        return flat.gather(2, places[:, None].expand(-1, flat.shape[1], -1)).unflatten(2, self.canvas.shape[1:])

    @property
    def hidden(self) -> Tensor:
        """Which pixels are noise, bool [N, 1, H, W]."""
        return (self._order.argsort(1) >= self._learned).unflatten(1, (1, *self.canvas.shape[1:]))

    @property
    def _learned(self) -> int:
        """Pixels of an image that are learned."""
        pixels = self.canvas.shape[1] * self.canvas.shape[2]
        return pixels - round(self.config.share * pixels)

    @cached_property
    def _order(self) -> Tensor:
        """The pixels of each image, int64 [N, H * W], those that are learned first."""
        draw = stream(self.config.seed, "corrupted pixels")
        images, (_, height, width) = self.ipc * self.canvas.classes, self.canvas.shape
        return torch.stack([torch.randperm(height * width, generator=draw) for _ in range(images)])


FORM = Corrupted
