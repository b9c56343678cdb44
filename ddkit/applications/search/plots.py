"""Pictures of an architecture search; see ``plots`` for the habits they share."""

import numpy as np
from matplotlib.lines import Line2D

from ddkit.applications.search.ranking import Comparison
from ddkit.applications.search.spec import CHOICES, Grid
from ddkit.plots.looks import EDGE, LOOKS, looks
from ddkit.plots.style import Picture, error_scale, picture
from ddkit.stored import FULL

BEST = {"marker": "*", "color": "white", "markeredgecolor": "black", "markersize": 12, "linestyle": "none"}
CHOSEN = {"marker": "s", "color": "none", "markeredgecolor": "black", "markersize": 13, "markeredgewidth": 1.6,
          "linestyle": "none"}


@picture
def proxy_against_truth(comparisons: dict[str, Comparison]) -> Picture:
    """Validation accuracy of every network by a proxy (across) and on the full data (up), a panel for each proxy.

    The best network on the full data has a star, that which the proxy would choose a square. Both scales are
    logarithmic in the error, so that good networks, which matter, stand apart.
    """
    figure = Picture(figsize=(3.3 * len(comparisons) + 0.6, 3.8), layout="constrained")
    panels = figure.subplots(1, len(comparisons), squeeze=False, sharey=True)[0]
    for axes, (name, found), look in zip(panels, comparisons.items(), looks(dict.fromkeys(comparisons)).values(),
                                         strict=True):
        places = {network: (100 * found.proxy[network], 100 * found.full[network]) for network in found.full}
        axes.plot(*zip(*places.values(), strict=True), **look.point)
        axes.plot(*places[found.best], **BEST, zorder=3)
        axes.plot(*places[found.chosen], **CHOSEN, zorder=3)
        axes.set(title=name, xlabel=f"accuracy by the proxy (%)\nn = {len(places)} networks")
        for which, reached in (("x", found.proxy), ("y", found.full)):
            error_scale(axes, which, [100 * share for share in reached.values()])
    panels[0].set_ylabel("accuracy, full data (%)")
    marks = {"best on the full data": BEST, "chosen by the proxy": CHOSEN}
    figure.legend([Line2D([], [], **mark) for mark in marks.values()], list(marks), loc="outside lower center", ncols=2)
    figure.told = "; ".join(f"{name} chooses {found.chosen}, the best is {found.best}"
                            for name, found in comparisons.items())
    return figure


@picture
def by_choice(accuracies: dict[str, float], grid: Grid) -> Picture:
    """Every network's accuracy by its depth, its width, its norm, its activation and its pooling, and the medians."""
    figure = Picture(figsize=(10, 3.6), layout="constrained")
    panels = figure.subplots(1, len(CHOICES), sharey=True)
    for axes, (choice, plural) in zip(panels, CHOICES.items(), strict=True):
        values = getattr(grid, plural)
        for place, value in enumerate(values):
            found = [100 * accuracies[c.name] for c in grid.candidates if getattr(c, choice) == value]
            axes.plot([place] * len(found), found, "o", color=LOOKS[FULL].color, alpha=0.35, **EDGE)
            axes.plot([place - 0.3, place + 0.3], [np.median(found)] * 2, color="black", linewidth=2.5)
        axes.set_xticks(range(len(values)), map(str, values), rotation=90 if isinstance(values[0], str) else 0)
        axes.set(title=choice, xlim=(-0.6, len(values) - 0.4))
    error_scale(panels[0], "y", [100 * accuracy for accuracy in accuracies.values()])
    panels[0].set_ylabel("validation accuracy (%)")
    figure.supxlabel(f"points: n = {len(accuracies)} networks, of which each stands in every panel; lines: medians",
                     size=9)
    return figure
