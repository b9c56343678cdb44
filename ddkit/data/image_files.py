"""PNG and JPEG files as pixels of 8-bit red, green and blue, whatever kind of pixels they hold.

Grey, palette, 1-bit and CMYK images are converted. 16-bit grey is scaled (65535 is white), where Pillow would clip
everything above 255 to white. What is transparent lies on white, as on a slide; an opaque image keeps its bits.
"""

import io
import warnings

import numpy as np

from ddkit.foundation.errors import InputError, require

LARGEST_SIDE = 4096  # pixels: far beyond any image of the data sets
_PLAIN = ("1", "L", "P", "RGB", "CMYK")
_TRANSPARENT = ("LA", "PA", "RGBA")
_WHITE_16 = 65535


def pixels(content: bytes, size: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Pixels uint8 [3, size, size] of an image file, resized, and its own (width, height).

    Raises:
        InputError: no PNG or JPEG file, too large, or of pixels that have no known scale.
        Exception: whatever Pillow's decoders make of a damaged file.
    """
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's of large images would come before the sentence
        try:
            image = Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
        except UnidentifiedImageError as error:
            raise InputError("no PNG or JPEG file") from error
    with image:
        side = image.size
        require(max(side) <= LARGEST_SIDE, f"{side[0]}x{side[1]} pixels, at most {LARGEST_SIDE} a side are read")
        image = as_rgb(image)
        if side != (size, size):
            image = image.resize((size, size), Image.Resampling.LANCZOS)  # Pillow's filters widen as they shrink
        return np.asarray(image).transpose(2, 0, 1), side


def as_rgb(image):
    """A Pillow image as one of mode RGB.

    Raises:
        InputError: its pixels have no known scale.
    """
    from PIL import Image

    if image.mode.startswith("I"):  # of a PNG file: 16-bit grey, called I;16 or, by older versions, I
        image = _eight_bits(image)
    require(image.mode in _PLAIN + _TRANSPARENT, f"pixels of kind '{image.mode}', expected 8 or 16 bits a colour")
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _eight_bits(image):
    """A 16-bit grey image at 8 bits, by rounding; its transparent value, if it has one, becomes white."""
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    require(values.min() >= 0 and values.max() <= _WHITE_16,
            f"grey values from {values.min()} to {values.max()}, expected 0 to {_WHITE_16}")
    values[values == image.info.get("transparency", -1)] = _WHITE_16
    return Image.fromarray(((values * 255 + _WHITE_16 // 2) // _WHITE_16).astype(np.uint8))
