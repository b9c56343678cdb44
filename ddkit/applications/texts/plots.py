"""Pictures of distilled texts; see ``plots`` for the habits they share."""

from ddkit.applications.base import pooled
from ddkit.plots.style import Picture, picture, spread
from ddkit.runs import Record


@picture
def accuracies(records: dict[int, dict[str, dict[int, Record]]], title: str = "") -> Picture:
    """What is known from each choice of texts, by how many there are of a class.

    Points are means, bars 95 % intervals over sets or draws; a row of one set has none.
    """
    named = {(ipc, name): pooled(of) for ipc, part in records.items() for name, of in part.items()}
    labels = [f"{name}, {ipc} of a class" if ipc else name for ipc, name in named]
    figure = Picture(figsize=(8, 0.34 * len(named) + 1.4), layout="constrained")
    axes = figure.subplots()
    axes.errorbar([100 * s.mean for s in named.values()], range(len(named)),
                  xerr=[100 * s.interval for s in named.values()], fmt="o", color="black", capsize=3)
    axes.set_yticks(range(len(named)), labels)
    axes.invert_yaxis()
    axes.set(xlabel="test accuracy (%)", title=f"{title or 'A few texts in the place of all'}\nmean and 95 % interval "
                                               f"(Student's t), n = {spread(len(s.runs) for s in named.values())}")
    figure.told = "; ".join(f"{label} {100 * s.mean:.1f} %" for label, s in zip(labels, named.values(), strict=True))
    return figure
