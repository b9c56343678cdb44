"""Pictures of differentiating through training, and of sets that are trained on in two ways."""

import numpy as np
import pytest
from every_picture import scores

from ddkit import plots
from ddkit.plots.training import Window


@pytest.fixture
def kept():
    return plots.windows({0.5: [0.6, 0.9, 1.0]}, [Window(1, 0.5, 0.2), Window(3, 1.0, 1.0)], "three steps")


def test_windows_are_drawn_by_their_steps_and_told_in_words(kept):
    left, right = kept.axes
    assert left.lines[0].get_xydata().tolist() == [[1, 0.6], [2, 0.9], [3, 1.0]]
    assert [list(line.get_ydata()) for line in right.lines] == [[0.5, 1.0], [0.2, 1.0]]
    assert "a step corrects 50 %" in kept.alt and "1 steps, cosine 0.50, length 0.20" in kept.alt


def test_memory_is_in_mebibytes_from_zero_on():
    figure = plots.graph_memory({"stepwise": {1: 2**20, 9: 2**21}}, "of a training")
    (axes,) = figure.axes
    assert axes.lines[0].get_xydata().tolist() == [[1, 1], [9, 2]] and axes.get_ylim()[0] == 0
    assert "2.0 MiB at 9 steps" in figure.alt


def test_two_ways_join_what_has_both_and_leave_out_what_is_missing():
    one, other = scores(0.9), scores(0.6)
    figure = plots.two_ways({"by its recipe": {"DD": one, "SLDD": one}, "plain": {"DD": other, "real": other}}, 0.1)
    (axes,) = figure.axes
    drawn = [line.get_xydata() for line in axes.lines]
    joins = [points for points in drawn if len(points) == 2 and points[0][1] == points[1][1]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["DD", "SLDD", "real"]
    assert any(np.allclose(points, [[100 * one.mean, 0], [100 * other.mean, 0]]) for points in joins)
    assert not any(np.ptp(points[:, 0]) > 1 and points[0][1] > 0 for points in joins)
    points = {(round(float(x)), int(y)) for line in drawn if len(line) == 1 for x, y in line}
    full, hollow = round(100 * one.mean), round(100 * other.mean)
    assert {(full, 0), (hollow, 0), (full, 1), (hollow, 2)} <= points and not {(hollow, 1), (full, 2)} & points
    assert "plain: DD" in figure.alt
