"""nbgrader's autograde with the careful steps: marks in the gradebook, and what was noticed in the notebook."""

import copy

import pytest

from ddkit.foundation.errors import InputError
from ddkit.grading.kernel import bubblewrap, marking
from ddkit.grading.kernel.sandbox import Sandbox
from ddkit.grading.kernel.watch import Limits

LESSON = "01_tiny"


@pytest.fixture
def autograde(tiny, hand_in):
    """Marks a notebook of the tiny lesson: its marks by the names of checks, the marked notebook, and its result."""
    import nbformat
    from nbgrader.api import Gradebook
    from nbgrader.apps import NbGraderAPI

    if not bubblewrap.works():
        pytest.skip("bubblewrap is not installed, or may not work here")

    def run(notebook, **limits):
        hand_in("ada", notebook)
        config = tiny.config()
        marking.configure(config, Limits(**limits), Sandbox("bubblewrap"), {"OMP_NUM_THREADS": "1"}, [])
        result = NbGraderAPI(config=config).autograde(LESSON, "ada", force=True)
        assert result["success"], result
        with Gradebook(tiny.gradebook, "ddkit") as book:
            grades = book.find_submission_notebook(LESSON, LESSON, "ada").grades
            marks = {grade.name: grade.auto_score for grade in grades}
        return marks, nbformat.read(tiny.notebook("autograded", LESSON, "ada"), as_version=4)

    return run


def solve(notebook, **changes):
    """A copy with other cells, by their names."""
    made = copy.deepcopy(notebook)
    for cell in made.cells:
        cell.source = changes.get(cell.id.replace("-", "_"), cell.source)
    return made


def test_a_right_solution_has_all_marks(autograde, tiny_source):
    marks, notebook = autograde(tiny_source)
    assert (marks["double"], marks["largest"]) == (1, 2)
    assert notebook.metadata.ddkit_findings == []


LOST = {
    "it ends the kernel": ({"exercise_double": "import os; os._exit(1)"}, {"kernel ended"}),
    "it does not end": ({"exercise_double": "while True: pass"}, {"over time"}),
    "its function does not end": ({"exercise_double": "def double(x):\n    while True: pass"}, {"over time"}),
    "it prints a thousand lines before it says that it is not solved":
        ({"exercise_double": "def double(x):\n    print('x\\n' * 2000)"}, set()),
    "its function ends the kernel": ({"exercise_double": "def double(x):\n    import os; os._exit(1)"},
                                     {"kernel ended"}),
    "its function's results equal anything":
        ({"exercise_double": "class Always:\n    __eq__ = lambda *given: True\ndouble = lambda x: Always()"},
         {"changed checks"}),
    "it changes what equals": ({"exercise_double": "class Always(int):\n    __eq__ = lambda *given: True\n"
                                                   "def double(x): return Always(x)"}, {"changed checks"}),
}


@pytest.mark.parametrize(("changes", "kinds"), LOST.values(), ids=LOST)
def test_what_a_cell_does_costs_its_own_marks(autograde, tiny_source, changes, kinds):
    marks, notebook = autograde(solve(tiny_source, **changes), cell_seconds=10)
    assert (marks["double"], marks["largest"]) == (0, 2)
    assert {one["kind"] for one in notebook.metadata.ddkit_findings} == kinds


def test_duplicated_cells_do_not_stop_the_class(autograde, tiny_source):
    twice = solve(tiny_source)
    twice.cells.insert(4, copy.deepcopy(next(cell for cell in twice.cells if cell.id == "double")))
    twice.cells[4].id = "another"
    marks, _ = autograde(twice)
    assert (marks["double"], marks["largest"]) == (1, 2)


def test_a_check_that_was_deleted_or_changed_is_back(autograde, tiny_source):
    cut = solve(tiny_source, double="pass")
    cut.cells = [cell for cell in cut.cells if cell.id != "largest"]
    marks, notebook = autograde(cut)
    assert (marks["double"], marks["largest"]) == (1, 2)
    assert notebook.metadata.ddkit_findings == []


def test_marks_are_given_before_outputs_are_shortened():
    pytest.importorskip("nbgrader")
    from traitlets.config import Config

    config = Config()
    marking.configure(config, Limits(), Sandbox("none"), {}, [])
    steps = [step.__name__ for step in config.Autograde.autograde_preprocessors]
    assert steps.index("CarefulExecute") < steps.index("SaveAutoGrades") < steps.index("LimitOutput")
    assert "DropDuplicates" in [step.__name__ for step in config.Autograde.sanitize_preprocessors]


def test_without_a_kernel_there_is_one_sentence(execute, monkeypatch):
    monkeypatch.setattr(bubblewrap, "APART", (*bubblewrap.APART, "--no-such-option"))
    with pytest.raises(InputError, match="no kernel could be started in the sandbox bubblewrap"):
        execute("bubblewrap", "1")
