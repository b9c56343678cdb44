"""DD-Ranking's scores: values known by hand, how they move, what is refused, and their errors against draws."""

import math
import statistics

import pytest
import torch

from ddkit.foundation.errors import InputError
from ddkit.training.rankings import (
    Measured,
    Ranking,
    augmentation_robust_score,
    hard_label_recovery,
    improvement_over_random,
    label_robust_score,
    score_of,
)
from ddkit.training.scores import Scores

MNIST_DC = {"full": 0.996, "hard": 0.974, "chosen": 0.974, "at_random": 0.951}


def scores(*values):
    return Scores(tuple({"accuracy": value, "balanced_accuracy": value / 2} for value in values))


@pytest.mark.parametrize(("gain", "expected"), [(0, 0.2689), (1, 1), (-1, 0)])
def test_neither_gain_nor_loss_and_the_most_of_both(gain, expected):
    assert score_of(gain) == pytest.approx(expected, abs=5e-5)


def test_the_score_of_a_published_set():
    assert label_robust_score(**MNIST_DC) == pytest.approx(0.2692, abs=5e-5)
    assert hard_label_recovery(0.996, 0.974) == pytest.approx(0.022)


@pytest.mark.parametrize("weight", [0.1, 0.5, 1.0])
def test_it_grows_with_what_the_set_gains_over_random_images(weight):
    found = [label_robust_score(0.99, 0.9, chosen, 0.5, weight) for chosen in (0.2, 0.5, 0.8, 1.0)]
    assert found == sorted(set(found))
    found = [augmentation_robust_score(chosen, 0.5, 0.5, 0.5, weight) for chosen in (0.2, 0.5, 0.8, 1.0)]
    assert found == sorted(set(found))


def test_set_and_random_images_exchanged_change_the_sign_of_the_improvement():
    assert improvement_over_random(0.9, 0.7) == -improvement_over_random(0.7, 0.9) == pytest.approx(0.2)


@pytest.mark.parametrize("weight", [0, 0.3, 1])
def test_a_set_like_random_images_neither_gains_nor_loses_by_augmentation(weight):
    assert augmentation_robust_score(0.8, 0.8, 0.6, 0.6, weight) == pytest.approx(0.2689, abs=5e-5)


def test_all_weight_on_the_augmented_ones_is_the_half_of_the_label_robust_score():
    assert augmentation_robust_score(0.9, 0.7, 0.1, 0.8, 1) == label_robust_score(1, 0.2, 0.9, 0.7, 1)


@pytest.mark.parametrize("name", MNIST_DC)
@pytest.mark.parametrize("value", [97.4, -0.1, math.nan])
def test_percentages_are_refused_by_name(name, value):
    with pytest.raises(InputError, match=f"shares from 0 to 1, and {name} is .*: divide percentages by 100"):
        label_robust_score(**MNIST_DC | {name: value})
    with pytest.raises(InputError, match="divide percentages"):
        augmentation_robust_score(0.9, 0.9, value, 0.9)


@pytest.mark.parametrize("weight", [-0.1, 1.1, 50])
def test_weights_beyond_a_share_are_refused(weight):
    for score in (label_robust_score, augmentation_robust_score):
        with pytest.raises(InputError, match="weight must be from 0 to 1"):
            score(0.9, 0.8, 0.7, 0.6, weight)


ARMS = {"full": scores(0.99, 0.97), "hard": scores(0.8, 0.9), "chosen": scores(0.9, 0.94),
        "at_random": scores(0.7, 0.8), "plain": scores(0.85, 0.89), "at_random_plain": scores(0.6, 0.64)}


def test_a_ranking_is_of_mean_accuracies():
    found = Ranking(ARMS, 0.4)
    assert found.hlr.value == pytest.approx(0.13) and found.ior.value == pytest.approx(0.17)
    assert found.lrs.value == pytest.approx(label_robust_score(0.98, 0.85, 0.92, 0.75, 0.4))
    assert found.ars.value == pytest.approx(augmentation_robust_score(0.92, 0.75, 0.87, 0.62, 0.4))
    assert found.hlr.error == pytest.approx(math.hypot(0.01, 0.05))
    assert found.in_percentages["lrs"] == pytest.approx(
        (math.exp(100 * (0.4 * 0.17 - 0.6 * 0.13)) - math.exp(-1)) / (math.e - math.exp(-1)))


@pytest.mark.parametrize("hard", [True, False])
def test_errors_are_those_of_repeated_rankings(hard):
    """Against many rankings of single networks, drawn around the same means; arms that are one network count once."""
    means = {"full": 0.97, "hard": 0.8, "chosen": 0.85, "at_random": 0.7, "plain": 0.8, "at_random_plain": 0.6}
    generator = torch.Generator().manual_seed(1)
    draws = {name: (mean + 0.004 * torch.randn(2000, generator=generator)).tolist() for name, mean in means.items()}
    if not hard:
        del draws["hard"]
    for name in ("hlr", "ior", "lrs", "ars"):
        single = [getattr(Ranking({arm: scores(values[i]) for arm, values in draws.items()}, 0.3), name).value
                  for i in range(2000)]
        whole = getattr(Ranking({arm: scores(*values) for arm, values in draws.items()}, 0.3), name)
        assert whole.error == pytest.approx(statistics.stdev(single) / math.sqrt(2000), rel=0.05)


def test_one_network_alone_leaves_no_error():
    found = Ranking(ARMS | {"full": scores(0.98)})
    assert found.hlr.error is None and found.lrs.error is None and found.ior.error is not None
    assert str(Measured(0.5, None)) == "0.5000" and str(Measured(0.5, 0.01)) == "0.5000 ± 0.0100"
