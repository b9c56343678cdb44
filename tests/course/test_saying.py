"""What lessons print fits a page: lines end between words."""

import pytest
import torch

from ddkit.course import lesson
from ddkit.foundation.device import describe


def test_a_long_sentence_goes_on_between_two_words_further_in(capsys):
    words = " ".join(f"word{n}" for n in range(60))
    lesson.say("short", "  " + words)
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "short" and len(lines) > 2 and max(map(len, lines)) <= lesson.WIDE
    assert lines[0].startswith("  word0 ") and all(line.startswith("      word") for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == words


@pytest.mark.parametrize(("threads", "words"), [(1, "CPU, 1 thread"), (2, "CPU, 2 threads")])
def test_threads_are_counted_in_words(threads, words, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert describe(torch.device("cpu")) == words
