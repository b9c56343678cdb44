"""Pictures of federated learning; see ``plots`` for the habits they share."""

import numpy as np

from ddkit.applications.federated.report import RAW, after, traffic
from ddkit.applications.federated.rounds import InRounds
from ddkit.plots.looks import looks
from ddkit.plots.style import Picture, log_ticks, picture, spread
from ddkit.runs import Record

MEGABYTE = 1e6


@picture
def accuracy_against_bytes(records: dict[str, dict[str, Record]], title: str = "") -> Picture:
    """Test accuracy against the megabytes sent in both directions (logarithmic), a panel for each way to deal the
    images and a point for what is sent; what goes in rounds is a curve through them.

    Points are means, bars 95 % intervals over seeds; a dotted line stands where raw data, sent once, are.
    """
    figure = Picture(figsize=(3.4 * len(records) + 1, 4.4), layout="constrained")
    panels = figure.subplots(1, len(records), sharey=True, squeeze=False)[0]
    shown = looks({name: None if isinstance(record.asked, InRounds) else record  # which no look of a set says
                   for of in records.values() for name, record in of.items()})
    for axes, (alike, of) in zip(panels, records.items(), strict=True):
        for name, record in of.items():
            rounds = range(1, record.asked.rounds + 1) if isinstance(record.asked, InRounds) else [None]
            found = [record.scores if number is None else after(record, number) for number in rounds]
            sent = [sum(traffic(record, number)) / MEGABYTE for number in rounds]
            axes.errorbar(sent, [100 * s.mean for s in found], [100 * s.interval for s in found], capsize=2, label=name,
                          **shown[name].series)
        if RAW in of:
            axes.axvline(sum(traffic(of[RAW])) / MEGABYTE, color="0.5", linestyle=":", linewidth=1, zorder=0)
        axes.set_xscale("log")
        axes.set(title=alike, xlabel="megabytes, both directions")
        log_ticks(axes.xaxis)
    panels[0].set_ylabel("test accuracy (%)")
    low, high = panels[0].get_ylim()
    panels[0].set_ylim(max(low, 0), min(high, 101))
    seeds = spread(len(record.result["runs"]) for of in records.values() for record in of.values())
    figure.suptitle(title or f"What is sent, what it is worth\nmean and 95 % interval (Student's t), n = {seeds} seeds")
    drawn = {name: line for axes in panels for line, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=4)
    figure.told = "; ".join(f"{alike}, {name}: {100 * record.scores.mean:.1f} % for "
                            f"{sum(traffic(record)) / MEGABYTE:.2f} MB"
                            for alike, of in records.items() for name, record in of.items())
    return figure


@picture
def deals(counts: dict[str, np.ndarray], title: str = "") -> Picture:
    """How many images of each class (across) every client (down) has, a panel for each way to deal them.

    Args:
        counts: by the panel's title, [clients, classes].
    """
    figure = Picture(figsize=(3.4 * len(counts) + 1, 3.6), layout="constrained")
    panels = figure.subplots(1, len(counts), sharey=True, squeeze=False)[0]
    most = max(int(found.max()) for found in counts.values())
    for axes, (name, found) in zip(panels, counts.items(), strict=True):
        image = axes.imshow(found, cmap="YlGnBu", vmin=0, vmax=most, aspect="auto")
        axes.set(title=name, xlabel="class")
        axes.set_xticks(range(found.shape[1]))
        axes.set_yticks(range(len(found)), range(1, len(found) + 1))
        axes.grid(False)
    panels[0].set_ylabel("client")
    figure.colorbar(image, ax=list(panels), label="images")
    figure.suptitle(title or "How the images are dealt")
    figure.told = "; ".join(f"{name}: {(found > 0).sum(1).mean():.1f} classes a client on the average"
                            for name, found in counts.items())
    return figure
