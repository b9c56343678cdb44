"""Pictures of continual learning; see ``plots`` for the habits they share."""

import numpy as np
from matplotlib.axes import Axes

from ddkit.applications.continual.spec import after_step
from ddkit.foundation.errors import require
from ddkit.plots.looks import Look, looks
from ddkit.plots.style import Picture, bare, picture, spread
from ddkit.runs import Record

BESIDE = 0.045  # of the axis: the least distance between two names beside their curves


@picture
def accuracy_after_each_step(records: dict[str, Record], title: str = "") -> Picture:
    """Test accuracy on the classes seen so far after each step: mean and 95 % interval over seeds, a curve a record.

    Intervals are cut off at 0 and 100 %. Each curve's marker, name and last value stand beside its end.
    """
    steps = _steps(records)
    figure = Picture(figsize=(8, 4.4), layout="constrained")
    axes = figure.subplots()
    at, ends, shown = np.arange(1, len(steps) + 1), {}, looks(records)
    for index, (name, record) in enumerate(records.items()):
        scores = [after_step(record, step) for step in range(len(steps))]
        means, halves = (100 * np.array(values) for values in ([s.mean for s in scores], [s.interval for s in scores]))
        errors = [np.minimum(halves, means), np.minimum(halves, 100 - means)]
        aside = 0.06 * (index - (len(records) - 1) / 2)  # so that intervals do not cover each other
        axes.errorbar(at + aside, means, errors, capsize=3, **shown[name].series)
        ends[name] = means[-1]
    axes.set_xticks(at, [f"{t}\n+ {', '.join(step)}" for t, step in zip(at, steps, strict=True)])
    counts = f"n = {spread(len(record.result['runs']) for record in records.values())} repetitions"
    axes.set(xlabel=f"step, and the classes that arrived in it\nmean and 95 % interval (Student's t), {counts}",
             ylabel="test accuracy on all classes seen (%)", xlim=(0.7, len(steps) + 0.2))
    _name_ends(axes, ends, shown)
    axes.set_title(title or "Accuracy after each step")
    figure.told = "At the end " + ", ".join(f"{name} {end:.1f} %" for name, end in ends.items())
    return figure


def _name_ends(axes: Axes, ends: dict[str, float], shown: dict[str, Look]) -> None:
    """Write each name and value at its height to the right of the axes, beside its curve's marker."""
    low, high = axes.get_ylim()
    heights = _apart([(end - low) / (high - low) for end in ends.values()], BESIDE)
    for (name, end), height in zip(ends.items(), heights, strict=True):
        axes.plot(1.02, height, transform=axes.transAxes, clip_on=False, **shown[name].series)
        axes.annotate(f"{name} {end:.1f} %", (1.04, height), xycoords="axes fraction", va="center", size=9)
    axes.set_ylim(low, high)


@picture
def step_matrix(record: Record, title: str = "") -> Picture:
    """The share recognised of each step's test images (columns) after each step (rows), mean over seeds."""
    steps = _steps({"": record})
    table = np.full((len(steps), len(steps)), np.nan)
    for row in range(len(steps)):
        table[row, : row + 1] = 100 * np.mean([run["by_step"][row] for run in record.result["runs"]], axis=0)
    figure = Picture(figsize=(2.6 + 0.9 * len(steps), 1.1 + 0.5 * len(steps)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(table, cmap="YlGnBu", aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        if column <= row:
            axes.text(column, row, f"{value:.1f}", ha="center", va="center",
                      color="white" if image.norm(value) > 0.65 else "black")
    axes.set_xticks(range(len(steps)), [", ".join(step) for step in steps])
    axes.set_yticks(range(len(steps)), range(1, len(steps) + 1))
    figure.colorbar(image, label="recognised (%)")
    axes.set(xlabel=f"test images of classes\nmean, n = {len(record.result['runs'])} repetitions", ylabel="after step",
             title=title or "Recognised of each step's classes (%)")
    bare(axes)
    return figure


def _steps(records: dict[str, Record]) -> list[list[str]]:
    """The names of the classes of each step, the same in all records."""
    first = next(iter(records.values())).result
    require(all(record.result["steps"] == first["steps"] for record in records.values()),
            "runs with other steps cannot stand in one picture: draw one for each")
    names = iter(first["classes"])
    return [[next(names) for _ in step] for step in first["steps"]]


def _apart(places: list[float], least: float) -> list[float]:
    """The places, those that are too close moved up until neighbours are ``least`` apart."""
    moved, lowest = [0.0] * len(places), -np.inf
    for index in sorted(range(len(places)), key=places.__getitem__):
        moved[index] = lowest = max(places[index], lowest + least)
    return moved
