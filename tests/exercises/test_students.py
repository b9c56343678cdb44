"""Lessons as students work through them, in the quick profile: without one solution, and with results of their own.

All notebooks are executed for it, so it runs only where DDKIT_LESSONS=1 asks for it, as .ci/run does.
"""

import importlib.util
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from ddkit.exercises import cells, marks, records

pytestmark = pytest.mark.skipif(os.environ.get("DDKIT_LESSONS") != "1", reason="DDKIT_LESSONS=1 executes the lessons")

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
_spec = importlib.util.spec_from_file_location("build", NOTEBOOKS / "build.py")
build = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(build)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Where all lessons keep their runs."""
    return tmp_path_factory.mktemp("student")


def executed(notebook: nbformat.NotebookNode, home: Path, monkeypatch, **environment: str) -> nbformat.NotebookNode:
    quick = {"DDKIT_PROFILE": "quick", "DDKIT_POLYPS": "mhist_like", "DDKIT_PROGRESS": "0"}
    for name, value in (quick | {"DDKIT_RUNS": str(home)} | environment).items():
        monkeypatch.setenv(name, value)
    where = {"metadata": {"path": str(NOTEBOOKS)}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=where).execute()
    return notebook


def outputs(notebook: nbformat.NotebookNode, stream: str = "stdout") -> dict[str, str]:
    """What each code cell printed, by its id."""
    return {cell.id: "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == stream)
            for cell in notebook.cells if cell.cell_type == "code"}


@pytest.mark.parametrize("source", build.SOURCES, ids=lambda path: path.stem)
def test_without_one_solution_a_lesson_runs_to_its_end_and_says_what_is_missing(source, home, monkeypatch):
    notebook = executed(cells.student(build.make(source)), home, monkeypatch)
    told = outputs(notebook, "stderr")
    for cell in notebook.cells:
        if cell.id.startswith("exercise-"):
            name = cell.id.removeprefix("exercise-")
            said = told[name if name in told else cell.id]  # of its check, or, where it is for practice, its own
            assert f"{name}: not {'earned' if name in records() else 'solved'} yet" in said


NAME = "Ada Lovelace"
CHOICE = "# profile.choose(lam=0.1)"


@pytest.fixture(scope="module")
def lessons(home) -> list[nbformat.NotebookNode]:
    """Lessons 1 to 4, executed with solutions by somebody who takes the # away before a choice."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = []
        for source in build.SOURCES[:4]:
            notebook = build.make(source)
            for cell in notebook.cells:
                cell.source = cell.source.replace(CHOICE, CHOICE.removeprefix("# "))
            made.append(executed(notebook, home / "own", monkeypatch, DDKIT_REFERENCE="0", DDKIT_NAME=NAME))
        return made


@pytest.mark.xdist_group("own results")  # one worker's, which executes them once
class TestOwnResults:
    """Lessons 1 to 4, solved, with DDKIT_REFERENCE=0 and a knob changed in lesson 2."""

    def test_every_run_is_ones_own_and_signed(self, lessons):
        told = "\n".join(text for notebook in lessons for text in outputs(notebook).values())
        assert NAME in told and ", shipped" not in told

    def test_the_choice_of_lesson_2_is_seen_in_3_and_4(self, lessons):
        begun = [outputs(notebook)["cell-02"] for notebook in lessons]  # what lesson.begin() tells
        assert "lam" not in begun[0] and all("lam" in text and "0.1" in text for text in begun[2:])

    def test_every_mark_that_a_program_gives_is_earned(self, lessons):
        for number, notebook in enumerate(lessons, start=1):
            told = outputs(notebook)
            for mark in marks.of_lesson(number):
                if mark.name in told:
                    assert told[mark.name].startswith((f"{mark.name}: right", f"{mark.name}: yours"))
