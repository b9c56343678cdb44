"""Pictures of scores: by protocol and training set, on other networks, against time.

Scores are accuracies, of two classes balanced accuracies.
"""


import numpy as np

from ddkit.plots.style import HATCHES, PALETTE, Picture, bare, label_points, log_ticks, picture, series
from ddkit.training.scores import METRICS, Scores


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
