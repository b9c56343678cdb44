"""What the exercises know: the right function passes, every typical slip is named, and what is borrowed is told."""

import logging
import re
import sys
from bisect import bisect_left as bisect
from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from tqdm import tqdm

from ddkit.exercises import check, checking, exercises, marks, practice
from ddkit.exercises.checking import Exercise, Slip
from ddkit.methods.matching.datadam import attention_map

ALL = exercises() | practice()
SLIPS = [(name, sentence) for name, exercise in ALL.items() for sentence in exercise.slips]


@pytest.mark.parametrize("name", ALL)
def test_the_right_function_passes(name):
    assert checking.compare(ALL[name], ALL[name].right)


@pytest.mark.parametrize(("name", "sentence"), SLIPS)
def test_a_slip_is_named(name, sentence):
    with pytest.raises(Slip, match=re.escape(sentence)):
        checking.compare(ALL[name], ALL[name].slips[sentence])


def test_a_lesson_with_exercises_knows_ten_slips():
    by_lesson = Counter(marks.named(name).lesson for name, _ in SLIPS if name in exercises())
    assert min(by_lesson.values()) >= 10, by_lesson
    assert all(len(exercise.slips) >= 10 for exercise in practice().values())


@pytest.mark.parametrize("name", practice())
def test_what_is_for_practice_says_so(name, capsys):
    right = practice()[name].right
    checking.check(name, replace(practice()[name], allowed=(right.__name__,)), right)
    assert "right (for practice: no mark)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ALL)
def test_what_is_not_written_yet_is_told_and_is_no_error(name, capsys):
    def stub(*arguments):
        ...

    def raising(*arguments):
        raise NotImplementedError

    for unwritten in (stub, raising):
        check(name, unwritten)
        told = capsys.readouterr()
        assert "not solved yet" in told.err and not told.out


@pytest.mark.parametrize("name", ALL)
def test_what_is_wrong_otherwise_is_told_with_both_values(name):
    def wrong(*arguments):
        ...

    def tried(function, *arguments):
        return torch.tensor(-123.0) if function is wrong else ALL[name].tried(function, *arguments)

    with pytest.raises(Slip, match="expected"):
        checking.compare(replace(ALL[name], slips={}, tried=tried), wrong)


@pytest.mark.parametrize("name", ALL)
def test_a_function_that_fails_is_named_with_its_error(name):
    def broken(*arguments):
        raise KeyError("apple")

    with pytest.raises(Slip, match="KeyError: 'apple'"):
        checking.compare(ALL[name], broken)


class TestBorrowing:
    def test_the_packages_function_under_another_name(self):
        my_map = attention_map
        with pytest.raises(Slip, match="attention_map"):
            check("attention-map", my_map)

    def test_a_function_that_calls_the_packages(self):
        with pytest.raises(Slip, match="attention_map"):
            check("attention-map", lambda features, power: attention_map(features, power))

    def test_one_that_imports_it(self):
        def mine(features, power):
            from ddkit.methods.matching import datadam
            return datadam.attention_map(features, power)

        with pytest.raises(Slip, match=r"ddkit\.methods\.matching"):
            check("attention-map", mine)

    def test_one_that_calls_another_of_the_notebook_that_calls_it(self):
        with pytest.raises(Slip, match="attention_map"):
            check("attention-map", by_another)

    @pytest.mark.parametrize("code", [
        'TOOLS = {"k": theirs}\ndef mine(f, p):\n    return TOOLS["k"](f, p)',
        'TOOLS = [1, (2, [theirs])]\ndef mine(f, p):\n    return TOOLS[1][1][0](f, p)',
        'import types\nTOOLS = types.SimpleNamespace(k=theirs)\ndef mine(f, p):\n    return TOOLS.k(f, p)',
        'class Tool:\n    k = staticmethod(theirs)\ndef mine(f, p):\n    return Tool.k(f, p)',
        'class Tool:\n    def __init__(self):\n        self.k = theirs\ntool = Tool()\n'
        'def mine(f, p):\n    return tool.k(f, p)',
        'class Tool:\n    k = {1: theirs}\n    def work(self, f, p):\n        return self.k[1](f, p)\n'
        'mine = Tool().work',
        'class Tool:\n    def work(self, f, p):\n        return theirs(f, p)\ntool = Tool()\n'
        'def mine(f, p):\n    return tool.work(f, p)',
        'class Tool:\n    def __init__(self):\n        self.k = theirs\n    def __call__(self, f, p):\n'
        '        return self.k(f, p)\nmine = Tool()',
        'import torch\n@torch.no_grad()\ndef mine(f, p):\n    return theirs(f, p)',
        'import functools\nTOOLS = {}\nTOOLS["all"] = TOOLS\nTOOLS["k"] = functools.partial(theirs)\n'
        'def mine(f, p):\n    return TOOLS["all"]["k"](f, p)'])
    def test_one_that_keeps_it_in_a_container_or_an_object(self, code):
        for theirs in (attention_map, plain_map):
            names = {"__name__": "__main__", "theirs": theirs}
            exec(code, names)
            assert checking._called(names["mine"]) == ({"attention_map"} if theirs is attention_map else set())

    def test_data_of_ddkits_and_others_functions_in_containers_are_no_borrowing(self):
        others = [torch.relu, np.mean, re.sub, torch.nn.Linear(1, 1)]
        names = {"__name__": "__main__", "given": {"a": Exercise(attention_map, list), "b": others}}
        exec("def mine(f, p):\n    return given", names)
        assert checking._called(names["mine"]) == set()

    @pytest.mark.parametrize("way", ["partial", "argument", "default", "keyword", "closure", "twice", "object",
                                     "method"])
    def test_one_that_holds_it(self, way):
        with pytest.raises(Slip, match="leaves the work to ddkit's attention_map"):
            check("attention-map", holding(attention_map)[way])

    def test_one_that_holds_another_of_the_notebook(self):
        for mine in holding(plain_map).values():
            check("attention-map", mine)

    def test_what_is_allowed_is_not_told(self):
        exercise = Exercise(attention_map, ALL["attention-map"].trials, allowed=("attention_map",))
        checking.check("attention-map", exercise, lambda features, power: attention_map(features, power))

    def test_something_that_is_no_function(self):
        with pytest.raises(Slip, match="a function"):
            check("attention-map", 3.0)


def helper(features, power):
    return attention_map(features, power)


def by_another(features, power):
    return helper(features, power)


def plain_map(features, power):
    features = features.abs().pow(power).sum(1).flatten(1)
    return features / features.norm(dim=1, keepdim=True)


def holding(theirs):
    """Ways to leave the work to a function without naming it where it is called."""
    def default(features, power, work=theirs):
        return work(features, power)

    def keyword(features, power, *, work=theirs):
        return work(features, power)

    def around(work):
        return lambda features, power: work(features, power)

    class Held:
        def __call__(self, features, power):
            return theirs(features, power)

    def given(work, features, power):
        return work(features, power)

    return {"partial": partial(theirs), "argument": partial(given, theirs), "default": default, "keyword": keyword,
            "closure": around(theirs), "twice": around(around(partial(theirs))), "object": Held(),
            "method": Held().__call__}


def test_a_slip_is_one_line_in_a_notebook():
    assert Slip("the norm is missing")._render_traceback_() == ["Not yet: the norm is missing"]


def test_ends_of_an_interval_may_be_an_array():
    def found(measure, x, y, draws):
        return np.nanquantile([float(measure(x[row], y[row])) for row in draws], (0.025, 0.975))

    assert checking.compare(ALL["interval"], found)


def test_one_hot_labels_have_every_class_even_where_none_of_the_images_has_it():
    def loss(S, Y_s, T, labels, kernel, lam):
        K_ss = kernel(S, S)
        weights = torch.linalg.solve(K_ss + lam * K_ss.trace() / len(S) * torch.eye(len(S)).double(), Y_s)
        hot = torch.nn.functional.one_hot(labels).double()
        return (kernel(T, S) @ weights - hot + 1 / Y_s.shape[1]).square().sum(1).mean()

    with pytest.raises(Slip, match="RuntimeError"):
        checking.compare(ALL["kip-loss"], loss)


def test_bisection_may_look_once_more_than_it_needs_and_no_more():
    def found(more):
        def find(sizes, inside):
            low = bisect(sizes, True, key=inside)
            for size in sizes[-1:] * more:
                inside(size)
            return sizes[low] if low < len(sizes) else None
        return find

    assert checking.compare(ALL["bisection"], found(more=1))
    with pytest.raises(Slip, match=r"'more than 5 looks'.*'at most 5 looks'"):
        checking.compare(ALL["bisection"], found(more=2))


@pytest.mark.parametrize("solved", [True, False])
def test_what_a_function_says_on_stderr_and_logs_is_kept_out_of_its_check(capfd, caplog, solved):
    def mine(features, power):
        print("working", file=sys.stderr)
        logging.warning("very slow")
        for _ in tqdm(range(3)):
            pass
        return plain_map(features, power) if solved else None

    check("attention-map", mine)
    told = capfd.readouterr()
    assert (told.out, told.err) == (("attention-map: right (1 mark)\n", "") if solved else
                                    ("", "attention-map: not solved yet\n"))
    logging.warning("heard again")
    assert [record.message for record in caplog.records] == ["heard again"]


def test_arguments_that_a_function_changes_are_its_own():
    def changing(features, power):
        features = features.abs_().pow_(power).sum(1).flatten(1)
        return features / features.norm(dim=1, keepdim=True)

    assert checking.compare(ALL["attention-map"], changing)


@pytest.mark.parametrize(("one", "other", "equal"), [
    (1, 1.0, True), (torch.tensor(2.0), 2.0, True), ([1, 2.0], (1, 2.0), True), ({"a": 1}, {"a": 1}, True),
    ("x", "x", True), (None, None, True), (1.0, 1.1, False), (torch.ones(2), torch.ones(3), False), ("x", 1.0, False),
    ([1], [1, 2], False), ({"a": 1}, {"b": 1}, False), (torch.tensor(float("nan")), 1.0, False),
    (1.0, torch.tensor(float("nan")), False), (torch.tensor(float("nan")), torch.tensor(float("nan")), True),
    (torch.tensor(float("inf")), torch.tensor(float("inf")), True), (np.array([1.0, 2.0]), [1.0, 2.0], True),
    (np.array([1.0, 2.0]), [2.0, 1.0], False), (np.array([1.0, 2.0]), torch.tensor([1.0, 2.0]), True),
    (np.array([1.0]), None, False), (np.array([1.0]), {"a": 1.0}, False), (np.array([20000]), [20001], False),
    (torch.tensor([20000, 1]), [20000, 1], True), (torch.tensor([True]), [1], True),
    (torch.tensor([3]), [3.0], True), (torch.tensor([20000.0]), [20000.5], True)])
def test_what_is_the_same(one, other, equal):
    assert checking.same(one, other) is equal
