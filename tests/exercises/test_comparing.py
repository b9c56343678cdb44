"""Lesson 6: any figure with the table's means and standard errors is taken, however it is drawn."""

import statistics

import pytest
from matplotlib.figure import Figure

from ddkit.exercises import checking, exercises
from ddkit.exercises.checking import Slip
from ddkit.exercises.lessons.comparing import table_and_figure

EXERCISE = exercises()["table-and-figure"]


def numbers(accuracies, unit=100.0):
    """Of each protocol the sets' means and standard errors."""
    return {protocol: [(unit * statistics.fmean(values), unit * statistics.stdev(values) / len(values) ** 0.5)
                       for values in sets.values()] for protocol, sets in accuracies.items()}


def as_bars(accuracies, unit=100.0, reach=1.0):
    figure, names = Figure(), list(accuracies["standard"])
    for axes, (protocol, told) in zip(figure.subplots(1, 2), numbers(accuracies, unit).items(), strict=True):
        axes.bar(names, [mean for mean, _ in told], yerr=[reach * error for _, error in told])
        axes.set(title=protocol, ylabel="accuracy (%)")
    return figure


def lying(accuracies):
    figure, names = Figure(), list(accuracies["standard"])
    axes = figure.subplots()
    for protocol, told in numbers(accuracies).items():
        axes.barh(names, [mean for mean, _ in told], xerr=[error for _, error in told], label=protocol)
    axes.set_xlabel("accuracy (%)")
    axes.legend()
    return figure


def across_and_up(accuracies):
    figure, names = Figure(), list(accuracies["standard"])
    for axes, (protocol, told) in zip(figure.subplots(1, 2), numbers(accuracies).items(), strict=True):
        for name, (mean, error) in zip(names, told, strict=True):
            axes.errorbar(0.3, mean, yerr=error, xerr=0.1, label=name, fmt="s")
        axes.set(title=protocol, ylabel="accuracy (%)")
        axes.legend()
    return figure


def drawn(figure, **how):
    return lambda accuracies: (table_and_figure(accuracies)[0], figure(accuracies, **how))


@pytest.mark.parametrize("figure", [as_bars, lying, across_and_up])
def test_figures_that_show_the_tables_numbers(figure):
    assert checking.compare(EXERCISE, drawn(figure))


@pytest.mark.parametrize(("how", "sentence"), [
    ({"unit": 1.0}, "do not stand at the means"), ({"reach": 5**0.5}, "are not the standard errors"),
    ({"reach": 1.96}, "are not the standard errors"), ({"unit": 1.0, "reach": 100.0}, "do not stand at the means")])
def test_a_figure_of_other_numbers_than_the_tables_is_told(how, sentence):
    with pytest.raises(Slip, match=sentence):
        checking.compare(EXERCISE, drawn(as_bars, **how))


def test_rows_may_be_tuples_and_errors_zero():
    def mine(accuracies):
        rows, figure = table_and_figure(accuracies)
        return [tuple(row) for row in rows], figure

    assert checking.compare(EXERCISE, mine)
