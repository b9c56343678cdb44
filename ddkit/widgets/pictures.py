"""Pictures in a dashboard: with words for those who do not see them, and as quick as a slider is moved."""

import base64
from html import escape

import ipywidgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ddkit.plots.moving import png
from ddkit.plots.style import style

SIDE = 380  # pixels of a small mosaic on the screen, at least half of it


class Shown(ipywidgets.HTML):
    """A place for a picture, whose words (``alt``) change with it; ipywidgets' own Image has none."""

    def show(self, picture: bytes, alt: str) -> None:
        """Show a PNG."""
        data = base64.b64encode(picture).decode()
        self.value = (f'<img class="dd-picture" style="max-width: 100%" alt="{escape(alt)}" '
                      f'src="data:image/png;base64,{data}">')

    def tell(self, words: str) -> None:
        """Say something where the picture would be."""
        self.value = f"<p>{escape(words)}</p>"


def enlarged(mosaic: np.ndarray, side: int = SIDE) -> bytes:
    """An image uint8 [h, w] or [h, w, 3] as PNG, every pixel a square, about as wide as ``side``."""
    image = Image.fromarray(mosaic)
    times = max(1, side // image.width)
    return png(image.resize((times * image.width, times * image.height), Image.Resampling.NEAREST))


def drawn(figure: Figure) -> bytes:
    """A figure as PNG, by its own canvas: no state of pyplot's is touched."""
    canvas = FigureCanvasAgg(figure)
    with style():
        canvas.draw()
    return png(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]))
