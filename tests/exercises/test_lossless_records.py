"""Lesson 8 asks for a set of a size that did not come with ddkit, and for the evaluation of that very set."""

from dataclasses import replace

import pytest

from ddkit.exercises import records
from ddkit.exercises.lessons.lossless import came_with_ddkit
from ddkit.specs import Distill, Evaluate, RandomReal

FITS = records()["own-size"].fits
NEW, KNOWN = Distill("mnist", ipc=3), Distill("mnist", ipc=10)


def test_the_sizes_that_came_are_those_of_the_records():
    assert {1, 2, 5, 10} <= came_with_ddkit("mnist") and 3 not in came_with_ddkit("mnist")
    assert came_with_ddkit("digits") == set()


@pytest.mark.parametrize(("specs", "fits"), [
    ([NEW, Evaluate(NEW)], True),
    ([NEW, Evaluate(NEW), Evaluate(RandomReal("mnist", 3))], True),
    ([KNOWN, Evaluate(KNOWN)], False),
    ([replace(KNOWN, seed=5), Evaluate(replace(KNOWN, seed=5))], False),
    ([NEW], False),
    ([Evaluate(NEW)], False),
    ([NEW, Evaluate(replace(NEW, seed=1))], False),
    ([NEW, Evaluate(RandomReal("mnist", 3))], False),
    ([Distill("digits", ipc=10), Evaluate(Distill("digits", ipc=10))], True)])
def test_a_set_of_a_new_size_and_its_evaluation(specs, fits):
    assert FITS(specs) is fits
