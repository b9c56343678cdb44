"""Pictures of data, distillations and scores: one function each, which returns the figure and keeps no state.

Images are always shown as pixels, un-normalised. Scores are accuracies, of two classes balanced accuracies. Below a
picture stand the notes of the data it was made from. ``save`` writes a picture as PNG and PDF.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from ddkit.data import Dataset, Split, denormalise
from ddkit.foundation.errors import require
from ddkit.methods.matching.datadam import attention_map
from ddkit.networks import Network
from ddkit.networks.looking import looking_at
from ddkit.plots.placing import apart, room
from ddkit.plots.style import (
    SIGNED,
    Picture,
    bare,
    blocks,
    picture,
    tile,
)
from ddkit.runs import Record, set_of
from ddkit.synthetic import SyntheticSet
from ddkit.training import TEST_BATCH

MOST_SHOWN = 10  # images of a class in a grid
MOST_MOMENTS = 8  # of a distillation, the start and the end among them
CIRCLE = 13.5  # points across a circled numeral
CROWDED = 0.25  # share of the axes that circles may take, each with the square around it


@picture
def image_grid(synthetic: SyntheticSet | Record, columns: int | None = None, title: str = "") -> Picture:
    """The synthetic images: a row for each class, a column for each image of the class.

    Args:
        columns: most images to show of a class (default 10); the title says if there are more.
    """
    require(columns is None or columns >= 1, f"at least 1 column is needed, got {columns}")
    synthetic = set_of(synthetic)
    rows = _by_class(synthetic, synthetic.pixels())
    most = max(len(row) for row in rows)
    shown = min(most, columns or MOST_SHOWN)
    title = title or f"Synthetic set, {most} image{'s' * (most > 1)} per class"
    figure, (axes,) = blocks(synthetic.classes, [""] * shown)
    for row, images in enumerate(rows):
        for column, image in enumerate(images[:shown]):
            tile(axes, image, row, column)
    axes.set_title(title if shown == most else f"{title} ({shown} of {most} shown)")
    return figure


@picture
def captioned(dataset: Dataset, images: Tensor, captions: Sequence[str], title: str = "", columns: int = 8) -> Picture:
    """Images, each above its caption.

    Args:
        dataset: whose mean and standard deviation they are normalised by.
        images: [n, C, H, W].
        columns: most images in a row.
    """
    require(len(images) == len(captions) >= 1, f"as many captions as images are needed, got {len(captions)} for "
                                               f"{len(images)}")
    columns, pixels = min(columns, len(images)), denormalise(images, dataset.mean, dataset.std)
    rows = math.ceil(len(images) / columns)
    lines = 1 + max(caption.count("\n") for caption in captions)
    height = (1.15 + 0.19 * lines) * rows + 0.3 * bool(title)
    figure = Picture(figsize=(max(1.2 * columns, 4), height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set(xticks=[], yticks=[])
        bare(axes)
    for axes, image, caption in zip(grid, pixels, captions, strict=False):
        axes.imshow(_array(image), cmap="gray", vmin=0, vmax=1)
        axes.set_xlabel(caption)
    figure.suptitle(title, x=0.01, ha="left", size=11)
    return figure


@picture
def start_end_difference(synthetic: SyntheticSet | Record, per_class: int = 1, title: str = "") -> Picture:
    """Images of each class before and after distillation, and what was added or taken away.

    The first ``per_class`` of each class are shown. The difference is that of the pixels shown, in [-1, 1] (of colours
    their mean); the colours saturate at the largest 0.5 % of it.
    """
    require(per_class >= 1, f"at least 1 image per class is needed, got {per_class}")
    synthetic = set_of(synthetic)
    start, end = (_by_class(synthetic, synthetic.pixels(images)) for images in (synthetic.start, synthetic.images))
    shown = [(c, i) for c, images in enumerate(end) for i in range(len(images[:per_class]))]
    difference = {(c, i): _brightness(end[c][i] - start[c][i]) for c, i in shown}
    sizes = np.abs(list(difference.values()))
    limit = np.quantile(sizes, 0.995) or sizes.max() or 1.0
    beside = len(end) <= 3  # few classes make narrow blocks, which stand side by side
    shape = {"across": 3} if beside else {"down": 3, "column_names_in": (0,)}
    figure, axes = blocks([""] * (1 + max(i for _, i in shown)), synthetic.classes, **shape)
    for c, i in shown:
        tile(axes[0], start[c][i], i, c)
        tile(axes[1], end[c][i], i, c)
        tile(axes[2], difference[c, i], i, c, SIGNED, -limit, limit)
    for block, name in zip(axes, ("start", "end", "change"), strict=True):
        block.set(**{"xlabel" if beside else "ylabel": name})
    below = figure.add_axes((0, -(0.3 + 0.25 * beside) / figure.get_figheight(), 1, 0.12 / figure.get_figheight()))
    scale = figure.colorbar(axes[2].images[0], cax=below, orientation="horizontal", extend="both", extendfrac=0.02,
                            ticks=MaxNLocator(int(figure.get_figwidth() / 0.8)))  # as many numbers as have room
    scale.set_label("change of brightness from start to end (black is 0, white is 1)")
    axes[0].set_title(title or "Synthetic images before and after distillation, and their difference")
    return figure


@picture
def evolution(record: Record, classes: list[int] | None = None, title: str = "") -> Picture:
    """One image of each class (a row) after some of the updates of a distillation (a column), from start to end.

    Args:
        classes: those to be shown (default all).

    Raises:
        InputError: the record keeps no images but the last.
    """
    require(record.evolution, f"{record.folder} keeps no images but the last: make the run again, with another seed or "
                              "without this folder, to see them evolve")
    synthetic = record.synthetic
    kept = list(record.evolution)
    shown = [kept[i] for i in np.unique(np.linspace(0, len(kept) - 1, MOST_MOMENTS).round().astype(int))]
    states = {updates: _by_class(synthetic, synthetic.pixels(record.evolution[updates])) for updates in shown}
    classes = list(range(len(synthetic.classes))) if classes is None else classes
    figure, (axes,) = blocks([synthetic.classes[c] for c in classes], [f"{updates:,}" for updates in states], top=False)
    for column, rows in enumerate(states.values()):
        for row, c in enumerate(classes):
            for image in rows[c][:1]:  # fewer images than classes leave some without
                tile(axes, image, row, column)
    axes.set_xlabel("updates of the synthetic set")
    axes.set_title(title or f"One synthetic image per class during distillation{_begun(synthetic)}")
    return figure


@picture
def attention_maps(network: Network, real: Tensor, synthetic_images: Tensor, mean: tuple[float, ...],
                   std: tuple[float, ...], power: float = 4,
                   titles: tuple[str, str] = ("real", "synthetic")) -> Picture:
    """Images and the attention map of every block of the network, real on the left, synthetic on the right.

    Args:
        real, synthetic_images: [n, C, H, W], normalised with ``mean`` and ``std``; row by row they stand side by side.
        power: p of the attention map.
        titles: of the two halves.
    """
    require(len(real) == len(synthetic_images), f"as many real as synthetic images are needed, got {len(real)} and "
                                                f"{len(synthetic_images)}")
    depth = len(_features(network, real[:1])) - 1
    figure, halves = blocks([""] * len(real), ["image", *(f"block {i + 1}" for i in range(depth))], across=2)
    for axes, images, title in zip(halves, (real, synthetic_images), titles, strict=True):
        for row, image in enumerate(denormalise(images, mean, std)):
            tile(axes, _array(image), row, 0)
        for column, features in enumerate(_features(network, images)[:-1], 1):
            maps = attention_map(features, power).unflatten(1, features.shape[2:]).cpu().numpy()
            for row, attention in enumerate(maps):
                tile(axes, attention, row, column, "magma", high=attention.max())
        axes.set_title(title)
    halves[0].text(0, len(real) + 0.1, va="top", size=9,
                   s=f"Attention maps of power {power:g}, each from 0 (black) to its own maximum (bright)")
    return figure


@picture
def embedding_2d(network: Network, dataset_split: Split, synthetic: SyntheticSet | Record,
                 per_class: int = 100) -> Picture:
    """Embeddings of real and synthetic images in the plane of the real ones' first two principal components.

    Args:
        network: its embedding (the input of the last linear layer) is shown.
        dataset_split: the first ``per_class`` images of each class are taken.
    """
    from sklearn.decomposition import PCA

    synthetic = set_of(synthetic)
    classes = range(len(synthetic.classes))
    real = torch.cat([dataset_split.of_class(c)[:per_class] for c in classes])
    real_labels = torch.cat([torch.full((len(dataset_split.of_class(c)[:per_class]),), c) for c in classes]).numpy()
    plane = PCA(2, svd_solver="full").fit(_features(network, real)[-1].cpu().numpy())
    real, fake = (plane.transform(_features(network, x)[-1].cpu().numpy()) for x in (real, synthetic.images))
    labels = synthetic.predicted.cpu().numpy()
    figure = Picture(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    for c in classes:
        axes.scatter(*real[real_labels == c].T, s=22, alpha=0.7, linewidths=0, color="#888888", marker=f"${c}$")
    axes.update_datalim(fake)
    axes.autoscale_view()
    names = [f"{c} {name}" for c, name in enumerate(synthetic.classes) if name != str(c)]
    if names:
        figure.supxlabel("  ·  ".join(names), size=9)
    axes.set(**{f"{axis}label": f"principal component {i + 1} ({100 * share:.0f} % of the variance)"
                for i, (axis, share) in enumerate(zip("xy", plane.explained_variance_ratio_, strict=True))})
    axes.set_title(f"Embeddings of {len(real):,} real images (small) and {len(fake):,} synthetic images"
                   f"{_begun(synthetic)}\n(circled; moved apart where they would overlap)")
    _circles(axes, fake, labels)
    return figure


def _circles(axes: Axes, places: np.ndarray, labels: np.ndarray) -> None:
    """Circled numerals at places [n, 2] of axes whose limits and names are final. Where they would overlap they are
    moved apart, and a line leads to a place that lies outside its circle. Many are smaller, so that they have room."""
    free = room(axes)
    across = min(CIRCLE, (CROWDED * free.width * free.height / len(places)) ** 0.5)  # points, with the line around it
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    inches = axes.transData + axes.figure.dpi_scale_trans.inverted()
    moved = apart(72 * inches.transform(places), across, free.padded(-across / 2))
    moved = inches.inverted().transform(moved / 72)
    axes.plot(*np.stack([places, moved]).T.swapaxes(1, 2), color="black", linewidth=0.6, zorder=2.5)
    axes.scatter(*moved.T, s=(0.9 * across) ** 2, facecolor="white", edgecolor="black", linewidths=0.08 * across,
                 zorder=3)
    for c in np.unique(labels):
        axes.scatter(*moved[labels == c].T, s=(0.5 * across) ** 2, color="black", linewidths=0.3, marker=f"${c}$",
                     zorder=4)


def _begun(synthetic: SyntheticSet) -> str:
    """What tells a set's pictures from another's in their titles: where it began, and of which data set it is; empty if
    nobody knows."""
    words = {"real": "real images", "noise": "noise"}
    began, dataset = (synthetic.origin.get(name) for name in ("init", "dataset"))
    return (f" from {words.get(began, began)}" if began else "") + (f", {dataset}" if dataset else "")


def _by_class(synthetic: SyntheticSet, pixels: Tensor) -> list[list[np.ndarray]]:
    """Pixels [N, C, H, W] as the list of images of each class, that which they started as."""
    labels = synthetic.started_as.cpu().numpy()
    return [[_array(image) for image in pixels[torch.from_numpy(labels == c)]] for c in range(len(synthetic.classes))]


def _array(pixels: Tensor) -> np.ndarray:
    """Pixels [C, H, W] as ``imshow`` takes them: [H, W] if grey, [H, W, 3] in colour."""
    return (pixels[0] if len(pixels) == 1 else pixels.permute(1, 2, 0)).cpu().numpy()


def _brightness(pixels: np.ndarray) -> np.ndarray:
    """[H, W]: of colours the mean."""
    return pixels if pixels.ndim == 2 else pixels.mean(2)


@torch.inference_mode()
def _features(network: Network, images: Tensor) -> list[Tensor]:
    """``network.features`` in evaluation mode, in batches, where the network's weights are."""
    device = network.classifier.weight.device
    with looking_at(network):
        batches = [network.features(batch.to(device)) for batch in images.detach().split(TEST_BATCH)]
    return [torch.cat(parts) for parts in zip(*batches, strict=True)]
