"""Pictures of training: the loss of distillations, and of the networks that judge them."""

import math

import numpy as np

from ddkit.plots.looks import looks
from ddkit.plots.style import Picture, log_ticks, picture, series
from ddkit.runs import Record
from ddkit.training import Protocol
from ddkit.training.scores import METRICS

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
