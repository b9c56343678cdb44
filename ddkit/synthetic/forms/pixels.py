"""Pixels: every image is stored as it is, a float32 for each pixel and channel."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knobs
from ddkit.synthetic.forms.form import Canvas, Form, Size, too_small


@dataclass(frozen=True)
class Config(Knobs):
    """Pixels have no knobs."""


class Pixels(Form):
    """The images themselves; their tensor is that which it was made with."""

    Config = Config

    @classmethod
    def of(cls, images: Tensor, canvas: Canvas) -> "Pixels":
        """Images [N, C, H, W] as they are, however many of each class."""
        return cls(Config(), canvas, len(images) // canvas.classes, {"images": images})

    @classmethod
    def count(cls, config, canvas, ipc) -> int:
        require(ipc >= 1, too_small("pixels", canvas, canvas.budget(ipc), canvas.budget(1)))
        return int(ipc)

    @classmethod
    def at(cls, config, canvas, ipc, images, generator) -> "Pixels":
        return cls(config, canvas, cls.count(config, canvas, ipc), {"images": images.clone()})

    def decode(self, picks: Tensor | None = None) -> Tensor:
        images = self.parts["images"]
        return images if picks is None else images[picks]

    @torch.no_grad()
    def pull(self, slope: Tensor, chunk: int | None = None) -> None:
        """The images' slope is the parts': nothing is copied."""
        images = self.parts["images"]
        images.grad = slope.detach() if images.grad is None else images.grad + slope

    def size(self) -> Size:
        return replace(super().size(), decoded=len(self.parts["images"]))


FORM = Pixels
