"""Multi-formation (IDC; Kim et al., "Dataset Condensation via Efficient Synthetic-Data Parameterization", ICML 2022):
every stored image is a sheet of f x f cells, and every cell is enlarged to an image of full size:

    decode(S) = { enlarge(cell) : every cell of every stored image },

so that the bytes of n images make f^2 n. A cell's side is that of the image over f, rounded up; where f does not divide
it, the last cells reach beyond the sheet, and what is missing there is mid-grey, as in the paper's code.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.synthetic.forms.form import Form, too_small

GREY = 0.5  # of a pixel in [0, 1] that no sheet holds


@dataclass(frozen=True)
class Config(Knobs):
    """The knobs of multi-formation."""

    factor: Annotated[int, Ge(1), Knob("cells along each side of a stored image; the paper's is 2, and 3 for "
                                       "ImageNet", "f")] = 2
    clamped: Annotated[bool, Knob("keep pixels between black and white, as in the paper's code")] = True


class MultiFormation(Form):
    """Sheets of cells, each of which is an image."""

    Config = Config

    @classmethod
    def bounded(cls, config) -> bool:
        return config.clamped

    @classmethod
    def count(cls, config, canvas, ipc) -> int:
        _, height, width = canvas.shape
        require(config.factor <= min(height, width), f"form 'multi-formation' cuts {height} x {width} pixels into "
                f"{config.factor} x {config.factor} cells, which is finer than pixels: choose a smaller factor")
        require(ipc >= 1, too_small("multi-formation", canvas, canvas.budget(ipc), canvas.budget(1)))
        return int(ipc) * config.factor**2

    @classmethod
    def at(cls, config, canvas, ipc, images, generator) -> "MultiFormation":
        """The cells whose enlargements come nearest to the images, by least squares; then constrained."""
        factor, (_, height, width) = config.factor, canvas.shape
        down, across = ((_enlarging(_cell(side, factor), side)).to(images) for side in (height, width))
        cells = torch.linalg.pinv(down) @ images @ torch.linalg.pinv(across).T
        sheets = cells.unflatten(0, (-1, factor, factor)).permute(0, 3, 1, 4, 2, 5)  # [n, C, f, side, f, side]
        sheets = sheets.flatten(4, 5).flatten(2, 3)[:, :, :height, :width].contiguous()
        made = cls(config, canvas, len(images) // canvas.classes, {"sheets": sheets})
        made.constrain()
        return made

    @classmethod
    def noise(cls, config, canvas, ipc, generator, device) -> "MultiFormation":
        """Sheets of standard normal noise."""
        count = cls.count(config, canvas, ipc)
        sheets = torch.randn(canvas.classes * int(ipc), *canvas.shape, generator=generator).to(device)
        made = cls(config, canvas, count, {"sheets": sheets})
        made.constrain()
        return made

    def decode(self, picks: Tensor | None = None) -> Tensor:
        factor, (_, height, width) = self.config.factor, self.canvas.shape
        if factor == 1:
            return self.parts["sheets"] if picks is None else self.parts["sheets"][picks]
        cells = self._cells()
        cells = cells if picks is None else cells[picks]
        return F.interpolate(cells, size=(height, width), mode="bilinear", align_corners=False)

    def _cells(self) -> Tensor:
        """The cells [N, C, side, side], those of a sheet from left to right, then down."""
        factor, (_, height, width), sheets = self.config.factor, self.canvas.shape, self.parts["sheets"]
        down, across = (_cell(side, factor) * factor for side in (height, width))
        if (down, across) != (height, width):
            grey = (GREY - sheets.new_tensor(self.canvas.mean)) / sheets.new_tensor(self.canvas.std)
            whole = grey[:, None, None].expand(len(sheets), -1, down, across).clone()
            whole[:, :, :height, :width] = sheets
            sheets = whole
        cells = sheets.unflatten(3, (factor, -1)).unflatten(2, (factor, -1)).permute(0, 2, 4, 1, 3, 5)
        return cells.flatten(0, 2)

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep the pixels between black and white."""
        if self.config.clamped:
            sheets = self.parts["sheets"]
            mean, std = (sheets.new_tensor(v)[:, None, None] for v in (self.canvas.mean, self.canvas.std))
            sheets.clamp_(-mean / std, (1 - mean) / std)


def _cell(side: int, factor: int) -> int:
    """A cell's side, for an image's."""
    return -(-side // factor)


def _enlarging(cell: int, side: int) -> Tensor:
    """What enlarging does to a column: the matrix [side, cell]."""
    columns = torch.eye(cell, dtype=torch.float64)[None]
    return F.interpolate(columns, size=side, mode="linear", align_corners=False)[0].T


FORM = MultiFormation
