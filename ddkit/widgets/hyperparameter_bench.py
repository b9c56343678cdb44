"""Hyperparameter bench: predict what a knob does, then reveal what is stored, then run your own (lesson 2)."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

import ipywidgets

from ddkit import methods
from ddkit.data import PICTURES
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.knobs import Knobs, declared
from ddkit.methods import presets
from ddkit.methods.coresets import STARTS
from ddkit.plots.moving.progress import along
from ddkit.plots.style import Picture
from ddkit.runs import find
from ddkit.specs import Distill
from ddkit.stored import Grid, grids
from ddkit.synthetic.synthetic_set import INITS
from ddkit.widgets import controls
from ddkit.widgets.base import Dashboard
from ddkit.widgets.live import LiveRun, Track
from ddkit.widgets.pictures import Shown, drawn

VALIDATIONS = 8  # in a live run
MOST_UPDATES, MOST_IPC = 1000, 50
_NO_GRID = "No grid came with this installation: only the live bench below is there."


class Revealed:
    """Predict, then reveal: the accuracy of a stored combination is shown once it was guessed.

    Attributes:
        grid: what is asked about.
        view: the widgets.
    """

    def __init__(self, grid: Grid):
        self.grid = grid
        words = {knob.name: knob.knob.doc for knob in declared(methods.get(grid.spec.method).Config)}
        self.axes = {name: controls.steps(name, words.get(name, "images per class"),
                                          [(f"{value:g}", value) for value in values], values[len(values) // 2])
                     for name, values in grid.axes.items()}
        self.along = controls.menu("look along", "which of them the picture varies", list(self.axes))
        self.guess = controls.number("your guess (%)", "validation accuracy that you expect", 0, 100, 50, 1)
        self.reveal = controls.button("Reveal", "show what was measured", self._reveal, "eye")
        self.says, self.picture = ipywidgets.HTML(), Shown()
        for control in (*self.axes.values(), self.guess):
            control.observe(self._hide, "value")
        self.along.observe(lambda _: self.reveal.disabled and self._draw(), "value")
        self._hide()
        self.view = ipywidgets.VBox([*self.axes.values(), self.along, self.guess, self.reveal, self.says, self.picture])

    @property
    def values(self) -> dict[str, float]:
        """The combination asked about."""
        return {name: control.value for name, control in self.axes.items()}

    def figure(self) -> Picture:
        """Accuracy along the chosen axis."""
        return along(self.grid, self.along.value, self.values)

    def _hide(self, _=None) -> None:
        self.reveal.disabled = False
        self.says.value = escape(f"{self.grid.name}; {self.grid.protocol} protocol. Guess, then reveal.")
        self.picture.tell("")

    def _reveal(self) -> None:
        self.reveal.disabled = True
        cell = self.grid.at(**self.values)
        off = self.guess.value - 100 * cell.mean
        self.says.value = escape(f"{100 * cell.mean:.1f} ± {100 * cell.error:.1f} % (standard error, n = "
                                 f"{len(cell.accuracies)} networks); your guess was {_judged(off, 100 * cell.error)}. "
                                 f"The images moved by {cell.moved:.1f}.")
        self._draw()

    def _draw(self) -> None:
        self.picture.show(drawn(self.figure()), f"validation accuracy along {self.along.value}")


def _judged(off: float, error: float) -> str:
    """How good a guess was that is so many points off, in words; both numbers count as they are shown."""
    if round(abs(off), 1) <= round(error, 1):
        return "right, within the standard error"
    return f"{abs(off):.1f} points too {'high' if off > 0 else 'low'}"


class HyperparameterBench(Dashboard):
    """Every knob of every method: predicted and revealed where a grid is stored, and run live, two side by side.

    A live run is an ordinary one, with a record of its own; making a bench anew ends the live run of an earlier one.

    Args:
        specs: distillations to begin from, one for each method that is offered, as a profile makes them.
        root, data: as for ``runs.run``.
        grid: to predict (None: the first that came with the repository, if any).
    """

    def __init__(self, specs: Sequence[Distill], root: str | Path | None = None, data: str | Path | None = None,
                 grid: Grid | None = None):
        require(specs, "the bench needs a distillation to begin from, as [profile.distill()]")
        LiveRun.end_latest()
        self._specs, self._where = {spec.method: spec for spec in specs}, {"root": root, "data": data}
        stored = grid or next(iter(grids()), None)
        self.revealed = Revealed(stored) if stored else None
        known = dict.fromkeys([*(spec.dataset for spec in specs), *PICTURES])
        self.dataset = controls.menu("data set", "that is distilled; it is fetched, or asked for, if need be", known)
        self.method = controls.menu("method", "that makes the images", list(self._specs))
        self.preset = controls.menu("preset", "the method's named settings that the knobs begin from")
        self.init = controls.menu("start", "what the images begin from")
        self.ipc = controls.whole("images per class", "how many images of each class", 1, MOST_IPC, 1)
        self.updates = controls.whole("updates", "of the synthetic set", 1, MOST_UPDATES, 1)
        self.fields: dict[str, controls.Field] = {}
        self._knobs, self.names = ipywidgets.VBox(), ipywidgets.HTML()
        for control, moved in ((self.dataset, self._data_moved), (self.method, self._begin),
                               (self.preset, self._preset_moved), (self.init, self._name), (self.ipc, self._name),
                               (self.updates, self._name)):
            control.observe(moved, "value")
        self._begin()
        self.tracks = [Track(name, self.wanted) for name in ("left", "right")]
        stored_view = self.revealed.view if self.revealed else ipywidgets.HTML(escape(_NO_GRID))
        self.view = ipywidgets.VBox([
            ipywidgets.HTML("<b>Predict, then reveal</b>"), stored_view, ipywidgets.HTML("<b>Live</b>"), self.dataset,
            self.method, self.preset, self.init, self.ipc, self.updates, self._knobs, self.names,
            ipywidgets.HBox([track.view for track in self.tracks])])

    def figure(self) -> Picture:
        """The stored grid along the chosen axis.

        Raises:
            InputError: none is stored.
        """
        require(self.revealed is not None, _NO_GRID)
        return self.revealed.figure()

    @property
    def spec(self) -> Distill:
        """The distillation that Run would make now.

        Raises:
            InputError: a value cannot work; it stands beside its field, too.
        """
        wrong = [field for field in self.fields.values() if not field.right]
        require(not wrong, f"{', '.join(field.knob.name for field in wrong)} cannot work: see beside the field")
        usual, dataset = self._usual(self.dataset.value), self.dataset.value
        options = {name: field.value for name, field in self.fields.items() if field.value != getattr(usual, name)}
        size = self._base.size if dataset == self._base.dataset else None
        of_preset = {} if self.preset.value == self._base.preset else {"form": None, "form_options": ()}  # its own form
        return replace(self._base, **of_preset, dataset=dataset, size=size, preset=self.preset.value,
                       ipc=self.ipc.value, init=self.init.value, updates=self.updates.value, network=None, width=None,
                       precision=None, options=tuple(sorted(options.items())))

    def wanted(self) -> tuple[Distill, dict]:
        """What a track runs, scored on the way if it is not there yet."""
        spec = self.spec  # a private set nobody may score while it is made
        scored = not methods.get(spec.method).private and find(spec, **self._where) is None
        return spec, self._where | {"validate_every": scored * max(1, spec.total_updates // VALIDATIONS)}

    @property
    def _base(self) -> Distill:
        return self._specs[self.method.value]

    def _begin(self, _=None) -> None:
        """Offer what the method has, beginning from its spec."""
        base = self._base
        with controls.unheard(self._preset_moved, self.preset), controls.unheard(self._name, self.init, self.ipc,
                                                                                 self.updates):
            self.preset.options = list(methods.get(base.method).PRESETS)
            self.preset.value = base.preset
            self.init.options = list(getattr(base.config, "inits", None) or (*INITS, *STARTS))
            self.init.value = base.init
            for slider, most, value in ((self.ipc, MOST_IPC, base.ipc),
                                        (self.updates, MOST_UPDATES, base.total_updates)):
                slider.max, slider.value = max(most, value), value
        self.ipc.disabled = base.budget is not None  # which decides in its place
        self._offer_knobs({knob.name: getattr(base.config, knob.name) for knob in declared(type(base.config))})

    def _offer_knobs(self, values: dict) -> None:
        """A field for every knob of the method, but the number of updates, which has its own control."""
        usual = self._usual(self.dataset.value)
        knobs = [knob for knob in declared(type(usual)) if knob.name != "updates"]
        self.fields = {knob.name: controls.Field(knob, values.get(knob.name, getattr(usual, knob.name)))
                       for knob in knobs}
        self._knobs.children = tuple(field.view for field in self.fields.values())
        for field in self.fields.values():
            field.control.observe(self._name, "value")
        self._name()

    def _preset_moved(self, _) -> None:
        self._offer_knobs({})

    def _name(self, _=None) -> None:
        """Say which run the form stands for, or why it stands for none."""
        try:
            spec = self.spec
            spec.check()
            self.names.value = escape(f"Run makes {spec.name}, or shows it where it is made")
        except InputError as error:
            self.names.value = escape(f"no run yet: {error}")

    def _usual(self, dataset: str) -> Knobs:
        """The method's knobs as the preset has them on a data set."""
        return presets.configure(self.method.value, self.preset.value, {}, dataset)

    def _data_moved(self, change) -> None:
        """On other data a preset may say otherwise: knobs that stood as it had them stand as it has them now."""
        before, now = (self._usual(dataset) for dataset in (change["old"], change["new"]))
        for name, field in self.fields.items():
            if field.right and field.value == getattr(before, name) != getattr(now, name):
                field.put(getattr(now, name))
        self._name()
