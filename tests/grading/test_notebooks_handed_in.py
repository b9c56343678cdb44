"""Notebooks that were handed in: told by their content, marked whatever they lost, named where they are no good."""

import json

import pytest
from deliveries import LESSONS, _first_text, _kept, _kinds, _lay, _work

from ddkit.grading.__main__ import main
from ddkit.grading.collect import GENERAL, STAGE, collect
from ddkit.grading.findings import read
from ddkit.grading.sample import making

nbformat = pytest.importorskip("nbformat")


@pytest.mark.parametrize("content", [
    b"", b"{", b"\xff\xfe", b'{"nbformat": 3}', b'{"nbformat": 4, "cells": 1}',
    b'{"nbformat": 4, "cells": [' + b"[" * 900 + b"]" * 900 + b"]}"],
    ids=lambda content: content[:28].decode(errors="replace"))
def test_a_broken_notebook_is_named_and_kept_and_the_rest_goes_on(course, inbox, content, capsys):
    _lay(inbox, {"ann/1.ipynb": content, "bob/1.ipynb": _work(course, 0)})
    with pytest.raises(SystemExit) as ended:
        main(["collect", str(course.root), str(inbox)])
    shown = capsys.readouterr().out
    assert ended.value.code == 1 and "ann: 1.ipynb" in shown and "saved again by Jupyter" in shown
    assert _kept(course, "ann") == {"1/1.ipynb": content} and _first_text(course, "bob")
    assert [one.kind for one in read(course.findings("ann", GENERAL, STAGE))[0]] == ["unreadable"]


def test_a_broken_notebook_is_forgotten_when_a_good_one_of_its_name_came(course, inbox):
    assert _kinds(collect(course.root, [_lay(inbox, {"ann/1.ipynb": b"{"})])) == ["unreadable"]
    assert _kinds(collect(course.root, [_lay(inbox, {"ann/1.ipynb": _work(course, 0)})])) == []
    assert _kinds(collect(course.root, [_lay(inbox, {"ann/1.ipynb": b"[", "ann/2.ipynb": b"("})])) == ["unreadable"] * 2


def test_who_handed_in_no_notebook_at_all_is_named(course, inbox):
    rows = collect(course.root, [_lay(inbox, {"ann/essay.pdf": b"%PDF"})])
    assert [(row.student, row.lesson) for row in rows] == [("ann", "")] and _kinds(rows) == ["no notebook"]


def test_a_notebook_of_no_lesson_is_named(course, inbox):
    note = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])).encode()
    rows = collect(course.root, [_lay(inbox, {"ann/02_attention_matching.ipynb": note})])
    assert _kinds(rows) == ["left out"] and not course.notebook("submitted", LESSONS[1], "ann").exists()


@pytest.mark.parametrize("dropped", ["metadata", "ids", "both"])
@pytest.mark.parametrize("lesson", [0, 1])
def test_a_lesson_is_told_by_its_content(course, inbox, lesson, dropped):
    plain = json.loads(_work(course, lesson))
    for cell in plain["cells"]:
        if dropped in ("metadata", "both"):
            cell["metadata"] = {}
        if dropped in ("ids", "both"):
            del cell["id"]
    collect(course.root, [_lay(inbox, {"ann/01_tiny.ipynb": json.dumps(plain).encode()})])
    assert course.notebook("submitted", LESSONS[lesson], "ann").exists()
    assert not course.notebook("submitted", LESSONS[1 - lesson], "ann").exists()


def test_nbgrader_marks_what_was_collected(tiny, inbox):
    """A notebook that lost all metadata and ids, a check, the type of an exercise, and has a copy of another one."""
    from nbgrader.api import Gradebook
    from nbgrader.apps import NbGraderAPI

    made = making.perfect(nbformat.read(tiny.notebook("source", "01_tiny"), 4))
    cells = {cell.id: cell for cell in made.cells}
    made.cells.remove(cells["double"])
    made.cells.append(nbformat.from_dict(dict(cells["exercise-double"]) | {"id": "copy"}))
    cells["exercise-largest"].cell_type = "raw"
    del cells["exercise-largest"]["outputs"], cells["exercise-largest"]["execution_count"]
    plain = json.loads(nbformat.writes(made)) | {"nbformat_minor": 0}
    for cell in plain["cells"]:
        del cell["id"]
        cell["metadata"] = {}
    rows = collect(tiny.root, [_lay(inbox, {"ann/x.ipynb": json.dumps(plain).encode()})])
    assert set(_kinds(rows)) == {"lost metadata", "missing cell", "retyped cell", "guessed cell"}
    assert NbGraderAPI(config=tiny.config()).autograde("01_tiny", "ann")["success"]
    with Gradebook(tiny.gradebook) as gradebook:
        grades = gradebook.find_submission_notebook("01_tiny", "01_tiny", "ann").grades
        assert {grade.name: (grade.auto_score, grade.needs_manual_grade) for grade in grades} == {
            "double": (1, False), "largest": (2, False), "why": (None, True)}
