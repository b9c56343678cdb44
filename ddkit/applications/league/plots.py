"""Pictures of a league; see ``plots`` for the habits they share."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from ddkit.applications.league.league import FULL, per_class
from ddkit.applications.league.rows import Row, rows
from ddkit.applications.league.work import Played
from ddkit.plots.looks import LOOKS, Look, looks
from ddkit.plots.style import Picture, error_scale, log_ticks, picture, spread
from ddkit.stored import FULL as ALL_DATA
from ddkit.training.scores import METRICS

LINE = 0.19  # inches up that a name beside a panel takes
PANEL, NAMES = 2.4, 3.0  # inches across of a panel, and of the names to its right
RANKED = 3.4  # of a panel with its names to the left
LEFT, BELOW, ABOVE = 0.7, 0.8, 0.7  # inches around the panels
JOIN = {"arrowstyle": "-", "color": "#8a8a8a", "linewidth": 0.6, "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 3}


@picture
def against_minutes(played: Played) -> Picture:
    """Test score of every set against the processor minutes that were spent on it, a panel for each budget of bytes."""
    return _drawn(played, lambda row: row.minutes, "processor minutes", log=False)


@picture
def against_bytes(played: Played) -> Picture:
    """Test score of every set against the bytes that it takes, a panel for each budget of bytes."""
    return _drawn(played, lambda row: row.bytes / 1024, "KiB stored", log=True)


@picture
def ranked(played: Played) -> Picture:
    """Test score of every set, the highest at the top, joined to that of its start; lines at what all are compared
    with; a panel for each budget of bytes."""
    found = {ipc: rows(played, ipc) for ipc in played.league.ipcs}
    everything = [row for part in found.values() for row in part]
    shown, metric = _looks(everything), _metric(everything)
    height = BELOW + 2 * ABOVE + LINE * max(map(len, found.values()))
    figure = Picture(figsize=(len(found) * (RANKED + NAMES), height), layout="constrained")
    for axes, (ipc, part) in zip(figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True):
        sets = [row for row in part if row.start]
        for place, row in enumerate(sets):
            start, score = 100 * row.start.mean, 100 * row.score.mean
            axes.plot([start, score], [place, place], color=JOIN["color"], linewidth=1, zorder=1)
            axes.plot(start, place, "o", markersize=4, markerfacecolor="white", markeredgecolor="#555555", zorder=2)
            axes.errorbar(score, place, xerr=100 * (row.score.error or 0), capsize=2, markersize=6, zorder=3,
                          **shown[row.title].point)
        for row in (row for row in part if not row.start):
            axes.plot([100 * row.score.mean] * 2, [0, 1], transform=axes.get_xaxis_transform(), zorder=0, clip_on=False,
                      label=_named(row), **shown[row.title].series)
        error_scale(axes, "x", [100 * value for row in part for value in row.score.values])
        axes.set(yticks=range(len(sets)), yticklabels=map(_named, sets), ylim=(len(sets), -1),
                 xlabel=f"test {metric} (%)\n{_counted(played, part)}; circle: start")
        axes.set_title(per_class(ipc), pad=8)
        above = axes.transAxes + ScaledTranslation(0, LINE + 0.11, figure.dpi_scale_trans)  # the title
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), bbox_transform=above, borderaxespad=0, fontsize=8,
                    frameon=False)
    figure.suptitle(f"{metric.capitalize()} beside its start's, {played.league.dataset}", x=0.01, ha="left", size=11)
    figure.told = "; ".join(f"{per_class(ipc)}: {', '.join(map(_named, part))}" for ipc, part in found.items())
    return figure


def _looks(found: list[Row]) -> dict[str, Look]:
    """Of each row the look of its method, whatever else there is of the same: their names tell them apart."""
    return {row.title: looks({row.title: row.record})[row.title] for row in found}


def _metric(found: list[Row]) -> str:
    return METRICS[found[0].record.scores.headline.metric]


def _counted(played: Played, found: list[Row]) -> str:
    """What a point is the mean of."""
    counts = [len(row.score.values) for row in found]
    return f"mean ± standard error, n = {spread(counts)} {'sets' if played.league.sets > 1 else 'networks'}"


def _drawn(played: Played, across: Callable[[Row], float], label: str, log: bool) -> Picture:
    found = {ipc: rows(played, ipc) for ipc in played.league.ipcs}
    everything = [row for part in found.values() for row in part]
    shown, metric = _looks(everything), _metric(everything)
    height = BELOW + ABOVE + max(2.4, LINE * max(map(len, found.values())))
    figure = Picture(figsize=(LEFT + len(found) * (PANEL + NAMES), height))
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for number, (axes, (ipc, part)) in enumerate(zip(panels, found.items(), strict=True)):
        inches = (LEFT + number * (PANEL + NAMES), BELOW, PANEL, height - BELOW - ABOVE)
        axes.set_position(np.array(inches) / np.tile(figure.get_size_inches(), 2))
        _panel(axes, part, across, shown, log)
        axes.set(title=per_class(ipc), xlabel=f"{label}\n{_counted(played, everything)}")
    panels[0].set_ylabel(f"test {metric} (%)")
    figure.suptitle(f"{metric.capitalize()} against {label}, {played.league.dataset}", x=0.01, ha="left", size=11)
    figure.told = "; ".join(f"{per_class(ipc)}: {', '.join(map(_named, part))}" for ipc, part in found.items())
    return figure


def _named(row: Row) -> str:
    return f"{row.title} {100 * row.score.mean:.1f}"


def _panel(axes: Axes, part: list[Row], across: Callable[[Row], float], shown: dict[str, Look], log: bool) -> None:
    """Points, a line at what the full data give, and all names to the right, joined to what they name."""
    sets = [row for row in part if not row.title.startswith(FULL)]
    if log:
        axes.set_xscale("log")
    for row in sets:
        axes.errorbar(across(row), 100 * row.score.mean, 100 * (row.score.error or 0), capsize=2, markersize=6,
                      zorder=3, **shown[row.title].point)
    axes.margins(x=0.12)
    if log:
        log_ticks(axes.xaxis)
    error_scale(axes, "y", [100 * value for row in part for value in row.score.values])
    places = {_named(row): (across(row), 100 * row.score.mean) for row in sets}
    for row in part:
        if row not in sets:
            axes.axhline(100 * row.score.mean, color=LOOKS[ALL_DATA].color, linewidth=1)
            places[_named(row)] = (axes.get_xlim()[1], 100 * row.score.mean)
    _name(axes, places)


def _name(axes: Axes, places: dict[str, tuple[float, float]]) -> None:
    """Write each name beside the panel, in the order of heights; none covers another."""
    inside = axes.transData + axes.transAxes.inverted()
    at = {name: inside.transform(place) for name, place in places.items()}
    order = sorted(at, key=lambda name: at[name][1])
    least = LINE / (axes.get_position().height * axes.figure.get_size_inches()[1])
    for name, height in zip(order, apart([at[name][1] for name in order], least), strict=True):
        axes.annotate(name, at[name], (1.1, height), xycoords="axes fraction", textcoords="axes fraction", va="center",
                      size=8.5, annotation_clip=False, arrowprops=JOIN)


def apart(places: list[float], least: float) -> list[float]:
    """Rising places from 0 to 1, moved so that neighbours are at least ``least`` apart, still from 0 to 1 if they fit.

    Those that are too near move away from their common middle.
    """
    crowds: list[tuple[float, int]] = []  # the middle of those that touch, and how many they are
    for place in places:
        middle, count = place, 1
        while crowds and middle - crowds[-1][0] < least * (count + crowds[-1][1]) / 2:
            before, many = crowds.pop()
            middle, count = (middle * count + before * many) / (count + many), count + many
        crowds.append((middle, count))
    moved = np.concatenate([middle + least * (np.arange(count) - (count - 1) / 2) for middle, count in crowds])
    rank = np.arange(len(moved))
    return np.minimum(np.maximum(moved, least * rank), 1 - least * rank[::-1]).tolist()
