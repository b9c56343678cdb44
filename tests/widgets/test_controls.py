"""Controls: made from a knob's one declaration, named for eyes and keyboards, refusing in the knob's own words."""

import io
import subprocess
import sys

import ipywidgets
import pytest
from matplotlib.figure import Figure
from PIL import Image

from ddkit import methods
from ddkit.foundation.errors import InputError
from ddkit.foundation.knobs import declared
from ddkit.widgets import controls, pictures

KNOBS = [pytest.param(knob, id=f"{method}-{knob.name}")
         for method in methods.METHODS for knob in declared(methods.get(method).Config)]
NUMBERS = [param for param in KNOBS if param.values[0].kind in (int, float)]


def tooltip(widget) -> str:
    return widget.tooltip if widget.has_trait("tooltip") else widget.description_tooltip


def problem(field: controls.Field) -> str:
    return field.view.children[1].value


@pytest.mark.parametrize("knob", KNOBS)
def test_every_knob_of_every_method_has_a_control_that_holds_its_default(knob):
    field = controls.Field(knob, knob.default)
    assert field.value == knob.default and type(field.value) is type(knob.default)
    assert field.right and problem(field) == ""
    assert field.control.description == knob.name and knob.knob.doc in tooltip(field.control)
    assert f"dd-{knob.name}" in field.control._dom_classes


@pytest.mark.parametrize("knob", NUMBERS)
@pytest.mark.parametrize("written", ["fast", "nan", "1e400"])
def test_what_a_knob_refuses_stands_beside_its_field_in_its_own_sentence(knob, written):
    field = controls.Field(knob, knob.default)
    field.control.value = written
    with pytest.raises(InputError) as refused:
        field.value  # noqa: B018
    assert str(refused.value).startswith(knob.name) and problem(field) and not field.right
    field.control.value = "" if knob.default is None else str(knob.default)
    assert field.right and problem(field) == ""


@pytest.mark.parametrize("knob", NUMBERS)
def test_nothing_written_is_none_where_the_knob_may_be_none(knob):
    field = controls.Field(knob, knob.default)
    field.control.value = ""
    assert field.right == knob.optional
    assert not knob.optional or field.value is None


def test_numbers_are_read_as_people_write_them():
    knob = next(k for k in declared(methods.get("datadam").Config) if k.name == "networks")
    field = controls.Field(knob, knob.default)
    for written, meant in (("1e3", 1000), (" 20 ", 20), ("3.0", 3)):
        field.control.value = written
        assert field.value == meant and type(field.value) is int
    field.control.value = "0"
    assert "networks must be at least 1" in problem(field)


def test_what_a_user_wrote_cannot_be_markup():
    knob = declared(methods.get("datadam").Config)[0]
    field = controls.Field(knob, knob.default)
    field.control.value = "<script>alert(1)</script>"
    assert "&lt;script&gt;" in problem(field) and "<script>" not in problem(field)


@pytest.mark.parametrize("made", [
    lambda: controls.menu("data set", "which", ["a", "b"]), lambda: controls.steps("update", "when", [("0", 0)], 0),
    lambda: controls.whole("seeds", "how many", 1, 5, 3), lambda: controls.number("p", "power", 1, 16, 4, 0.5),
    lambda: controls.switch("augmented", "or not", True), lambda: controls.button("Run it", "now", lambda: None)])
def test_every_control_has_a_name_a_tooltip_and_a_class(made):
    control = made()
    assert control.description and tooltip(control)
    assert [name for name in control._dom_classes if name.startswith("dd-")]


def test_a_button_does_what_it_says():
    done = []
    controls.button("Run", "now", lambda: done.append(1)).click()
    assert done == [1]


def test_pictures_carry_their_words():
    shown, figure = pictures.Shown(), Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([1, 2])
    drawn = pictures.drawn(figure)
    assert Image.open(io.BytesIO(drawn)).size == (100, 50)
    shown.show(drawn, 'a "line" & more')
    assert 'alt="a &quot;line&quot; &amp; more"' in shown.value and "data:image/png;base64," in shown.value
    shown.tell("nothing <yet>")
    assert shown.value == "<p>nothing &lt;yet&gt;</p>" and isinstance(shown, ipywidgets.HTML)


def test_neither_the_package_nor_the_command_line_loads_widgets():
    code = ("import sys, ddkit; from ddkit.__main__ import main; main(['distill', '--ipc', '0']); "
            "sys.exit(10 + any(name in sys.modules for name in ('ipywidgets', 'ddkit.widgets')))")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 10
