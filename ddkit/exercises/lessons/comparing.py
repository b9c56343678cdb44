"""Lesson 6: how PAD is held against its start, random images and attention matching, in numbers and in a picture."""

import math
import statistics
from collections.abc import Callable

import numpy as np
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import Generator, rand

from ddkit.exercises.checking import Exercise, Slip
from ddkit.exercises.owned import Wanted, judge
from ddkit.plots.looks import looks
from ddkit.plots.style import Picture, style
from ddkit.specs import Distill, Evaluate, RandomReal, Source, Start
from ddkit.training.leads import Lead

PROTOCOLS = ("assignment", "standard")  # that a comparison is made under


def leads(accuracies: dict[str, dict[str, list[float]]], first: str, second: str) -> dict[str, tuple[float, float]]:
    """How far ``first`` is above ``second`` in points, and the standard error of that, by protocol.

    Args:
        accuracies: in [0, 1], one for each seed, by protocol and set.
    """
    found = {protocol: Lead.of(*(dict(enumerate(sets[name])) for name in (first, second)), paired=False)
             for protocol, sets in accuracies.items()}
    return {protocol: (100 * lead.gap, 100 * lead.error) for protocol, lead in found.items()}


def _se(values: list[float], sd: Callable = statistics.stdev) -> float:
    return sd(values) / math.sqrt(len(values))


def _led(middle: Callable = statistics.fmean, error: Callable = lambda one, other: math.hypot(_se(one), _se(other)),
         made: Callable = lambda gap, error: (100 * gap, 100 * error)) -> Callable:
    """Leads with another middle, another error, or told otherwise."""
    def led(accuracies, first, second):
        pairs = {protocol: (sets[first], sets[second]) for protocol, sets in accuracies.items()}
        return {protocol: made(middle(one) - middle(other), error(one, other)) for protocol, (one, other) in
                pairs.items()}
    return led


def _scored(generator: Generator) -> list[dict[str, dict[str, list[float]]]]:
    """Accuracies of five seeds and of three, of three sets under two protocols."""
    return [{protocol: {name: rand(seeds, generator=generator).double().tolist()
                        for name in ("PAD", "its start", "DataDAM")} for protocol in PROTOCOLS} for seeds in (5, 3)]


_LEADS_SLIPS = {
    "these are fractions: a point is a hundredth of them": _led(made=lambda gap, error: (gap, error)),
    "the error is still a fraction: multiply it by 100 as well": _led(made=lambda gap, error: (100 * gap, error)),
    "the sign is turned round: a lead is the first less the second":
        lambda accuracies, first, second: leads(accuracies, second, first),
    "these are standard deviations, the spread of single networks; of a mean it is divided by the root of n":
        _led(error=lambda one, other: math.hypot(statistics.stdev(one), statistics.stdev(other))),
    "the variance is divided by n; of a few seeds it is divided by n - 1":
        _led(error=lambda one, other: math.hypot(*(_se(values, statistics.pstdev) for values in (one, other)))),
    "standard errors are added; their squares add, and the root of that is the error of a difference":
        _led(error=lambda one, other: _se(one) + _se(other)),
    "only the first set's error counts there: the second mean is uncertain, too": _led(error=lambda one, other: _se(
        one)),
    "the root is missing: that is the variance of the difference":
        _led(error=lambda one, other: _se(one) ** 2 + _se(other) ** 2),
    "that is the error of differences seed by seed; that of two means is asked for":
        _led(error=lambda one, other: _se([a - b for a, b in zip(one, other, strict=True)])),
    "that is the lead in standard errors; the lead in points is asked for, with its error beside it":
        _led(made=lambda gap, error: (gap / error, 100 * error)),
    "the best seeds are compared: compare means": _led(max),
    "medians are compared: compare means": _led(statistics.median),
    "one protocol alone is answered for: give the lead under each":
        lambda accuracies, first, second: leads(dict(list(accuracies.items())[:1]), first, second),
}


def table_and_figure(accuracies: dict[str, dict[str, list[float]]]) -> tuple[list[list], Picture]:
    """Rows of a table, and a figure of the same numbers.

    Args:
        accuracies: as for ``leads``; every set under every protocol.

    Returns:
        A row for each set: its name, n, then mean and standard error in % for each protocol.
    """
    return _table(accuracies), _figure(accuracies)


def _table(accuracies: dict, middle: Callable = statistics.fmean, spread: Callable = _se, unit: float = 100,
           counted: Callable = lambda values: [len(values)], turned: bool = False) -> list[list]:
    """The rows, with something done otherwise."""
    rows = []
    for name, values in next(iter(accuracies.values())).items():
        numbers = [[unit * middle(sets[name]), unit * spread(sets[name])] for sets in accuracies.values()]
        rows.append([name, *counted(values), *(x for pair in numbers for x in (pair[::-1] if turned else pair))])
    return rows


def _figure(accuracies: dict, errors: bool = True, names: bool = True, label: str = " (%)", protocols: bool = True,
            **how) -> Picture:
    rows = _table(accuracies, **how)
    shown = looks(dict.fromkeys(row[0] for row in rows)).values()
    with style():
        figure = Picture(figsize=(9, 3.4), layout="constrained")
        for index, (axes, protocol) in enumerate(zip(figure.subplots(1, len(accuracies)), accuracies, strict=True)):
            for place, (row, look) in enumerate(zip(rows, shown, strict=True)):
                mean, spread = row[2 + 2 * index : 4 + 2 * index]
                axes.errorbar(place, mean, spread if errors else None, capsize=4, markersize=8, **look.point)
            axes.set_xticks(range(len(rows)), [row[0] for row in rows] if names else [""] * len(rows))
            axes.margins(x=0.2)
            axes.set(ylabel="test accuracy" + label, title=protocol if protocols else "")
        figure.suptitle("PAD beside attention matching (mean ± standard error)", x=0.01, ha="left", size=11)
    return figure


def _written(figure: Figure) -> str:
    """All the words in a figure."""
    figure.draw_without_rendering()
    return " | ".join(text.get_text() for text in figure.findobj(Text) if text.get_visible())


def _bars(figure: Figure) -> list[tuple[float, float]]:
    """Of every error bar in a figure its middle and half its length, as told by the axis that it runs along."""
    found = []
    for part in (part for axes in figure.axes for part in axes.containers if isinstance(part, ErrorbarContainer)):
        along = [0] * part.has_xerr + [1] * part.has_yerr  # in the order of matplotlib's collections
        for axis, collection in zip(along, part[2], strict=True):
            ends = [[float(end[axis]) for end in segment] for segment in collection.get_segments() if len(segment)]
            found += [((first + last) / 2, abs(last - first) / 2) for first, last in ends]
    return found


def _shows(figure: Figure, accuracies: dict, numbers: int) -> bool:
    """Whether a figure has a bar for each of the table's means (1), with its standard error (2), but for rounding."""
    wanted = [pair for row in _table(accuracies) for pair in zip(row[2::2], row[3::2], strict=True)]
    return all(any(np.allclose(pair[:numbers], bar[:numbers], rtol=1e-3, atol=0.01) for bar in _bars(figure))
               for pair in wanted)


_FIGURE = {
    "the figure has no error bars: without them nobody sees which differences count":
        lambda figure, words, accuracies: any(isinstance(part, ErrorbarContainer) and part.has_yerr | part.has_xerr
                                              for axes in figure.axes for part in axes.containers),
    "no axis says that it is in %: name what it shows, and its unit":
        lambda figure, words, accuracies: any("%" in axes.get_ylabel() + axes.get_xlabel() for axes in figure.axes),
    "not every set is named in the figure": lambda figure, words, accuracies: all(
        name in words for sets in accuracies.values() for name in sets),
    "not every protocol is named in the figure, in a title or a legend":
        lambda figure, words, accuracies: all(protocol in words for protocol in accuracies),
    "the figure's error bars do not stand at the means of the table, in %":
        lambda figure, words, accuracies: _shows(figure, accuracies, 1),
    "the figure's error bars are not the standard errors of the table, in %: from its middle each reaches one of them "
    "up and one down":
        lambda figure, words, accuracies: _shows(figure, accuracies, 2),
}
_TWO = "two things are asked for, as a pair: the rows of the table, and a figure of matplotlib's or a Picture"


def _shown(make: Callable, accuracies: dict) -> list | None:
    """The rows; what the figure lacks is a Slip."""
    found = make(accuracies)
    if found is None:
        return None
    if not (isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], Figure)):
        raise Slip(_TWO)
    rows, figure = found
    words = _written(figure)  # once: to have them the figure is laid out
    lacking = [sentence for sentence, holds in _FIGURE.items() if not holds(figure, words, accuracies)]
    if lacking:
        raise Slip(lacking[0])
    return rows


def _rows(**how) -> Callable:
    return lambda accuracies: (_table(accuracies, **how), _figure(accuracies))


def _drawn(**how) -> Callable:
    return lambda accuracies: (_table(accuracies), _figure(accuracies, **how))


_TABLE_SLIPS = {
    "these are fractions: the table is in %": _rows(unit=1),
    "that is the standard deviation: the standard error of the mean is asked for": _rows(spread=statistics.stdev),
    "the variance is divided by n: of a few seeds it is divided by n - 1":
        _rows(spread=lambda values: _se(values, statistics.pstdev)),
    "medians stand in the table: means are asked for": _rows(middle=statistics.median),
    "the best seed stands in the table: the mean of all is asked for": _rows(middle=max),
    "n is missing: nobody can judge an error without it": _rows(counted=lambda values: []),
    "mean and standard error have changed places": _rows(turned=True),
    "a set is missing: each has a row": lambda accuracies: (_table(accuracies)[:-1], _figure(accuracies)),
    "a protocol is missing: each has its mean and its error": lambda accuracies: (
        [row[:-2] for row in _table(accuracies)], _figure(accuracies)),
    _TWO: _table,
    **dict(zip(_FIGURE, (_drawn(errors=False), _drawn(label=""), _drawn(names=False), _drawn(protocols=False),
                         _drawn(unit=1), _drawn(spread=statistics.stdev)), strict=True)),
}

EXERCISES = {
    "leads": Exercise(leads, lambda generator: [(scored, "PAD", "its start") for scored in _scored(generator)],
                      _LEADS_SLIPS),
    "table-and-figure": Exercise(table_and_figure, lambda generator: [(scored,) for scored in _scored(generator)],
                                 _TABLE_SLIPS, _shown, allowed=("Picture",)),
}


def _role(source: Source) -> tuple[str, object]:
    """What a set is in the comparison, and the run (by name: options may be said or left to the preset) or the size
    that it belongs to."""
    made, start = (source.of, True) if isinstance(source, Start) else (source, False)
    if isinstance(made, Distill) and made.method == "trajectory":
        return "start" if start else "PAD", (made.name, made.ipc)
    if isinstance(made, Distill) and made.method == "datadam" and not start:
        return "DataDAM", made.ipc
    return ("random", made.ipc) if isinstance(made, RandomReal) else ("else", None)


def _compared(specs: list) -> bool:
    return all(isinstance(spec, Evaluate) for spec in specs) and all(
        _fair([spec for spec in specs if spec.protocol == protocol]) for protocol in PROTOCOLS)


def _fair(specs: list[Evaluate]) -> bool:
    """Whether the four are there, of one size, before one judge."""
    roles = dict(_role(spec.of) for spec in specs)
    return (len(set(map(judge, specs))) == 1 and {"PAD", "start", "DataDAM", "random"} <= roles.keys()
            and roles["PAD"] == roles["start"] and {roles["DataDAM"], roles["random"]} == {roles["PAD"][1]})


RECORDS = {"compared": Wanted(
    "evaluations of PAD, its start, random real images and DataDAM, all of one size, before one judge, under both "
    f"protocols ({' and '.join(PROTOCOLS)})", _compared)}
