"""The two pictures that lesson 1 opens with say what they were given."""

import torch

import ddkit
from ddkit import plots
from ddkit.course import story
from ddkit.foundation.randomness import stream
from ddkit.plots.story import mosaic
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
