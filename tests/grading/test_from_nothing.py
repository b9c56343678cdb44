"""The instructor's page: its commands, one after the other, on a sample class of the tiny lesson."""

import csv
import re
from pathlib import Path

import pytest

from ddkit.grading.__main__ import main
from ddkit.grading.course import Course

pytest.importorskip("nbgrader")

import nbformat

from ddkit.grading.kernel import bubblewrap

PAGE = Path(__file__).parents[2] / "docs" / "marking.md"
TINY = "01_tiny"


def commands() -> list[list[str]]:
    """The commands of the page's first block that marks a class, without the one that opens a browser."""
    block = next(block for block in re.findall(r"```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
                 if "ddkit.grading sample" in block)
    lines = [line.split("#")[0].split() for line in block.splitlines() if line.startswith("python -m ddkit.grading")]
    return [words[3:] for words in lines if words[3] != "mark"]


@pytest.mark.skipif(not bubblewrap.works(), reason="needs bubblewrap")
def test_the_commands_of_the_page_lead_from_nothing_to_a_marked_class(tmp_path, tiny_notebooks, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = commands()
    assert [words[0] for words in given] == ["sample", "collect", "grade", "export", "feedback"]
    for words in given:
        more = ["--notebooks", str(tiny_notebooks), "--lesson", TINY] if words[0] == "sample" else []
        unreadable = words[0] in ("collect", "grade")  # of one student, which is told and ends with 1
        try:
            assert main([*words, *more]) == 0 and not unreadable
        except SystemExit as end:
            assert end.code == 1 and unreadable
    with (tmp_path / "demo" / "marks.csv").open(encoding="utf-8-sig") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {"perfect", "mistaken", "broken"}
    given = {student: (row[f"{TINY} double /1"], row[f"{TINY} largest /2"], row[f"{TINY} why /1.5"])
             for student, row in rows.items()}
    assert given["perfect"] == ("1", "2", "to mark") and given["mistaken"] == ("0", "2", "to mark")
    assert not any(mark.isdigit() for mark in given["broken"])
    assert {path.name for path in (tmp_path / "demo" / "feedback").glob("[a-z]*")} >= {"perfect", "mistaken"}


@pytest.fixture(scope="module")
def sampled(tmp_path_factory, tiny_notebooks) -> Course:
    root = tmp_path_factory.mktemp("sample") / "course"
    assert main(["sample", str(root), "--notebooks", str(tiny_notebooks), "--lesson", "1", "--hostile"]) == 0
    return Course.at(root)


class TestSample:
    def test_the_class_of_three_ran_its_notebooks(self, sampled):
        perfect, mistaken = (nbformat.read(sampled.root / "inbox" / student / f"{TINY}.ipynb", 4)
                             for student in ("perfect", "mistaken"))
        failed = {student: [cell.id for cell in notebook.cells for output in cell.get("outputs", [])
                            if output.output_type == "error"]
                  for student, notebook in (("perfect", perfect), ("mistaken", mistaken))}
        assert failed == {"perfect": [], "mistaken": ["double"]}
        assert [output.data["text/plain"] for cell in perfect.cells for output in cell.get("outputs", [])] == ["(4, 3)"]

    def test_the_hostile_class_is_there_and_none_of_its_code_has_run(self, sampled):
        files = {path.parent.name: path.name for path in (sampled.root / "inbox").glob("*/*.ipynb")}
        assert files["renamed-copy"] == f"{TINY} (1).ipynb" and files["renamed"] == "Untitled7.ipynb"
        assert {"endless", "memory", "patches-stderr", "writes-gradebook", "copied-records", "edited-numbers"} <= \
            set(files)
        for student in ("endless", "writes-outside"):
            notebook = nbformat.read(sampled.root / "inbox" / student / f"{TINY}.ipynb", 4)
            assert not any(cell.get("outputs") for cell in notebook.cells)
        assert not list(sampled.root.rglob("written-by-a-student.txt"))
