"""Stored records in a real browser: what is seen is what the records say, and what is missing can be made there."""

import re

import pytest

from .test_dashboards import opened

expect = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install -e '.[browser]'").expect

DRAWN = """index => { const i = document.querySelectorAll('img.dd-picture')[index]; return i ? i.src : ''; }"""


def drawn(page, index: int = 0) -> str:
    """A picture of the page, by what it holds."""
    return page.evaluate(DRAWN, index)


def choose(page, name: str, word: str) -> None:
    """Choose a word of the menu of that name."""
    page.get_by_label(name, exact=True).select_option(label=word)


def choose_until(page, name: str, word: str, words: str) -> None:
    """Choose a word until the page says so: a menu that is just being filled anew may lose a choice."""
    for _ in range(3):
        choose(page, name, word)
        try:
            return told(page, words, 10_000)
        except AssertionError:
            continue
    told(page, words)


def slide(page, name: str, key: str) -> None:
    """Press a key on the slider of that name."""
    handle = page.locator(f".dd-{name.replace(' ', '-')} .noUi-handle")
    handle.focus()
    handle.press(key)


def told(page, words: str, timeout: int = 30_000) -> None:
    expect(page.locator("body")).to_contain_text(re.compile(words), timeout=timeout)


def clean(page, server) -> None:
    assert not page.problems and not server.errors


def test_the_verdict_flips_with_the_seeds_and_with_the_length_of_training(voila, page, screenshot):
    opened(page, voila, "is_it_real")
    for name, word in (("data set", "mnist"), ("protocol", "standard"), ("network", "ConvNetD3, width 32"),
                       ("first set", "datadam, 10 per class")):
        choose(page, name, word)
    told(page, "datadam, 10 per class leads")
    choose(page, "second set", "random real, 10 per class")
    told(page, "Told apart by these 5 seeds: 4.4 standard errors")
    screenshot(page, "is_it_real-told-apart")
    five = drawn(page)
    slide(page, "seeds", "Home")
    told(page, "No standard error can be had from 1 seed")
    slide(page, "seeds", "ArrowRight")
    told(page, "Not told apart from chance by these 2 seeds")
    assert drawn(page) != five
    screenshot(page, "is_it_real-two-seeds")
    choose(page, "data set", "mhist_like at 64 pixels")
    told(page, "says nothing about polyps")  # menus offer other words by now
    choose(page, "first set", "datadam, 50 per class")
    told(page, "datadam, 50 per class (leads|trails)")
    choose(page, "second set", "random real, 50 per class")
    told(page, "datadam, 50 per class leads random real, 50 per class")
    choose(page, "epochs, second", "300")
    told(page, "trails random real, 50 per class.*the second for 300: more than the images differs")
    screenshot(page, "is_it_real-other-length")
    clean(page, voila)


def test_the_time_machine_goes_back_to_the_start(voila, page, screenshot):
    opened(page, voila, "time_machine")
    choose(page, "method", "trajectory")
    told(page, "After 700 of 700 updates")
    end = [drawn(page, index) for index in range(3)]
    slide(page, "update", "Home")
    told(page, "no loss yet: this is the start; the images as shown have moved 0.0")
    assert all(drawn(page, index) != before for index, before in enumerate(end))
    every = drawn(page)
    choose(page, "class", "7")
    page.wait_for_selector("img[alt='images of class 7 after 0 updates']")
    assert drawn(page) != every
    screenshot(page, "time_machine-start")
    clean(page, voila)


@pytest.mark.parametrize("method", ["datadam", "random real"])
def test_what_is_missing_is_made_at_a_button_and_then_shown(voila, page, screenshot, method):
    opened(page, voila, "images_per_class")
    choose(page, "data set", "digits-0-1-2")
    told(page, "datadam with [0-9]+ per class: .* \\(n=2\\)")  # menus offer other words by now
    choose_until(page, "method", method, f"{method} with 3 per class: ")
    slide(page, "images per class", "Home")
    told(page, f"{method} with 1 per class has not been scored")
    screenshot(page, f"images_per_class-missing-{method.split()[0]}")
    page.get_by_role("button", name="Run missing").click()
    told(page, "done: in [0-9.]+ s")
    told(page, f"{method} with 1 per class: [0-9.]+ ± [0-9.]+ % \\(n=2\\)")
    screenshot(page, f"images_per_class-made-{method.split()[0]}")
    expect(page.get_by_role("button", name="Run missing")).to_be_disabled()
    clean(page, voila)
