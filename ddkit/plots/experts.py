"""Pictures of trajectory matching and of lossless distillation; see ``plots`` for the habits they share."""

import numpy as np

from ddkit.data import Dataset, denormalise
from ddkit.methods.matching.trajectory import Config
from ddkit.plots.style import PALETTE, Picture, blocks, log_ticks, picture, series, tile
from ddkit.training.experts import Trajectories
from ddkit.training.scores import Scores

SHOWN = 8  # images of a class on either side


@picture
def expert_curves(trajectories: Trajectories) -> Picture:
    """Validation accuracy of every expert at each snapshot of its trajectory."""
    figure = Picture(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for index, accuracies in enumerate(trajectories.accuracies):
        axes.plot(100 * np.array(accuracies), label=f"expert {index + 1}", **series(index))
    axes.set(title="Experts along their trajectories", xlabel="epoch", ylabel="validation accuracy (%)")
    axes.legend(handlelength=3.5)
    return figure


@picture
def difficulty(dataset: Dataset, trajectories: Trajectories) -> Picture:
    """The easiest (left) and the hardest (right) training images of every class, by the experts' score."""
    order, _ = trajectories.difficulty
    labels = dataset.train.labels.cpu()[order]
    figure, halves = blocks(dataset.classes, [""] * SHOWN, across=2)
    for axes, title, end in zip(halves, ("easiest", "hardest"), (slice(SHOWN), slice(-1, -SHOWN - 1, -1)), strict=True):
        for row in range(len(dataset.classes)):
            members = order[labels == row].numpy()[end]
            pixels = denormalise(dataset.train.images[members.copy()], dataset.mean, dataset.std).cpu()
            for column, image in enumerate(pixels.permute(0, 2, 3, 1).numpy()):
                tile(axes, image.squeeze(-1) if image.shape[-1] == 1 else image, row, column)
        axes.set_title(title)
    return figure


@picture
def matched_epochs(config: Config) -> Picture:
    """Which epochs of the experts are matched, over the updates: possible starts, and how far a segment reaches."""
    updates = np.arange(config.updates)
    latest = np.array([config.latest_start(update) for update in updates])
    figure = Picture(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(updates, config.first_start, latest, step="post", color=PALETTE[3],
                      label="start epochs drawn from")
    axes.plot(updates, latest + config.expert_span, drawstyle="steps-post", color=PALETTE[0],
              label=f"latest target: {config.expert_span} epoch{'s' * (config.expert_span > 1)} on")
    axes.set(title="Which part of the trajectories is matched", xlabel="updates of the synthetic set",
             ylabel="epoch of the expert", ylim=(0, None))
    axes.yaxis.get_major_locator().set_params(integer=True)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@picture
def accuracy_against_ipc(points: dict[str, dict[int, Scores]], full: Scores, band: float) -> Picture:
    """Test accuracy (mean and standard deviation over seeds) against images per class, with the full data's band.

    Args:
        points: by what was trained on, then by images per class.
        full: of networks trained on the full data.
        band: that is drawn to either side of the full data's mean, in [0, 1].
    """
    figure = Picture(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.axhline(100 * full.mean, color="black", linewidth=1)
    axes.axhspan(100 * (full.mean - band), 100 * (full.mean + band), color="black", alpha=0.15, linewidth=0)
    axes.annotate(f"full data {100 * full.mean:.2f} %", (0.02, 100 * full.mean), (0, 3), textcoords="offset points",
                  xycoords=("axes fraction", "data"), size=9)
    for index, (name, scores) in enumerate(points.items()):
        ipc = sorted(scores)
        means, sds = [100 * scores[i].mean for i in ipc], [100 * scores[i].sd for i in ipc]
        axes.errorbar(ipc, means, sds, capsize=3, label=name, **series(index))
    axes.set(title="Test accuracy against images per class (mean ± standard deviation over seeds)", xscale="log",
             xlabel="images per class", ylabel="test accuracy (%)")
    log_ticks(axes.xaxis)
    axes.legend(loc="lower right", handlelength=3.5)
    return figure
