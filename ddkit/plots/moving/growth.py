"""Test score against images per class and against bytes: one way to have images, random ones, and the full data."""

import numpy as np
from matplotlib.axes import Axes

from ddkit.plots.looks import band, looks
from ddkit.plots.style import Picture, log_ticks, picture, spread, style
from ddkit.specs import Start, key
from ddkit.stored import Growth, Growths, Point
from ddkit.training.scores import METRICS

_PLACES = ((0.095, 0.155, 0.41, 0.67), (0.56, 0.155, 0.41, 0.67))  # fixed, so that nothing jumps
_ASIDE = (1, 0.95, 1.05)  # so that no curve's points hide another's


class Growing:
    """A curve of one way to have images, and those beside it, with what is chosen on it.

    Attributes:
        figure: the picture.
        moving: the artists that ``show`` changes.
    """

    def __init__(self, growths: Growths, name: str):
        self.growths, self.name, self.moving = growths, name, []
        self.curves = beside(growths, name)
        with style():
            self.figure = Picture(figsize=(8.2, 3.9))
            self._panels = [self.figure.add_axes(place) for place in _PLACES]
            for axes, of, words in zip(self._panels, (_ipc, _bytes), ("images per class", "bytes of the set"),
                                       strict=True):
                self._draw(axes, of, words)
        self.show(max(self.curves[0].points), self.growths.bytes[-1])

    def show(self, ipc: int, budget: int) -> None:
        """Mark so many images per class, and what lies beyond a budget in bytes."""
        point = self.curves[0].points.get(ipc)
        for ring, of in zip(self._rings, (_ipc, _bytes), strict=True):
            ring.set_data([of(point)] if point else [], [_percent(point)[0]] if point else [])
        self._asked.set_data([ipc] * 2, [0, 1])
        edge = self._panels[1].get_xlim()[1]
        self._beyond.set_xy([[budget * 1.06, 0], [budget * 1.06, 1], [max(edge, budget * 1.07), 1],
                             [max(edge, budget * 1.07), 0]])

    def _draw(self, axes: Axes, of, words: str) -> None:
        shown = looks({curve.name: next(iter(curve.points.values())).sample.source for curve in self.curves})
        for curve, aside in zip(self.curves, _ASIDE, strict=False):
            points = curve.points.values()
            at, means, sds = zip(*((of(point) * aside, *_percent(point)) for point in points), strict=True)
            axes.errorbar(at, means, sds, capsize=3, label=curve.name, **shown[curve.name].series)
        self._draw_full(axes)
        axes.set(xscale="log", xlabel=words)
        axes.margins(0.12, 0.1)
        if of is _ipc:
            scores = next(iter(self.curves[0].points.values())).sample.scores
            axes.set_ylabel(f"test {METRICS[scores.metric]} (%)")
            counts = spread(len(point.sample.by_seed) for curve in self.curves for point in curve.points.values())
            axes.set_title(f"Mean ± standard deviation, n = {counts} seeds")
            axes.set_xlim(*_around([_ipc(p) for c in self.growths.curves.values() for p in c.points.values()]))
            log_ticks(axes.xaxis)
            (self._asked,) = axes.plot([], [], color="#777777", linewidth=1, linestyle=":",
                                       transform=axes.get_xaxis_transform(), zorder=1)
            self.moving.append(self._asked)
            self.figure.legend(*axes.get_legend_handles_labels(), loc="upper left", ncols=len(self.curves),
                               bbox_to_anchor=(_PLACES[0][0] - 0.02, 1.01), handlelength=3)
        else:
            axes.set_title("By bytes (grey: beyond the budget)")
            axes.set_xlim(*_around(self.growths.bytes))
            axes.set_ylim(*self._panels[0].get_ylim())
            log_ticks(axes.xaxis, in_bytes, long=True)
            (self._beyond,) = axes.fill([], [], color="#bbbbbb", alpha=0.6, linewidth=0,
                                        transform=axes.get_xaxis_transform(), zorder=6)
            self.moving.append(self._beyond)
        (ring,) = axes.plot([], [], "o", color="none", markeredgecolor="black", markersize=14, markeredgewidth=1.6,
                            zorder=7)
        self._rings = [*getattr(self, "_rings", []), ring]
        self.moving.append(ring)

    def _draw_full(self, axes: Axes) -> None:
        """The mean of the full data's scores, and two standard errors of the test set to either side.

        Beside it stand its number of networks and, where that is another than the curves', its protocol.
        """
        full = self.growths.full
        if not full:
            return
        protocol = full.judge.protocol if full.judge != self.growths.judge else ""
        beside = ", ".join(filter(None, (protocol, f"n = {len(full.scores.runs)}")))
        band(axes, 100 * full.scores.mean, 200 * full.scores.tested, beside)


@picture
def growth(growths: Growths, name: str, ipc: int | None = None, budget: int | None = None) -> Picture:
    """Test score against images per class, and against bytes, beside random real images, the start and the full data.

    Args:
        name: of the curve.
        ipc, budget: what is marked (default: most images, no budget).
    """
    drawn = Growing(growths, name)
    drawn.show(max(drawn.curves[0].points) if ipc is None else ipc, growths.bytes[-1] if budget is None else budget)
    told = [f"{curve.name}, {size} per class: {point.sample.score}" for curve in drawn.curves
            for size, point in curve.points.items()]
    full = growths.full
    told += [f"full data, {full.trained}: {full.score}"] if full else []
    drawn.figure.told = "; ".join(told)
    return drawn.figure


def beside(growths: Growths, name: str) -> list[Growth]:
    """The curve of that name, and those that it should be held against: random real images, and its own start."""
    chosen = growths.curves[name]
    others = [curve for curve in growths.curves.values() if curve.meaning == "random" or _is_start(curve, chosen)]
    return [chosen, *(curve for curve in others if curve is not chosen)]


def _is_start(curve: Growth, chosen: Growth) -> bool:
    starts = {key(Start(point.sample.source)) for point in chosen.points.values() if point.sample.meaning == "method"
              and hasattr(point.sample.source, "init")}
    return curve.meaning == "start" and bool(starts & {key(one.spec.of) for point in curve.points.values()
                                                       for one in point.sample.runs})


def in_bytes(value: float, _=None) -> str:
    """A number of bytes in few letters."""
    for unit, name in ((1e6, "MB"), (1e3, "kB")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{value:.3g} B"


def _percent(point: Point) -> tuple[float, float]:
    values = list(point.sample.by_seed.values())
    return 100 * float(np.mean(values)), 100 * float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _around(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = max((high / low) ** 0.12, 1.4)
    return low / room, high * room


def _ipc(point: Point) -> float:
    return point.ipc


def _bytes(point: Point) -> float:
    return point.bytes
