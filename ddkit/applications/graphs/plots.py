"""Pictures of condensed graphs; see ``plots`` for the habits they share."""

import numpy as np
from torch import Tensor

from ddkit.applications.base import pooled
from ddkit.plots.looks import CHANCE
from ddkit.plots.style import Picture, picture, spread
from ddkit.runs import Record


@picture
def edges(found: Tensor, labels: Tensor, classes: tuple[str, ...], title: str = "") -> Picture:
    """The synthetic nodes' edges [n, n] as a picture, sorted by class; lines part the classes."""
    figure = Picture(figsize=(5.6, 4.8), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(found.numpy(), cmap="magma", vmin=0)
    of = labels.numpy()
    ends = np.flatnonzero(np.diff(of)) + 0.5
    for end in ends:
        axes.axhline(end, color="white", linewidth=0.7)
        axes.axvline(end, color="white", linewidth=0.7)
    middles = [float(np.flatnonzero(of == label).mean()) for label in range(len(classes))]
    axes.set_yticks(middles, classes)
    axes.set_xticks([])
    axes.set(xlabel="synthetic nodes, in the same order", title=title or "The edges that synthetic nodes have")
    figure.colorbar(image, label="edge")
    same, off = of[:, None] == of, ~np.eye(len(of), dtype=bool)
    told = [float(found.numpy()[mask & off].mean()) if (mask & off).any() else 0.0 for mask in (same, ~same)]
    figure.told = f"Edges are {told[0]:.3f} on the average within a class and {told[1]:.3f} between two"
    return figure


@picture
def accuracies(records: dict[str, dict[str, dict[int, Record]]], title: str = "") -> Picture:
    """What a network without hidden layers knows from each set of nodes, a panel for each graph.

    Points are means, bars 95 % intervals over sets; a row of one set has none.
    """
    columns = min(2, len(records))
    rows = -(-len(records) // columns)
    figure = Picture(figsize=(4.5 * columns, 2.7 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in panels[len(records):]:
        axes.set_visible(False)
    told = []
    for axes, (graph, of) in zip(panels, records.items(), strict=False):
        scores = {name: pooled(one) for name, one in of["SGC"].items()}
        names = list(scores)
        axes.errorbar([100 * s.mean for s in scores.values()], range(len(names)),
                      xerr=[100 * s.interval for s in scores.values()], fmt="o", color="black", capsize=3)
        axes.axvline(100 * next(iter(scores.values())).mean, **CHANCE)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set(title=graph, xlabel="test accuracy (%)")
        told.append(f"{graph}: " + ", ".join(f"{name} {100 * s.mean:.1f} %" for name, s in scores.items()))
    sets = spread(len(pooled(one).runs) for of in records.values() for one in of["SGC"].values())
    figure.suptitle(f"{title or 'A few nodes in the place of all labelled ones (dashed)'}\nmean and 95 % interval "
                    f"(Student's t), n = {sets}")
    figure.told = "; ".join(told)
    return figure
