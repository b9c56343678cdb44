"""A choice word by word: what is offered, what is kept, and what follows its thing to another word."""

import ipywidgets
import pytest

from ddkit.foundation.errors import InputError
from ddkit.stored.narrowing import Narrowing
from ddkit.widgets.controls import Narrowed

# Before judge A set 1 is called x, before B it is y, where x is another one.
THINGS = [("A", "x", 1), ("A", "z", 3), ("B", "x", 2), ("B", "y", 1), ("C", "w", 4), ("C", "x", 2)]
WORDS = {"judge": lambda thing: thing[0], "set": lambda thing: thing[1]}
MEANS = {"set": lambda thing: thing[2]}


@pytest.fixture
def narrowing() -> Narrowing:
    return Narrowing(THINGS, WORDS, MEANS)


def test_a_word_is_kept_where_it_is_offered_and_else_the_first_is_taken(narrowing):
    assert narrowing.settled({"judge": "B", "set": "y"}) == {"judge": "B", "set": "y"}
    assert narrowing.settled({"judge": "A", "set": "y"}) == {"judge": "A", "set": "x"}


def test_the_thing_meant_goes_before_its_word(narrowing):
    assert narrowing.settled({"judge": "B", "set": "x"}, like=THINGS[0]) == {"judge": "B", "set": "y"}
    assert narrowing.settled({"judge": "C", "set": "x"}, like=THINGS[0]) == {"judge": "C", "set": "x"}
    assert narrowing.settled({"judge": "C", "set": "z"}, like=THINGS[1]) == {"judge": "C", "set": "w"}


def test_words_that_somebody_gave_are_obeyed_or_refused(narrowing):
    assert narrowing.found(narrowing.meant({"judge": "C"})) == [("C", "w", 4)]
    with pytest.raises(InputError, match="there is no set 'y' here: choose one of x, z"):
        narrowing.meant({"judge": "A", "set": "y"})


def test_menus_follow_a_set_to_what_another_judge_calls_it(narrowing):
    changes = []
    menus = {kind: ipywidgets.Dropdown() for kind in WORDS}
    chosen = Narrowed(narrowing, menus, lambda: changes.append(chosen.found[0]))
    menus["judge"].value = "B"
    menus["judge"].value = "A"
    menus["set"].value = "z"  # another set of the same judge: obeyed
    menus["judge"].value = "C"
    assert changes == [("B", "y", 1), ("A", "x", 1), ("A", "z", 3), ("C", "w", 4)]


def test_menus_follow_a_set_among_other_things(narrowing):
    chosen = Narrowed(narrowing, {kind: ipywidgets.Dropdown() for kind in WORDS}, list)
    chosen.offer(Narrowing([("A", "v", 9), ("A", "u", 1)], WORDS, MEANS))
    assert chosen.chosen == {"judge": "A", "set": "u"}
