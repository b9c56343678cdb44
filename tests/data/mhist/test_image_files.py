"""Kinds of pixels, each written by hand and compared with what the format says they are."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from copies import NAME, PART, SIZE, repacked, table
from PIL import Image

from ddkit.data import load
from ddkit.data.image_files import as_rgb, pixels
from ddkit.foundation.errors import InputError

GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6  # PNG's colour types
CHANNELS = {GREY: 1, COLOUR: 3, PALETTE: 1, GREY_ALPHA: 2, COLOUR_ALPHA: 4}


def png(kind: int, depth: int, values: np.ndarray, **chunks: bytes) -> bytes:
    """A PNG file of samples [H, W, channels] of ``depth`` bits, with the chunks PLTE and tRNS."""
    height, width, _ = values.shape
    rows = values.reshape(height, -1)
    if depth == 16:
        lines = rows.astype(">u2").view(np.uint8)
    else:
        bits = (rows[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
        lines = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    data = b"".join(b"\0" + line.tobytes() for line in lines)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = {b"IHDR": header, **{name.encode(): c for name, c in chunks.items()}, b"IDAT": zlib.compress(data),
             b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts.items())


def samples(kind: int, depth: int) -> np.ndarray:
    """Samples [24, 24, channels] from 0 to the largest, which all occur where there are few."""
    count = SIZE * SIZE * CHANNELS[kind]
    return (np.arange(count) * (2**depth - 1) // (count - 1)).reshape(SIZE, SIZE, -1)


def on_white(colour: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    return colour * opacity + 255 * (1 - opacity)


@pytest.mark.parametrize(("kind", "depth"), [(GREY, 1), (GREY, 2), (GREY, 4), (GREY, 8), (GREY, 16), (COLOUR, 8),
                                             (COLOUR, 16), (GREY_ALPHA, 8), (GREY_ALPHA, 16), (COLOUR_ALPHA, 8),
                                             (COLOUR_ALPHA, 16)])
@pytest.mark.parametrize("opaque", [True, False])
def test_every_kind_of_png_is_read_at_its_scale_on_white(kind, depth, opaque):
    values, largest = samples(kind, depth), 2**depth - 1
    if kind in (GREY_ALPHA, COLOUR_ALPHA):
        values[..., -1] = largest if opaque else values[::-1, ::-1, -1]
    scaled, chunks = values * 255 / largest, {}
    colour = scaled[..., :-1] if kind in (GREY_ALPHA, COLOUR_ALPHA) else scaled
    opacity = scaled[..., -1:] / 255 if kind in (GREY_ALPHA, COLOUR_ALPHA) else np.ones((SIZE, SIZE, 1))
    if kind == GREY and depth in (1, 8, 16) and not opaque:  # one value is transparent
        chunks["tRNS"] = struct.pack(">H", int(values[3, 3, 0]))
        opacity = (values != values[3, 3]).astype(float)
    expected = np.broadcast_to(on_white(colour, opacity), (SIZE, SIZE, 3))
    found, side = pixels(png(kind, depth, values, **chunks), SIZE)
    assert side == (SIZE, SIZE) and np.abs(found.transpose(1, 2, 0) - expected).max() <= (1 if opaque else 2.1)
    if depth <= 8 and opaque:
        assert np.array_equal(found.transpose(1, 2, 0), expected.round())


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("opaque", [True, False])
def test_palettes_are_read_as_their_colours_on_white(depth, opaque):
    values = samples(PALETTE, depth)
    palette = np.random.default_rng(0).integers(0, 256, (2**depth, 3)).astype(np.uint8)
    opacity = np.linspace(0, 255, 2**depth).astype(np.uint8)
    chunks = {"PLTE": palette.tobytes()} | ({} if opaque else {"tRNS": opacity.tobytes()})
    expected = palette[values[..., 0]].astype(float)
    if not opaque:
        expected = on_white(expected, opacity[values[..., 0]][..., None] / 255)
    found = pixels(png(PALETTE, depth, values, **chunks), SIZE)[0].transpose(1, 2, 0)
    assert np.abs(found - expected).max() <= (0 if opaque else 1)


@pytest.mark.parametrize(("mode", "value", "colour"), [
    ("L", 90, (90, 90, 90)), ("RGB", (90, 160, 230), (90, 160, 230)), ("CMYK", (0, 0, 0, 0), (255, 255, 255)),
    ("CMYK", (255, 0, 0, 0), (0, 255, 255)), ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
    ("CMYK", (51, 102, 0, 51), (163, 122, 204))])
def test_jpegs_of_every_kind_have_their_colours(mode, value, colour):
    stream = io.BytesIO()
    Image.new(mode, (SIZE, SIZE), value).save(stream, "JPEG", quality=100)
    found = pixels(stream.getvalue(), SIZE)[0]
    assert np.abs(found.astype(int) - np.array(colour)[:, None, None]).max() <= 2


@pytest.mark.parametrize("mode", ["F", "LAB", "HSV", "YCbCr"])
def test_pixels_without_a_known_scale_are_refused(mode):
    with pytest.raises(InputError, match=f"pixels of kind '{mode}'"):
        as_rgb(Image.new(mode, (8, 8)))


def test_whole_numbers_are_16_bit_grey_or_refused():
    """Older versions of Pillow open a 16-bit PNG file so."""
    values = np.array([[0, 257, 32896, 65535]], np.int32)
    assert np.array_equal(np.asarray(as_rgb(Image.fromarray(values)))[0, :, 0], [0, 1, 128, 255])
    for wrong in (-1, 65536):
        with pytest.raises(InputError, match="grey values"):
            as_rgb(Image.fromarray(np.full((8, 8), wrong, np.int32)))


@pytest.mark.parametrize("zipped", [False, True])
def test_a_16_bit_image_of_a_copy_is_not_white(copied, zipped):
    name = next(row[NAME] for row in table(copied)[1:] if row[PART] == "test")
    values = samples(GREY, 16)
    (copied / "images" / name).write_bytes(png(GREY, 16, values))
    if zipped:
        repacked(copied).close()
    dataset = load("mhist", copied, SIZE)
    mean, std = (torch.tensor(v)[:, None, None] for v in (dataset.mean, dataset.std))
    found = (dataset.test.images[0] * std + mean) * 65535
    assert np.abs(found.numpy() - values[None, ..., 0]).max() <= 130


@pytest.mark.parametrize("format", ["TIFF", "BMP", "GIF"])
def test_another_format_under_a_pngs_name_is_named(copied, format):
    Image.new("L", (SIZE, SIZE)).save(copied / "images" / table(copied)[1][NAME], format)
    with pytest.raises(InputError, match=r"mhist_like_01.png \(no PNG or JPEG file\)") as caught:
        load("mhist", copied, SIZE)
    assert "BytesIO" not in str(caught.value)


def test_a_giant_image_is_one_sentence_without_a_warning_before(copied):
    Image.new("1", (12000, 12000)).save(copied / "images" / table(copied)[1][NAME])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(InputError, match=r"mhist_like_01.png \(12000x12000 pixels, at most 4096"):
            load("mhist", copied, SIZE)
    assert not caught
