"""Pictures of backdoors; see ``plots`` for the habits they share."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ddkit.applications.backdoor.spec import measured
from ddkit.plots.looks import looks
from ddkit.plots.style import SIGNED, Picture, bare, blocks, picture, spread, tile
from ddkit.runs import Record
from ddkit.specs import Coreset, Distill


@picture
def success_by_share(records: dict[str, dict[float, Record]], title: str = "") -> Picture:
    """How many images of other classes are called the target once they carry the square (left) and the test accuracy
    on clean images (right), by the share of the real data that was poisoned; a curve for each training set.

    Points are means, bars 95 % intervals over networks.
    """
    figure = Picture(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = looks({name: next(iter(of.values())) for name, of in records.items()})
    shares = sorted({share for of in records.values() for share in of})
    for index, (name, of) in enumerate(records.items()):
        at = np.array([shares.index(share) for share in of]) + 0.05 * (index - (len(records) - 1) / 2)
        for axes, found in ((left, [measured(one, "success") for one in of.values()]),
                            (right, [one.scores for one in of.values()])):
            means, halves = (100 * np.array(v) for v in ([s.mean for s in found], [s.interval for s in found]))
            errors = [np.minimum(halves, means), np.minimum(halves, 100 - means)]
            axes.errorbar(at, means, errors, capsize=2, label=name, **shown[name].series)
    for axes in (left, right):
        axes.set_xticks(range(len(shares)), [f"{100 * share:g}" for share in shares])
        axes.set_xlabel("poisoned training images (%)")
    left.set(ylabel="called the target (%)", ylim=(-3, 103), title="With the square")
    right.set(ylabel="test accuracy (%)", title="Clean images")
    runs = spread(len(one.result["runs"]) for of in records.values() for one in of.values())
    figure.suptitle(title or f"A backdoor in the data\nmean and 95 % interval (Student's t), n = {runs} networks")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=len(records))
    figure.told = "; ".join(f"{name}, {100 * share:g} % poisoned: {100 * measured(one, 'success').mean:.0f} % called "
                            f"the target, accuracy {100 * one.scores.mean:.1f} %"
                            for name, of in records.items() for share, one in of.items())
    return figure


@picture
def target_images(records: dict[str, dict[float, Record]], title: str = "") -> Picture:
    """The set's images of the target's class, a row for each method and share that was poisoned.

    Only sets that were made lie beside their records; random real images and full data have no row.
    """
    made = {f"{name}, {100 * share:g} %": one for name, of in records.items() for share, one in of.items()
            if isinstance(one.asked.of, Distill | Coreset)}
    rows = {name: one.synthetic.pixels()[one.synthetic.started_as == one.asked.target] for name, one in made.items()}
    most = max(len(pixels) for pixels in rows.values())
    figure, (axes,) = blocks(list(rows), [""] * most)
    for row, pixels in enumerate(rows.values()):
        for column, image in enumerate(pixels.permute(0, 2, 3, 1).cpu().numpy()):
            tile(axes, image[..., 0] if image.shape[-1] == 1 else image, row, column)
    axes.set_title(title or "The target's images, by what was poisoned")
    return figure


@picture
def suspicions(found: Tensor, classes: Sequence[str], title: str = "") -> Picture:
    """How much brighter a set's images of each class are than clean real ones, place by place; a ring is around the
    brightest place of all.

    Args:
        found: as of ``trigger.suspicion``.
    """
    figure = Picture(figsize=(9, 4.2), layout="constrained")
    panels, most = figure.subplots(2, -(-len(classes) // 2)).flatten(), float(found.abs().max())
    first = int(found.argmax()) // found[0].numel()
    for axes, name, part in zip(panels, classes, found.cpu().numpy(), strict=False):
        image = axes.imshow(part, cmap=SIGNED, vmin=-most, vmax=most)
        axes.set_title(name)
    row, column = divmod(int(found[first].argmax()), found.shape[2])
    panels[first].plot(column, row, "o", markersize=14, markerfacecolor="none", markeredgecolor="black", linewidth=2)
    for axes in panels:
        bare(axes)
        axes.set_xticks([])
        axes.set_yticks([])
    figure.colorbar(image, ax=list(panels), label="brighter than clean real images", aspect=30)
    figure.suptitle(title or "Where a set is brighter than real images")
    figure.told = f"The brightest is class {classes[first]}, row {row} and column {column}, by {float(found.max()):.2f}"
    return figure
