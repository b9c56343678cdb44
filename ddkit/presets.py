"""Named settings of the methods, each with what it departs from."""

from dataclasses import dataclass, fields

from ddkit import methods
from ddkit.errors import one_of, require


@dataclass(frozen=True)
class Preset:
    """Settings of a method.

    Attributes:
        values: what differs from the method's defaults.
        departures: sentences on where the setting departs from paper, code or course, and where those disagree.
    """

    values: dict
    departures: tuple[str, ...]


PRESETS: dict[str, dict[str, Preset]] = {"datadam": {}}


def get(method: str, preset: str) -> Preset:
    """The preset of that name.

    Raises:
        InputError: the method has none of that name.
    """
    methods.get(method)
    return PRESETS[method][one_of(preset, PRESETS[method], f"preset of {method}")]


def configure(method: str, preset: str, changes: dict):
    """The method's Config with the preset's values and then ``changes`` in place.

    Raises:
        InputError: a change names no knob of the method, or its value cannot work.
    """
    config = methods.get(method).Config
    values = get(method, preset).values | changes
    kinds = {f.name: f.type for f in fields(config)}
    for name, value in values.items():
        one_of(name, kinds, f"option of {method}")
        expected = {int: "a whole number", float: "a number", bool: "true or false", str: "a name"}[kinds[name]]
        fits = isinstance(value, (int, float) if kinds[name] is float else kinds[name])
        require(fits and (kinds[name] is bool or not isinstance(value, bool)), f"{name} must be {expected}, got {value!r}")
    return config(**values)


def departures(method: str, preset: str) -> list[str]:
    """What a preset prints when it is used."""
    return list(get(method, preset).departures)
