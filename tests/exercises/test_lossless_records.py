"""Lesson 8 asks for a set of a size that did not come with ddkit by its method, and for the evaluation of that very
set."""

from dataclasses import replace

import pytest

from ddkit.course import lossless
from ddkit.course.profiles import profile
from ddkit.exercises import records
from ddkit.exercises.lessons.lossless import came_with_ddkit
from ddkit.runs import REFERENCE
from ddkit.specs import Distill, Evaluate, RandomReal

FITS = records()["own-size"].fits
NEW, KNOWN = Distill("mnist", ipc=3), Distill("mnist", ipc=10)
KIP_50 = Distill("mnist", "kip", ipc=50, seed=9)


def test_the_sizes_that_came_are_those_of_the_records():
    assert came_with_ddkit("mnist", "datadam") == {1, 2, 5, 10, 20}
    assert came_with_ddkit("mnist", "kip") == {1, 10, 50}
    assert came_with_ddkit("digits", "datadam") == set()


def test_what_the_lesson_shows_as_not_made_is_a_size_of_ones_own(only_reference):
    chosen = profile("laptop")
    for name, row in lossless.records(chosen, root=REFERENCE).items():
        for ipc in chosen.lossless_ipcs if name != "random real" else ():
            judged = lossless.evaluation(chosen, name, ipc)
            assert FITS([judged.of, judged]) is (ipc not in row)


@pytest.mark.parametrize(("specs", "fits"), [
    ([NEW, Evaluate(NEW)], True),
    ([NEW, Evaluate(NEW), Evaluate(RandomReal("mnist", 3))], True),
    ([KNOWN, Evaluate(KNOWN)], False),
    ([replace(KNOWN, seed=5), Evaluate(replace(KNOWN, seed=5))], False),
    ([replace(KNOWN, ipc=50), Evaluate(replace(KNOWN, ipc=50))], True),
    ([KIP_50, Evaluate(KIP_50, "kernel", "NTK")], False),
    ([NEW], False),
    ([Evaluate(NEW)], False),
    ([NEW, Evaluate(replace(NEW, seed=1))], False),
    ([NEW, Evaluate(RandomReal("mnist", 3))], False),
    ([Distill("digits", ipc=10), Evaluate(Distill("digits", ipc=10))], True)])
def test_a_set_of_a_new_size_and_its_evaluation(specs, fits):
    assert FITS(specs) is fits
