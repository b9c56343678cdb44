"""A flag for every knob of every method, or of a plan, with its help, made from the knobs' declarations."""

import argparse
from collections import defaultdict

from ddkit.cli.options import read, words_of
from ddkit.foundation.knobs import Declared, Knobs, declared
from ddkit.methods import METHODS

OF_THE_SPEC = ("network", "width", "updates", "precision")  # knobs that every distillation has as options of its own


def add_knobs(parser: argparse.ArgumentParser) -> None:
    """One flag a knob, in a group for each method; a knob of several methods stands in a group before these."""
    owners: dict[str, dict[str, Declared]] = defaultdict(dict)
    for method, found in sorted(METHODS.items()):
        for knob in declared(found.Config):
            if knob.name not in OF_THE_SPEC:
                owners[knob.name][method] = knob
    groups = {"several methods": parser.add_argument_group("knobs of several methods")}
    for by_method in owners.values():
        title = "several methods" if len(by_method) > 1 else next(iter(by_method))
        group = groups.get(title) or groups.setdefault(title, parser.add_argument_group(f"knobs of {title}"))
        _add(group, next(iter(by_method.values())), _help(by_method))


def _add(group, knob: Declared, text: str) -> None:
    group.add_argument(f"--{knob.name.replace('_', '-')}", dest=f"knob_{knob.name}", metavar=_metavar(knob),
                       help=text.replace("%", "%%"), default=argparse.SUPPRESS)


def knobs_of(options) -> dict[str, str]:
    """What was given by such flags, as text."""
    return {name.removeprefix("knob_"): value for name, value in vars(options).items() if name.startswith("knob_")}


def add_plan(parser: argparse.ArgumentParser, plan: type[Knobs]) -> None:
    """One flag for each knob of a plan."""
    group = parser.add_argument_group("knobs of the plan")
    for knob in declared(plan):
        _add(group, knob, knob.told)


def plan_of(options, plan: type[Knobs]) -> Knobs:
    """The plan with what was given by such flags in place.

    Raises:
        InputError: a value cannot work.
    """
    return plan(**read([], "", words_of(plan), **knobs_of(options)))


def presets() -> str:
    """The presets of every method, for a help text."""
    return "; ".join(f"{', '.join(found.PRESETS)} of {method}" for method, found in sorted(METHODS.items()))


def _metavar(knob: Declared) -> str:
    return {int: "N", float: "X", bool: "true|false", str: "|".join(knob.choices) or "NAME"}[knob.kind]


def _help(by_method: dict[str, Declared]) -> str:
    """What the knob means and where it begins, once for all methods that say the same."""
    told = defaultdict(list)
    for method, knob in by_method.items():
        told[knob.told].append(method)
    parts = [f"{text} ({', '.join(methods)})" if len(by_method) > 1 else text for text, methods in told.items()]
    return "; ".join(parts)
