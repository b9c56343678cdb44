"""``glyphs``: letters of three alphabets, drawn by a program from the fonts inside matplotlib. Nothing is downloaded.

They are other data than digits, to learn something from that is then used on digits: no digit is among them. Latin,
Greek and Cyrillic letters that differ in size alone, or not at all (A is three letters), stand once. Each image is a
letter in one of twelve faces of DejaVu under a random affine map; the same letter is never drawn twice alike.
"""

from functools import cache
from pathlib import Path

import numpy as np

from ddkit.data.cache import cached
from ddkit.data.source import Source, always_there
from ddkit.foundation.files import sha256

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghijmnqrtyΓΔΞΠΣΦΨΩαβγδεζηθλμξσωДЖИЙЛЦЧШЩЪЫЬЭЮЯ"
LIKE_DIGITS = "BGIOQSZbgqЧ"  # taken for 8, 6, 1, 0, 0, 5, 2, 6, 9, 9 and 4
FACES = tuple(f"DejaVu{family}{style}.ttf" for family, styles in (
    ("Sans", ("", "-Bold", "-Oblique", "-BoldOblique")), ("SansMono", ("", "-Bold", "-Oblique", "-BoldOblique")),
    ("Serif", ("", "-Bold", "-Italic", "-BoldItalic"))) for style in styles)
TRAINED, TESTED, SEED, SIZE = 300, 50, 0, 28  # images of each letter, the stream that draws them, pixels
CANVAS = 112  # pixels that a letter is drawn in, before it is made small


def read(root: Path, size: int):
    images = cached(root / "glyphs", "glyphs", _drawn_by(), lambda: {"images": draw(TRAINED + TESTED, SEED)})["images"]
    labels = np.arange(len(LETTERS)).repeat(TRAINED + TESTED)
    tested = np.arange(len(labels)) % (TRAINED + TESTED) >= TRAINED
    return (images[~tested], labels[~tested]), (images[tested], labels[tested]), list(LETTERS)


def _fonts() -> list[Path]:
    from matplotlib import get_data_path

    return [Path(get_data_path()) / "fonts" / "ttf" / face for face in FACES]


def _drawn_by() -> str:
    """What decides the images: this file, the fonts, and the library that draws."""
    from PIL import __version__

    return sha256(Path(__file__).read_bytes(), __version__.encode(), *(font.read_bytes() for font in _fonts()))


def draw(each: int, seed: int) -> np.ndarray:
    """uint8 [letters * each, 1, SIZE, SIZE], white on black, sorted by letter."""
    from PIL import ImageFont

    faces = [ImageFont.truetype(str(font), CANVAS * 3 // 4) for font in _fonts()]
    rng, upright = np.random.default_rng(seed), cache(_upright)
    return np.stack([_turned(upright(letter, faces[rng.integers(len(faces))]), rng)
                     for letter in LETTERS for _ in range(each)])


def _upright(letter: str, face):
    """A letter as the face has it, its box in the middle, a picture of CANVAS pixels."""
    from PIL import Image, ImageDraw

    image, middle = Image.new("L", (CANVAS, CANVAS)), CANVAS / 2
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = pen.textbbox((0, 0), letter, font=face)
    pen.text((middle - (left + right) / 2, middle - (top + bottom) / 2), letter, fill=255, font=face)
    return image


def _turned(image, rng: np.random.Generator) -> np.ndarray:
    """uint8 [1, SIZE, SIZE]: the picture under a random affine map, made small."""
    from PIL import Image

    middle, back = CANVAS / 2, _map(rng)
    shift = middle - back @ (middle + rng.uniform(-0.07, 0.07, 2) * CANVAS)
    image = image.transform(image.size, Image.Transform.AFFINE, (*back[0], shift[0], *back[1], shift[1]),
                            Image.Resampling.BILINEAR)
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BOX))[None]


def _map(rng: np.random.Generator) -> np.ndarray:
    """[2, 2]: from where a point of the image is looked up: turned, slanted and scaled."""
    angle, slant = rng.normal(0, 0.15), rng.normal(0, 0.15)  # radians
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turned @ np.array([[1, slant], [0, 1]]) / rng.uniform(0.75, 1.15, 2)


SOURCE = Source(read, always_there, SIZE, (0.1034,), (0.2758,), classes=len(LETTERS))
