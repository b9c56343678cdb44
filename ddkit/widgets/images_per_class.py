"""Images per class: what so many images are worth, what they take, and what a budget buys."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import ClassVar

import ipywidgets

from ddkit.foundation.errors import InputError, require
from ddkit.plots.moving import Growing, Stage, growth, images_of
from ddkit.plots.moving.growth import in_bytes
from ddkit.plots.style import Picture
from ddkit.runs import Record
from ddkit.specs import Evaluate
from ddkit.stored import METHOD, RANDOM, START, Growth, Growths, Judge, Point, Sample, Shelf, growths, lead, shelf
from ddkit.stored.growth import trained_macs
from ddkit.stored.narrowing import Narrowing, judge_words
from ddkit.synthetic import SyntheticSet
from ddkit.widgets import controls
from ddkit.widgets.base import Dashboard, telling
from ddkit.widgets.live import Track
from ddkit.widgets.pictures import Shown, enlarged

NOTHING = ("No evaluation of a set with so many images per class is at hand: score one, as with "
           "ddkit.run(ddkit.Evaluate(...)), and open this dashboard again.")
USUAL = (1, 2, 5, 10, 20, 50)  # images per class that are offered though they are not stored


@dataclass(frozen=True, eq=False)
class _Way:
    """One way to have images before one judge."""

    growths: Growths
    name: str

    @property
    def judge(self) -> Judge:
        return self.growths.judge

    @property
    def curve(self) -> Growth:
        return self.growths.curves[self.name]


class ImagesPerClass(Dashboard):
    """Method, images per class and a budget in bytes: the images, the curve beside random ones and the full data, and
    what they cost.

    What is stored is shown at once; what is missing can be made, by an ordinary run, and is then shown, too. Making a
    dashboard anew ends the run of an earlier one.

    Args:
        root, data: as of ``runs.run``.
        chosen: words to begin with, of ``data``, ``protocol``, ``network``, ``epochs`` and ``method``.
    """

    _making: ClassVar[Track | None] = None

    def __init__(self, root: str | Path | None = None, chosen: Mapping[str, object] | None = None,
                 data: str | Path | None = None):
        if ImagesPerClass._making:
            ImagesPerClass._making.end()
        self._where, self._drawn = {"root": root, "data": data}, {}
        self.track = ImagesPerClass._making = Track("missing", self.wanted, self._made)
        found = self._read()
        if self._ways:
            self._build(chosen or {})
        else:
            self.view = ipywidgets.HTML(escape(f"{NOTHING} {found.left_out}"))

    def _build(self, chosen: Mapping[str, object]) -> None:
        self.which = controls.Narrowed(self._narrowing(), {
            "data": controls.menu("data set", "the images that the sets are about, and the test images"),
            "protocol": controls.menu("protocol", "how networks were trained, or kernels solved"),
            "network": controls.menu("network", "which network was trained anew for every seed"),
            "epochs": controls.menu("epochs", "how long networks were trained"),
            "method": controls.menu("method", "how the images were made, chosen or drawn"),
        }, self._way_moved)
        self.which.begin(chosen)
        self.ipc = controls.steps("images per class", "how many images of each class", [("1", 1)], 1)
        self.budget = controls.steps("budget", "bytes that a set may take", [("1 B", 1)], 1)
        self.images, self.chart = Shown(), Shown()
        self.says, self.costs, self.bought = (ipywidgets.HTML() for _ in range(3))
        for control in (self.ipc, self.budget):
            control.observe(self._show, "value")
        self._way_moved()
        *judge, method = self.which.menus.values()
        for control in (method, self.ipc, self.budget):
            control.layout.width = "480px"  # names of methods are long
        self.images.layout.width = "400px"
        for unused in (self.track.images, self.track.curves):  # an evaluation has neither
            unused.layout.display = "none"
        self.view = ipywidgets.VBox([
            controls.beside(judge, [method, self.ipc, self.budget]), self.chart, self.says,
            self.track.view, controls.beside([self.images], [self.costs, self.bought]), self._left_out])

    @property
    def point(self) -> Point | None:
        """What is stored of the method with so many images per class, if anything is."""
        return self._way.curve.points.get(self.ipc.value)

    def figure(self) -> Picture:
        """The curve as it is shown, at rest."""
        require(self._ways, NOTHING)
        return growth(self._way.growths, self._way.name, self.ipc.value, self.budget.value)

    def wanted(self) -> tuple[Evaluate, dict]:
        """The run that would add the point chosen, and where it is to lie.

        Raises:
            InputError: it is stored.
        """
        require(self.point is None, "this is stored already: choose a number of images per class that is not")
        return self._way.curve.wanted(self.ipc.value), self._where

    def _read(self) -> Shelf:
        """Take up what is stored now."""
        found = shelf(self._where["root"])
        self._left_out = ipywidgets.HTML(escape(found.left_out))
        # What has most points comes first.
        grown = sorted(growths(found), key=lambda g: -sum(len(curve.points) for curve in g.curves.values()))
        self._ways, self._drawn = [_Way(of, name) for of in grown for name in of.curves], {}
        return found

    def _narrowing(self) -> Narrowing:
        words = judge_words(self._ways) | {"epochs": lambda way: way.growths.epochs, "method": lambda way: way.name}
        return Narrowing(self._ways, words, {"method": lambda way: way.curve.means})

    def _made(self, _: Record) -> None:
        """Show what has just been made beside the rest."""
        ipc, budget = self.ipc.value, self.budget.value
        self._read()
        self.which.offer(self._narrowing())
        self._way_moved()
        with controls.unheard(self._show, self.ipc, self.budget):
            self.ipc.value = ipc
            self.budget.value = max(budget, self.point.bytes if self.point else 0)
        self._show()

    @property
    def _way(self) -> _Way:
        return self.which.found[0]

    @telling
    def _way_moved(self) -> None:
        """Offer the numbers of images and the budgets there are, and begin with the most that is stored."""
        way, known = self._way, self._way.curve.points
        numbers = sorted({*USUAL, *(ipc for curve in way.growths.curves.values() for ipc in curve.points)})
        with controls.unheard(self._show, self.ipc, self.budget):
            self.ipc.options = [(f"{n}" + " (not stored)" * (n not in known), n) for n in numbers]
            self.ipc.value = max(known)
            self.budget.options = [(in_bytes(value), value) for value in way.growths.bytes]
            self.budget.value = way.growths.bytes[-1]
        self._show()

    @telling
    def _show(self, _=None) -> None:
        self.track.start.disabled = self.point is not None or self.track.going
        drawn, stage = self._growing()
        drawn.show(self.ipc.value, self.budget.value)
        sentences = self._sentences()
        self.chart.show(stage.png(), " ".join(sentences))
        notes = next(iter(self._way.curve.points.values())).sample.notes
        self.says.value = controls.sentences([*sentences, *notes])
        self._show_images()
        self.costs.value = _table("what it takes", self._costs())
        self.bought.value = _table(f"the most images within {in_bytes(self.budget.value)}", self._bought())

    def _growing(self) -> tuple[Growing, Stage]:
        if self._way not in self._drawn:
            drawn = Growing(self._way.growths, self._way.name)
            self._drawn[self._way] = drawn, Stage(drawn.figure, drawn.moving)
        return self._drawn[self._way]

    def _sentences(self) -> list[str]:
        """What is stored of the point chosen, and how that stands to the full data."""
        name, ipc = self._way.name, self.ipc.value
        if self.point is None:
            return [f"{name} with {ipc} per class has not been scored before this judge: nothing is stored."]
        said = f"{name} with {ipc} per class: {self.point.sample.score}"
        if self.point.bytes > self.budget.value:
            said += f"; its {in_bytes(self.point.bytes)} are above the budget"
        full = self._way.growths.full
        return [said + ".", *(_beside_full(self.point.sample, full) if full else [])]

    def _show_images(self) -> None:
        name = f"{self._way.name} with {self.ipc.value} per class"
        try:
            synthetic = self._synthetic()
        except InputError as error:  # their file is gone or damaged; the scores are there
            self.images.tell(str(error))
            return
        if synthetic is None:
            self.images.tell(f"no images of {name} are stored" + "; random ones are drawn anew for every seed" * (
                self._way.curve.meaning == RANDOM))
        else:
            self.images.show(enlarged(images_of(synthetic)), f"images of {name}")

    def _synthetic(self) -> SyntheticSet | None:
        """The set of the point chosen, where it is stored."""
        if self.point is None or self.point.made is None or self._way.curve.meaning not in (METHOD, START):
            return None
        made = self.point.made.synthetic
        return made.undistilled() if self._way.curve.meaning == START else made

    def _costs(self) -> list[tuple[str, str]]:
        """What the point chosen takes, in words."""
        point = self.point
        if point is None:
            return []
        rows = [("bytes of the set", f"{point.bytes:,}")]
        if point.made and self._way.curve.meaning == METHOD:
            rows.append(("seconds to make the set", f"{point.made.seconds:,.1f}"))
        rows += [("seconds to train one network", f"{point.sample.scores.seconds:,.1f}"),
                 ("seconds to test it", f"{point.sample.scores.test_seconds:,.1f}")]
        cost = point.sample.records[0].result.get("cost")
        if cost:
            rows += [("MACs, one image forward", f"{cost['macs']:,}"),
                     ("MACs of its training", f"{point.trained_macs:.3g}")]
            full = self._way.growths.full
            if full:
                rows.append(("MACs of training on the full data", f"{trained_macs(full):.3g}"))
        return rows

    def _bought(self) -> list[tuple[str, str]]:
        found = [(name, curve.within(self.budget.value)) for name, curve in self._way.growths.curves.items()]
        return [(name, f"{point.ipc} per class, {point.sample.score}" if point else "nothing so small is stored")
                for name, point in found]


def _beside_full(sample: Sample, full: Sample) -> list[str]:
    """What networks had on the full data, and how far the sample is from it: never without the verdict."""
    found, had = lead(sample, full), f"The full data, {full.trained}, had {100 * full.scores.mean:.2f} %"
    if found.error is None:
        return [f"{had}.", found.verdict]
    side = "above" if found.gap >= 0 else "below"
    return [f"{had}: this set is {100 * abs(found.gap):.2f} points {side}, ± {100 * found.error:.2f} "
            f"({found.formula}).", found.verdict]


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    """Rows of a name and a value, as HTML."""
    cells = "".join(f"<tr><td style='padding:0'>{escape(name)}</td><td style='padding:0 0 0 1em'>{escape(value)}</td>"
                    "</tr>" for name, value in rows)
    caption = f"<caption style='text-align:left; font-weight:bold'>{escape(title)}</caption>"
    return f"<table style='line-height:1.5'>{caption}{cells}</table>" if rows else ""
