"""Time machine: what a distillation did to its images, update by update."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

import ipywidgets

from ddkit.foundation.errors import require
from ddkit.plots.moving import Losses, Moments, Stage, moment
from ddkit.plots.style import Picture
from ddkit.stored import Evolving, evolving, shelf
from ddkit.stored.narrowing import Narrowing
from ddkit.widgets import controls
from ddkit.widgets.base import Dashboard, telling
from ddkit.widgets.pictures import Shown, enlarged

NOTHING = ("No distillation that kept its images is at hand: make one, as with ddkit.run(ddkit.Distill(...)), and open "
           "this dashboard again.")
ALL = -1  # in place of a class


class TimeMachine(Dashboard):
    """Method and run, class, and the update: the images then, what had changed, and where the loss stood.

    Args:
        root: the folder of runs, as of ``runs.run``.
        chosen: words to begin with, of ``method`` and ``run``.
    """

    def __init__(self, root: str | Path | None = None, chosen: Mapping[str, object] | None = None):
        found = shelf(root)
        self._left_out = ipywidgets.HTML(escape(found.left_out))
        self._runs = evolving(found)
        self._drawn: dict[Evolving, tuple[Moments, Losses, Stage]] = {}
        if self._runs:
            self._build(chosen or {})
        else:
            self.view = ipywidgets.HTML(escape(f"{NOTHING} {found.left_out}"))

    def _build(self, chosen: Mapping[str, object]) -> None:
        words = {"method": lambda run: run.method, "run": lambda run: run.name}
        self.which = controls.Narrowed(Narrowing(self._runs, words), {
            "method": controls.menu("method", "which method made the images"),
            "run": controls.menu("run", "which of its distillations"),
        }, self._run_moved)
        self.which.begin(chosen)
        self.label = controls.menu("class", "the class whose images are shown")
        self.update = controls.steps("update", "after how many updates of the set", [("0", 0)], 0)
        self.images, self.change, self.loss, self.says = Shown(), Shown(), Shown(), ipywidgets.HTML()
        for control in (self.label, self.update):
            control.observe(self._show, "value")
        self._run_moved()
        for shown in (self.images, self.change):
            shown.layout.margin = "8px 24px 0 0"
        for control in (*self.which.menus.values(), self.label, self.update):
            control.layout.width = "600px"  # names of runs are long
        self.view = ipywidgets.VBox([*self.which.menus.values(), self.label, self.update,
                                     controls.beside([self.images], [self.change]), self.loss, self.says,
                                     self._left_out])

    @property
    def run(self) -> Evolving:
        """The distillation that is looked at."""
        return self.which.found[0]

    def figure(self) -> Picture:
        """The moment as it is shown, at rest."""
        require(self._runs, NOTHING)
        return moment(self.run, self.update.value, self._label)

    @property
    def _label(self) -> int | None:
        return None if self.label.value == ALL else self.label.value

    @telling
    def _run_moved(self) -> None:
        """Offer the classes and the updates of another run, near to what was looked at."""
        run, classes = self.run, self.run.record.synthetic.classes
        label, share = self.label.value, self._share()
        with controls.unheard(self._show, self.label, self.update):
            self.label.options = [("all", ALL), *((name, index) for index, name in enumerate(classes))]
            self.label.value = label if label is not None and label < len(classes) else ALL
            self.update.options = [(f"{updates:,}", updates) for updates in run.updates]
            self.update.value = run.updates[round(share * (len(run.updates) - 1))]
        self._show()

    def _share(self) -> float:
        """How far along the slider stands, in [0, 1]; at its end before anything was chosen."""
        options = [value for _, value in self.update.options]
        return options.index(self.update.value) / (len(options) - 1) if len(options) > 1 else 1.0

    @telling
    def _show(self, _=None) -> None:
        moments, losses, stage = self._seen()
        updates, label, run = self.update.value, self._label, self.run
        losses.show(updates)
        whose = "all classes" if label is None else f"class {moments.classes[label]}"
        self.images.show(enlarged(moments.images(updates, label)), f"images of {whose} after {updates} updates")
        self.change.show(enlarged(moments.change(updates, label)),
                         f"what changed in the images of {whose} since the start; bright: added, dark: taken away")
        self.loss.show(stage.png(), f"the loss over the updates, with a cursor at {updates}")
        loss = f"loss {run.losses[updates - 1]:.4g}" if updates else "no loss yet: this is the start"
        said = [f"After {updates:,} of {run.updates[-1]:,} updates: {loss}; the images as shown have "
                f"moved {run.moved(updates):.1f} from the start (Euclidean, black is 0 and white 1).",
                "Left the images, right what changed since the start: bright was added, dark taken away.",
                *run.record.notes]
        self.says.value = controls.sentences(said)

    def _seen(self) -> tuple[Moments, Losses, Stage]:
        if self.run not in self._drawn:
            losses = Losses(self.run)
            self._drawn[self.run] = Moments(self.run), losses, Stage(losses.figure, losses.moving)
        return self._drawn[self.run]
