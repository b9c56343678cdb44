"""Pictures of data, distillations and scores: one function each, which returns the figure and keeps no state.

Images are always shown as pixels, un-normalised. Scores are accuracies, of two classes balanced accuracies. Below a
picture stand the notes of the data it was made from. ``save`` writes a picture as PNG and PDF.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ddkit.data import Dataset, Split, denormalise
from ddkit.foundation.errors import require
from ddkit.methods.matching.datadam import attention_map
from ddkit.networks import Network
from ddkit.networks.looking import looking_at
from ddkit.plots.style import (
    HATCHES,
    PALETTE,
    SIGNED,
    Picture,
    bare,
    blocks,
    label_points,
    log_ticks,
    picture,
    save,
    series,
    tile,
)
from ddkit.runs import Record
from ddkit.synthetic import SyntheticSet
from ddkit.training import TEST_BATCH, Protocol
from ddkit.training.scores import METRICS, Scores

__all__ = ["accuracy_against_time", "attention_maps", "bars", "captioned", "embedding_2d", "evolution", "image_grid",
           "loss_curve", "running_median", "save", "start_end_difference", "training_curve", "transfer_heatmap"]

MOST_SHOWN = 10  # images of a class in a grid
TRAINED_ON = {"Full": "full data", "RandomReal": "random real images", "Coreset": "chosen real images",
              "Start": "undistilled start", "Distill": "distilled images", "File": "imported images"}


@picture
def image_grid(synthetic: SyntheticSet, columns: int | None = None, title: str = "") -> Picture:
    """The synthetic images: a row for each class, a column for each image of the class.

    Args:
        columns: most images to show of a class (default 10); the title says if there are more.
    """
    require(columns is None or columns >= 1, f"at least 1 column is needed, got {columns}")
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
    """Images [n, C, H, W], normalised as those of ``dataset``, in rows of ``columns``, each above its caption."""
    require(len(images) == len(captions) >= 1, f"as many captions as images are needed, got {len(captions)} for "
                                               f"{len(images)}")
    columns, pixels = min(columns, len(images)), denormalise(images, dataset.mean, dataset.std)
    rows = math.ceil(len(images) / columns)
    figure = Picture(figsize=(max(1.2 * columns, 4), 1.6 * rows + 0.4), layout="constrained")
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
def start_end_difference(synthetic: SyntheticSet, per_class: int = 1, title: str = "") -> Picture:
    """The first ``per_class`` images of each class before and after distillation, and what was added or taken away.

    The difference is that of the pixels shown, in [-1, 1] (of colours their mean); the colours
    saturate at the largest 0.5 % of it.
    """
    require(per_class >= 1, f"at least 1 image per class is needed, got {per_class}")
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
    scale = figure.colorbar(axes[2].images[0], cax=below, orientation="horizontal", extend="both", extendfrac=0.02)
    scale.set_label("change of brightness from start to end (black is 0, white is 1)")
    axes[0].set_title(title or "Synthetic images before and after distillation, and their difference")
    return figure


@picture
def evolution(record: Record, classes: list[int] | None = None) -> Picture:
    """One image of each class (or of those listed) over the updates of a distillation.

    Raises:
        InputError: the record keeps no images but the last.
    """
    require(record.evolution, f"{record.folder} keeps no images but the last: make the run again, with another seed or "
                              "without this folder, to see them evolve")
    synthetic = record.synthetic
    states = {updates: _by_class(synthetic, synthetic.pixels(images)) for updates, images in record.evolution.items()}
    classes = list(range(len(synthetic.classes))) if classes is None else classes
    figure, (axes,) = blocks([synthetic.classes[c] for c in classes], [f"{updates:,}" for updates in states], top=False)
    for column, rows in enumerate(states.values()):
        for row, c in enumerate(classes):
            tile(axes, rows[c][0], row, column)
    axes.set_xlabel("updates of the synthetic set")
    axes.set_title("One synthetic image per class during distillation")
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
def loss_curve(records: dict[str, Record], log: bool = True) -> Picture:
    """The loss of distillations over their updates and, where they were validated, the validation score.

    Args:
        records: of distillations, by the name to show.
        log: logarithmic loss axis.
    """
    validated = any(record.result["validation"] for record in records.values())
    figure = Picture(figsize=(7, 5.6 if validated else 3.6), layout="constrained")
    panels = figure.subplots(1 + validated, 1, sharex=True, squeeze=False)[:, 0]
    for index, (name, record) in enumerate(records.items()):
        losses = np.array([losses["loss"] for losses in record.result["losses"]])
        updates, look = np.arange(1, len(losses) + 1), series(index)
        every = max(1, len(losses) // 8)
        panels[0].plot(updates, losses, color=look["color"], alpha=0.3, linewidth=0.8)
        panels[0].plot(updates, running_median(losses, 2 * (len(losses) // 60) + 3), label=name,
                       markevery=(index * every // 3, every), **look)
        if record.result["validation"]:
            at, score = np.array(record.result["validation"]).T
            panels[1].plot(at, 100 * score, label=name, **look)
    panels[0].set(title="Distillation loss (faint: every update, bold: running median)", ylabel="loss",
                  yscale="log" if log else "linear")
    panels[-1].set_xlabel("updates of the synthetic set")
    if log:
        log_ticks(panels[0].yaxis)
    if validated:
        panels[1].set(title="Score of a network trained on the synthetic set", ylabel="validation score (%)")
    if len(records) > 1:
        panels[0].legend(handlelength=3.5)
    return figure


def running_median(values: np.ndarray, window: int) -> np.ndarray:
    """Median of the ``window`` (odd) values around each, fewer at both ends; same shape [n]."""
    padded = np.pad(np.asarray(values, dtype=float), window // 2, constant_values=np.nan)
    return np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, window), axis=1)


@picture
def training_curve(record: Record, log: bool = True) -> Picture:
    """The mean training loss over the epochs of an evaluation, a line for each seed; the test score in the title."""
    figure = Picture(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    epochs = Protocol(**record.result["protocol"]).epochs_for(record.result["training_images"])
    for index, run in enumerate(record.result["runs"]):
        at = 1 + math.ceil(epochs / 100) * np.arange(len(run["losses"]))
        every = max(1, len(at) // 8)
        axes.plot(at, run["losses"], label=f"seed {run['seed']}", markevery=(index % every, every), **series(index))
    axes.set(xlabel="epoch", ylabel="mean training loss (cross-entropy)", yscale="log" if log else "linear")
    if log:
        log_ticks(axes.yaxis)
    spec, scores = record.spec, record.scores.headline
    axes.set_title(f"{spec['network']} on {TRAINED_ON[spec['of']['type']]}, {spec['protocol']} protocol\n"
                   f"test {METRICS[scores.metric]} {scores}")
    if len(scores.runs) > 1:
        axes.legend(handlelength=3.5)
    return figure


@picture
def embedding_2d(network: Network, dataset_split: Split, synthetic: SyntheticSet, per_class: int = 100) -> Picture:
    """Embeddings of real and synthetic images in the plane of the real ones' first two principal components.

    Args:
        network: its embedding (the input of the last linear layer) is shown.
        dataset_split: the first ``per_class`` images of each class are taken.
    """
    from sklearn.decomposition import PCA

    classes = range(len(synthetic.classes))
    real = torch.cat([dataset_split.of_class(c)[:per_class] for c in classes])
    real_labels = torch.cat([torch.full((len(dataset_split.of_class(c)[:per_class]),), c) for c in classes]).numpy()
    plane = PCA(2, svd_solver="full").fit(_features(network, real)[-1].cpu().numpy())
    real, fake = (plane.transform(_features(network, x)[-1].cpu().numpy()) for x in (real, synthetic.images))
    labels = synthetic.predicted.cpu().numpy()
    figure = Picture(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    for c in classes:
        axes.scatter(*real[real_labels == c].T, s=22, alpha=0.7, linewidths=0, color=PALETTE[c % 3], marker=f"${c}$")
        front = 3 + c  # circle and numeral together, so that none covers another's numeral alone
        axes.scatter(*fake[labels == c].T, s=150, facecolor="white", edgecolor="black", linewidths=1.2, zorder=front)
        axes.scatter(*fake[labels == c].T, s=45, color="black", linewidths=0.3, marker=f"${c}$", zorder=front + 0.5)
    names = [f"{c} {name}" for c, name in enumerate(synthetic.classes) if name != str(c)]
    if names:
        figure.supxlabel("  ·  ".join(names), size=9)
    axes.set(**{f"{axis}label": f"principal component {i + 1} ({100 * share:.0f} % of the variance)"
                for i, (axis, share) in enumerate(zip("xy", plane.explained_variance_ratio_, strict=True))})
    axes.set_title(f"Embeddings of {len(real):,} real images (small) and {len(fake):,} synthetic images (circled)")
    return figure


@picture
def transfer_heatmap(scores: dict[str, dict[str, Scores]], title: str = "") -> Picture:
    """Mean test score of networks (columns) by what they were trained on (rows); one at chance is called so.

    Args:
        scores: by training set and network; a missing one is shown as a dash.
    """
    networks = list(dict.fromkeys(name for row in scores.values() for name in row))
    cells = [[row.get(name) for name in networks] for row in scores.values()]
    table = 100 * np.array([[cell.headline.mean if cell else np.nan for cell in row] for row in cells])
    figure = Picture(figsize=(max(5, 1 + 1.05 * len(networks)), 0.6 + 0.5 * len(table)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(table, cmap="YlGnBu", aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        cell, dark = cells[row][column], not np.isnan(value) and image.norm(value) > 0.65
        text = f"{value:.1f} %" + "\nat chance" * cell.at_chance if cell else "–"
        axes.text(column, row, text, ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks(range(len(networks)), networks)
    axes.set_yticks(range(len(table)), list(scores))
    axes.set(title=title or f"Test {_metric(scores)} by training set and network", xlabel="network",
             ylabel="trained on")
    bare(axes)
    return figure


@picture
def accuracy_against_time(points: dict[str, Scores]) -> Picture:
    """Test score (mean and standard deviation over seeds) against seconds of training, a labelled point each."""
    points = {name: scores.headline for name, scores in points.items()}
    metric = _metric({"": points})
    figure = Picture(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    for index, scores in enumerate(points.values()):
        axes.errorbar(scores.seconds, 100 * scores.mean, 100 * scores.sd, capsize=3, markersize=7,
                      **series(index) | {"linestyle": "none"})
    axes.set(title=f"Test {metric} against training time (mean ± standard deviation over seeds)", xscale="log",
             xlabel="training time of one network (seconds)", ylabel=f"test {metric} (%)")
    axes.margins(0.18, 0.15)
    log_ticks(axes.xaxis)
    label_points(axes, {name: (s.seconds, 100 * s.mean, 100 * s.sd) for name, s in points.items()})
    return figure


@picture
def bars(scores: dict[str, dict[str, Scores]], chance: float, by: str = "protocol") -> Picture:
    """Test score (mean and standard deviation over seeds): a group for each protocol, a bar for each training set.

    A bar at chance has a star.

    Args:
        scores: by protocol, then by training set.
        chance: accuracy of always naming the most frequent class, in [0, 1]; the balanced one is a half.
        by: what the groups are, in words, if they are no protocols.
    """
    names, metric = list(dict.fromkeys(name for group in scores.values() for name in group)), _metric(scores)
    line = 50 if metric == METRICS["balanced_accuracy"] else 100 * chance
    figure = Picture(figsize=(max(6, 1 + 0.44 * (len(names) + 1) * len(scores)), 4), layout="constrained")
    axes = figure.subplots()
    width = 0.85 / len(names)
    for index, name in enumerate(names):
        found = [group[name].headline for group in scores.values() if name in group]
        at = [place + width * _from_centre(name, [n for n in names if n in group])
              for place, group in enumerate(scores.values()) if name in group]
        means, sds = [100 * s.mean for s in found], [100 * s.sd for s in found]
        axes.bar(at, means, 0.9 * width, yerr=sds, label=name, color=PALETTE[-1 - index % len(PALETTE)], capsize=3,
                 hatch=HATCHES[index % len(HATCHES)], edgecolor="black", linewidth=0.8, error_kw={"linewidth": 1})
        for x, s in zip(at, found, strict=True):
            axes.annotate(f"{100 * s.mean:.1f}" + "*" * s.at_chance, (x, 100 * (s.mean + s.sd)), (0, 3),
                          textcoords="offset points", ha="center", size=8)
    axes.axhline(line, color="black", linestyle="--", linewidth=1)
    axes.annotate(f"chance {line:.0f} %", (1, line), (3, 0), xycoords=("axes fraction", "data"),
                  textcoords="offset points", va="center", size=9)
    axes.set_xticks(range(len(scores)), list(scores))
    starred = any(s.at_chance for group in scores.values() for s in group.values())
    axes.set(ylim=(0, 108), yticks=range(0, 101, 20), ylabel=f"test {metric} (%)",
             xlabel=by + " (* at chance)" * starred)
    axes.grid(axis="x", visible=False)
    axes.set_title(f"Test {metric} by {by} and training set (mean ± standard deviation over seeds)")
    # Below the figure as drawn: a legend inside it would follow the edge of the saved page onto the notes.
    figure.legend(loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=figure.transFigure, ncols=len(names),
                  handlelength=1.6)
    return figure


def _from_centre(name: str, names: list[str]) -> float:
    """The place of a name in the row of ``names``, counted from its middle."""
    return names.index(name) - (len(names) - 1) / 2


def _metric(scores: dict[str, dict[str, Scores]]) -> str:
    """The headline metric of the scores, in words."""
    return next(METRICS[cell.headline.metric] for row in scores.values() for cell in row.values())


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
