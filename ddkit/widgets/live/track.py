"""A live run with its buttons: begun, stopped and gone on with, and seen while it works."""

import time
from collections.abc import Callable
from html import escape

import ipywidgets

from ddkit.foundation.errors import InputError
from ddkit.plots.moving import images_of
from ddkit.plots.moving.progress import progress
from ddkit.runs import Record
from ddkit.runs.spec import Spec
from ddkit.widgets import controls
from ddkit.widgets.live.running import SHARE, LiveRun, Seen
from ddkit.widgets.pictures import Shown, drawn, enlarged

_STATES = {"running": "", "stopping": "stopping at the next step: ", "stopped": "stopped: ", "failed": "failed: ",
           "done": "done: "}


class Track:
    """Run, Stop, how far it is, the images and the curves of one run.

    Args:
        name: tells it from another one beside it.
        wanted: gives the spec that Run is to make, and the options of ``runs.run``; an InputError of it is shown.
        made: is given the record of a run that is done.

    Attributes:
        view: the widgets.
        live: the run that goes or went last, None before the first.
    """

    def __init__(self, name: str, wanted: Callable[[], tuple[Spec, dict]],
                 made: Callable[[Record], None] = lambda record: None):
        self._wanted, self._made, self.live = wanted, made, None
        self._curves_due = 0.0
        self.start = controls.button(f"Run {name}", "make this run, or go on with it where it was stopped", self._run,
                                     "play")
        self.stop = controls.button(f"Stop {name}", "stop at the next step and save", self._stop, "stop")
        self.stop.disabled = True
        self.bar = ipywidgets.IntProgress(min=0, max=1, layout=ipywidgets.Layout(width="95%"))
        self.says, self.what = ipywidgets.HTML("nothing yet"), ipywidgets.HTML()
        self.says.add_class(f"dd-says-{name}")
        self.images, self.curves = Shown(), Shown()
        self.view = ipywidgets.VBox([ipywidgets.HBox([self.start, self.stop]), self.bar, self.says, self.what,
                                     self.images, self.curves], layout=ipywidgets.Layout(width="470px"))
        self.view.observe(lambda change: change["new"] is None and self.end(), "comm")  # the view was closed

    @property
    def going(self) -> bool:
        """Whether a run of its own is going."""
        return self.live is not None and self.live.going

    def end(self) -> None:
        """Stop what goes, and wait until it is saved."""
        if self.live:
            self.live.end()

    def _run(self) -> None:
        try:
            spec, options = self._wanted()
            self.live, self._curves_due = LiveRun(spec, self.show, **options).start(), 0.0
            self.what.value = escape(spec.name)
        except InputError as error:
            self._say(f"not begun: {error}")

    def _stop(self) -> None:
        if self.live:
            self.live.stop()

    def show(self, seen: Seen) -> None:
        """Show how far the run is."""
        going = seen.state in ("running", "stopping")
        self.start.disabled, self.stop.disabled = going, seen.state != "running"
        self.bar.max, self.bar.value = max(seen.most, 1), seen.done
        self._say(_STATES[seen.state] + _words(seen))
        if seen.synthetic is not None:
            mosaic = images_of(seen.synthetic)
            self.images.show(enlarged(mosaic), f"the synthetic images after {len(seen.losses)} updates")
            if not going or time.monotonic() >= self._curves_due:
                self._show_curves(seen)
        if seen.record is not None:
            self._made(seen.record)

    def _show_curves(self, seen: Seen) -> None:
        """Draw the curves, which take much longer than the images, and seldom enough that most of what pictures may
        take is left to these."""
        begun = time.monotonic()
        self.curves.show(drawn(progress(seen.losses, seen.validation, self.live.spec.total_updates, self.live.spec)),
                         f"loss of {len(seen.losses)} updates and validation score")
        self._curves_due = time.monotonic() + (time.monotonic() - begun) / (SHARE / 2)

    def _say(self, words: str) -> None:
        self.says.value = f"<span role='status'>{escape(words)}</span>"


def _words(seen: Seen) -> str:
    if seen.says:
        return seen.says
    told = f"{seen.title}, {seen.done} of {seen.most}"
    if seen.state == "done":
        return f"in {seen.record.seconds:.1f} s; {seen.record.folder}"
    left = f", about {seen.seconds_left:.0f} s to go" if seen.seconds_left is not None else ""
    score = f"; validation {100 * seen.validation[-1][1]:.1f} %" if seen.validation else ""
    return told + left + score
