"""The sample classes are what they say."""

import json

import pytest

from ddkit.exercises import cells

pytest.importorskip("nbgrader")

from ddkit.grading import sample
from ddkit.grading.sample import hostile, making


def run(notebook) -> dict[str, bool]:
    """Run a tiny notebook's cells in this process; whether each of its checks ends without error."""
    space, passed = {}, {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            try:
                exec(cell.source, space)
                passed[cell.id] = True
            except Exception:
                passed[cell.id] = False
    return passed


def with_hidden_tests(notebook, source):
    """The notebook with the checks as the instructor has them."""
    for name in making.checks(source):
        notebook = making.with_text(notebook, name, making.place(source, name).source)
    return notebook


def test_perfect_passes_all_checks_and_mistaken_all_but_its_own(tiny_source):
    for handed in (one for name, one in sample.three(tiny_source).items() if name != "broken"):
        passed = run(with_hidden_tests(handed.notebook, tiny_source))
        assert {name for name in making.checks(tiny_source) if not passed[name]} == set(handed.loses)
    assert sample.three(tiny_source)["mistaken"].loses == ("double",)


def test_broken_is_no_notebook_and_nobody_holds_what_the_instructor_keeps(tiny_source):
    class_of_three = sample.students(tiny_source)
    with pytest.raises(json.JSONDecodeError):
        json.loads(class_of_three["broken"])
    everybody = {**class_of_three, **{name: one.notebook for name, one in hostile.students(tiny_source).items()}}
    hidden = cells.region(making.place(tiny_source, "double").source, "HIDDEN TESTS").strip()
    assert hidden and not any(hidden in json.dumps(notebook) for notebook in everybody.values())


def test_the_hostile_class_differs_from_the_perfect_one(tiny_source):
    good = making.perfect(tiny_source)
    for name, handed in hostile.students(tiny_source).items():
        assert handed.notebook != good or handed.file, name
        assert set(handed.loses) | set(handed.may_lose) <= set(making.checks(tiny_source)), name


def test_many_are_of_all_kinds_and_the_same_for_the_same_seed(tiny_source):
    made = sample.many(tiny_source, 120, seed=3)
    assert list(made) == [f"s{number:03d}" for number in range(1, 121)]
    assert made == sample.many(tiny_source, 120, seed=3) != sample.many(tiny_source, 120, seed=4)
    texts = [json.dumps(notebook) for notebook in made.values()]
    assert len(set(texts)) > 10 and any(isinstance(one, str) for one in made.values())
