"""What students are told about a notebook before they hand it in."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from ddkit.exercises import cells as kinds
from ddkit.exercises import marks
from ddkit.foundation.errors import InputError
from ddkit.foundation.files import read_tensors, sha256, write_json, write_tensors
from ddkit.grading.__main__ import main
from ddkit.grading.preflight import check
from ddkit.grading.preflight.notices import at_stake
from ddkit.grading.provenance import plausible
from ddkit.grading.release import lessons
from ddkit.runs import RECORD, REFERENCE, sign

nbformat = pytest.importorskip("nbformat")
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = [path for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
           if marks.of_lesson(int(path.name[:2]))]
SECOND = next(path for path in LESSONS if path.name.startswith("02"))


def worked_through(path: Path):
    """A lesson as a diligent student hands it in: solved, answered, executed in order, with runs of their own."""
    made, handed = nbformat.read(path, as_version=4), kinds.student(nbformat.read(path, as_version=4))
    for count, (cell, stub) in enumerate(zip(made.cells, handed.cells, strict=True), 1):
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name.startswith("exercise-"):
            cell.source = kinds.solved(cell.source)
        elif name and cell.cell_type == "markdown":
            cell.source = f"{stub.source}\n\nBecause the records say so."
        elif name:
            cell.source = stub.source
            cell.outputs = [printed(f"{name}: right (1 mark)\n")]
        if cell.cell_type == "code":
            cell.execution_count = count
            for output in cell.outputs:
                if output.get("name") == "stdout":
                    output.text = output.text.replace(", shipped", ", yours, made by Ada Lovelace")
    return made


def printed(text: str, name: str = "stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


@pytest.fixture(autouse=True)
def no_data(monkeypatch):
    monkeypatch.setattr(plausible, "fingerprint", lambda *_: None)  # drawing all polyps takes half a minute


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> Path:
    """The runs that lesson 2 shows, as if somebody had made them."""
    root = tmp_path_factory.mktemp("runs")
    sign("Ada Lovelace", root)
    for name in ("mnist-datadam-course-ipc10-real-acb37b12", "mnist-datadam-course-ipc10-noise-98d341d2",
                 "mhist_like-datadam-course-ipc10-real-d0bdc45b"):
        place = shutil.copytree(REFERENCE / f"distill-{name}", root / f"distill-{name}")
        content = json.loads((place / RECORD).read_text())
        del content["sha256"]
        content["result"].pop("cpu_seconds", None)
        for file in content["files"]:  # as a run writes them, not packed
            write_tensors(place / file, *read_tensors(place / file))
            content["files"][file] = sha256((place / file).read_bytes())
        write_json(place / RECORD, content | {"maker": "Ada Lovelace", "seconds": content["seconds"] + 1.2345678})
    return root


@pytest.fixture(params=["with the lesson at hand", "by its marks alone"])
def at_hand(request, monkeypatch) -> str:
    """Whether the lesson as it was handed out lies beside ddkit."""
    if request.param == "by its marks alone":
        def none(*_):
            raise InputError("no lessons")

        monkeypatch.setattr(lessons, "read", none)
    return request.param


@pytest.fixture
def look(tmp_path, runs):
    """``look(notebook)`` writes it and returns what is noticed about it, as sentences to mend and sentences to know."""
    def noticed(notebook, name: str = SECOND.name, root: Path = runs):
        path = tmp_path / name
        nbformat.write(notebook, path)
        found = check(path, root)[0]
        return [one for one in found if one.mend], [one for one in found if not one.mend]

    return noticed


def cell_of(notebook, name: str):
    return next(cell for cell in notebook.cells if cell.id == name)


def put_before(notebook, name: str, other: str) -> None:
    cell = cell_of(notebook, name)
    notebook.cells.remove(cell)
    notebook.cells.insert(notebook.cells.index(cell_of(notebook, other)), cell)


class TestReady:
    def test_what_is_ready_is_said_to_be(self, runs, tmp_path, capsys, at_hand):
        path = tmp_path / SECOND.name
        nbformat.write(worked_through(SECOND), path)
        before = path.read_bytes()
        assert main(["check", str(path), "--runs", str(runs)]) == 0
        told = capsys.readouterr().out
        assert told.startswith(f"{SECOND.name}: ready to be handed in") and "  - " not in told
        assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
    def test_of_every_lesson_worked_through_nothing_but_runs_is_to_be_mended(self, path, look, at_hand):
        mend, _ = look(worked_through(path), path.name)
        assert {one.group for one in mend} <= {"records"}

    @pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
    def test_as_it_was_handed_out_every_mark_is_at_stake(self, path, look, at_hand):
        mend, _ = look(kinds.student(nbformat.read(path, as_version=4)), path.name)
        assert at_stake(mend) == sum(mark.points for mark in marks.of_lesson(int(path.name[:2])))

    def test_it_needs_no_nbgrader(self, look, monkeypatch):
        monkeypatch.setitem(sys.modules, "nbgrader", None)
        assert look(worked_through(SECOND))[0] == []


CELLS = {
    "missing": lambda made, name: made.cells.remove(cell_of(made, name)),
    "duplicated": lambda made, name: made.cells.append(
        nbformat.from_dict(cell_of(made, name) | {"id": "another", "execution_count": 99})),
    "retyped": lambda made, name: cell_of(made, name).update(cell_type="raw"),
}
SAID = {"missing": "is not there", "duplicated": "more than once", "retyped": "of another kind"}


class TestCells:
    @pytest.mark.parametrize("name", ["attention-loss", "exercise-attention-loss", "task1-1b"])
    @pytest.mark.parametrize("wrong", CELLS)
    def test_every_graded_cell_is_there_once_and_of_its_kind(self, wrong, name, look, at_hand):
        made = worked_through(SECOND)
        CELLS[wrong](made, name)
        mend, _ = look(made)
        told = [one for one in mend if one.group == "cells"]
        assert any(one.words.startswith(f"{name} ") and SAID[wrong] in one.words for one in told)
        assert at_stake(told) == 1

    def test_a_check_that_was_changed_is_told(self, look):
        made = worked_through(SECOND)
        cell_of(made, "update-loop").source = "print('update-loop: right')"
        assert any("update-loop is not as it was handed out" in one.words for one in look(made)[0])

    def test_a_check_above_its_exercise_is_told(self, look):
        made = worked_through(SECOND)
        put_before(made, "attention-map", "exercise-attention-map")
        assert any("attention-map stands above" in one.words for one in look(made)[0])

    def test_lost_metadata_are_no_fault(self, look, at_hand):
        made = worked_through(SECOND)
        for cell in made.cells:
            cell.metadata = nbformat.from_dict({})
        assert look(made)[0] == []


class TestRun:
    def test_cells_that_were_not_run_are_told(self, look, at_hand):
        made = worked_through(SECOND)
        cell_of(made, "cell-07").execution_count = None
        (one,) = look(made)[0]
        assert "one cell was not run: cell 8 (from ddkit" in one.words and "run all cells" in one.words

    def test_cells_run_out_of_order_are_told(self, look, at_hand):
        made = worked_through(SECOND)
        cell_of(made, "exercise-attention-map").execution_count = 900
        (one,) = look(made)[0]
        assert "were run before a cell above" in one.words and "and" in one.words

    def test_an_error_is_told(self, look, at_hand):
        made = worked_through(SECOND)
        cell_of(made, "cell-07").outputs = [nbformat.v4.new_output("error", ename="NameError", evalue="no x")]
        (one,) = look(made)[0]
        assert one.words.endswith("ended in NameError: no x") and "cell 8" in one.words

    def test_quick_results_are_said_to_be_quick_and_are_no_fault(self, look):
        made = worked_through(SECOND)
        for cell in made.cells:
            for output in cell.get("outputs", []):
                if output.get("name") == "stdout":
                    output.text = output.text.replace("laptop profile", "quick profile")
        mend, know = look(made)
        assert mend == [] and any("quick profile" in one.words and "no results to report" in one.words for one in know)

    def test_outputs_of_two_profiles_are_told(self, look):
        made = worked_through(SECOND)
        cell_of(made, "cell-07").outputs = [printed("quick profile: digits, ConvNetD3 of width 16\n")]
        assert ["profiles laptop and quick" in one.words for one in look(made)[0]] == [True]

    def test_quick_runs_under_another_profiles_name_are_told(self, look):
        made = worked_through(SECOND)
        for cell in made.cells:
            for output in cell.get("outputs", []):
                if ": made 2026" in output.get("text", ""):
                    output.text = output.text.replace("-mnist-", "-digits-")
        assert "shows runs of the quick one" in look(made)[0][0].words

    def test_where_no_output_tells_the_profile_that_is_told(self, look):
        made = worked_through(SECOND)
        telling = [cell for cell in made.cells
                   if any(" profile: " in out.get("text", "") for out in cell.get("outputs", ()))]
        assert telling
        for cell in telling:
            cell.outputs = []
        assert ["no output tells" in one.words for one in look(made)[0]] == [True]


class TestMarks:
    @pytest.mark.parametrize(("outputs", "said"), [
        ([printed("attention-loss: not solved yet\n", "stderr")], "attention-loss is not solved yet"),
        ([printed("attention-loss: not earned yet: so\n", "stderr")], "attention-loss is not earned yet: so"),
        ([printed("attention-loss: not earned yet: so\n    and so\n", "stderr")],
         "attention-loss is not earned yet: so and so"),
        ([nbformat.v4.new_output("error", ename="Slip", evalue="the norm is left out")],
         "attention-loss is not right: the norm is left out")])
    def test_what_a_check_says_is_told_with_its_mark(self, outputs, said, look, at_hand):
        made = worked_through(SECOND)
        cell_of(made, "attention-loss").outputs = outputs
        (one,) = look(made)[0]
        assert one.words == said and at_stake([one]) == 1

    def test_a_right_check_of_an_exercise_that_is_not_written_is_stale(self, look, at_hand):
        made = worked_through(SECOND)
        cell_of(made, "exercise-update-loop").source = f"def my_update_loop():\n    {kinds.STUB}"
        assert ["run both again" in one.words for one in look(made)[0]] == [True]

    @pytest.mark.parametrize("text", ["", "*Your answer:*", " \n*Your answer:*\n\n",
                                      "*Your answer:*\n<!-- BEGIN MARK SCHEME -->\n1\n<!-- END MARK SCHEME -->"])
    def test_an_empty_answer_is_told(self, text, look, at_hand):
        made = worked_through(SECOND)
        cell_of(made, "task1-1c").source = text
        mend, _ = look(made)
        assert [one.words for one in mend if one.group == "answers"] == ["task1-1c is not written yet"]

    def test_marks_are_counted_once(self, look):
        made = worked_through(SECOND)
        cell_of(made, "task1-1c").source = ""
        cell_of(made, "attention-loss").outputs = [printed("attention-loss: not solved yet\n", "stderr")]
        mend, _ = look(made)
        assert at_stake([*mend, *mend]) == 2


class TestRuns:
    def test_runs_that_are_shown_as_ones_own_and_are_not_there_are_told(self, look, tmp_path):
        mend, know = look(worked_through(SECOND), root=tmp_path / "none")
        assert ["distill-mnist-datadam-course-ipc10-real-acb37b12" in one.words for one in mend] == [True]
        assert any("lesson.begin(name=" in one.words for one in know)

    def test_a_copy_of_a_shipped_run_earns_nothing_and_is_told(self, look, runs, tmp_path):
        root = shutil.copytree(runs, tmp_path / "runs")
        name = "distill-mnist-datadam-course-ipc10-real-acb37b12"
        shutil.rmtree(root / name)
        shutil.copytree(REFERENCE / name, root / name)
        assert any(name in one.words and "came with ddkit" in one.words for one in look(worked_through(SECOND),
                                                                                        root=root)[1])

    def test_a_run_that_was_edited_is_told(self, look, runs, tmp_path):
        root = shutil.copytree(runs, tmp_path / "runs")
        path = next(root.glob(f"*/{RECORD}"))
        path.write_text(path.read_text().replace("2026", "2025"))
        assert [one.group for one in look(worked_through(SECOND), root=root)[0]] == ["records"]

    def test_a_run_signed_by_another_is_told(self, look, runs, tmp_path):
        root = shutil.copytree(runs, tmp_path / "runs")
        sign("Bob Noyce", root)
        assert ["signed by Ada Lovelace" in one.words for one in look(worked_through(SECOND), root=root)[0]] == [True]


    @pytest.mark.parametrize(("maker", "told"), [("Ada Lovelace", False), ("", True)])
    def test_the_name_is_asked_for_only_where_runs_have_none(self, maker, told, look, runs, tmp_path):
        root = shutil.copytree(runs, tmp_path / "runs")
        (root / "maker.json").unlink()
        for path in root.glob(f"*/{RECORD}"):
            content = json.loads(path.read_text())
            write_json(path, {key: value for key, value in content.items() if key != "sha256"} | {"maker": maker})
        mend, know = look(worked_through(SECOND), root=root)
        assert mend == [] and any("lesson.begin(name=" in one.words for one in know) == told


class TestFile:
    @pytest.mark.parametrize("name", ["02_attention_matching (1).ipynb", "mine.ipynb", "ada_02_attention.ipynb"])
    def test_another_name_is_told_and_is_no_fault(self, name, look):
        mend, know = look(worked_through(SECOND), name)
        assert mend == [] and any(f"name it {SECOND.name}" in one.words for one in know)

    @pytest.mark.parametrize("content", ["{", "", "[]", '{"nbformat": 3, "worksheets": []}', '{"nbformat": 4}'])
    def test_what_is_no_notebook_is_told_in_a_sentence(self, content, tmp_path, capsys):
        path = tmp_path / SECOND.name
        path.write_text(content)
        assert main(["check", str(path)]) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"ddkit: {SECOND.name} is not a notebook that can be handed in: ")
        assert len(told.splitlines()) == 1

    @pytest.mark.parametrize("cells", [[5, None, "x"], [{}], [{"cell_type": "code", "id": "task1-1a", "source": 5}]])
    def test_a_notebook_of_strange_cells_is_looked_over(self, cells, runs, tmp_path, at_hand):
        path = tmp_path / SECOND.name
        path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
        assert at_stake(check(path, runs)[0]) == 9

    def test_a_file_that_is_not_there_is_told(self, tmp_path, capsys):
        assert main(["check", str(tmp_path / "none.ipynb")]) == 2
        assert "there is no notebook" in capsys.readouterr().err

    def test_a_notebook_of_no_lesson_is_told(self, tmp_path, capsys):
        nbformat.write(nbformat.v4.new_notebook(), tmp_path / "mine.ipynb")
        assert main(["check", str(tmp_path / "mine.ipynb")]) == 2
        assert "is none of the lessons" in capsys.readouterr().err

    def test_a_very_large_file_is_told(self, look):
        made = worked_through(SECOND)
        cell_of(made, "cell-07").outputs = [printed("a long line\n" * 1_000_000)]
        assert any("some portals refuse" in one.words for one in look(made)[1])


class TestCommand:
    @pytest.fixture
    def broken(self, tmp_path) -> Path:
        """A notebook with an answer twice, a check less and an exercise of another kind."""
        made = worked_through(SECOND)
        CELLS["missing"](made, "update-loop")
        CELLS["duplicated"](made, "task1-1a")
        CELLS["retyped"](made, "exercise-attention-map")
        path = tmp_path / "work" / SECOND.name
        path.parent.mkdir()
        nbformat.write(made, path)
        return path

    def test_what_is_to_mend_ends_with_one_and_is_grouped_with_its_marks(self, broken, runs, capsys):
        with pytest.raises(SystemExit) as ended:
            main(["check", str(broken), "--runs", str(runs)])
        assert ended.value.code == 1
        first, *rest = capsys.readouterr().out.splitlines()
        assert first == f"{SECOND.name}: 4 things to mend, 3 marks of 9 at stake"
        assert rest[0] == "Its cells (3 marks at stake)" and all(line.startswith("  - ") for line in rest[1:4])
        assert rest[4] == "How it was run"
        assert list(broken.parent.iterdir()) == [broken]

    def test_what_can_be_mended_is_mended_in_a_copy(self, broken, runs, capsys):
        before = broken.read_bytes()
        for name in ("02_attention_matching.mended.ipynb", "02_attention_matching.mended-2.ipynb"):
            with pytest.raises(SystemExit):
                main(["check", str(broken), "--runs", str(runs), "--mend"])
            told = capsys.readouterr().out
            assert f"mended in {broken.with_name(name)}" in told
            assert all(cell in told.split("mended in")[1] for cell in ("update-loop", "task1-1a", "exercise-attention"))
            again = check(broken.with_name(name), runs)[0]
            assert not [one for one in again if one.mend and one.group == "cells"]
        assert broken.read_bytes() == before

    def test_where_nothing_is_to_mend_no_copy_is_made(self, runs, tmp_path, capsys):
        path = tmp_path / SECOND.name
        nbformat.write(worked_through(SECOND), path)
        assert main(["check", str(path), "--runs", str(runs), "--mend"]) == 0
        assert "nothing that could be mended" in capsys.readouterr().out and list(tmp_path.iterdir()) == [path]

    def test_without_the_lesson_nothing_is_mended(self, broken, runs, monkeypatch, capsys):
        def none(*_):
            raise InputError("none")

        monkeypatch.setattr(lessons, "read", none)
        assert main(["check", str(broken), "--runs", str(runs), "--mend"]) == 2
        assert "is not at hand, and nothing can be mended without" in capsys.readouterr().err
