"""Multi-formation: cells of sheets against a slow cutting and enlarging, its adjoint, its bytes, its start."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ddkit.data import Split
from ddkit.foundation.errors import InputError
from ddkit.synthetic import forms
from ddkit.synthetic.forms import Canvas


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def made(dataset, ipc=2, init="real", **options):
    return forms.begin("multi-formation", forms.configure("multi-formation", options), dataset, ipc, init, seeded())


def cut(sheet, factor, grey):
    """IDC's decode_zoom of one sheet [C, H, W], cell by cell."""
    channels, height, width = sheet.shape
    down, across = -(-height // factor), -(-width // factor)
    whole = grey[:, None, None].expand(channels, down * factor, across * factor).clone()
    whole[:, :height, :width] = sheet
    cells = [whole[None, :, i * down : (i + 1) * down, j * across : (j + 1) * across]
             for i in range(factor) for j in range(factor)]
    return torch.cat([F.interpolate(cell, size=(height, width), mode="bilinear") for cell in cells])


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
def test_images_are_the_enlarged_cells_of_each_sheet_in_turn(digits, factor):
    form = made(digits, factor=factor)
    grey = (0.5 - torch.tensor(digits.mean)) / torch.tensor(digits.std)
    wanted = torch.cat([cut(sheet, factor, grey) for sheet in form.parts["sheets"]])
    assert form.decode().equal(wanted) and len(wanted) == 10 * 2 * factor**2
    assert form.size().bytes == 4 * 10 * 2 * 784 and form.size().shared_bytes == 0


@pytest.mark.parametrize("factor", [2, 3])
def test_pulling_is_the_adjoint_of_decoding(digits, factor):
    form = made(digits, factor=factor, clamped=False)
    form.parts = {"sheets": form.parts["sheets"].double().requires_grad_(True)}
    one = torch.randn(form.parts["sheets"].shape, generator=seeded(1), dtype=torch.float64)
    slope = torch.randn(form.decode().shape, generator=seeded(2), dtype=torch.float64)
    form.pull(slope, chunk=7)
    other = form.copy()
    empty = form.copy()
    empty.parts["sheets"].zero_()  # what is decoded of nothing is the grey beyond the sheet
    other.parts["sheets"].copy_(one)
    moved = ((other.decode() - empty.decode()) * slope).sum()
    assert float(moved) == pytest.approx(float((one * form.parts["sheets"].grad).sum()), rel=1e-9)


def test_a_constant_sheet_is_constant_images(digits):
    form = made(digits, factor=2)
    form.parts["sheets"] = torch.full_like(form.parts["sheets"], 0.3)
    assert torch.allclose(form.decode(), torch.tensor(0.3))


def test_a_factor_of_1_is_pixels(digits):
    form = made(digits, factor=1)
    pixels = forms.begin("pixels", forms.configure("pixels", {}), digits, 2, "real", seeded())
    assert torch.allclose(form.decode(), pixels.decode(), atol=1e-5)


@pytest.mark.parametrize("factor", [2, 3])
def test_cells_begin_nearer_to_their_images_than_cells_of_every_nth_pixel(digits, factor):
    """Least squares cannot be beaten by the paper's start, but for the pixels that are clamped or beyond the sheet."""
    form = made(digits, ipc=1, factor=factor, clamped=False)
    images = forms.begin("pixels", forms.configure("pixels", {}), digits, factor**2, "real", seeded()).decode()
    coarse = F.interpolate(F.interpolate(images, scale_factor=1 / factor), size=28, mode="bilinear")
    assert (form.decode() - images).square().mean() < (coarse - images).square().mean()


def test_pixels_stay_between_black_and_white_unless_told_otherwise(digits):
    low, high = (((v - torch.tensor(digits.mean)) / torch.tensor(digits.std)).item() for v in (0, 1))
    for clamped in (True, False):
        form = made(digits, init="noise", clamped=clamped)
        form.parts["sheets"] += 10 * torch.randn(form.parts["sheets"].shape, generator=seeded(3))
        form.constrain()
        inside = low - 1e-6 <= form.decode().min() and form.decode().max() <= high + 1e-6
        assert inside == clamped


def test_images_of_any_shape_and_colour_are_cut(tiny):
    images = torch.rand(len(tiny.train), 3, 10, 7, generator=seeded())
    colour = replace(tiny, train=Split(images, tiny.train.labels), mean=(0.5, 0.4, 0.3), std=(0.25, 0.2, 0.3))
    for factor in (2, 3, 7):
        assert made(colour, ipc=1, factor=factor).decode().shape == (3 * factor**2, 3, 10, 7)
    with pytest.raises(InputError, match="10 x 7 pixels into 8 x 8"):
        made(colour, ipc=1, factor=8)


def test_only_whole_sheets_are_bought(digits):
    canvas, config = Canvas.of(digits), forms.configure("multi-formation", {"factor": 3})
    kind = forms.get("multi-formation")
    assert [kind.count(config, canvas, ipc) for ipc in (1, 1.5, 2)] == [9, 9, 18]
