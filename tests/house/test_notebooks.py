"""The committed notebooks are what their sources say, executed, and fit to hand out."""

import importlib.util
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
_spec = importlib.util.spec_from_file_location("build", NOTEBOOKS / "build.py")
build = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(build)


WIDER = ("05", "06")  # lessons whose lines have not been brought to the width of a page yet


def committed(source: Path) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{source.stem}.ipynb", as_version=4)


@pytest.mark.parametrize("source", build.SOURCES, ids=lambda path: path.stem)
class TestNotebook:
    def test_it_is_what_its_source_says(self, source):
        made, found = build.make(source), committed(source)
        assert [(c.id, c.cell_type, c.source) for c in found.cells] == \
            [(c.id, c.cell_type, c.source) for c in made.cells]

    def test_it_was_executed_from_top_to_bottom_without_errors(self, source):
        code = [c for c in committed(source).cells if c.cell_type == "code"]
        assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
        assert not [o for c in code for o in c.outputs if o.output_type == "error"]

    def test_it_shows_real_data(self, source):
        first = next(o.text for c in committed(source).cells for o in c.get("outputs", ()) if o.output_type == "stream")
        assert "laptop profile: mnist" in first

    def test_it_is_small_and_carries_no_widget_state(self, source):
        assert (NOTEBOOKS / f"{source.stem}.ipynb").stat().st_size < 1_500_000
        assert "widgets" not in committed(source).metadata

    def test_its_cells_are_short(self, source):
        longest = max(len(c.source.splitlines()) for c in committed(source).cells if c.cell_type == "code")
        assert longest <= 20

    def test_no_cell_begins_or_ends_with_an_empty_line(self, source):
        """Handing out strips it, so that the cell would come back as another."""
        assert not [c.id for c in committed(source).cells if c.source != c.source.strip("\n")]

    def test_what_it_says_and_prints_is_as_wide_as_a_page(self, source):
        """Else code runs past the edge of its cell, and what is printed breaks within a word."""
        if source.stem[:2] in WIDER:
            pytest.skip("still has wider lines")
        code = [c for c in committed(source).cells if c.cell_type == "code"]
        printed = [o.get("text") or o.get("data", {}).get("text/plain", "") for c in code for o in c.outputs
                   if "text/html" not in o.get("data", {}) and "text/markdown" not in o.get("data", {})]
        assert max(len(line) for c in code for line in c.source.splitlines()) <= 120
        assert max(len(line) for text in printed for line in text.splitlines()) <= 118

    def test_its_head_names_part_marks_time_and_aims(self, source):
        head = committed(source).cells[0].source
        for word in ("Course part", "mark", "You will learn", "Before you start", "Time"):
            assert word in head
        assert committed(source).cells[1].source.startswith("# On Colab")

    def test_its_pictures_are_told_in_words_that_begin_differently(self, source):
        told = [output.metadata["image/png"].get("alt", "") for cell in committed(source).cells
                for output in cell.get("outputs", ()) if "image/png" in output.get("data", ())]
        first = [words.split(".")[0] for words in told]
        assert told and all(len(words) > 40 for words in told) and len(set(first)) == len(first)
