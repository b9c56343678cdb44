"""Pictures of scores: by protocol and training set, on other networks, against time.

Scores are accuracies, of two classes balanced accuracies.
"""

import math
from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ddkit.plots.looks import CHANCE, Look, looks, name_rows
from ddkit.plots.placing import label_points
from ddkit.plots.style import Picture, bare, log_ticks, picture, spread
from ddkit.training.scores import METRICS, Scores

LETTER = 0.075  # inches that one of a legend takes
POINT, COVERED = 7, 5  # across a point's marker, and what is added for each marker that covers it
WAYS = tuple({"linestyle": "none", "marker": "o", "markersize": 8, "color": "#222222", "markerfacecolor": face}
             for face in ("#222222", "white"))  # of training on one set: a full and a hollow point


@picture
def transfer_heatmap(scores: dict[str, dict[str, Scores]], title: str = "", columns: str = "network") -> Picture:
    """Mean test score of networks (columns) by what they were trained on (rows); one at chance is called so.

    Args:
        scores: by training set and network; a missing one is shown as a dash.
        columns: what the columns are.
    """
    networks = list(dict.fromkeys(name for row in scores.values() for name in row))
    cells = [[row[name].headline if name in row else None for name in networks] for row in scores.values()]
    counts = [len(cell.runs) for row in cells for cell in row if cell]
    table = 100 * np.array([[cell.mean if cell else np.nan for cell in row] for row in cells])
    figure = Picture(figsize=(max(5.6, 1.8 + 1.05 * len(networks)), 0.9 + 0.62 * len(table)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(table, cmap="YlGnBu", aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        text = _cell(cells[row][column], len(set(counts)) > 1)
        dark = not np.isnan(value) and image.norm(value) > 0.65
        axes.text(column, row, text, ha="center", va="center", color="white" if dark else "black", size=9)
    axes.set_xticks(range(len(networks)), networks)
    name_rows(axes, looks({name: next(iter(row.values()), None) for name, row in scores.items()}))
    figure.colorbar(image, label="%", aspect=12)
    axes.set(title=title or _on(scores, f"Test {_metric(scores)} by training set and network"), ylabel="trained on",
             xlabel=f"{columns} (mean{_deviation(counts)} in %, n = {spread(counts)} each)")
    bare(axes)
    figure.told = "; ".join(f"{name} on {network}: {cell.mean:.1%}" for name, row in zip(scores, cells, strict=True)
                            for network, cell in zip(networks, row, strict=True) if cell)
    return figure


def _cell(scores: Scores | None, counted: bool) -> str:
    """Mean, deviation if there is one, n if asked for, and whether it is at chance."""
    if scores is None:
        return "–"
    deviation = f" ± {100 * scores.sd:.1f}" * (len(scores.runs) > 1)
    further = [f"n = {len(scores.runs)}"] * counted + ["at chance"] * scores.at_chance
    return "\n".join([f"{100 * scores.mean:.1f}{deviation}", *([", ".join(further)] if further else [])])


@picture
def accuracy_against_time(points: dict[str, Scores], title: str = "") -> Picture:
    """Test score (mean and standard deviation over networks) against seconds of training, a labelled point each.

    Where some are at chance and others are not, the axis is for the others; those at chance stand at its lower end.
    """
    points = {name: scores.headline for name, scores in points.items()}
    metric, counts = _metric({"": points}), [len(scores.runs) for scores in points.values()]
    figure = Picture(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    low, high = _limits(points.values())
    places = {}
    for name, scores in points.items():
        mean, sd = 100 * scores.mean, 100 * scores.sd
        if mean < low:
            name, mean, sd = f"{name}: {mean:.1f} %, at chance ↓", low, 0
        places[name] = (scores.seconds, mean, sd)
    for (x, y, sd), size, look in zip(places.values(), _sizes(places.values(), high - low), looks(points).values(),
                                      strict=True):
        axes.errorbar(x, y, sd or None, capsize=3, markersize=size, clip_on=False, **look.point)
    begins = f"\nthe axis begins at {low:g} %" * (low > 0)
    axes.set(title=title or _on({"": points}, f"Test {metric} against training time"), xscale="log", ylim=(low, high),
             xlabel=f"training time of one network (seconds)\nmean{_deviation(counts)}, n = {spread(counts)} networks",
             ylabel=f"test {metric} (%){begins}")
    axes.margins(x=0.18)
    log_ticks(axes.xaxis)
    label_points(axes, places)
    figure.told = _in_words(points)
    return figure


def _sizes(places: Iterable[tuple[float, float, float]], height: float) -> list[float]:
    """Of the markers of points (x, y, deviation) drawn one after the other: larger where later ones cover them."""
    at = [(math.log(x), y / height) for x, y, _ in places]
    wide = max(x for x, _ in at) - min(x for x, _ in at) or 1.0
    return [POINT + COVERED * sum(abs(x - other) < wide / 40 and abs(y - above) < 1 / 40 for other, above in at[i + 1:])
            for i, (x, y) in enumerate(at)]


@picture
def bars(scores: dict[str, dict[str, Scores]], chance: float, by: str = "protocol", title: str = "") -> Picture:
    """Test score (mean and standard deviation over networks): a panel for each protocol, a bar for each training set.

    The axis of a panel goes over what differs in it, and says where it begins if not at zero. A bar at chance has a
    star; if it lies below the others' axis, an arrow.

    Args:
        scores: by protocol, then by training set.
        chance: accuracy of always naming the most frequent class, in [0, 1]; the balanced one is a half.
        by: what the panels are, in words, if they are no protocols.
    """
    metric = _metric(scores)
    line = 50 if metric == METRICS["balanced_accuracy"] else 100 * chance
    first = {name: found for group in reversed(scores.values()) for name, found in group.items()}
    shown = looks({name: first[name] for name in dict.fromkeys(n for group in scores.values() for n in group)})
    wide = [max(2, len(group)) + 0.8 for group in scores.values()]
    figure = Picture(figsize=(max(6.4, 1.2 + 0.5 * sum(wide)), 3.9), layout="constrained")
    panels = figure.subplots(1, len(scores), squeeze=False, width_ratios=wide)[0]
    for axes, (name, group) in zip(panels, scores.items(), strict=True):
        _panel(axes, {n: group[n].headline for n in shown if n in group}, shown, line)
        axes.set_title(f"{name} {by.replace('images', 'image', 1) if name == '1' else by}")
    panels[0].set_ylabel(f"test {metric} (%)")
    figure.suptitle(title or _on(scores, f"Test {metric} by {by} and training set"), x=0.01, ha="left", size=11)
    counts = {name: [len(group[name].runs) for group in scores.values() if name in group] for name in shown}
    every = [count for found in counts.values() for count in found]
    starred = "; * at chance" * any(one.at_chance for group in scores.values() for one in group.values())
    figure.supxlabel(f"mean{_deviation(every)}, n = {spread(every)} networks; chance: {line:.0f} %{starred}", size=9)
    # Below the figure as drawn: a legend inside it would follow the edge of the saved page onto the notes.
    labels = [name + f" (n = {spread(counts[name])})" * (len(set(every)) > 1) for name in shown]
    columns = max(1, int(figure.get_figwidth() / (0.5 + LETTER * max(map(len, labels)))))
    figure.legend([Patch(**look.bar) for look in shown.values()], labels, ncols=min(columns, len(shown)),
                  loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=figure.transFigure, handlelength=1.8,
                  handleheight=1.1)
    figure.told = "; ".join(f"{name}: {_in_words(group)}" for name, group in scores.items())
    return figure


def _panel(axes: Axes, group: dict[str, Scores], shown: dict[str, Look], line: float) -> None:
    low, high = _limits(group.values())
    for place, (name, scores) in enumerate(group.items()):
        mean, sd = 100 * scores.mean, 100 * scores.sd
        words = f"{mean:.1f}" + "*" * scores.at_chance
        axes.bar([place], [mean], 0.8, yerr=[sd] if sd else None, label=name, capsize=3, error_kw={"linewidth": 1},
                 **shown[name].bar)
        if mean < low:
            axes.plot([place], [low], clip_on=False, **shown[name].point)
        axes.annotate(f"↓ {words}" if mean < low else words, (place, max(low, mean + sd)), (0, 5 if mean < low else 3),
                      textcoords="offset points", ha="center", size=8)
    if low < line < high:
        axes.axhline(line, **CHANCE)
    axes.set(xlim=(-0.6, len(group) - 0.4), ylim=(low, high), xticks=[],
             xlabel=f"axis begins at {low:g} %" if low else "")
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= 100])
    axes.grid(axis="x", visible=False)


@picture
def two_ways(scores: dict[str, dict[str, Scores]], chance: float, title: str = "") -> Picture:
    """Test score (mean and standard deviation over networks) of each set in two ways, on one axis, the two joined.

    Args:
        scores: by way (the first filled, the second hollow), then by set; sets may lack either.
        chance: accuracy of always naming the most frequent class, in [0, 1].
    """
    names = list(dict.fromkeys(name for group in scores.values() for name in group))
    figure = Picture(figsize=(7, 1.6 + 0.45 * len(names)), layout="constrained")
    axes = figure.subplots()
    for row, name in enumerate(names):
        found = [group.get(name) for group in scores.values()]
        if all(found):
            axes.plot([100 * one.mean for one in found], [row, row], color="#888888", linewidth=1, zorder=0)
        for one, point in zip(found, WAYS, strict=True):
            if one:
                axes.errorbar([100 * one.mean], [row], xerr=[100 * one.sd] if len(one.runs) > 1 else None, capsize=3,
                              ecolor="#888888", **point)
    axes.axvline(100 * chance, **CHANCE)
    axes.set_yticks(range(len(names)), names)
    counts = [len(one.runs) for group in scores.values() for one in group.values()]
    axes.set(title=title, ylim=(len(names) - 0.5, -0.5), xlabel=f"test {METRICS['accuracy']} (%)\n"
             f"mean{_deviation(counts)}, n = {spread(counts)} networks; dashed: chance")
    figure.legend([Line2D([], [], **point) for point in WAYS], list(scores), loc="outside lower center", ncols=2)
    figure.told = ". ".join(f"{way}: {_in_words(group)}" for way, group in scores.items())
    return figure


def _limits(scores: Iterable[Scores]) -> tuple[float, float]:
    """From where to where, in %, an axis has to go to show how scores differ; those at chance are left out if others
    are not."""
    scores = list(scores)
    told = [one for one in scores if not one.at_chance] or scores
    ends = [100 * (one.mean + sign * one.sd) for one in told for sign in (-1, 1)]
    low, high = min(ends), max(ends)
    room = max(0.2 * (high - low), 1.0)
    step = 5 if high - low > 15 else 1
    bottom = step * math.floor((low - room) / step)
    return (float(bottom) if bottom > high / 4 else 0.0), high + room


def _deviation(counts: list[int]) -> str:
    return " ± standard deviation" * (max(counts) > 1)


def _in_words(group: dict[str, Scores]) -> str:
    return ", ".join(f"{name} {found.headline}" + " (at chance)" * found.headline.at_chance
                     for name, found in group.items())


def _on(scores: dict[str, dict[str, Scores]], words: str) -> str:
    """The words, and on which data set, if the scores know and it is one."""
    found = {_dataset(one.spec) for group in scores.values() for one in group.values()} - {""}
    return f"{words}, {found.pop()}" if len(found) == 1 else words


def _dataset(spec: dict) -> str:
    """The data set that is named in a spec, wherever in it."""
    inner = (value for value in spec.values() if isinstance(value, dict))
    return spec.get("dataset") or next(filter(None, map(_dataset, inner)), "")


def _metric(scores: dict[str, dict[str, Scores]]) -> str:
    """The headline metric of the scores, in words."""
    return next(METRICS[cell.headline.metric] for row in scores.values() for cell in row.values())
