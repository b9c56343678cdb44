"""8-bit pixels: every pixel is one of 256 levels and takes a byte, as in the files of real images: four images for one.

While they are learned the pixels are real numbers, whose nearest level is decoded; the slope in a level is taken for
that in the number (straight through: Bengio, Leonard and Courville, arXiv 1308.3432). Files hold the levels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knobs
from ddkit.synthetic.forms.form import Form, too_small

LEVELS = 256


@dataclass(frozen=True)
class Config(Knobs):
    """8-bit pixels have no knobs."""


class Bytes(Form):
    """Images of 256 levels."""

    Config = Config

    @classmethod
    def bounded(cls, config) -> bool:
        return True

    @classmethod
    def count(cls, config, canvas, ipc) -> int:
        one = canvas.classes * canvas.numbers
        require(canvas.budget(ipc) >= one, too_small("bytes", canvas, canvas.budget(ipc), one))
        return canvas.budget(ipc) // one

    @classmethod
    def at(cls, config, canvas, ipc, images, generator) -> "Bytes":
        made = cls(config, canvas, len(images) // canvas.classes, {"images": images.clone()})
        made.constrain()
        return made

    @classmethod
    def restore(cls, description, tensors) -> "Bytes":
        levels = tensors["images"]
        require(levels.dtype == torch.uint8, f"levels of pixels are bytes, got {levels.dtype}: make the set again")
        made = super().restore(description, {"images": levels.float()})
        made.parts["images"] = made._pixels(levels)
        return made

    def decode(self, picks: Tensor | None = None) -> Tensor:
        images = self.parts["images"]
        images = images if picks is None else images[picks]
        return self._pixels(self._levels(images)) + (images - images.detach())  # which is 0, and has the slope

    def stored(self) -> dict[str, Tensor]:
        """The levels, uint8 [N, C, H, W]."""
        return {"images": self._levels(self.parts["images"])}

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep the pixels between black and white, or a level that is reached would never be left again."""
        shift, scale = self._statistics()
        self.parts["images"].clamp_(-shift / scale, (1 - shift) / scale)

    def _statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, [C, 1, 1] each."""
        images = self.parts["images"]
        return tuple(images.new_tensor(v)[:, None, None] for v in (self.canvas.mean, self.canvas.std))

    @torch.no_grad()
    def _levels(self, images: Tensor) -> Tensor:
        shift, scale = self._statistics()
        return ((images * scale + shift) * (LEVELS - 1)).round().clamp(0, LEVELS - 1).to(torch.uint8)

    @torch.no_grad()
    def _pixels(self, levels: Tensor) -> Tensor:
        """Levels as normalised pixels, computed as those of real images are."""
        shift, scale = self._statistics()
        return levels.to(scale.dtype).div_(LEVELS - 1).sub_(shift).div_(scale)


FORM = Bytes
