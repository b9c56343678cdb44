"""Pictures of accuracies under attack; see ``plots`` for the habits they share."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from ddkit.applications.robustness.spec import ATTACKS, clean, under
from ddkit.plots.looks import CHANCE, Look, looks
from ddkit.plots.style import Picture, picture, spread
from ddkit.runs import Record
from ddkit.training.scores import Scores

ACCURACY, EPSILON = "test accuracy (%)", "epsilon, the largest change of a pixel\n"


@picture
def accuracy_by_epsilon(records: dict[str, Record], title: str = "") -> Picture:
    """Test accuracy against the largest change of a pixel, a panel for each attack and a curve for each training set.

    Points are means, bars 95 % intervals over networks; the dashed line is guessing.
    """
    figure = Picture(figsize=(9.5, 4.2), layout="constrained")
    panels, shown = figure.subplots(1, len(ATTACKS), sharey=True), looks(records)
    for axes, (attack, words) in zip(panels, ATTACKS.items(), strict=True):
        _curves(axes, records, attack, shown)
        axes.set_title(words)
    figure.suptitle(title or "Accuracy under attack")
    figure.told = "; ".join(f"{name} {_told(record)}" for name, record in records.items())
    panels[0].set_ylabel(ACCURACY)
    return _framed(figure, panels, records.values(), EPSILON)


@picture
def accuracy_by_network(records: dict[str, dict[str, Record]], attack: str = "pgd", title: str = "") -> Picture:
    """The same for one attack, a panel for each kind of network."""
    figure = Picture(figsize=(9.5, 4.2), layout="constrained")
    panels, shown = figure.subplots(1, len(records), sharey=True, squeeze=False)[0], looks(_named(records))
    for axes, (network, of) in zip(panels, records.items(), strict=True):
        _curves(axes, of, attack, shown)
        axes.set_title(f"{network}s, {ATTACKS[attack]}")
    figure.suptitle(title or "The same sets before two kinds of networks")
    figure.told = "; ".join(f"{network}s on {name} {_told(record)}" for network, of in records.items()
                            for name, record in of.items())
    panels[0].set_ylabel(ACCURACY)
    return _framed(figure, panels, [record for of in records.values() for record in of.values()], EPSILON)


@picture
def attacked_against_clean(records: dict[str, dict[str, Record]], epsilon: float, attack: str = "pgd",
                           title: str = "") -> Picture:
    """What is left under an attack against the accuracy without one, a panel for each kind of network and a point for
    each training set; of two points above each other the upper one withstands more at equal clean accuracy.

    Points are means, bars 95 % intervals over networks.
    """
    figure = Picture(figsize=(9.5, 4.2), layout="constrained")
    panels, shown, told = figure.subplots(1, len(records), squeeze=False)[0], looks(_named(records)), []
    for axes, (network, of) in zip(panels, records.items(), strict=True):
        for name, record in of.items():
            (x, y), ((left, down), (right, up)) = _ends([clean(record), under(record, attack, epsilon)])
            axes.errorbar(x, y, [[down], [up]], [[left], [right]], capsize=2, label=name, **shown[name].point)
            told.append(f"{network}s on {name} {x:.0f} % without attack and {y:.0f} % under it")
        axes.set(title=f"{network}s", xlabel="no attack (%)", ylabel=f"{ATTACKS[attack]} at {epsilon:g} (%)")
    figure.suptitle(title or "Accuracy under attack beside accuracy without")
    figure.told = "; ".join(told)
    return _framed(figure, panels, [record for of in records.values() for record in of.values()])


def _named(records: dict[str, dict[str, Record]]) -> dict[str, Record]:
    """A record of every training set."""
    return {name: record for of in records.values() for name, record in of.items()}


def _curves(axes: Axes, records: dict[str, Record], attack: str, shown: Mapping[str, Look]) -> None:
    axes.axhline(100 * next(iter(records.values())).result["chance"], **CHANCE)
    for index, (name, record) in enumerate(records.items()):
        at = np.array([0, *record.result["epsilons"]]) + 0.002 * (index - (len(records) - 1) / 2)
        axes.errorbar(at, *_along(record, attack), capsize=2, label=name, **shown[name].series)
    axes.set_ylim(-3, 103)


def _framed(figure: Picture, panels: Sequence[Axes], records: Iterable[Record],
            below: str = "") -> Picture:
    """With a legend for all panels, and what points and bars are."""
    networks = spread(len(record.result["runs"]) for record in records)
    figure.supxlabel(f"{below}mean and 95 % interval (Student's t), n = {networks} networks", size=10)
    named = {}
    for axes in panels:
        lines, names = axes.get_legend_handles_labels()
        named |= {name: line for name, line in zip(names, lines, strict=True) if name not in named}
    figure.legend(named.values(), named.keys(), loc="outside right upper")
    return figure


def _along(record: Record, attack: str) -> tuple[np.ndarray, np.ndarray]:
    """Means in %, without attack and at each epsilon, and halves of their intervals, cut off at 0 and 100 %."""
    return _ends([clean(record), *(under(record, attack, epsilon) for epsilon in record.result["epsilons"])])


def _ends(scores: list[Scores]) -> tuple[np.ndarray, np.ndarray]:
    """Means in % and, below and above each, halves of their intervals, cut off at 0 and 100 %."""
    means, halves = (100 * np.array(values) for values in ([s.mean for s in scores], [s.interval for s in scores]))
    return means, np.array([np.minimum(halves, means), np.minimum(halves, 100 - means)])


def _told(record: Record) -> str:
    largest = record.result["epsilons"][-1]
    left = ", ".join(f"{100 * under(record, attack, largest).mean:.0f} % under {words}"
                     for attack, words in ATTACKS.items())
    return f"{100 * clean(record).mean:.0f} % without attack and, at {largest:g}, {left}"
