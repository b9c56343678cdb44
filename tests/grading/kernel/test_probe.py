"""A submission that changes the checks earns nothing by it, and an honest one is never taken for such."""

import contextlib
import io
import re
from pathlib import Path

import nbformat
import pytest
import torch
from strange_cells import check, exercise

import ddkit
from ddkit import exercises
from ddkit.grading.kernel import probe

NOTEBOOKS = sorted((Path(ddkit.__file__).parents[1] / "notebooks").glob("0*.ipynb"))
LESSONS = {path.stem: [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"] for path in NOTEBOOKS}
CHECKS = {cell.id: cell.source for cells in LESSONS.values() for cell in cells
          if cell.metadata.get("nbgrader", {}).get("locked")}
SOLVED = sorted(set(CHECKS) & set(exercises.exercises()))
START = "import torch\nimport ddkit\nfrom ddkit import exercises"
RIGHT = "def my_updates(epochs, images, batch):\n    return epochs * -(-images // batch)"
UNSOLVED = "def my_updates(epochs, images, batch):\n    ..."
WRONG = "def my_updates(epochs, images, batch):\n    return 6"
CHECK = CHECKS["updates"]
PLAIN = "assert my_updates(2, 10, 4) == 6\nassert abs(my_updates(3, 8, 4) - 6) < 1e-6"
CHANGES = {
    "exercises.check": "exercises.check = lambda *given: None",
    "the module of the checks": "from ddkit.exercises import checking\nchecking.compare = lambda *given: True",
    "the comparison": "from ddkit.exercises import checking\nchecking.same = lambda *given: True",
    "torch.allclose": "torch.allclose = lambda *given, **named: True",
    "the errors": "from ddkit.exercises import checking\nchecking._slip = checking._difference = lambda *given: exit()",
    "sys.stderr": "import sys, io\nsys.stderr = io.StringIO()",
    "the word that is not said": "from ddkit.exercises import checking\nchecking.print = lambda *given, **named: None",
    "the shell": "shell = get_ipython()\nwas = shell.run_cell\n"
                 "shell.run_cell = lambda source, *a, **k: was('' if 'exercises.check' in source else source, *a, **k)",
    "the code of cells": "get_ipython().input_transformers_cleanup.append(\n"
                         "    lambda lines: [] if any('exercises.check' in line for line in lines) else lines)",
    "its name": "class exercises:\n    check = staticmethod(lambda *given: None)",
    "what tells a function by its name": "from ddkit import exercises as _own\n"
                                         "_was = _own.check\n"
                                         "_own.check = lambda name, f: f.__name__ == 'my_updates' or _was(name, f)",
}
CHANGES["the right function"] = """
import dataclasses
from ddkit.exercises import lessons
from ddkit.foundation.finding import modules_in
for module in modules_in(lessons):
    if "updates" in getattr(module, "EXERCISES", {}):
        module.EXERCISES["updates"] = dataclasses.replace(module.EXERCISES["updates"], right=lambda *given: 6)
"""


def fails(code: str, names: dict) -> bool:
    """Whether code ends with an error, or says something on stderr."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(compile(code, "check", "exec"), names)
        except Exception:
            return True
    return bool(said.getvalue())


def solved(name: str) -> dict:
    """The names of a lesson before the check of that name: what it imports, and the solutions of its exercises."""
    cells = next(cells for cells in LESSONS.values() if any(cell.id == name for cell in cells))
    names: dict = {"__name__": "__main__"}
    for cell in cells:
        body = [node for node in probe.ast.parse(re.sub("^[%!].*", "", cell.source, flags=re.MULTILINE)).body
                if isinstance(node, probe.ast.Import | probe.ast.ImportFrom)
                or (cell.id.startswith("exercise-") and isinstance(node, probe.ast.FunctionDef))]
        exec(compile(probe.ast.Module(body, []), name, "exec"), names)
    return names


@pytest.mark.parametrize("name", SOLVED)
def test_every_check_of_the_lessons_notices_wrong_functions(name):
    """So that an honest solution is never taken for a changed check."""
    names = solved(name)
    given = dict(names)
    assert not fails(CHECKS[name], dict(names))
    tried = probe.trials(CHECKS[name], set())
    assert len(tried) == 4  # two wrong functions, for ddkit's check and for the hidden tests
    assert all(fails(code, names) for code in tried)
    assert names.keys() == given.keys() and all(names[one] is given[one] for one in given)  # every name is put back


@pytest.mark.parametrize("name", sorted(set(CHECKS) & set(exercises.records())))
def test_every_check_of_records_notices_that_there_are_none(name):
    tried = probe.trials(CHECKS[name], set())
    assert len(tried) == 1 and fails(tried[0], {"exercises": exercises})


def test_every_check_is_one_that_can_be_tried():
    assert len(CHECKS) > 30 and all(probe.trials(source, set()) for source in CHECKS.values())


@pytest.mark.parametrize("source", ["%magic", "def f(:", "x = 1", "", "assert 1 == 1", "print('assert')"])
def test_what_is_no_check_of_a_function_is_not_tried(source):
    assert probe.trials(source, {"f"}) == []


def test_plain_asserts_are_tried_with_the_functions_of_the_exercise():
    functions = probe.defined(["def f(x):\n    return x + 1", "g = lambda x: x", "%not python", "class C: pass"])
    assert functions == {"f", "g", "C"}
    tried = probe.trials("y = f(1)\nassert y == 2", functions)
    names = {"f": lambda x: x + 1}
    assert len(tried) == 2 and all(fails(code, names) for code in tried)


def test_what_changed_is_named():
    assert probe.changed('{"a": 1, "b": 2}', '{"a": 1, "b": 3, "c": 4}') == ["b"]
    assert probe.changed('{"a": 1}', "nonsense") == ["what it rests on cannot be looked at"]


def lesson(change: str, solution: str, tested: str = CHECK):
    """The cells of a lesson, with what a submission does before its check."""
    return START, change, exercise("updates", solution), check("updates", tested), "my_updates(2, 10, 4)"


SILENT = ("exercises.check", "sys.stderr", "the word that is not said")  # what hides that an exercise was not solved
TRIED = {f"{name}, wrong": (change, WRONG) for name, change in CHANGES.items()} | {
    f"{name}, unsolved": (CHANGES[name], UNSOLVED) for name in SILENT}


@pytest.mark.parametrize(("change", "solution"), TRIED.values(), ids=TRIED)
def test_changed_checks_earn_nothing(execute, change, solution):
    found = execute("bubblewrap", *lesson(change, solution))
    said = [one for one in found.cells[3].outputs if one.output_type == "error" or one.get("name") == "stderr"]
    assert said
    assert 1 not in found.failed()


@pytest.mark.parametrize("change", ["import builtins\nbuiltins.abs = lambda *given: 0", "abs = lambda *given: 0"])
def test_changed_builtins_earn_nothing(execute, change):
    tested = "assert abs(my_updates(2, 10, 4) - 6) < 1"
    found = execute("bubblewrap", *lesson(change, UNSOLVED.replace("...", "return 0"), tested))
    assert 3 in found.failed() and found.kinds == ["changed checks"]


def test_a_right_solution_is_marked_right_and_nothing_else_changes(execute, kind):
    found = execute(kind, *lesson("torch.manual_seed(0)", RIGHT), "print([name for name in dir() if 'ddkit' in name])",
                    check("plain", PLAIN), "print(torch.rand(1).item())", environment={"DDKIT_PROFILE": "quick"})
    assert found.failed() == [] and found.findings == []
    assert [one.get("name") for one in found.cells[3].outputs] == ["stdout"]
    assert found.said(5) == "['ddkit']\n"
    torch.manual_seed(0)
    assert found.said(7) == f"{torch.rand(1).item()}\n"


def test_a_right_solution_after_a_kernel_that_ended_is_marked_right(execute):
    found = execute("bubblewrap", *lesson("import os; os._exit(1)", RIGHT))
    assert found.failed() == [1] and found.kinds == ["kernel ended"]


@pytest.mark.parametrize("result", ["1.0", "99", "'full marks'"])
def test_a_result_is_no_mark(execute, result):
    found = execute("bubblewrap", exercise("one", "one = 1"), check("one", f"assert one == 1\n{result}"))
    assert [one.output_type for one in found.cells[1].outputs] == []


@pytest.mark.parametrize("hide", ["from IPython.display import clear_output; clear_output()", "print('x' * 10**6)",
                                  "print('x\\n' * 5000)", "import ipywidgets; ipywidgets.Output().__enter__()"])
def test_what_a_check_says_on_stderr_cannot_be_taken_away(execute, hide):
    source = f"def my_updates(epochs, images, batch):\n    {hide}\n    raise NotImplementedError"
    found = execute("bubblewrap", *lesson("1", source))
    assert any(one.get("name") == "stderr" or one.output_type == "error" for one in found.cells[3].outputs)


LOUD = "import sys, logging, warnings\ndef my_updates(epochs, images, batch):\n" \
       "    print('working', file=sys.stderr); logging.warning('slow'); warnings.warn('old')\n" \
       "    return {}"


def test_what_a_right_solution_says_on_stderr_costs_nothing(execute):
    found = execute("bubblewrap", *lesson("1", LOUD.format("epochs * -(-images // batch)"), f"{CHECK}\n{PLAIN}"))
    assert found.failed() == [] and [one.get("name") for one in found.cells[3].outputs] == ["stdout"]
    assert found.kinds == ["words on stderr"] and "'working" in found.findings[0].words


@pytest.mark.parametrize("value", ["None", "6"])
def test_what_a_wrong_solution_says_on_stderr_earns_nothing(execute, value):
    found = execute("bubblewrap", *lesson("1", LOUD.format(value)))
    assert any(one.get("name") == "stderr" or one.output_type == "error" for one in found.cells[3].outputs)


@pytest.mark.parametrize("change", ["exercises.check", "the comparison"])
def test_changed_checks_earn_nothing_also_where_the_function_says_something(execute, change):
    found = execute("bubblewrap", *lesson(CHANGES[change], LOUD.format("6"), f"{CHECK}\nmy_updates(1, 1, 1)"))
    assert 3 in found.failed() and "changed checks" in found.kinds
