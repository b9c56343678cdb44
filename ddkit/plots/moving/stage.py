"""A figure of which only some artists change, drawn in milliseconds once it has been drawn."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from ddkit.plots.style import Picture, style


class Stage:
    """Draws everything but the moving artists once, and these, on a copy of that, for every picture.

    Moving artists keep the figure's arrangement as it was at first: their limits must not change.
    """

    def __init__(self, figure: Picture, moving: Sequence[Artist]):
        self._moving = sorted(moving, key=Artist.get_zorder)
        self._canvas = FigureCanvasAgg(figure)
        with style():
            figure.draw_without_rendering()  # arranged with the moving artists in place
            figure.set_layout_engine("none")
            for artist in self._moving:
                artist.set_animated(True)
            self._canvas.draw()
            self._still = self._canvas.copy_from_bbox(figure.bbox)
            for artist in self._moving:
                artist.set_animated(False)

    def png(self) -> bytes:
        """The figure as it is now."""
        with style():
            self._canvas.restore_region(self._still)
            for artist in self._moving:
                artist.axes.draw_artist(artist)
        return png(Image.fromarray(np.asarray(self._canvas.buffer_rgba())[..., :3]))


def png(image: Image.Image) -> bytes:
    """Quickly rather than small."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
