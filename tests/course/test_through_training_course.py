"""What lesson 12 is made of: shares of windows, gradients through them, and what autograd holds."""

import pytest
import torch

import ddkit
from ddkit.course.demonstrations import through_training
from ddkit.methods.matching.student import Batch
from ddkit.methods.matching.unroll import Rule, unroll


@pytest.fixture(scope="module")
def course():
    return through_training.Course.on(ddkit.load("digits"), "LeNet", 0.1)


class Pull:
    """One weight on h / 2 (w - x)^2, x the only pixel."""

    def __init__(self, h: float):
        self.h = h

    def gradient(self, weights, images, labels, batch, graph=True):
        return self.h * (weights - images.flatten())


@pytest.mark.parametrize("slope", [0.3, 0.03])
@pytest.mark.parametrize("window", [1, 4, 9])
def test_shares_are_those_of_a_weight_that_is_pulled_to_a_pixel(slope, window):
    pixel, start, steps = torch.full((1, 1, 1, 1), 2.0).double(), torch.zeros(1).double(), 9
    rate = torch.tensor(0.1, dtype=torch.float64)

    def slope_of(**how):
        nothing = torch.zeros(1).long()
        return float(unroll(Pull(slope / 0.1), start, pixel, nothing, [Batch(nothing)] * steps, Rule(rate),
                            lambda weights: weights.sum(), **how).images)

    kept = through_training.shares([slope], steps)[slope]
    assert slope_of(window=(steps - window, window)) / slope_of() == pytest.approx(kept[window - 1], rel=1e-9)
    assert kept[-1] == 1


def test_the_window_of_all_steps_keeps_everything_and_others_do_not(course):
    *some, whole = through_training.through_windows(course, 6, (1, 3, 6))
    assert (whole.steps, whole.cosine, whole.length) == (6, pytest.approx(1), pytest.approx(1))
    assert all(window.length < 0.99 for window in some)
    theirs = course.gradients(6, 3).images.flatten()
    assert some[1].length == pytest.approx(float(theirs.norm() / course.gradients(6).images.norm()), rel=1e-5)


def test_a_course_holds_other_images_for_the_loss_than_for_the_set(course):
    assert len(course.images) == 10 and len(course.real) == 10 * through_training.REAL
    assert course.classes.bincount().tolist() == [through_training.REAL] * 10
    assert not (course.images.flatten(1)[:, None] == course.real.flatten(1)[None]).all(2).any()


def test_bytes_are_those_that_autograd_holds_at_a_time():
    x = torch.zeros(1000, requires_grad=True)
    assert through_training.graph_bytes(lambda: None) == 0
    assert through_training.graph_bytes(lambda: x.exp()) == x.nbytes
    assert through_training.graph_bytes(lambda: [x.exp() for _ in range(3)]) == 3 * x.nbytes
    assert through_training.graph_bytes(lambda: [x.square() for _ in range(3)]) == x.nbytes  # the same x
    assert through_training.graph_bytes(lambda: [torch.autograd.grad(x.exp().sum(), x) for _ in range(3)]) == x.nbytes


def test_step_by_step_memory_grows_by_the_weights_alone_and_unrolled_by_graphs(course):
    held = through_training.memory(course, (2, 8))
    kept, graphs = (held[mode][8] - held[mode][2] for mode in ("stepwise", "unrolled"))
    assert kept == pytest.approx(6 * course.start.nbytes, rel=0.2)
    assert graphs > 2 * kept


def test_a_slope_is_drawn_against_mid_grey():
    digits = ddkit.load("digits")
    slopes = torch.zeros(2, 784)
    slopes[0, 0], slopes[1, 3] = -2.0, 1.0
    shown = through_training.as_grey(digits, slopes) * digits.std[0] + digits.mean[0]
    assert shown.shape == (2, 1, 28, 28)
    torch.testing.assert_close(shown.flatten()[[0, 1, 784 + 3]], torch.tensor([1.0, 0.5, 0.25]))
