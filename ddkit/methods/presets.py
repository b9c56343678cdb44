"""The named settings of all methods, which stand with each: looked up, completed and refused by name."""

from ddkit import methods
from ddkit.data import whole_of
from ddkit.foundation.errors import one_of
from ddkit.foundation.knobs import Knobs, declared
from ddkit.methods.method import Preset


def get(method: str, preset: str, dataset: str = "") -> Preset:
    """The preset of that name, as it is on the data set or some classes of it.

    Raises:
        InputError: the method has none of that name.
    """
    known = methods.get(method).PRESETS
    found = known[one_of(preset, known, f"preset of {method}")]
    more = found.on.get(whole_of(dataset), Preset({}, ()))
    return Preset(found.values | more.values, found.departures + more.departures, form=found.form)


def usual(method: str) -> str:
    """The preset where none is named: ``course`` if the method has it, else its first."""
    known = methods.get(method).PRESETS
    return "course" if "course" in known else next(iter(known))


def form(method: str, preset: str) -> tuple[str, dict]:
    """The form of a set that a preset is meant for, and the form's options; pixels of one that there is not."""
    known = methods.METHODS[method].PRESETS if isinstance(method, str) and method in methods.METHODS else {}
    found = known[preset].form if isinstance(preset, str) and preset in known else None
    name, options = found or ("pixels", {})
    return name, dict(options)


def configure(method: str, preset: str, changes: dict, dataset: str = "") -> Knobs:
    """The method's Config with the preset's values on the data set and then ``changes`` in place.

    Raises:
        InputError: a change names no knob of the method, or its value cannot work.
    """
    config = methods.get(method).Config
    values = get(method, preset, dataset).values | changes
    known = [knob.name for knob in declared(config)]
    for name in values:
        one_of(name, known, f"option of {method}")
    return config(**values)


def departures(method: str, preset: str, dataset: str = "") -> list[str]:
    """What a preset prints when it is used on the data set."""
    return list(get(method, preset, dataset).departures)
