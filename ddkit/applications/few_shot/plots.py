"""Pictures of few-shot distillation; see ``plots`` for the habits they share."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count

import numpy as np
from matplotlib.axes import Axes

from ddkit.applications.few_shot.arms import IDENTITY, ONE, PIXELS, RANDOM
from ddkit.applications.few_shot.report import Row, row, rows
from ddkit.plots.looks import LOOKS, SPARE, Look
from ddkit.plots.style import Picture, log_ticks, picture, spread
from ddkit.plots.training import running_median
from ddkit.runs import Record
from ddkit.training.scores import Scores

_OWN = LOOKS["translative"]
_PLAIN = {PIXELS: SPARE[0], IDENTITY: SPARE[1], RANDOM: SPARE[3], ONE: SPARE[4]}
_SIDES = {"its own network": _OWN, "fresh networks": _OWN.variant(1)}


def _shown(found: Sequence[Row]) -> dict[str, Look]:
    learned = map(_OWN.variant, count())  # of arms that learned from other data
    return {name: _PLAIN.get(name) or next(learned) for name in dict.fromkeys(one.name for one in found)}


@picture
def against_networks(records: Mapping[str, Mapping[str, Record]], title: str = "") -> Picture:
    """Accuracy of sets in networks that nobody met, against the number of networks that met the target.

    Args:
        records: of each panel, by its name and by what was learned from.
    """
    return _against(records, lambda one: one.met, "networks that met the target", title)


@picture
def against_seconds(records: Mapping[str, Mapping[str, Record]], title: str = "") -> Picture:
    """Accuracy of sets in networks that nobody met, against the seconds of a processor core on the target; panels as
    of ``against_networks``."""
    return _against(records, lambda one: one.all_seconds, "seconds of a processor core on the target", title)


def _against(records: Mapping[str, Mapping[str, Record]], across: Callable[[Row], float], label: str,
             title: str) -> Picture:
    found = {panel: rows(part) for panel, part in records.items()}
    shown = _shown([one for part in found.values() for one in part])
    figure = Picture(figsize=(1.2 + 4.4 * len(found), 4.2), layout="constrained")
    for axes, (panel, part) in zip(figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True):
        _panel(axes, part, across, shown)
        counts = spread(len(one.runs) for one in part)
        axes.set(title=panel, xlabel=f"{label}\nmean and standard error, n = {counts} sets")
        log_ticks(axes.xaxis)
    figure.axes[0].set_ylabel("accuracy in fresh networks (%)")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, handlelength=3.5)
    figure.suptitle(title or f"Accuracy against {label}", x=0.01, ha="left", size=11)
    figure.told = "; ".join(f"{panel} {one.name} after {one.met}: {100 * one.scores.mean:.1f} %".strip()
                            for panel, part in found.items() for one in part)
    return figure


def _panel(axes: Axes, part: Sequence[Row], across: Callable[[Row], float], shown: Mapping[str, Look]) -> None:
    """A curve for each arm, a little aside of each other so that bars do not cover each other."""
    axes.set_xscale("log")
    names = [name for name in dict.fromkeys(one.name for one in part) if name != ONE]
    for index, name in enumerate(names):
        own = _with_start(part, name)
        at = np.array([across(one) for one in own]) * (1 + 0.02 * (index - 1))
        means, errors = ([100 * value for value in values] for values in zip(
            *((one.scores.mean, one.scores.se) for one in own), strict=True))
        axes.errorbar(at, means, errors, capsize=3, label=name, **shown[name].series)


def _with_start(found: Sequence[Row], name: str) -> list[Row]:
    """The rows of an arm, the one network's set first where it begins as that."""
    own = [one for one in found if one.name == name]
    begun = row(found, name, 1) if name in (PIXELS, IDENTITY) else None
    return ([begun] if begun else []) + own


@picture
def own_and_fresh(scores: Mapping[str, tuple[Scores, Scores]], title: str = "") -> Picture:
    """How accurate sets are in the network that they were distilled in, and in networks that they never met."""
    figure = Picture(figsize=(6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for side, (label, look) in enumerate(_SIDES.items()):
        means = [100 * pair[side].mean for pair in scores.values()]
        places = np.arange(len(scores)) + 0.38 * (side - 0.5)
        bars = axes.bar(places, means, 0.36, yerr=[100 * pair[side].sd for pair in scores.values()], capsize=3,
                        label=label, **look.bar)
        axes.bar_label(bars, [f"{mean:.1f}" for mean in means], padding=2, fontsize=9)
    counts = spread(len(part.runs) for pair in scores.values() for part in pair)
    axes.set_xticks(range(len(scores)), list(scores))
    axes.set(ylabel="accuracy (%)", xlabel=f"mean and standard deviation, n = {counts} networks", ylim=(0, 112),
             title=title or "Its own network, and all others")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.told = "; ".join(f"{name}: own {own.mean:.1%}, fresh {fresh.mean:.1%}"
                            for name, (own, fresh) in scores.items())
    return figure


@picture
def pretraining_curve(records: Mapping[str, Record], title: str = "") -> Picture:
    """The loss of a translator's steps on small sets of other data, in fresh networks."""
    figure = Picture(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    for (name, record), look in zip(records.items(), map(_OWN.variant, count()), strict=False):
        losses = np.array(record.result["losses"])
        steps, every = np.arange(1, len(losses) + 1), max(1, len(losses) // 8)
        axes.plot(steps, losses, color=look.ink, alpha=0.25, linewidth=0.6)
        median = running_median(losses, 2 * (len(losses) // 20) + 3)
        axes.plot(steps, median, label=name, markevery=every, **look.series)
    axes.set(xlabel="steps of the translator", ylabel="loss in fresh networks",
             title=(title or "Pre-training") + "\nfaint: every step, each on another subset; bold: running median")
    axes.legend(handlelength=3.5)
    return figure
