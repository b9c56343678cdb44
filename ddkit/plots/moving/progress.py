"""A distillation while it goes, and a grid of finished ones along one of its axes."""

import numpy as np

from ddkit.plots.looks import looks
from ddkit.plots.style import Picture, log_ticks, picture
from ddkit.plots.training import running_median
from ddkit.specs import Source
from ddkit.stored import Grid

_SIZE = (4.3, 3.1)  # inches


@picture
def progress(losses: list[float], validation: list[tuple[int, float]], most: int,
             spec: Source | None = None) -> Picture:
    """The loss of the updates so far (faint: each, bold: running median), above it the validation score, if any.

    Args:
        most: how many updates there will be.
        spec: the distillation.
    """
    figure = Picture(figsize=_SIZE, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    (look,) = looks({"": spec}).values()
    if validation:
        at, score = np.array(validation).T
        above.plot(at, 100 * score, **look.series)
    above.set(title=f"After {len(losses):,} of {most:,} updates", ylabel="validation (%)", xlim=(0, max(most, 1)))
    values = np.array(losses)
    if len(values):
        at = np.arange(1, len(values) + 1)
        below.plot(at, values, color=look.ink, alpha=0.3, linewidth=0.8)
        below.plot(at, running_median(values, 2 * (len(values) // 60) + 3), color=look.ink)
        if values.min() > 0 and values.max() > 5 * values.min():
            below.set_yscale("log")
            log_ticks(below.yaxis)
    below.set(xlabel="updates of the synthetic set", ylabel="loss")
    return figure


@picture
def along(grid: Grid, axis: str, values: dict[str, float]) -> Picture:
    """Validation accuracy along one axis of a grid of distillations; the one that is chosen is ringed.

    Args:
        values: of all axes, which choose a cell.
    """
    cells, at = grid.along(axis, **values), list(grid.axes[axis]).index(values[axis])
    figure = Picture(figsize=(5.2, 3.0), layout="constrained")
    axes = figure.subplots()
    means, errors = (100 * np.array([getattr(cell, what) for cell in cells]) for what in ("mean", "error"))
    (look,) = looks({"": grid.spec}).values()
    axes.errorbar(range(len(cells)), means, 2 * errors, capsize=3, **look.series)
    axes.plot([at], [means[at]], "o", markersize=14, markerfacecolor="none", markeredgecolor="black")
    axes.set_xticks(range(len(cells)), [f"{value:g}" for value in grid.axes[axis]])
    others = ", ".join(f"{name} {value:g}" for name, value in values.items() if name != axis)
    axes.set(xlabel=axis, ylabel="validation accuracy (%)",
             title=f"{others}\nringed: as chosen; bars: two standard errors, n = {len(cells[at].accuracies)} networks")
    return figure
