"""The two pictures that lesson 1 opens with say what they were given."""

import pytest
import torch

import ddkit
from ddkit import plots
from ddkit.course import story
from ddkit.foundation.randomness import stream
from ddkit.plots.story import SHOWN, Panel, mosaic
from ddkit.synthetic import SyntheticSet
from ddkit.training.scores import Scores


def scores(*accuracies: float) -> Scores:
    return Scores(tuple({"accuracy": accuracy} for accuracy in accuracies))


def words(figure) -> str:
    return " ".join(text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title))


def test_the_idea_shows_the_counts_and_the_scores_it_was_given():
    data = ddkit.load("digits")
    synthetic = SyntheticSet.from_real(data, 10, stream(0, "idea"))
    given = {"all": scores(0.99), "random": scores(0.9, 0.92), "distilled": scores(0.95, 0.95)}
    figure = plots.idea(data, synthetic, given)
    shown = words(figure)
    assert f"{len(data.train):,} real images" in shown and "100 synthetic images" in shown
    for name, found in given.items():
        assert name in shown and str(found) in shown and str(found) in figure.alt


def test_a_mosaic_has_each_image_at_its_place():
    data = ddkit.load("digits")
    together = mosaic(data, data.train.images, 3)
    size = data.size
    one = mosaic(data, data.train.images[5:6], 1)
    torch.testing.assert_close(together[size : 2 * size, 2 * size : 3 * size], one)  # second row, third place


def test_the_map_has_every_method_with_its_lesson():
    figure = plots.families(story.FAMILIES)
    for _, _, methods in story.FAMILIES:
        for method, lesson in methods:
            assert f"{method} ({f'lesson {lesson}' if lesson else 'no lesson yet'})" in figure.alt
            assert method in words(figure)


DRAWN = {"lines": (5,), "map": (4, 4), "points": (3, 2), "path": (3, 2)}


@pytest.mark.parametrize("drawn", DRAWN)
def test_a_panel_draws_both_sides_and_says_whose_question_it_is(drawn):
    real, synthetic = torch.rand(DRAWN[drawn]), torch.rand(DRAWN[drawn]) + 1
    figure = plots.compared([Panel("a family", "to agree", "METHOD", drawn, real, synthetic, ("left", "right"))])
    assert "a family to agree METHOD" in words(figure)
    if drawn == "map":
        shown = [image.get_array() for axes in figure.axes for image in axes.images]
        names = [axes.get_xlabel() for axes in figure.axes if axes.images]
        scales = {image.get_clim() for axes in figure.axes for image in axes.images}
        assert names == ["left", "right"] and len(scales) == 1
    else:
        lines = [line for axes in figure.axes for line in axes.lines if line.get_marker() != "None"]
        shown = [line.get_xydata()[:, -real.ndim:].squeeze() for line in lines]
    assert len(shown) == 2 and "METHOD" in figure.alt
    for found, side in zip(shown, (real, synthetic), strict=True):
        torch.testing.assert_close(torch.as_tensor(found), side, check_dtype=False)


def test_what_sets_hold_is_shown_in_a_row_each_up_to_a_few():
    data = ddkit.load("digits")
    figure = plots.decoded(data, {"few": data.train.images[:2], "many": data.train.images[:20]}, "forms")
    assert len(figure.axes[0].images) == 2 + SHOWN
    assert "few, 2 shown of 2" in figure.alt and f"many, {SHOWN} shown of 20" in figure.alt
