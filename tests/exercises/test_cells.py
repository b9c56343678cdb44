"""The kinds of a lesson's cells, and what is left of them in what students get."""

import importlib.util
from pathlib import Path

import jupytext
import pytest

from ddkit.exercises import cells, marks
from ddkit.foundation.errors import InputError

_spec = importlib.util.spec_from_file_location("build", Path(__file__).parents[2] / "notebooks" / "build.py")
build = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(build)

SOURCE = '''# %% [markdown]
# Part: {PART}. {MARK attention-map}

# %% shared="colab"

# %% exercise="attention-map"
def mine(x):
    """Twice as much."""
    ### BEGIN SOLUTION
    y = x + x
    return y
    ### END SOLUTION


# %% check="attention-map"
check(mine)
### BEGIN HIDDEN TESTS
assert mine(2) == 4
### END HIDDEN TESTS

# %% exercise="gain"
chosen = None
### BEGIN SOLUTION
chosen = 3
### END SOLUTION

# %% [markdown] answer="task1-1a"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# ½ for this
# <!-- END MARK SCHEME -->
'''


@pytest.fixture
def notebook():
    made = jupytext.reads(SOURCE, fmt="py:percent")
    cells.finish(made, 2, {"colab": "# shared"})
    return made


def test_every_kind_has_its_id_and_nbgraders_metadata(notebook):
    found = {cell.id: cell.metadata.get("nbgrader") for cell in notebook.cells}
    assert list(found) == ["cell-00", "cell-01", "exercise-attention-map", "attention-map", "exercise-gain", "task1-1a"]
    told = {name: (one["grade"], one["solution"], one["locked"], one.get("points"))
            for name, one in found.items() if one}
    assert told == {"exercise-attention-map": (False, True, False, None), "attention-map": (True, False, True, 1),
                    "exercise-gain": (False, True, False, None), "task1-1a": (True, True, False, 1)}
    assert all(one["grade_id"] == name and one["schema_version"] == 3 for name, one in found.items() if one)


def test_words_and_shared_cells_are_put_in(notebook):
    assert marks.course_part(2) in notebook.cells[0].source
    assert marks.named("attention-map").label in notebook.cells[0].source
    assert notebook.cells[1].source == "# shared"


def test_students_get_prompts_and_nothing_of_the_rest(notebook):
    made = {cell.id: cell.source for cell in cells.student(notebook).cells}
    assert made["exercise-attention-map"] == 'def mine(x):\n    """Twice as much."""\n    ...  # your code here'
    assert made["attention-map"] == "check(mine)"
    assert made["exercise-gain"] == "chosen = None\n...  # your code here"
    assert made["task1-1a"] == "*Your answer:*"
    assert "BEGIN SOLUTION" in notebook.cells[2].source, "the notebook itself stays as it is"


def test_a_cell_of_two_kinds_is_refused():
    made = jupytext.reads('# %% exercise="gain" check="gain"\n1\n', fmt="py:percent")
    with pytest.raises(InputError, match="of one kind"):
        cells.finish(made, 4, {})


@pytest.mark.parametrize("source", build.SOURCES, ids=lambda path: path.stem)
class TestLessons:
    def test_nothing_is_given_away(self, source):
        made, whole = cells.student(build.make(source)), build.make(source)
        text = "\n".join(cell.source for cell in made.cells)
        assert not any(f"{edge} {what}" in text for edge in ("BEGIN", "END")
                       for what in ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME"))
        assert "Scheme:" not in text and not any(cell.get("outputs") for cell in made.cells)
        assert [(c.id, c.cell_type, c.metadata) for c in made.cells] == \
            [(c.id, c.cell_type, c.metadata) for c in whole.cells]

    def test_ids_are_unique_and_points_are_the_tables(self, source):
        made = build.make(source)
        assert len({cell.id for cell in made.cells}) == len(made.cells)
        told = {cell.id: cell.metadata.get("nbgrader", {}) for cell in made.cells}
        points = {name: one["points"] for name, one in told.items() if one.get("grade")}
        assert points == {mark.name: mark.points for mark in marks.of_lesson(int(source.stem[:2]))}

    def test_what_students_get_can_be_compiled(self, source):
        for cell in cells.student(build.make(source)).cells:
            if cell.cell_type == "code":
                compile(cell.source, cell.id, "exec")
