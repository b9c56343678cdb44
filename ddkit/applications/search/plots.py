"""Pictures of an architecture search; see ``plots`` for the habits they share."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes

from ddkit.applications.search.ranking import Comparison
from ddkit.applications.search.spec import CHOICES, Grid
from ddkit.plots.style import PALETTE, Picture, label_points, picture

TICKS = (20, 50, 80, 90, 95, 98, 99, 99.5, 99.8)  # accuracies in %
LEAST_ERROR = 0.1  # %, where the scale ends


@picture
def proxy_against_truth(comparisons: dict[str, Comparison]) -> Picture:
    """Validation accuracy of every network by the proxy and on the full data, a panel for each proxy.

    Both scales are logarithmic in the error, so that good networks, which matter, stand apart.
    """
    figure = Picture(figsize=(3.3 * len(comparisons) + 0.6, 3.8), layout="constrained")
    panels = figure.subplots(1, len(comparisons), squeeze=False, sharey=True)[0]
    for axes, (name, found) in zip(panels, comparisons.items(), strict=True):
        places = {network: (100 * found.proxy[network], 100 * found.full[network]) for network in found.full}
        axes.scatter(*zip(*places.values(), strict=True), s=22, color=PALETTE[3], edgecolors="#222222", linewidths=0.5)
        axes.scatter(*places[found.best], s=110, marker="*", color=PALETTE[0], zorder=3)
        axes.scatter(*places[found.chosen], s=110, marker="s", color="none", edgecolors=PALETTE[1], linewidths=2)
        axes.set(title=name, xlabel="accuracy by the proxy (%)")
        for which, reached in (("x", found.proxy), ("y", found.full)):
            _error_scale(axes, which, reached.values())
    panels[0].set_ylabel("accuracy, full data (%)")
    for axes, found in zip(panels, comparisons.values(), strict=True):
        named = {"best": found.best, "chosen": found.chosen}
        named = named if found.best != found.chosen else {"best and chosen": found.best}
        places = {n: (100 * found.proxy[n], 100 * found.full[n]) for n in found.full}
        label_points(axes, {words: (*places[n], 0.0) for words, n in named.items()}, list(places.values()))
    return figure


def _error_scale(axes: Axes, which: str, reached: Iterable[float]) -> None:
    """Let an axis of accuracies in % be logarithmic in the error, over what was reached (shares)."""
    def forwards(accuracy):
        return -np.log10(np.maximum(100 - np.asarray(accuracy), LEAST_ERROR))

    axis, reached = getattr(axes, f"{which}axis"), list(reached)
    getattr(axes, f"set_{which}scale")("function", functions=(forwards, lambda value: 100 - 10.0 ** -np.asarray(value)))
    low, high = 100 - 1.3 * 100 * (1 - min(reached)), 100 - max(LEAST_ERROR, 100 * (1 - max(reached)) / 1.5)
    getattr(axes, f"set_{which}lim")(max(low, 0), high)
    axis.set_ticks([tick for tick in TICKS if low <= tick <= high])
    axis.set_major_formatter("{x:g}")


@picture
def by_choice(accuracies: dict[str, float], grid: Grid) -> Picture:
    """Every network's accuracy by its depth, its width, its norm, its activation and its pooling, and the medians."""
    figure = Picture(figsize=(10, 3.2), layout="constrained")
    panels = figure.subplots(1, len(CHOICES), sharey=True)
    for axes, (choice, plural) in zip(panels, CHOICES.items(), strict=True):
        values = getattr(grid, plural)
        for place, value in enumerate(values):
            found = [100 * accuracies[c.name] for c in grid.candidates if getattr(c, choice) == value]
            axes.plot([place] * len(found), found, "o", color=PALETTE[3], markeredgecolor="#222222", alpha=0.7)
            axes.plot([place - 0.3, place + 0.3], [np.median(found)] * 2, color=PALETTE[1], linewidth=2.5)
        tilted = {"rotation": 40, "ha": "right"} if isinstance(values[0], str) else {}
        axes.set_xticks(range(len(values)), map(str, values), **tilted)
        axes.set(title=choice, xlim=(-0.6, len(values) - 0.4))
    panels[0].set_ylabel("validation accuracy (%)")
    return figure
