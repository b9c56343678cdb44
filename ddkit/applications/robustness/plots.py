"""Pictures of accuracies under attack; see ``plots`` for the habits they share."""

import numpy as np

from ddkit.applications.robustness.spec import ATTACKS, clean, under
from ddkit.plots.looks import CHANCE, looks
from ddkit.plots.style import Picture, picture, spread
from ddkit.runs import Record


@picture
def accuracy_by_epsilon(records: dict[str, Record], title: str = "") -> Picture:
    """Test accuracy against the largest change of a pixel, a panel for each attack and a curve for each training set.

    Points are means, bars 95 % intervals over networks; the dashed line is guessing.
    """
    figure = Picture(figsize=(9.5, 4.2), layout="constrained")
    panels, shown = figure.subplots(1, len(ATTACKS), sharey=True), looks(records)
    for axes, (attack, words) in zip(panels, ATTACKS.items(), strict=True):
        axes.axhline(100 * next(iter(records.values())).result["chance"], **CHANCE)
        for index, (name, record) in enumerate(records.items()):
            found = _along(record, attack)
            at = np.array([0, *record.result["epsilons"]]) + 0.002 * (index - (len(records) - 1) / 2)
            axes.errorbar(at, *found, capsize=2, label=name, **shown[name].series)
        axes.set(title=words, ylim=(-3, 103))
    panels[0].set_ylabel("test accuracy (%)")
    networks = spread(len(record.result["runs"]) for record in records.values())
    figure.supxlabel(f"epsilon, the largest change of a pixel\nmean and 95 % interval (Student's t), n = {networks} "
                     "networks", size=10)
    figure.suptitle(title or "Accuracy under attack")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper")
    figure.told = "; ".join(f"{name} {_told(record)}" for name, record in records.items())
    return figure


def _along(record: Record, attack: str) -> tuple[np.ndarray, np.ndarray]:
    """Means in %, without attack and at each epsilon, and halves of their intervals, cut off at 0 and 100 %."""
    scores = [clean(record), *(under(record, attack, epsilon) for epsilon in record.result["epsilons"])]
    means, halves = (100 * np.array(values) for values in ([s.mean for s in scores], [s.interval for s in scores]))
    return means, np.array([np.minimum(halves, means), np.minimum(halves, 100 - means)])


def _told(record: Record) -> str:
    largest = record.result["epsilons"][-1]
    left = ", ".join(f"{100 * under(record, attack, largest).mean:.0f} % under {words}"
                     for attack, words in ATTACKS.items())
    return f"{100 * clean(record).mean:.0f} % without attack and, at {largest:g}, {left}"
