"""Where names and numerals stand, so that none covers another. Everything here is measured on the drawn figure."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox, BboxBase

SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))  # of a point, the best first
PUSHES = 2000  # at most; a wide cloud takes tens, hundreds of images that are all alike a thousand
EASE = 1.02  # times the distance asked for, so that pushes come to an end


def label_points(axes: Axes, points: dict[str, tuple[float, float, float]],
                 nameless: Sequence[tuple[float, float]] = ()) -> None:
    """Write each point's name beside it, at the nearest place where it covers no point, error bar or other name.

    Args:
        points: x, y and the half length of the vertical error bar, in data units.
        nameless: x and y of further points, which must not be covered either.
    """
    figure = axes.figure
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    renderer, dot = figure.canvas.get_renderer(), figure.dpi / 72
    places = {name: axes.transData.transform([(x, y - bar), (x, y), (x, y + bar)])
              for name, (x, y, bar) in points.items()}
    taken = [Bbox([low - 5 * dot, high + 5 * dot]) for low, _, high in places.values()]
    taken += [Bbox([place - 3 * dot, place + 3 * dot]) for place in map(axes.transData.transform, nameless)]
    for name, (_, place, _) in places.items():
        text = axes.annotate(name, points[name][:2], (0, 0), textcoords="offset points", size=9)
        text.set_in_layout(False)
        size = np.array(text.get_window_extent(renderer).size)
        centres = [place + np.array(side) * (size / 2 + gap * dot) for gap in range(7, 120, 4) for side in SIDES]
        boxes = [Bbox([centre - size / 2, centre + size / 2]) for centre in centres]
        free = (box for box in boxes if _inside(box, axes.bbox) and not box.count_overlaps(taken))
        chosen = next(free, boxes[0])
        text.xyann = (chosen.p0 - place) / dot
        taken.append(chosen)


def room(axes: Axes) -> Bbox:
    """Where the axes will be drawn, in points (1/72 inch), once all their names are written."""
    figure = axes.figure
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    return Bbox(axes.bbox.get_points() * 72 / figure.dpi)


def apart(points: np.ndarray, distance: float, within: Bbox) -> np.ndarray:
    """Points [n, 2], each moved as little as it takes that no two are nearer than ``distance``, all inside a box.

    Those that are too near push each other away by half of what is missing, again and again. Points that share a place
    or a line leave it in directions of their own, the same every time.
    """
    moved = points
    for _ in range(PUSHES):
        moved = np.clip(moved, within.min, within.max)
        pushes, nearest = _pushes(moved, EASE * distance)
        if nearest >= distance:
            break
        moved = moved + pushes
    return moved


def _pushes(points: np.ndarray, distance: float) -> tuple[np.ndarray, float]:
    """[n, 2]: how all that are nearer than ``distance`` push a point, each less the more they are, so that crowds rest;
    and how near the two nearest are."""
    from sklearn.neighbors import KDTree

    near = KDTree(points).query_radius(points, distance)
    one, other = np.repeat(np.arange(len(points)), list(map(len, near))), np.concatenate(near)
    one, other = one[one != other], other[one != other]
    turns = np.arange(len(points)) * np.pi * (3 - 5 ** 0.5)  # the golden angle: no two are alike
    turned = distance / 20 * np.stack([np.cos(turns), np.sin(turns)], 1)  # which points on one line need to leave it
    ways = points[one] - points[other]
    length = np.linalg.norm(ways, axis=1, keepdims=True)
    ways = ways + turned[one] - turned[other]
    pushes = np.zeros_like(points)
    np.add.at(pushes, one, ways / np.linalg.norm(ways, axis=1, keepdims=True) * (distance - length) / 2)
    many = np.maximum(np.bincount(one, minlength=len(points)), 1)
    return pushes / many[:, None] ** 0.5, length.min(initial=np.inf)


def _inside(box: Bbox, outer: BboxBase) -> bool:
    return bool((box.p0 >= outer.p0).all() and (box.p1 <= outer.p1).all())
