"""Pictures of training: the loss of distillations, and of the networks that judge them; and of differentiating through
it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ddkit.plots.looks import LOOKS, looks
from ddkit.plots.style import Picture, log_ticks, picture, series
from ddkit.runs import Record
from ddkit.training import Protocol
from ddkit.training.scores import METRICS

INK = LOOKS["unrolled"].ink  # of differentiating through training
TRAINED_ON = {"Full": "full data", "RandomReal": "random real images", "Coreset": "chosen real images",
              "Start": "undistilled start", "Distill": "distilled images", "File": "imported images"}


@picture
def loss_curve(records: dict[str, Record], log: bool = True, title: str = "") -> Picture:
    """The loss of distillations over their updates and, where they were validated, the validation score.

    Args:
        records: of distillations, by the name to show.
        log: logarithmic loss axis.
        title: of the loss (default: the names, if they are few).
    """
    names = f": {', '.join(records)}" if len(records) <= 3 else ""
    validated = any(record.result["validation"] for record in records.values())
    figure = Picture(figsize=(7, 5.6 if validated else 3.6), layout="constrained")
    panels = figure.subplots(1 + validated, 1, sharex=True, squeeze=False)[:, 0]
    for index, ((name, record), look) in enumerate(zip(records.items(), looks(records).values(), strict=True)):
        losses = np.array([losses["loss"] for losses in record.result["losses"]])
        updates = np.arange(1, len(losses) + 1)
        every = max(1, len(losses) // 8)
        panels[0].plot(updates, losses, color=look.ink, alpha=0.3, linewidth=0.8)
        panels[0].plot(updates, running_median(losses, 2 * (len(losses) // 60) + 3), label=name,
                       markevery=(index * every // 3, every), **look.series)
        if record.result["validation"]:
            at, score = np.array(record.result["validation"]).T
            panels[1].plot(at, 100 * score, label=name, **look.series)
    panels[0].set(title=(title or f"Distillation loss{names}") + "\nfaint: every update, bold: running median",
                  ylabel="loss", yscale="log" if log else "linear")
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
    (look,) = looks({"": record}).values()
    for index, run in enumerate(record.result["runs"]):
        at = 1 + math.ceil(epochs / 100) * np.arange(len(run["losses"]))
        every = max(1, len(at) // 8)
        axes.plot(at, run["losses"], label=f"seed {run['seed']}", markevery=(index % every, every),
                  **series(index, look.ink))
    axes.set(xlabel="epoch", ylabel="mean training loss (cross-entropy)", yscale="log" if log else "linear")
    if log:
        log_ticks(axes.yaxis)
    spec, scores = record.spec, record.scores.headline
    axes.set_title(f"{spec['network']} on {TRAINED_ON[spec['of']['type']]}, {spec['protocol']} protocol\n"
                   f"test {METRICS[scores.metric]} {scores}")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len(scores.runs) > 1:
        axes.legend(handlelength=3.5)
    return figure


@dataclass(frozen=True)
class Window:
    """A gradient through the last ``steps`` steps of a training, beside that through all of them: the cosine of the
    two, and how long it is as a share of the whole one."""

    steps: int
    cosine: float
    length: float


@picture
def windows(shares: Mapping[float, Sequence[float]], measured: Sequence[Window], title: str) -> Picture:
    """What is left of a gradient through many steps of training if only the last of them are differentiated through: of
    one weight, by its closed form, and of a network, measured.

    Args:
        shares: for what a step corrects of the weight's error, the share kept by windows of 1, 2, ... steps.
        measured: by growing windows, the last of them of all steps.
    """
    figure = Picture(figsize=(9.2, 3.8), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", size=11)
    left, right = figure.subplots(1, 2, sharey=True)
    for index, (slope, kept) in enumerate(shares.items()):
        every = max(1, len(kept) // 6)
        left.plot(np.arange(1, len(kept) + 1), kept, label=f"a step corrects {100 * slope:g} %",
                  markevery=(index * every // 3, every), **series(index, INK))
    steps = [window.steps for window in measured]
    for index, (name, values) in enumerate({
            "cosine with the whole gradient": [window.cosine for window in measured],
            "length, as a share of it": [window.length for window in measured]}.items()):
        right.plot(steps, values, label=name, **series(index, INK))
    left.set(title="one weight: closed form", ylabel="share of the whole gradient", xlabel="window: last steps")
    right.set(title="a network: measured", xlabel="window: last steps")
    for axes, place in ((left, "lower right"), (right, "upper left")):
        axes.legend(handlelength=3.5, loc=place)
    figure.told = "Of the network: " + "; ".join(
        f"{window.steps} steps, cosine {window.cosine:.2f}, length {window.length:.2f}" for window in measured)
    return figure


@picture
def graph_memory(held: Mapping[str, Mapping[int, int]], title: str) -> Picture:
    """What differentiating through training holds in memory, over the number of steps.

    Args:
        held: by the way it is done, bytes by steps.
    """
    figure = Picture(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for index, (name, found) in enumerate(held.items()):
        axes.plot(list(found), [count / 2**20 for count in found.values()], label=name, **series(index, INK))
    axes.set(title=title, xlabel="steps of training", ylabel="held in memory (MiB)", ylim=(0, None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(handlelength=3.5)
    figure.told = "; ".join(f"{name}: " + ", ".join(f"{count / 2**20:.1f} MiB at {steps} steps"
                                                    for steps, count in found.items()) for name, found in held.items())
    return figure
