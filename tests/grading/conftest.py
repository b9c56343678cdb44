"""A course of one tiny lesson, released, and what tests make of it; one of two lessons, to collect for."""

import shutil
from pathlib import Path

import pytest

TINY = "01_tiny"
_START = """\
import sys

numbers = [3, 1, 2]"""
_DOUBLE = '''\
def double(x):
    """Twice as much."""
    ### BEGIN SOLUTION
    return x + x
    ### END SOLUTION'''
_CHECK_DOUBLE = '''\
if double(1) is None:
    print("double: not solved yet", file=sys.stderr)
assert double(3) == 6, "double(3) is 6"
### BEGIN HIDDEN TESTS
assert double(-1.5) == -3, "also below zero"
### END HIDDEN TESTS'''
_LARGEST = '''\
def largest(values):
    """The largest of a list."""
    ### BEGIN SOLUTION
    found = values[0]
    for value in values[1:]:
        found = value if value > found else found
    return found
    ### END SOLUTION'''
_CHECK_LARGEST = '''\
if largest(numbers) is None:
    print("largest: not solved yet", file=sys.stderr)
assert largest(numbers) == 3, "the largest of 3, 1, 2 is 3"
### BEGIN HIDDEN TESTS
assert largest([-2, -7]) == -2, "also where all are below zero"
### END HIDDEN TESTS'''
_WHY = """\
*Your answer:*

<!-- BEGIN MARK SCHEME -->
*Scheme:* 1 for the order, ½ for what it costs.
<!-- END MARK SCHEME -->"""


def tiny_lesson():
    """A lesson of eight cells: two exercises, their checks (1 and 2 marks), an answer (1½ marks) and plain cells."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    def cell(make, name: str, text: str, **nbgrader):
        made = make(text, id=name)
        if nbgrader:
            made.metadata["nbgrader"] = {"grade_id": name, "schema_version": 3, "task": False,
                                         "cell_type": made.cell_type} | nbgrader
        return made

    def exercise(name: str, text: str):
        return cell(new_code_cell, f"exercise-{name}", text, grade=False, solution=True, locked=False)

    def check(name: str, text: str, points: float):
        return cell(new_code_cell, name, text, grade=True, solution=False, locked=True, points=points)

    return new_notebook(
        cells=[cell(new_markdown_cell, "cell-00", "# A tiny lesson"), cell(new_code_cell, "cell-01", _START),
               exercise("double", _DOUBLE), check("double", _CHECK_DOUBLE, 1),
               exercise("largest", _LARGEST), check("largest", _CHECK_LARGEST, 2),
               cell(new_code_cell, "cell-06", "double(2), largest(numbers)"),
               cell(new_markdown_cell, "why", _WHY, grade=True, solution=True, locked=False, points=1.5)],
        metadata={"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                  "language_info": {"name": "python"}}, nbformat=4, nbformat_minor=5)


@pytest.fixture(scope="session")
def tiny_notebooks(tmp_path_factory) -> Path:
    """A folder of lessons that holds the tiny one, complete, as ``01_tiny.ipynb``."""
    nbformat = pytest.importorskip("nbformat")
    folder = tmp_path_factory.mktemp("notebooks")
    nbformat.write(tiny_lesson(), folder / f"{TINY}.ipynb")
    return folder


@pytest.fixture(scope="session")
def _released_once(tmp_path_factory, tiny_notebooks) -> Path:
    pytest.importorskip("nbgrader")
    from ddkit.grading.release import release

    return release(tmp_path_factory.mktemp("released") / "course", tiny_notebooks)[0].root


@pytest.fixture
def tiny(_released_once, tmp_path):
    """A course of the tiny lesson, released and not handed in by anybody; each test has its own."""
    from ddkit.grading.course import Course

    return Course.at(shutil.copytree(_released_once, tmp_path / "course"))


@pytest.fixture
def tiny_source(tiny):
    """The tiny lesson's notebook in the course, with solutions and hidden tests."""
    import nbformat

    return nbformat.read(tiny.notebook("source", TINY), as_version=4)


@pytest.fixture
def hand_in(tiny):
    """``hand_in("ann", notebook)`` puts a notebook, or any text, where grading takes what was handed in."""
    import nbformat

    def put(student: str, notebook, lesson: str = TINY) -> Path:
        path = tiny.notebook("submitted", lesson, student)
        path.parent.mkdir(parents=True, exist_ok=True)
        (tiny.root / "handed_in" / student).mkdir(parents=True, exist_ok=True)
        if isinstance(notebook, str):
            path.write_text(notebook)
        else:
            nbformat.write(notebook, path)
        return path

    return put


@pytest.fixture
def course(tmp_path, tiny_notebooks):
    """A course of two lessons, of which nbgrader knows nothing."""
    from deliveries import LESSONS, REAL

    from ddkit.foundation.files import write_json
    from ddkit.grading.course import COURSE, Course

    made = Course(tmp_path / "course")
    for name, path in zip(LESSONS, (tiny_notebooks / "01_tiny.ipynb", REAL), strict=True):
        target = made.notebook("source", name)
        target.parent.mkdir(parents=True)
        shutil.copyfile(path, target)
    write_json(made.root / COURSE, {"lessons": LESSONS, "released": "2026-11-01", "versions": {}})
    return made


@pytest.fixture
def inbox(tmp_path) -> Path:
    return tmp_path / "inbox"
