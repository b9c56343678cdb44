"""Bases and hallucinators (HaBa; Liu et al., "Dataset Distillation via Factorization", NeurIPS 2022): tiny networks
that all classes share, each of which makes another image of every base.

    H_j(b) = decode_j(scale_j * encode_j(b) + shift_j)

with a convolution without padding for the encoder, a transposed one for the decoder, as many channels between them as
images have, and learned maps for scale and shift. Nothing in it bends, so that H_j(a) + H_j(b) - H_j(0) = H_j(a + b).
B bases and h hallucinators take 4 (B P + h (2 c^2 k^2 + 2 c + 2 c (H - k + 1)(W - k + 1))) bytes and make h B images.
The paper counts no hallucinators in "images per class"; here they are.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor

from ddkit.foundation.device import without_tf32
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.synthetic.forms.bases import enlarged, fitting, reduced
from ddkit.synthetic.forms.form import FLOAT, Canvas, Form, too_small
from ddkit.synthetic.forms.steepness import even_rates


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of bases and hallucinators."""

    number: Annotated[int, Ge(1), Knob("hallucinators; the paper's are 5, which leave no room for a base of each class "
                                       "in the bytes of one image each", "|H|")] = 4
    kernel: Annotated[int, Ge(1), Knob("pixels in height and width of both convolutions, odd; the paper's 3", "k")] = 3
    shrink: Annotated[int, Ge(1), Knob("times that height and width of a base are smaller, which is enlarged "
                                       "bilinearly; ours, the paper's bases are whole images (1)")] = 2
    spread: Annotated[float, Ge(0), Knob("standard deviation of what is added to the kernels of the identity, at which "
                                         "the hallucinators begin; ours, the paper's begin at random")] = 0.1
    shared_rate: Annotated[float, Gt(0), Knob("factor on the learning rate of the hallucinators; ours")] = 1.0

    def check(self) -> None:
        require(self.kernel % 2 == 1, f"the kernel of hallucinators must be odd, got {self.kernel}")


HALLUCINATOR = ("encoder", "encoder_bias", "scale", "shift", "decoder", "decoder_bias")


def shapes(config: Config, canvas: Canvas) -> dict[str, tuple[int, ...]]:
    """Of the parts of one hallucinator.

    Raises:
        InputError: the kernel is larger than the images.
    """
    channels, height, width = canvas.shape
    less = config.kernel - 1
    require(less < min(height, width), f"the kernel of hallucinators must be at most as large as the images, which are "
            f"{height} x {width}, got {config.kernel}")
    kernel = (channels, channels, config.kernel, config.kernel)
    maps = (channels, height - less, width - less)
    return dict(zip(HALLUCINATOR, (kernel, (channels,), maps, maps, kernel, (channels,)), strict=True))


def edge_of(images: Tensor, width: int) -> float:
    """The median of the pixels that a convolution without padding cuts off, ``width`` of them at each edge; 0 of none.
    """
    outside = torch.ones(images.shape[2:], dtype=torch.bool, device=images.device)
    outside[width : outside.shape[0] - width, width : outside.shape[1] - width] = False
    return float(images[..., outside].median()) if width else 0.0


def identities(config: Config, canvas: Canvas, edge: float, generator: torch.Generator) -> dict[str, Tensor]:
    """The parts of hallucinators that change nothing but by their spread, and make pixels of ``edge`` at the edge."""
    parts = {name: torch.zeros(config.number, *shape) for name, shape in shapes(config, canvas).items()}
    for name in ("encoder", "decoder"):
        for kernel in parts[name]:
            torch.nn.init.dirac_(kernel)
        parts[name] += config.spread * torch.randn(parts[name].shape, generator=generator)
    parts["scale"] += 1
    parts["encoder_bias"] -= edge
    parts["decoder_bias"] += edge
    return parts


class Hallucinators(Form):
    """Every base through every hallucinator."""

    Config = Config
    shared = HALLUCINATOR

    @classmethod
    def count(cls, config, canvas, ipc) -> int:
        hallucinators = sum(torch.Size(shape).numel() for shape in shapes(config, canvas).values()) * config.number
        bases = fitting("hallucinators", canvas.shape, config.shrink) * canvas.classes
        found = (canvas.budget(ipc) // FLOAT - hallucinators) // bases
        require(found >= 1, too_small("hallucinators", canvas, canvas.budget(ipc), FLOAT * (bases + hallucinators)))
        return found * config.number

    @classmethod
    def at(cls, config, canvas, ipc, images, generator) -> "Hallucinators":
        """Bases that are the first images of each class, and hallucinators that are nearly the identity."""
        count = len(images) // canvas.classes
        bases = images.unflatten(0, (canvas.classes, count))[:, : count // config.number].flatten(0, 1)
        parts = identities(config, canvas, edge_of(bases, config.kernel // 2), generator)
        return cls(config, canvas, count, {"bases": reduced(bases, config.shrink)}
                   | {name: part.to(images) for name, part in parts.items()})

    @property
    def views(self) -> int:
        return self.config.number

    def decode(self, picks: Tensor | None = None) -> Tensor:
        return self._made_of(self.parts, picks)

    def _made_of(self, parts: dict[str, Tensor], picks: Tensor | None = None) -> Tensor:
        number, shape = self.config.number, self.canvas.shape
        if picks is None:
            bases, places = parts["bases"], None
        else:
            wanted, places = (picks // number).unique(return_inverse=True)
            bases, places = parts["bases"][wanted], places * number + picks % number
        with without_tf32():
            inside = F.conv2d(enlarged(bases, self.config.shrink), parts["encoder"].flatten(0, 1),
                              parts["encoder_bias"].flatten())
            inside = inside * parts["scale"].flatten(0, 1) + parts["shift"].flatten(0, 1)
            images = F.conv_transpose2d(inside, parts["decoder"].flatten(0, 1), parts["decoder_bias"].flatten(),
                                        groups=number)
        images = images.reshape(-1, *shape)
        return images if places is None else images[places]

    def rates(self, rate: float, signed: bool = False) -> dict[str, float]:
        """Such that a step along a part's steepest direction moves the images as far as a step of pixels would, or a
        signed step does on average."""
        rates = even_rates(self._made_of, self.parts, rate, signed)
        return {name: rates[name] * (1 if name == "bases" else self.config.shared_rate) for name in rates}


FORM = Hallucinators
