"""Is it real? Two sets before one judge: bars zoomed to what differs, the lead by number of seeds, the confusions."""

import math
import statistics
import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, NullLocator

from ddkit.foundation.errors import require
from ddkit.plots.looks import looks
from ddkit.plots.style import Picture, bare, picture, style
from ddkit.stored import Sample, counted, lead
from ddkit.training.leads import ENOUGH
from ddkit.training.scores import METRICS

FARTHEST = 100.0  # standard errors that the lead's axis goes to; an infinite lead is drawn there
_PLACES = {"bars": (0.085, 0.61, 0.365, 0.26), "leads": (0.56, 0.61, 0.42, 0.26), "first": (0.15, 0.085, 0.30, 0.37),
           "second": (0.56, 0.085, 0.30, 0.37), "scale": (0.89, 0.085, 0.018, 0.37)}  # fixed, so that nothing jumps
_RIGHT = {"facecolor": "white", "edgecolor": "#8a8a8a", "hatch": "////", "linewidth": 0}  # no share of mistakes
_NEAR, _FAR = (2, 5, 10), (2, 10, 30, 100)  # numbers along the lead's axis that have room, if it goes to 20 or beyond


class Comparison:
    """Two samples beside one another, for any number of seeds.

    Attributes:
        figure: the picture.
        moving: the artists that ``show`` changes.
    """

    def __init__(self, first: Sample, second: Sample):
        self.samples, self.moving = (first, second), []
        self.most = max(lead(first, second).seeds)
        self.leads = {n: lead(first, second, n) for n in range(1, self.most + 1)}
        with style():
            self.figure = Picture(figsize=(8.2, 6.6))
            axes = {name: self.figure.add_axes(place) for name, place in _PLACES.items()}
            self._draw_bars(axes["bars"])
            self._draw_leads(axes["leads"])
            self._draw_confusions(axes["first"], axes["second"], axes["scale"])
        self.show(self.most)

    def show(self, seeds: int) -> None:
        """Count so many seeds of either sample."""
        require(1 <= seeds <= self.most, f"from 1 to {self.most} seeds can be counted, got {seeds}")
        self._show_bars(seeds)
        self._ring.set_data([seeds], [_drawn(self.leads[seeds].in_errors)])
        self._words.set_text(self._in_words(seeds))
        self._verdict.set_text("\n".join(textwrap.wrap(self.leads[seeds].verdict, 88)))
        for image, shares in zip(self._images, self._mistakes(seeds), strict=True):
            image.set_data(shares)

    def values(self, seeds: int) -> list[list[float]]:
        """The scores counted of either sample, in percent."""
        return [[100 * sample.by_seed[seed] for seed in of]
                for sample, of in zip(self.samples, counted(*self.samples, seeds), strict=True)]

    def _mistakes(self, seeds: int) -> list[np.ndarray]:
        """Of each sample and class (row) the share in percent taken for each other class; the right ones are left
        out."""
        found = []
        for sample, of in zip(self.samples, counted(*self.samples, seeds), strict=True):
            counts = np.array(sample.confusion(of), dtype=float)
            shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
            np.fill_diagonal(shares, np.nan)
            found.append(shares)
        return found

    def _draw_bars(self, axes: Axes) -> None:
        metric = METRICS[self.samples[0].scores.metric]
        shown = [value for n in self.leads for values in self.values(n) for value in (*values, *_ends(values))]
        low, high = min(shown), max(shown)
        room = 0.15 * (high - low) or 1.0
        self._bottom = max(0.0, low - room)
        axes.set(xlim=(-0.6, 1.6), ylim=(self._bottom, high + 1.8 * room), ylabel=f"test {metric} (%)")
        axes.set_title(f"Zoomed: the axis begins at {self._bottom:.1f} %")
        axes.set_xticks((0, 1), [_in_lines(sample) for sample in self.samples])
        axes.grid(axis="x", visible=False)
        shown = looks({str(at): sample.source for at, sample in enumerate(self.samples)})
        self._bars = [axes.bar(int(at), 1, 0.62, self._bottom, **look.bar)[0] for at, look in shown.items()]
        self._pairs = [axes.plot([], [], color="#444444", linewidth=0.6, zorder=3)[0] for _ in range(self.most)]
        self._dots = [axes.plot([], [], "o", color="white", markeredgecolor="black", markersize=5, zorder=4)[0]
                      for _ in self.samples]
        self._spreads = [axes.plot([], [], color="black", linewidth=1.4, marker="_", markersize=9, zorder=5)[0]
                         for _ in self.samples]
        self._means = [axes.text(at, 0.99, "", ha="center", va="top", size=9, zorder=6,
                                 transform=axes.get_xaxis_transform()) for at in range(2)]
        self.moving += [*self._bars, *self._pairs, *self._dots, *self._spreads, *self._means]

    def _show_bars(self, seeds: int) -> None:
        for at, values in enumerate(self.values(seeds)):
            mean, (_, high) = statistics.fmean(values), _ends(values)
            self._bars[at].set_height(mean - self._bottom)
            self._dots[at].set_data(_places(at, len(values)), values)
            self._spreads[at].set_data([at - 0.24] * 2, [2 * mean - high, high] if len(values) > 1 else [np.nan] * 2)
            self._means[at].set_text(f"{mean:.2f}" + f" ± {high - mean:.2f}" * (len(values) > 1))
        one, other = self.values(seeds)
        for index, line in enumerate(self._pairs):
            joined = self.leads[self.most].paired and index < len(one)
            xs = [_places(at, len(one))[index] for at in range(2)] if joined else []
            line.set_data(xs, [one[index], other[index]] if joined else [])

    def _draw_leads(self, axes: Axes) -> None:
        known = {n: _drawn(found.in_errors) for n, found in self.leads.items() if found.error is not None}
        reach = max([2 * ENOUGH, *(1.6 * abs(value) for value in known.values())])
        axes.set_yscale("symlog", linthresh=ENOUGH)
        axes.set(xlim=(0.5, max(self.most, 2) + 0.5), ylim=(-reach, reach), ylabel="standard errors",
                 xlabel="seeds counted (filled: told apart)")
        axes.set_xticks(range(1, max(self.most, 2) + 1))
        ticks = [tick for tick in (_NEAR if reach < 20 else _FAR) if tick <= reach]
        axes.yaxis.set_major_locator(FixedLocator([*(-tick for tick in ticks), 0, *ticks]))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.axhspan(-ENOUGH, ENOUGH, color="#dddddd", linewidth=0)
        axes.text(0.5, 0, "one seed has no standard error" * (not known), transform=axes.get_yaxis_transform(),
                  ha="center", va="bottom", size=9)
        axes.plot(list(known), list(known.values()), color="#333333", linewidth=1, zorder=3)
        for told, face in ((True, "black"), (False, "white")):
            at = [n for n in known if self.leads[n].told_apart == told]
            axes.plot(at, [known[n] for n in at], "o", color=face, markeredgecolor="black", zorder=4)
        (self._ring,) = axes.plot([], [], "o", color="none", markeredgecolor="black", markersize=13,
                                  markeredgewidth=1.6, zorder=5, clip_on=False)
        self._words = axes.text(0, 1.05, "", transform=axes.transAxes, size=11)
        self._verdict = axes.text(0.02, 0.985, "", transform=self.figure.transFigure, va="top", size=11, weight="bold")
        self.moving += [self._ring, self._words, self._verdict]

    def _in_words(self, seeds: int) -> str:
        found = self.leads[seeds]
        errors = "no standard error" if found.error is None else f"{found.in_errors:+.1f} standard errors"
        return f"Lead: {100 * found.gap:+.2f} points, {errors}"

    def _draw_confusions(self, *axes: Axes) -> None:
        *panels, scale = axes
        top = max(float(np.nanmax(shares)) for n in self.leads for shares in self._mistakes(n)) or 1.0
        names, self._images = self.samples[0].classes, []
        for axes, sample, shares in zip(panels, self.samples, self._mistakes(self.most), strict=True):
            axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, zorder=0, **_RIGHT))  # behind what is nan
            self._images.append(axes.imshow(shares, cmap="YlGnBu", vmin=0, vmax=top, zorder=1))
            crowded = len(names) * max(map(len, names)) > 36
            axes.set_xticks(range(len(names)), names, **({"rotation": 45, "ha": "right"} if crowded else {}))
            axes.set_yticks(range(len(names)), names if axes is panels[0] else [""] * len(names))
            bare(axes)
            axes.set_xlabel("column: taken for (row: the class)\nhatched: taken for what they are")
            axes.set_title(f"Mistakes after {sample.name}", size=9)
        self.figure.colorbar(self._images[0], cax=scale, label="share of the class (%)")
        self.moving += self._images


@picture
def comparison(first: Sample, second: Sample, seeds: int | None = None) -> Picture:
    """Two sets before the same judge: their scores, how far apart these are, and which classes each leaves mistaken.

    Args:
        seeds: how many are counted (default all).
    """
    drawn = Comparison(first, second)
    drawn.show(drawn.most if seeds is None else seeds)
    means = "; ".join(f"{sample.name} {text.get_text()} %"
                      for sample, text in zip(drawn.samples, drawn._means, strict=True))
    drawn.figure.told = f"{means}. {drawn._words.get_text()}. {drawn._verdict.get_text()}"
    return drawn.figure


def _ends(values: list[float]) -> tuple[float, float]:
    """The mean less and plus the standard deviation."""
    mean, sd = statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0
    return mean - sd, mean + sd


def _places(at: int, count: int) -> list[float]:
    """Where the dots of a bar stand, from left to right."""
    return [at + 0.34 * ((index + 0.5) / count - 0.5) for index in range(count)]


def _drawn(in_errors: float | None) -> float:
    return math.nan if in_errors is None else max(-FARTHEST, min(FARTHEST, in_errors))


def _in_lines(sample: Sample) -> str:
    """The set in words, and how long networks learned from it."""
    lines = [line for part in sample.name.split(", ") for line in textwrap.wrap(part, 22)]
    return "\n".join([*lines, f"{sample.epochs:,} epochs"] if sample.epochs else lines)
