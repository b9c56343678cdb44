"""Controls with a name beside them, a tooltip, and a class ``dd-NAME`` by which a page finds them.

What a control is called stands in its description, which is also what a screen reader says and what the keyboard
reaches; that ipywidgets 7.7 and 8 call a tooltip by two names is settled here.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape

import ipywidgets

from ddkit.foundation.errors import InputError
from ddkit.foundation.knobs import Declared
from ddkit.stored.narrowing import Narrowing

WIDTH = "480px"
_NAMED = {"description_width": "190px"}
_ERROR = "#a32f1a"


def menu(name: str, tooltip: str, options: Iterable = ()) -> ipywidgets.Dropdown:
    """One of several, as names or as pairs of a name and a value."""
    return _called(ipywidgets.Dropdown(options=list(options), **_look(name)), name, tooltip)


def steps(name: str, tooltip: str, options: Sequence[tuple[str, object]], value: object) -> ipywidgets.SelectionSlider:
    """A slider over values that are no even steps, each with the words that stand beside it."""
    made = ipywidgets.SelectionSlider(options=list(options), value=value, continuous_update=True, **_look(name))
    return _called(made, name, tooltip)


def whole(name: str, tooltip: str, low: int, high: int, value: int) -> ipywidgets.IntSlider:
    """A slider over whole numbers."""
    return _called(ipywidgets.IntSlider(min=low, max=high, value=value, **_look(name)), name, tooltip)


def number(name: str, tooltip: str, low: float, high: float, value: float, step: float) -> ipywidgets.FloatSlider:
    """A slider over numbers."""
    made = ipywidgets.FloatSlider(min=low, max=high, value=value, step=step, readout_format=".3g", **_look(name))
    return _called(made, name, tooltip)


def switch(name: str, tooltip: str, value: bool) -> ipywidgets.Checkbox:
    """On or off."""
    return _called(ipywidgets.Checkbox(value=value, **_look(name)), name, tooltip)


def button(name: str, tooltip: str, pressed: Callable[[], None], icon: str = "") -> ipywidgets.Button:
    """Something to do."""
    made = ipywidgets.Button(description=name, icon=icon, tooltip=tooltip)
    made.add_class(_css(name))
    made.on_click(lambda _: pressed())
    return made


class Field:
    """A control made from the declaration of a knob, and beside it what is wrong with its value.

    Names are chosen from a menu, true or false is a switch, and numbers are written, so that a value that the knob
    refuses can be written, too, and is answered in the knob's own sentence rather than changed in silence. Where the
    knob may be None, that is nothing written.

    Attributes:
        knob: its declaration.
        control: the widget that holds the value.
        view: it, and the sentence beside it.
    """

    def __init__(self, knob: Declared, value: object):
        self.knob, self._problem = knob, ipywidgets.HTML()
        self._problem.add_class("dd-problem")
        self.control = self._made(value)
        self.control.observe(lambda _: self.right, "value")
        self.view = ipywidgets.HBox([self.control, self._problem])

    @property
    def value(self) -> object:
        """The value as the knob takes it.

        Raises:
            InputError: the knob refuses it, in its own sentence.
        """
        given = self.control.value
        return self.knob.value(self._read(given.strip()) if isinstance(self.control, ipywidgets.Text) else given)

    @property
    def right(self) -> bool:
        """Whether the knob takes the value; if not, the sentence appears beside it."""
        try:
            self.value  # noqa: B018 (asked for its error)
        except InputError as error:
            self.tell(str(error))
            return False
        self.tell("")
        return True

    def put(self, value: object) -> None:
        """Give it a value, as the knob has it."""
        self.control.value = _written(value) if isinstance(self.control, ipywidgets.Text) else value

    def tell(self, problem: str) -> None:
        """Show a sentence beside the control, "" for none."""
        self._problem.value = f"<span role='alert' style='color:{_ERROR}'>{escape(problem)}</span>" if problem else ""

    def _made(self, value: object) -> ipywidgets.Widget:
        name, tooltip = self.knob.name, self.knob.told
        if self.knob.choices:
            none = [("none", None)] if self.knob.optional else []
            made = menu(name, tooltip, [*none, *((choice, choice) for choice in self.knob.choices)])
            made.value = value
            return made
        if self.knob.kind is bool:
            return switch(name, tooltip, value)
        return _called(ipywidgets.Text(value=_written(value), continuous_update=False, **_look(name)), name, tooltip)

    def _read(self, written: str) -> object:
        """What is written, as a number if it is one and the knob wants one."""
        if not written and self.knob.optional:
            return None
        if self.knob.kind is str:
            return written
        for kind in (int, float):
            try:
                return kind(written)
            except ValueError:
                continue
        return written


@contextlib.contextmanager
def unheard(handler: Callable, *controls: ipywidgets.Widget) -> Iterator[None]:
    """While the block lasts, controls may be given other values and options without ``handler`` being told."""
    for control in controls:
        control.unobserve(handler, "value")
    try:
        yield
    finally:
        for control in controls:
            control.observe(handler, "value")


class Narrowed:
    """A menu for each kind of word of a ``Narrowing``: each offers what the ones before it leave.

    A menu keeps its word where that is still offered, or follows what it means to another word; one that offers a
    single word is greyed out.

    Attributes:
        menus: by kind.
    """

    def __init__(self, narrowing: Narrowing, menus: Mapping[str, ipywidgets.Dropdown], changed: Callable[[], None]):
        self.menus, self._narrowing, self._changed = dict(menus), narrowing, changed
        for menu in self.menus.values():
            menu.observe(self._moved, "value")
        self.settle({})

    @property
    def chosen(self) -> dict[str, object]:
        """The words chosen, by kind."""
        return {kind: menu.value for kind, menu in self.menus.items()}

    @property
    def found(self) -> list:
        """The things that are called so."""
        return self._narrowing.found(self.chosen)

    def offer(self, narrowing: Narrowing) -> None:
        """Choose among other things what is like what was chosen."""
        self._narrowing = narrowing
        self.settle(self.chosen, self._thing)

    def begin(self, wanted: Mapping[str, object]) -> None:
        """Choose the words wanted; nobody is told.

        Raises:
            InputError: one is not offered.
        """
        self.settle(self._narrowing.meant(wanted))

    def settle(self, wanted: Mapping[str, object], like: object = None) -> None:
        """Choose as ``Narrowing.settled``; nobody is told."""
        settled = self._narrowing.settled(wanted, like)
        with unheard(self._moved, *self.menus.values()):
            for index, (kind, menu) in enumerate(self.menus.items()):
                offered = self._narrowing.offered(list(settled.values())[:index])
                options = tuple((str(word), word) for word in offered)
                if menu.options != options:
                    menu.options = options
                menu.value, menu.disabled = settled[kind], len(offered) == 1
        self._thing = self.found[0]

    def _moved(self, change) -> None:
        named = any(self.menus[kind] is change["owner"] for kind in self._narrowing.means)
        self.settle(self.chosen, None if named else self._thing)
        self._changed()


def sentences(told: Iterable[str]) -> str:
    """Sentences as HTML, a short paragraph each."""
    return "".join(f"<p style='margin:0 0 4px; line-height:1.4'>{escape(sentence)}</p>" for sentence in told)


def beside(*columns: Sequence[ipywidgets.Widget]) -> ipywidgets.Box:
    """Columns of widgets next to one another, or below where the page is too narrow."""
    return ipywidgets.Box([ipywidgets.VBox(list(column)) for column in columns],
                          layout=ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="flex-start"))


def _written(value: object) -> str:
    return "" if value is None else str(value)


def _look(name: str) -> dict:
    return {"description": name, "style": _NAMED, "layout": ipywidgets.Layout(width=WIDTH)}


def _called(made: ipywidgets.DOMWidget, name: str, tooltip: str) -> ipywidgets.DOMWidget:
    made.add_class(_css(name))
    setattr(made, "tooltip" if made.has_trait("tooltip") else "description_tooltip", tooltip)
    return made


def _css(name: str) -> str:
    """The class of a control by its name: ``images per class`` is ``dd-images-per-class``."""
    return "dd-" + re.sub(r"\W+", "-", name.lower()).strip("-")
