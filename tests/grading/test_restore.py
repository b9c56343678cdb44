"""Notebooks handed in come back in the shape that nbgrader marks, with every word of the student's."""

import copy
import json
from pathlib import Path

import pytest

from ddkit.foundation.errors import InputError

nbformat = pytest.importorskip("nbformat")

from ddkit.exercises.cells import UNWRITTEN, student  # noqa: E402
from ddkit.grading.restore import read, restore, tidy, written  # noqa: E402

LESSONS = sorted(Path(__file__).parents[2].glob("notebooks/*.ipynb"))
GRADED = ["exercise-half", "half", "why", "exercise-double", "double", "when"]
MINE = "My own words, in two\nlines."


def _graded(name: str, *, points: float | None, solution: bool, kind: str) -> dict:
    told = {"grade": points is not None, "grade_id": name, "locked": not solution, "schema_version": 3,
            "solution": solution, "task": False, "cell_type": kind}
    return {"nbgrader": told | ({} if points is None else {"points": points})}


def _lesson():
    """A lesson with solutions, hidden tests and two answers that look alike."""
    code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    solved = '"""Twice {0}."""\n    ### BEGIN SOLUTION\n    return {0}\n    ### END SOLUTION'
    check = "assert {0}(2)\n### BEGIN HIDDEN TESTS\nassert {0}(3)\n### END HIDDEN TESTS"
    cells = [text("# A lesson"), code("import math"),
             code("def half(x):\n    " + solved.format("x / 2")), code(check.format("half")), text("**Why**?"),
             text(UNWRITTEN), text("Next"), code("def double(x):\n    " + solved.format("2 * x")),
             code(check.format("double")), text("**When**?"), text(UNWRITTEN), text("The end")]
    for index, name in zip((2, 3, 5, 7, 8, 10), GRADED, strict=True):
        exercise, kind = name.startswith("exercise-"), cells[index].cell_type
        cells[index].metadata = nbformat.from_dict(_graded(
            name, points=None if exercise else 1.5, solution=exercise or kind == "markdown", kind=kind))
        cells[index].id = name
    for index, cell in enumerate(cells):
        cell.id = cell.id if "nbgrader" in cell.metadata else f"cell-{index:02d}"
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "P"}})


def _solved(source):
    """What a diligent student hands in: all filled in and executed, with outputs."""
    made = student(source)
    for count, (cell, solved) in enumerate(zip(made.cells, source.cells, strict=True), 1):
        if cell.cell_type == "code":
            cell.execution_count = count
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"printed by {count}\n")]
        if "nbgrader" in cell.metadata and cell.metadata.nbgrader.solution:
            kept = [line for line in solved.source.splitlines() if "SOLUTION" not in line]
            cell.source = "\n".join(kept) if cell.cell_type == "code" else f"{MINE} ({cell.id})"
    return made


@pytest.fixture
def lesson():
    return _lesson()


@pytest.fixture
def handed(lesson):
    return _solved(lesson)


def _at(notebook, name: str) -> int:
    return next(index for index, cell in enumerate(notebook.cells) if cell.id == name)


def _kinds(findings) -> list[tuple[str, str]]:
    return [(one.kind, one.cell) for one in findings]


def _in_shape(made, source) -> None:
    """What nbgrader needs: a valid notebook, each graded cell once, of its type, with its metadata."""
    nbformat.validate(made)
    assert len({cell.id for cell in made.cells}) == len(made.cells)
    graded = {cell.id: cell for cell in made.cells if "nbgrader" in cell.metadata}
    wanted = {cell.id: cell for cell in source.cells if "nbgrader" in cell.metadata}
    assert sorted(graded) == sorted(wanted)
    assert all(graded[name].metadata == wanted[name].metadata for name in wanted)
    assert all(graded[name].cell_type == wanted[name].cell_type for name in wanted)
    assert "HIDDEN" not in written(made).decode()


def _as_saved(notebook, editor: str) -> dict:
    """The file's content as an editor saves it."""
    plain = json.loads(nbformat.writes(notebook))
    if editor == "JupyterLab":
        return plain
    plain["nbformat_minor"], plain["metadata"] = 0, {"colab": {"provenance": []}, "accelerator": "GPU"}
    for index, cell in enumerate(plain["cells"]):
        kept = {"nbgrader": cell["metadata"]["nbgrader"]} if "nbgrader" in cell["metadata"] else {}
        name = cell.pop("id")
        cell["metadata"] = {"Colab with metadata": kept | {"id": f"q{index}_Zx"}, "Colab with ids": {"id": name},
                            "Colab": {"id": f"q{index}_Zx"}, "an editor that drops all": {}}[editor]
    return plain


EDITORS = ["JupyterLab", "Colab with metadata", "Colab with ids", "Colab", "an editor that drops all"]


@pytest.mark.parametrize("editor", EDITORS)
@pytest.mark.parametrize("path", [None, *LESSONS], ids=lambda path: path.stem if path else "small")
def test_whatever_an_editor_drops_each_graded_cell_is_found_with_its_words_and_outputs(editor, path):
    source = nbformat.read(path, 4) if path else _lesson()
    handed = _solved(source)
    made, findings = restore(read(json.dumps(_as_saved(handed, editor)).encode()), source)
    _in_shape(made, source)
    assert [cell.source for cell in made.cells] == [cell.source for cell in handed.cells]
    assert [cell.get("outputs") for cell in made.cells] == [cell.get("outputs") for cell in handed.cells]
    assert {one.kind for one in findings} <= ({"lost metadata", "guessed cell"} if editor != "JupyterLab" else set())


@pytest.mark.parametrize("editor", EDITORS)
@pytest.mark.parametrize("path", [None, *LESSONS], ids=lambda path: path.stem if path else "small")
def test_an_untouched_notebook_is_untouched_again(editor, path):
    source = nbformat.read(path, 4) if path else _lesson()
    made, _ = restore(read(json.dumps(_as_saved(student(source), editor)).encode()), source)
    _in_shape(made, source)
    assert [cell.source for cell in made.cells] == [cell.source for cell in student(source).cells]


def test_what_was_handed_in_stays_as_it_is_and_is_restored_to_the_same_bytes_again(handed, lesson):
    plain = nbformat.from_dict(_as_saved(handed, "Colab"))
    before = copy.deepcopy(plain)
    first, second = (written(restore(plain, lesson)[0]) for _ in range(2))
    assert plain == before and first == second


@pytest.mark.parametrize("editor", EDITORS)
@pytest.mark.parametrize("name", GRADED)
def test_a_deleted_cell_is_put_back_as_it_was_handed_out_in_its_place(handed, lesson, name, editor):
    del handed.cells[_at(handed, name)]
    made, findings = restore(nbformat.from_dict(_as_saved(handed, editor)), lesson)
    _in_shape(made, lesson)
    assert ("missing cell", name) in _kinds(findings)
    assert made.cells[_at(made, name)].source == student(lesson).cells[_at(lesson, name)].source
    assert [cell.id for cell in made.cells if cell.id in GRADED] == GRADED
    assert _at(made, name) == _at(lesson, name)


def test_a_notebook_without_a_single_graded_cell_gets_all_of_them_in_order(lesson):
    made, findings = restore(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("nothing")]), lesson)
    _in_shape(made, lesson)
    assert [cell.id for cell in made.cells if cell.id in GRADED] == GRADED
    assert [pair for pair in _kinds(findings) if pair[0] == "missing cell"] == [("missing cell", n) for n in GRADED]


def _copied(notebook, name: str, text: str | None = None, count: int | None = None, after: int = 1):
    """Copy a cell as JupyterLab does: another id, the same metadata."""
    place = _at(notebook, name)
    cell = copy.deepcopy(notebook.cells[place])
    cell.id, cell.source = "copied", cell.source if text is None else text
    if cell.cell_type == "code":
        cell.execution_count = count
    notebook.cells.insert(min(place + after, len(notebook.cells)), cell)


@pytest.mark.parametrize("name", GRADED)
def test_a_copy_loses_its_mark_and_keeps_its_words(handed, lesson, name):
    _copied(handed, name, after=100)
    texts = [cell.source for cell in handed.cells]
    made, findings = restore(handed, lesson)
    _in_shape(made, lesson)
    assert [cell.source for cell in made.cells] == texts
    assert _kinds(findings) == [("duplicated cell", name)]
    assert _at(made, name) == _at(lesson, name)  # the copy was not executed, and is further away


def test_of_two_exercises_the_one_executed_last_is_taken(handed, lesson):
    _copied(handed, "exercise-half", "def half(x):\n    return x * 0.5", count=99)
    made, _ = restore(handed, lesson)
    assert made.cells[_at(made, "exercise-half")].source.endswith("x * 0.5")
    _in_shape(made, lesson)


def test_of_two_exercises_one_that_was_written_in_is_taken(handed, lesson):
    _copied(handed, "exercise-half", student(lesson).cells[2].source, count=99)
    assert "return x / 2" in restore(handed, lesson)[0].cells[2].source


def test_of_two_answers_one_that_was_written_in_is_taken(handed, lesson):
    _copied(handed, "why", UNWRITTEN, after=0)
    made, _ = restore(handed, lesson)
    assert made.cells[_at(made, "why")].source.startswith(MINE)


def test_two_cells_of_one_id_become_two(handed, lesson):
    handed.cells.insert(3, copy.deepcopy(handed.cells[2]))
    handed.cells[3].metadata, handed.cells[3].execution_count = {}, None
    made, findings = restore(handed, lesson)
    _in_shape(made, lesson)
    assert _kinds(findings) == [("duplicated cell", "exercise-half")]


def test_moved_cells_are_named_and_left_where_they_are(handed, lesson):
    handed.cells.append(handed.cells.pop(_at(handed, "why")))
    made, findings = restore(handed, lesson)
    _in_shape(made, lesson)
    assert _kinds(findings) == [("moved cell", "why")] and made.cells[-1].id == "why"


def test_a_check_before_its_exercise_is_named(handed, lesson):
    handed.cells.insert(0, handed.cells.pop(_at(handed, "double")))
    made, findings = restore(handed, lesson)
    assert _kinds(findings) == [("moved cell", "double"), ("check before exercise", "double")]
    assert made.cells[0].id == "double"


@pytest.mark.parametrize("retyped", ["code", "markdown", "raw"])
@pytest.mark.parametrize("name", GRADED)
def test_a_retyped_cell_gets_its_type_back_and_keeps_its_words(handed, lesson, name, retyped):
    cell = handed.cells[_at(handed, name)]
    right, words = cell.cell_type, cell.source
    cell.cell_type = retyped
    cell.pop("outputs", None), cell.pop("execution_count", None)
    made, findings = restore(handed, lesson)
    _in_shape(made, lesson)
    assert made.cells[_at(made, name)].source == words
    assert _kinds(findings) == ([] if right == retyped else [("retyped cell", name)])


@pytest.mark.parametrize("key, value", [("points", 50), ("locked", None), ("grade", None), ("solution", None),
                                        ("task", True), ("grade_id", "mine"), ("points", "many")])
@pytest.mark.parametrize("name", GRADED)
def test_changed_metadata_is_restored_and_named(handed, lesson, name, key, value):
    told = handed.cells[_at(handed, name)].metadata.nbgrader
    told[key] = (not told[key]) if value is None else value
    made, findings = restore(handed, lesson)
    _in_shape(made, lesson)
    assert _kinds(findings) == [("changed metadata", name)]


@pytest.mark.parametrize("value", ["", 7, [], {}, {"grade_id": ["half"]}, {"grade_id": "bonus", "points": 99}])
def test_metadata_that_is_no_such_thing_is_dropped(handed, lesson, value):
    handed.cells[0].metadata["nbgrader"] = value
    made, findings = restore(handed, lesson)
    _in_shape(made, lesson)
    assert _kinds(findings) == [("unknown cell", "")]


@pytest.mark.parametrize("name", ["exercise-half", "half"])
def test_the_lessons_own_solutions_and_hidden_tests_are_recognised(handed, lesson, name):
    handed.cells[_at(handed, name)].source = lesson.cells[_at(lesson, name)].source
    assert ("the lesson's solution", name) in _kinds(restore(handed, lesson)[1])


def test_a_check_whose_text_was_changed_is_named(handed, lesson):
    handed.cells[_at(handed, "half")].source = "assert True"
    made, findings = restore(handed, lesson)
    assert _kinds(findings) == [("changed check", "half")] and made.cells[3].source == "assert True"


def test_code_of_the_lesson_that_is_gone_is_named(handed, lesson):
    del handed.cells[1]
    assert _kinds(restore(handed, lesson)[1]) == [("changed lesson", "")]


@pytest.mark.parametrize("editor", EDITORS)
def test_notes_of_the_students_between_the_cells_stay_notes(handed, lesson, editor):
    for place in (11, 9, 6, 4, 2):  # from the end, so that each comes where it is meant
        handed.cells.insert(place, nbformat.v4.new_code_cell(f"tried = {place}"))
    made, _ = restore(nbformat.from_dict(_as_saved(handed, editor)), lesson)
    _in_shape(made, lesson)
    assert [cell.source for cell in made.cells] == [cell.source for cell in handed.cells]
    assert MINE in made.cells[_at(made, "when")].source
    assert "return 2 * x" in made.cells[_at(made, "exercise-double")].source


@pytest.mark.parametrize("output, kept", [
    ({"output_type": "stream", "name": "stdout", "text": "x" * 3_000_000}, 1),
    ({"output_type": "stream", "name": "oddly", "text": ["two ", "parts"]}, 1),
    ({"output_type": "display_data", "data": {"image/png": "A" * 9_000_000}, "metadata": {}}, 1),
    ({"output_type": "error", "ename": "E", "evalue": "v" * 999_999, "traceback": ["t" * 999_999]}, 1),
    ({"output_type": "execute_result", "data": [], "metadata": {}}, 0),
    ({"output_type": "nonsense"}, 0), ("nonsense", 0), (None, 0)], ids=lambda value: str(value)[:40])
def test_outputs_that_are_too_large_or_damaged_are_cut_and_the_rest_stays(handed, lesson, output, kept):
    handed.cells[2].outputs.append(output)
    made, findings = restore(handed, lesson)
    _in_shape(made, lesson)
    assert len(made.cells[2].outputs) == 1 + kept and made.cells[2].outputs[0].text == "printed by 3\n"
    assert len(written(made)) < 1_000_000
    assert _kinds(findings) == ([] if "parts" in str(output) else [("cut output", "")])


def test_many_outputs_are_cut_together(handed, lesson, monkeypatch):
    monkeypatch.setattr(tidy, "OUTPUTS", 1_000)
    handed.cells[2].outputs = [nbformat.v4.new_output("stream", text="x" * 100)] * 50
    made, _ = restore(handed, lesson)
    assert 1 <= len(made.cells[2].outputs) <= 10


@pytest.mark.parametrize("place, most", [(2, tidy.SOURCE), (5, tidy.WRITTEN)])
def test_a_text_that_is_too_large_is_cut_and_named(handed, lesson, place, most):
    handed.cells[place].source = "w" * most
    assert restore(handed, lesson)[1] == []
    handed.cells[place].source += "w"
    made, findings = restore(handed, lesson)
    assert made.cells[place].source == "w" * most and _kinds(findings) == [("cut cell", "")]


@pytest.mark.parametrize("editor", EDITORS)
def test_a_picture_pasted_into_an_answer_stays(handed, lesson, editor):
    """Jupyter attaches it; Colab writes it into the text."""
    picture = "iVBORw0KGgo" * 40_000
    cell = handed.cells[_at(handed, "when")]
    cell.attachments = {"image.png": {"image/png": picture}}
    cell.source = f"{MINE} ![one](attachment:image.png) ![two](data:image/png;base64,{picture})"
    made, findings = restore(read(json.dumps(_as_saved(handed, editor)).encode()), lesson)
    kept = made.cells[_at(made, "when")]
    assert (kept.source, kept.attachments) == (cell.source, cell.attachments)
    assert {one.kind for one in findings} <= {"lost metadata", "guessed cell"}


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b"{}", b"\xff\xfe\x00", b"[" * 100_000, b'{"nbformat": 3, "worksheets": []}',
    b'{"nbformat": 4, "cells": {}}', b'{"nbformat": 4, "cells": [' + b"{}," * 5000 + b"{}]}", b"1" * 5000],
    ids=lambda content: content[:30].decode(errors="replace"))
def test_what_is_no_notebook_is_one_sentence(content):
    with pytest.raises(InputError, match="saved again by Jupyter"):
        read(content)


@pytest.mark.parametrize("cell", [7, None, {}, {"cell_type": "heading"}, {"cell_type": "code", "source": 3},
                                  {"cell_type": "code", "outputs": 5, "execution_count": -1, "metadata": []},
                                  {"cell_type": "markdown", "source": [1, "a"], "attachments": {"a": {"b": 1}},
                                   "metadata": {"tags": "x"}, "id": "not an id!"},
                                  {"cell_type": "code", "metadata": {"id": ["half"]}},
                                  {"cell_type": "code", "source": "\ud800"}], ids=ascii)
def test_a_damaged_cell_harms_no_other(handed, lesson, cell):
    plain = _as_saved(handed, "JupyterLab")
    plain["cells"].insert(4, cell)
    made, _ = restore(read(json.dumps(plain).encode()), lesson)
    _in_shape(made, lesson)
    assert [cell.source for cell in made.cells if cell.id in GRADED] == [
        cell.source for cell in handed.cells if cell.id in GRADED]
