"""The map and the glossary point to lessons that are there and speak of what they are said to, and lessons to commands
that are there."""

import re
from pathlib import Path

import pytest

from ddkit.commands import parser
from ddkit.course import story

SOURCES = {int(path.stem[:2]): path.read_text(encoding="utf-8").lower()
           for path in (Path(__file__).parents[2] / "notebooks" / "src").glob("*.py")}
PLACED = [(method, lesson) for _, _, methods in story.FAMILIES for method, lesson in methods if lesson]


@pytest.mark.parametrize(("method", "lesson"), PLACED)
def test_a_method_is_in_its_lesson(method, lesson):
    assert method.lower() in SOURCES[lesson]


@pytest.mark.parametrize("term", story.GLOSSARY)
def test_a_term_is_in_the_lesson_that_explains_it(term):
    meaning, lesson = story.GLOSSARY[term]
    words = " ".join(SOURCES[lesson].replace("\n#", "\n").replace("*", "").split())
    assert term.lower().rstrip("s") in words and meaning[0].islower() and not meaning.endswith(".")


@pytest.mark.parametrize("term", story.GLOSSARY)
def test_no_earlier_lesson_explains_a_term(term):
    """What a lesson explains stands in bold there."""
    bold = {lesson: re.findall(r"\*\*([^*]+)\*\*", " ".join(text.replace("\n#", "\n").split()))
            for lesson, text in SOURCES.items()}
    explained = [lesson for lesson, words in bold.items() if any(term.lower().rstrip("s") in word for word in words)]
    assert min(explained, default=story.GLOSSARY[term][1]) == story.GLOSSARY[term][1]


def test_the_glossary_has_a_line_for_each_term():
    assert story.glossary().count("\n") == len(story.GLOSSARY) + 1


@pytest.mark.parametrize("lesson", SOURCES)
def test_commands_that_a_lesson_names_are_there(lesson):
    known = next(iter(parser()._subparsers._group_actions)).choices
    named = re.findall(r"python -m ddkit ([a-z]+)", SOURCES[lesson])
    assert set(named) <= set(known)
