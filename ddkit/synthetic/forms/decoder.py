"""Codes and small decoders that all classes share (KFS in small; Lee, Lee and Hwang, arXiv 2208.10494).

    S = { g_j(z_i) : every code z_i of every class, through every decoder g_j }

A code has q channels at 1 / 2^d of height and width; a decoder is d transposed convolutions, each of which doubles
both, with ReLU between them. The paper has no official code: the sizes are ours. With d = 0 the decoder is the
identity, and codes are pixels. All is counted: 4 (codes + decoders) bytes.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, isqrt
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor

from ddkit.foundation.device import without_tf32
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.synthetic.forms.form import FLOAT, Canvas, Form, too_small
from ddkit.synthetic.forms.steepness import even_rates

KERNEL = 4  # of a transposed convolution with stride 2 and padding 1, which doubles height and width
FIT_BATCH, FIT_LR = 64, 0.01  # codes in a step of Adam on the autoencoder, and its first rate, which falls to 0


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of codes and decoders."""

    number: Annotated[int, Ge(1), Knob("decoders, of which every one makes an image of every code; ours", "J")] = 1
    channels: Annotated[int | None, Ge(1), Knob("of a code, ours; None takes the root of the budget in images per "
                                                "class, at least an image's channels", "q")] = None
    stages: Annotated[int, Ge(0), Knob("transposed convolutions of a decoder; the paper's are three", "d")] = 2
    width: Annotated[int, Ge(1), Knob("channels between them; ours")] = 8
    shared_rate: Annotated[float, Gt(0), Knob("factor on the learning rate of the decoders; ours")] = 1.0
    fit_steps: Annotated[int, Ge(0), Knob("of the autoencoder that the codes begin from; ours")] = 300


def settled(config: Config, canvas: Canvas, ipc: int | Fraction) -> Config:
    """With as many channels, if nobody said how many, as ``Config`` says: between those of an image and its numbers."""
    least, most = canvas.shape[0], canvas.shape[0] * 4**config.stages
    root = isqrt(max(0, ceil(ipc) - 1)) + 1  # of whole numbers, rounded up
    return replace(config, channels=config.channels or min(max(root, least), most))


def weights(config: Config, canvas: Canvas) -> dict[str, tuple[int, ...]]:
    """The shapes of all decoders' parts together.

    Raises:
        InputError: images that cannot be halved so often, or an identity that is none.
    """
    channels, height, width = canvas.shape
    times = 2**config.stages
    require(height % times == 0 and width % times == 0, f"form 'decoder' stores codes of 1 / {times} of {height} x "
            f"{width} pixels, which are no whole numbers: choose fewer stages")
    require(config.stages > 0 or (config.number == 1 and config.channels == channels), "without stages the decoder is "
            f"the identity: set number to 1 and channels to {channels}")
    levels = [config.channels, *[config.width] * (config.stages - 1), channels]
    shapes = {}
    for stage in range(config.stages):
        shapes[f"weight_{stage}"] = (config.number, levels[stage], levels[stage + 1], KERNEL, KERNEL)
        shapes[f"bias_{stage}"] = (config.number, levels[stage + 1])
    return shapes


def decoded(codes: Tensor, parts: dict[str, Tensor], stages: int) -> Tensor:
    """Every code [n, q, h, w] through every one of J decoders: images [n * J, C, H, W], J of each code together."""
    features = codes
    with without_tf32():
        for stage in range(stages):
            weight, bias = parts[f"weight_{stage}"], parts[f"bias_{stage}"]
            number = len(weight)
            if stage == 0:  # all decoders see the same code
                features = F.conv_transpose2d(features, weight.transpose(0, 1).flatten(1, 2), bias.flatten(), 2, 1)
            else:
                features = F.conv_transpose2d(features.relu(), weight.flatten(0, 1), bias.flatten(), 2, 1,
                                              groups=number)
    return features.unflatten(1, (number, -1)).flatten(0, 1) if stages else codes


def code_shape(config: Config, canvas: Canvas) -> tuple[int, int, int]:
    """Channels, height and width of a code."""
    _, height, width = canvas.shape
    return config.channels, height // 2**config.stages, width // 2**config.stages


def at_random(config: Config, canvas: Canvas, like: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Decoders' weights as He et al. (2015) draw them, biases 0; of the type of ``like``."""
    parts = {}
    for name, shape in weights(config, canvas).items():
        parts[name] = torch.zeros(shape)
        if name.startswith("weight"):  # of the 4 x 4 weights of a channel, a pixel sees a quarter
            parts[name].normal_(0, (2 / (shape[1] * KERNEL**2 / 4)) ** 0.5, generator=generator)
        parts[name] = parts[name].to(like)
    return parts


def autoencoded(config: Config, canvas: Canvas, groups: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Codes and decoders such that decoder j makes nearly the j-th image of a group [n, J, C, H, W] of its code.

    The encoder, which is not kept, is a convolution whose window is twice what a pixel of a code stands for.
    """
    if config.stages == 0:
        return {"codes": groups[:, 0].clone()}
    times = 2**config.stages
    stacked = groups.flatten(1, 2)
    parts = at_random(config, canvas, groups, generator)
    encoder = torch.randn(config.channels, stacked.shape[1], 2 * times, 2 * times, generator=generator).to(groups)
    encoder /= encoder[0].numel() ** 0.5
    learned = [encoder, *parts.values()]
    for tensor in learned:
        tensor.requires_grad_(True)
    optimiser = torch.optim.Adam(learned, FIT_LR)

    def encode(images: Tensor) -> Tensor:
        return F.conv2d(images, encoder, stride=times, padding=times // 2)

    for step in range(config.fit_steps):
        for group in optimiser.param_groups:
            group["lr"] = FIT_LR * (1 - step / config.fit_steps)
        picks = torch.randint(len(groups), (FIT_BATCH,), generator=generator).to(groups.device)
        found = decoded(encode(stacked[picks]), parts, config.stages)
        loss = F.mse_loss(found, groups[picks].flatten(0, 1))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return {"codes": encode(stacked), **{name: part.detach() for name, part in parts.items()}}


class Decoder(Form):
    """Codes through decoders."""

    Config = Config

    @property
    def shared(self) -> tuple[str, ...]:
        """The decoders."""
        return tuple(weights(self.config, self.canvas))

    @classmethod
    def count(cls, config, canvas, ipc) -> int:
        config = settled(config, canvas, ipc)
        decoders = sum(torch.Size(shape).numel() for shape in weights(config, canvas).values())
        codes = torch.Size(code_shape(config, canvas)).numel() * canvas.classes
        found = (canvas.budget(ipc) // FLOAT - decoders) // codes
        require(found >= 1, too_small("decoder", canvas, canvas.budget(ipc), FLOAT * (codes + decoders)))
        return found * config.number

    @classmethod
    def at(cls, config, canvas, ipc, images, generator) -> "Decoder":
        """Codes and decoders of an autoencoder that is trained on these images, ``number`` of them to a code."""
        config, count = settled(config, canvas, ipc), len(images) // canvas.classes
        groups = images.unflatten(0, (-1, config.number))
        return cls(config, canvas, count, autoencoded(config, canvas, groups, generator))

    @classmethod
    def noise(cls, config, canvas, ipc, generator, device) -> "Decoder":
        """Standard normal codes, and decoders at random that keep their size."""
        config, count = settled(config, canvas, ipc), cls.count(config, canvas, ipc)
        rows = count * canvas.classes // config.number
        codes = torch.randn(rows, *code_shape(config, canvas), generator=generator).to(device)
        return cls(config, canvas, count, {"codes": codes, **at_random(config, canvas, codes, generator)})

    @property
    def views(self) -> int:
        return self.config.number

    def decode(self, picks: Tensor | None = None) -> Tensor:
        codes, number, stages = self.parts["codes"], self.config.number, self.config.stages
        if picks is None:
            return decoded(codes, self.parts, stages)
        wanted, places = (picks // number).unique(return_inverse=True)
        return decoded(codes[wanted], self.parts, stages)[places * number + picks % number]

    def rates(self, rate: float, signed: bool = False) -> dict[str, float]:
        """Such that a step along a part's steepest direction moves the images as far as a step of pixels would, or a
        signed step does on average."""
        if self.config.stages == 0:
            return {"codes": rate}
        rates = even_rates(lambda parts: decoded(parts["codes"], parts, self.config.stages), self.parts, rate, signed)
        return {name: rates[name] * (1 if name == "codes" else self.config.shared_rate) for name in rates}


FORM = Decoder
