"""A knob is declared once: its type, bounds, unit, a line of doc, and the symbol that its paper gives it.

    @dataclass(frozen=True)
    class Config(Knobs):
        image_lr: Annotated[float, Gt(0), Knob("learning rate of the images", "eta_S")] = 0.1

From that declaration come the check and its sentence (here), the flag and its help (``cli.flags``), and the table that
lessons show (``plots.tables.knobs``). Bounds are those of ``annotated_types``; choices are a ``Literal``.
"""

import json
import operator
from dataclasses import dataclass, fields
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt

from ddkit.foundation.errors import LARGEST, MOST, one_of, require

Bound = Ge | Gt | Le | Lt
_WORDS = {Ge: "at least", Gt: "above", Le: "at most", Lt: "below"}
_KINDS = {int: "a whole number", float: "a number, at most 1e30", bool: "true or false", str: "a name"}


@dataclass(frozen=True)
class Knob:
    """What a declaration says to people: a line of doc, the paper's symbol, the unit."""

    doc: str
    symbol: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Declared:
    """A knob as its declaration has it.

    Attributes:
        name, default: of the field.
        kind: int, float, bool or str.
        optional: whether None may stand for it.
        choices: the only values, if these are names.
        bounds: the ``Ge``, ``Gt``, ``Le`` and ``Lt`` that numbers keep.
        knob: the rest.
    """

    name: str
    default: Any
    kind: type
    optional: bool
    choices: tuple[str, ...]
    bounds: tuple[Bound, ...]
    knob: Knob

    def value(self, value: object) -> object:
        """The value as the knob's kind: a whole number may be written as 1e3, and a number as 5.

        Raises:
            InputError: it is of another kind, or beyond the bounds.
        """
        if value is None and self.optional:
            return None
        if self.kind is int and type(value) is float and value.is_integer():
            value = int(value)
        fits = type(value) in ((int, float) if self.kind is float else (self.kind,))
        if fits and self.kind in (int, float):
            fits = abs(value) < MOST if self.kind is int else abs(value) <= LARGEST
        require(fits, f"{self.name} must be {_KINDS[self.kind]}, got {repr(value)[:60]}")
        if self.choices:
            return one_of(value, self.choices, self.name)
        require(all(_kept(value, bound) for bound in self.bounds), f"{self.name} must {self.limits}, got {value}")
        return self._written(value) if self.kind is float else value

    def _written(self, value: float) -> float:
        """A number, if whole, as the default is written: names of runs hold it, and 5 and 5.0 are one."""
        return int(value) if type(self.default) is int and value == int(value) else float(value)

    @property
    def limits(self) -> str:
        """The bounds in words, as what follows ``must``; empty where there are none."""
        low, high = (next((b for b in self.bounds if isinstance(b, kinds)), None) for kinds in ((Ge, Gt), (Le, Lt)))
        if isinstance(low, Ge) and isinstance(high, Le):
            return f"be from {low.ge:g} to {high.le:g}"
        if high is None and low in (Gt(0), Ge(0)):
            return "be positive" if low == Gt(0) else "not be negative"
        return "be " + " and ".join(_in_words(bound) for bound in (low, high) if bound) if low or high else ""

    @property
    def told(self) -> str:
        """What it is, in a line: symbol, doc, unit, default."""
        default = json.dumps(self.default) if self.kind is bool else self.default
        return (f"{self.knob.symbol}: " * bool(self.knob.symbol) + self.knob.doc + f" [{self.knob.unit}]" * bool(
            self.knob.unit) + f" (default {default})")


def _kept(value: float, bound: Bound) -> bool:
    """Whether a value keeps a bound, as in ``value >= bound.ge``."""
    name = type(bound).__name__.lower()
    return getattr(operator, name)(value, getattr(bound, name))


def _in_words(bound: Bound) -> str:
    return f"{_WORDS[type(bound)]} {getattr(bound, type(bound).__name__.lower()):g}"


class Knobs:
    """Base of frozen dataclasses whose fields are knobs: every value is checked when one is made."""

    def __post_init__(self) -> None:
        for knob in declared(type(self)):
            object.__setattr__(self, knob.name, knob.value(getattr(self, knob.name)))
        self.check()

    def check(self) -> None:
        """Raise InputError where values that are right by themselves do not go together."""


@lru_cache
def declared(config: type[Knobs]) -> tuple[Declared, ...]:
    """The knobs of a config, in the order of its fields; one that declares a type only has neither bounds nor doc."""
    hints = get_type_hints(config, include_extras=True)
    return tuple(_declared(field, hints[field.name]) for field in fields(config))


def _declared(field, hint) -> Declared:
    plain, *said = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    kinds = [kind for kind in (get_args(plain) or (plain,)) if kind is not NoneType]
    choices = get_args(plain) if get_origin(plain) is Literal else ()
    return Declared(field.name, field.default, str if choices else kinds[0], NoneType in get_args(plain), choices,
                    tuple(one for one in said if isinstance(one, Bound)),
                    next((one for one in said if isinstance(one, Knob)), Knob("")))
