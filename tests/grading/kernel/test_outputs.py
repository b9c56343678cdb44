"""Outputs are shortened while they arrive; what decides a mark is never dropped."""

import pytest

from ddkit.grading.kernel.outputs import CUT, ERROR, Cutter, clean
from ddkit.grading.kernel.watch import Limits


@pytest.fixture
def cutter() -> Cutter:
    """Lets 1 KiB of text and 2 KiB of pictures pass."""
    return Cutter(Limits(text=1, output=2))


def test_text_is_cut_once_and_dropped_from_then_on(cutter):
    contents = [{"name": "stdout", "text": "x" * 700} for _ in range(3)]
    assert [cutter.passes("stream", content) for content in contents] == [True, True, False]
    assert contents[0]["text"] == "x" * 700 and contents[1]["text"] == "x" * 324 + CUT and cutter.cut


def test_stderr_is_kept_after_much_output(cutter):
    assert cutter.passes("stream", {"name": "stdout", "text": "x" * 10**6})
    content = {"name": "stderr", "text": "not solved yet"}
    assert cutter.passes("stream", content) and content["text"] == "not solved yet"


def test_errors_are_kept_and_shortened(cutter):
    cutter.passes("stream", {"name": "stderr", "text": "x" * 10**6})
    content = {"ename": "E" * 999, "evalue": "v" * 10**6, "traceback": ["t" * 10**6]}
    assert cutter.passes("error", content)
    assert len(content["ename"]) == 200 and len(content["evalue"]) == ERROR
    assert len(content["traceback"][0]) == ERROR + len(CUT)


@pytest.mark.parametrize("kind", ["display_data", "execute_result", "update_display_data"])
def test_pictures_have_a_size_together(cutter, kind):
    contents = [{"data": {"image/png": "x" * 1500}, "metadata": {}} for _ in range(2)]
    assert [cutter.passes(kind, content) for content in contents] == [True, False] and cutter.cut


@pytest.mark.parametrize("content", [{}, {"data": 1}, {"data": {}, "metadata": 1}])
def test_what_is_no_output_is_dropped(cutter, content):
    assert not cutter.passes("display_data", content) and not cutter.cut


def test_all_text_can_be_written(cutter):
    assert clean({"a": ["\ud800", 1]}) == {"a": ["?", 1]}
    content = {"name": "stdout", "text": "\udcff"}
    assert cutter.passes("stream", content) and content["text"].encode("utf-8") == b"?"
