"""Pictures of trajectory matching and of lossless distillation; see ``plots`` for the habits they share."""

import numpy as np

from ddkit.data import Dataset, denormalise
from ddkit.methods.matching.trajectory import Config
from ddkit.plots.looks import LOOKS, band, looks
from ddkit.plots.style import Picture, blocks, error_scale, log_ticks, picture, series, spread, tile
from ddkit.stored import FULL
from ddkit.training.experts import Trajectories
from ddkit.training.scores import Scores

SHOWN = 8  # images of a class on either side


@picture
def expert_curves(trajectories: Trajectories) -> Picture:
    """Validation accuracy of every expert at each snapshot of its trajectory."""
    figure = Picture(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for index, accuracies in enumerate(trajectories.accuracies):
        axes.plot(100 * np.array(accuracies), label=f"expert {index + 1}", **series(index, LOOKS[FULL].ink))
    axes.set(title="Experts along their trajectories", xlabel="epoch", ylabel="validation accuracy (%)")
    axes.legend(handlelength=3.5)
    return figure


@picture
def difficulty(dataset: Dataset, trajectories: Trajectories) -> Picture:
    """The easiest (left) and the hardest (right) training images of every class, by the experts' score."""
    order, scores = trajectories.difficulty
    labels = dataset.train.labels.cpu()[order]
    figure, halves = blocks(dataset.classes, [""] * SHOWN, across=2)
    for axes, title, end in zip(halves, ("easiest", "hardest"), (slice(SHOWN), slice(-1, -SHOWN - 1, -1)), strict=True):
        rows = [order[labels == row].numpy()[end] for row in range(len(dataset.classes))]
        for row, members in enumerate(rows):
            pixels = denormalise(dataset.train.images[members.copy()], dataset.mean, dataset.std).cpu()
            for column, image in enumerate(pixels.permute(0, 2, 3, 1).numpy()):
                tile(axes, image.squeeze(-1) if image.shape[-1] == 1 else image, row, column)
        found = scores[np.concatenate(rows)]
        axes.set_title(f"{title}: scores of {found.min():.2g} to {found.max():.2g}")
    return figure


@picture
def matched_epochs(config: Config) -> Picture:
    """Which epochs of the experts are matched, over the updates: possible starts, and how far a segment reaches."""
    updates = np.arange(config.updates)
    latest = np.array([config.latest_start(update) for update in updates])
    figure = Picture(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(updates, config.first_start, latest, step="post", color="#c4c4c4",
                      label="start epochs drawn from")
    axes.plot(updates, latest + config.expert_span, drawstyle="steps-post", color="#222222",
              label=f"latest target: {config.expert_span} epoch{'s' * (config.expert_span > 1)} on")
    axes.set(title="Which part of the trajectories is matched", xlabel="updates of the synthetic set",
             ylabel="epoch of the expert", ylim=(0, None))
    axes.yaxis.get_major_locator().set_params(integer=True)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@picture
def accuracy_against_ipc(points: dict[str, dict[int, Scores]], full: Scores, width: float) -> Picture:
    """Test accuracy (mean and standard deviation over networks) against images per class, with the full data's band.

    The scale is logarithmic in the error, so that one sees whether a curve reaches the band.

    Args:
        points: by what was trained on, then by images per class.
        full: of networks trained on the full data.
        width: that is drawn to either side of the full data's mean, in [0, 1].
    """
    figure = Picture(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    band(axes, 100 * full.mean, 100 * width)
    shown = looks({name: next(iter(scores.values()), None) for name, scores in points.items()})
    for name, scores in points.items():
        ipc = sorted(scores)
        means, sds = [100 * scores[i].mean for i in ipc], [100 * scores[i].sd for i in ipc]
        axes.errorbar(ipc, means, sds, capsize=3, label=name, **shown[name].series)
    found = [one for scores in points.values() for one in scores.values()]
    counts = f"n = {spread(len(one.runs) for one in found)} networks; line: full data, n = {len(full.runs)}"
    axes.set(title="Test accuracy against images per class", xscale="log", ylabel="test accuracy (%)",
             xlabel=f"images per class\nmean ± standard deviation, {counts}")
    ends = [100 * (one.mean + sign * one.sd) for one in found for sign in (-1, 1)]
    error_scale(axes, "y", [*ends, 100 * (full.mean + width)])
    log_ticks(axes.xaxis)
    axes.legend(loc="lower right", handlelength=3.5)
    return figure
