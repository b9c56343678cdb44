"""Experts' paths through the space of weights, students' paths beside them, and the images that the experts saw."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ddkit.data import denormalise
from ddkit.plots.looks import Look, looks
from ddkit.plots.moving.moments import mosaic
from ddkit.plots.style import Picture, bare, picture
from ddkit.specs import Start
from ddkit.stored import METHOD, START
from ddkit.stored.following import ALL, SEGMENT, Following, Place

SIDES = {METHOD: "distilled images", START: "their start"}
_SHOWN, _ROWS, _PALE = 40, 2, 0.25  # training images below the map; how strong those are that experts do not see
_STRIP = 1.25  # inches that they take


@picture
def trajectory_map(following: Following, plane: str, place: Place) -> Picture:
    """Weights in a plane, the loss over a student's steps, and below them images that the experts saw, easiest first.

    Args:
        plane: ``ALL``, ``EXPERT`` or ``SEGMENT`` of ``stored.following``.
    """
    strip = _STRIP * following.ordered
    figure = Picture(figsize=(8.6, 3.9 + strip))
    scale = 3.9 / (3.9 + strip)
    places = ((0.075, 0.13, 0.5, 0.77), (0.67, 0.13, 0.315, 0.77))
    upper = [figure.add_axes((x, 1 - scale + scale * y, w, scale * h)) for x, y, w, h in places]
    _draw_map(upper[0], following, plane, place)
    _draw_losses(upper[1], following, place)
    if following.ordered:
        _draw_images(figure.add_axes((0.03, 0.01, 0.955, 0.78 * (1 - scale))), following, place)
    return figure


def _draw_map(axes: Axes, following: Following, of: str, place: Place) -> None:
    plane = following.plane(of, place)

    def seen(weights: torch.Tensor) -> np.ndarray:
        return plane.seen(following.counted(of, place, weights)).T.numpy()  # [2, n]

    others = [e for e in range(following.plan.experts) if e != place.expert] if of == ALL else []
    for expert in others:
        axes.plot(*seen(following.snapshots(expert)), ".-", color="#aaaaaa", linewidth=1, zorder=2,
                  label="other experts" if expert == others[0] else None)
    own, segment = seen(following.snapshots(place.expert)), following.segment(place)
    axes.plot(*own, ".-", color="#333333", linewidth=1.4, zorder=2, label="this expert, by epoch")
    for epoch, at in enumerate(own.T) if of != ALL else []:
        axes.annotate(str(epoch), at, (4, 5), textcoords="offset points", size=7, annotation_clip=True)
    ends = seen(torch.stack([segment.start, segment.target]))
    looked = [ends]
    for side, name in SIDES.items():
        look = _look(following, side)
        path = seen(following.path(side, place).weights)
        looked.append(path)
        axes.plot(*path, color=look.ink, linestyle=look.line, zorder=3)
        axes.plot(*path[:, -1:], **look.point, markersize=8, zorder=5, label=f"student on {name}")
    for at, marker, size, name in zip(ends.T, "D*", (9, 15), ("start", "target"), strict=True):
        axes.plot(*at, marker, color="white", markeredgecolor="black", markersize=size, zorder=4, label=name,
                  linestyle="none")
    axes.set(title=f"Weights in the plane {of}", xlabel="first direction", ylabel="second direction")
    if of == SEGMENT:  # look at the segment, not at the whole of the expert's path
        _look_at(axes, np.concatenate(looked, axis=1))
    else:
        axes.set_aspect("equal", adjustable="datalim")
    axes.legend(fontsize=7.5, handlelength=1.8)


def _look(following: Following, side: str) -> Look:
    """How the set of a side is drawn in all pictures."""
    made = following.sets[METHOD].origin
    return looks({side: made if side == METHOD else {"type": Start.__name__, "of": made}})[side]


def _look_at(axes: Axes, points: np.ndarray) -> None:
    """Show points [2, n] and some room around them, both directions in one scale."""
    low, high = points.min(1), points.max(1)
    box = axes.get_window_extent()
    sides = np.array([box.width, box.height])
    half = 0.6 * sides * ((high - low) / sides).max()
    (left, bottom), (right, top) = (low + high) / 2 - half, (low + high) / 2 + half
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _draw_losses(axes: Axes, following: Following, place: Place) -> None:
    for side, name in SIDES.items():
        look, losses = _look(following, side), following.path(side, place).losses
        axes.plot(losses, color=look.ink, linestyle=look.line)
        axes.plot([len(losses) - 1], losses[-1:], **look.point, markersize=8, label=f"{name}: {losses[-1]:.3f}")
    for at in (0, 1):
        axes.axhline(at, color="#777777", linewidth=1, linestyle=":", zorder=1)
    axes.set(title="Distance left / to go, squared", xlabel="steps of the student", ylabel="trajectory loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8)


def _draw_images(axes: Axes, following: Following, place: Place) -> None:
    order, seen = following.shown(place)
    at = torch.linspace(0, len(order) - 1, _SHOWN).round().long()
    dataset = following.dataset
    pixels = denormalise(dataset.train.images[order[at]], dataset.mean, dataset.std).cpu().clamp(0, 1)
    strength = torch.where(seen[at], 1.0, _PALE)[:, None, None, None]
    shades = (255 * (1 - strength + strength * pixels)).round().byte().permute(0, 2, 3, 1).numpy()
    shades = shades[..., 0] if shades.shape[-1] == 1 else shades
    axes.imshow(mosaic(shades, _SHOWN // _ROWS), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    bare(axes)
    axes.set(xticks=[], yticks=[])
    axes.set_title("Training images, easiest first; pale: not seen by the expert between start and target", size=9)
