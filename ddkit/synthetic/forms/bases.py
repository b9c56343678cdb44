"""Linear bases (LinBa; Deng and Russakovsky, "Remember the Past", NeurIPS 2022): few images that all classes share,
and every decoded image a weighted sum of them:

    s_n = sum over k of a_nk enlarge(b_k).

The K bases b_k are stored at 1 / s of height and width and enlarged bilinearly; each image has K coefficients. Of the
bytes of ``ipc`` images with P numbers each, every class gets r = floor((ipc C P - K P / s^2) / (C K)) images.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import isqrt
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.synthetic.forms.form import FLOAT, Canvas, Form, too_small
from ddkit.synthetic.forms.steepness import even_rates


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of linear bases."""

    number: Annotated[int | None, Ge(1), Knob("bases (the paper's code has 16 for CIFAR-10 at one image per class, and "
                                              "no number for MNIST); None, ours, takes as many as there are images of "
                                              "each class then", "K")] = None
    shrink: Annotated[int, Ge(1), Knob("times that height and width of a base are smaller; the paper's is 2",
                                       "s")] = 2
    bases_rate: Annotated[float, Gt(0), Knob("factor on the learning rate of the bases; ours")] = 1.0


def enlarged(bases: Tensor, shrink: int) -> Tensor:
    """Bases [K, C, h, w] at ``shrink`` times their height and width, bilinearly."""
    return bases if shrink == 1 else F.interpolate(bases, scale_factor=shrink, mode="bilinear", align_corners=False)


def enlarging(size: int, shrink: int) -> Tensor:
    """What ``enlarged`` does to a column: the matrix [size, size // shrink], float64."""
    columns = torch.eye(size // shrink, dtype=torch.float64)[None]
    return F.interpolate(columns, scale_factor=shrink, mode="linear", align_corners=False)[0].T


def reduced(images: Tensor, shrink: int) -> Tensor:
    """Images [N, C, H, W] at 1 / ``shrink`` of height and width, such that ``enlarged`` comes nearest to them again."""
    if shrink == 1:
        return images.clone()
    height, width = (torch.linalg.pinv(enlarging(side, shrink)).to(images) for side in images.shape[2:])
    return height @ images @ width.T


def fitting(form: str, shape: tuple[int, int, int], shrink: int) -> int:
    """Numbers in an image (channels, height, width) stored at 1 / ``shrink`` of height and width.

    Raises:
        InputError: ``shrink`` does not divide both.
    """
    channels, height, width = shape
    require(height % shrink == 0 and width % shrink == 0, f"form '{form}' stores {height} x {width} pixels at 1 / "
            f"{shrink} of their height and width, which are no whole numbers: choose a shrink that divides both")
    return channels * (height // shrink) * (width // shrink)


def settled(config: Config, canvas: Canvas, ipc: int | Fraction) -> Config:
    """With K bases, if nobody said how many, such that they and C K^2 coefficients fill the budget."""
    one = fitting("bases", canvas.shape, config.shrink)
    filling = (isqrt(one**2 + 4 * canvas.classes * (canvas.budget(ipc) // FLOAT)) - one) // (2 * canvas.classes)
    return replace(config, number=config.number or min(max(1, filling), one))


def nearest(images: Tensor, number: int, shrink: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The bases and coefficients whose sums are as near to images as any can be.

    What enlarging reaches is a subspace; in it the truncated singular value decomposition is the best (Eckart and
    Young, 1936). The enlarged bases are orthonormal; where there are more than the images span, the others are random.

    Args:
        images: [N, C, H, W].

    Returns:
        Bases [number, C, H / shrink, W / shrink] and coefficients [N, number], of the images' type.
    """
    (reach_h, back_h), (reach_w, back_w) = (torch.linalg.qr(enlarging(side, shrink)) for side in images.shape[2:])
    within = reach_h.T @ images.double().cpu() @ reach_w
    found = torch.linalg.svd(within.flatten(1), full_matrices=False)[2][:number]
    others = torch.randn(number - len(found), found.shape[1], generator=generator, dtype=torch.float64)
    rows = torch.linalg.qr(torch.cat([found, others]).T)[0].T if len(others) else found
    coefficients = within.flatten(1) @ rows.T
    rows = rows.unflatten(1, within.shape[1:])
    bases = torch.linalg.solve_triangular(back_h, rows, upper=True)
    bases = torch.linalg.solve_triangular(back_w, bases.mT, upper=True).mT
    return bases.contiguous().to(images), coefficients.to(images)


def steepest(matrix: Tensor) -> float:
    """The largest eigenvalue of M M^T, for a matrix M."""
    return float(torch.linalg.matrix_norm(matrix.detach().double(), 2).square())


class Bases(Form):
    """Linear sums of shared bases."""

    Config = Config
    shared = ("bases",)

    @classmethod
    def count(cls, config, canvas, ipc) -> int:
        one, number = fitting("bases", canvas.shape, config.shrink), settled(config, canvas, ipc).number
        require(number <= one, f"form 'bases' has {number} bases of {one} numbers each, of which every other is a sum: "
                "choose at most as many")
        bases, row = number * one * FLOAT, number * canvas.classes * FLOAT
        found = (canvas.budget(ipc) - bases) // row
        require(found >= 1, too_small("bases", canvas, canvas.budget(ipc), bases + row))
        return found

    @classmethod
    def at(cls, config, canvas, ipc, images, generator) -> "Bases":
        """The bases and coefficients that come nearest to the images."""
        config = settled(config, canvas, ipc)
        bases, coefficients = nearest(images, config.number, config.shrink, generator)
        return cls(config, canvas, len(images) // canvas.classes, {"bases": bases, "coefficients": coefficients})

    @classmethod
    def noise(cls, config, canvas, ipc, generator, device) -> "Bases":
        """Both uniform as Xavier's, which is the paper's start."""
        channels, height, width = canvas.shape
        config, count, shrink = settled(config, canvas, ipc), cls.count(config, canvas, ipc), config.shrink
        bases = torch.empty(config.number, fitting("bases", canvas.shape, shrink))
        coefficients = torch.empty(count * canvas.classes, config.number)
        for part in (bases, coefficients):
            torch.nn.init.xavier_uniform_(part, generator=generator)
        bases = bases.unflatten(1, (channels, height // shrink, width // shrink))
        return cls(config, canvas, count, {"bases": bases.to(device), "coefficients": coefficients.to(device)})

    def decode(self, picks: Tensor | None = None) -> Tensor:
        return self._made_of(self.parts, picks)

    def _made_of(self, parts: dict[str, Tensor], picks: Tensor | None = None) -> Tensor:
        """The images of such parts."""
        rows = parts["coefficients"] if picks is None else parts["coefficients"][picks]
        images = enlarged(parts["bases"], self.config.shrink)
        return (rows @ images.flatten(1)).unflatten(1, images.shape[1:])

    def rates(self, rate: float, signed: bool = False) -> dict[str, float]:
        """Such that a step along a part's steepest direction moves the images as far as a step of pixels would, or a
        signed step does on average.

        The images' derivative in the coefficients is the matrix of enlarged bases B, that in the bases is the matrix
        of coefficients A after the enlarging: a step of rate r in a part moves the images by r B^T B or r A A^T times
        the pixels' slope.
        """
        if signed:
            rates = even_rates(self._made_of, self.parts, rate, signed)
            return rates | {"bases": rates["bases"] * self.config.bases_rate}
        bases, coefficients = self.parts["bases"], self.parts["coefficients"]
        enlarging_most = [steepest(enlarging(side, self.config.shrink)) for side in self.canvas.shape[1:]]
        of_bases = steepest(coefficients) * enlarging_most[0] * enlarging_most[1]
        return {"bases": rate * self.config.bases_rate / of_bases,
                "coefficients": rate / steepest(enlarged(bases.detach(), self.config.shrink).flatten(1))}


FORM = Bases
