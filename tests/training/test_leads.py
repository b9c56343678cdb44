"""The lead of one mean over another, against SciPy's t tests and by hand."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from ddkit.training.leads import Lead

SCORES = {"few": [0.961, 0.9632, 0.9655], "five": [0.93, 0.951, 0.922, 0.94, 0.9385],
          "ten": np.linspace(0.5, 0.7, 10).tolist()}


def by_seed(values, first=0):
    return {first + seed: value for seed, value in enumerate(values)}


@pytest.mark.parametrize(("one", "other"), list(itertools.product(SCORES, SCORES)))
def test_unpaired_lead_is_welchs(one, other):
    found = Lead.of(by_seed(SCORES[one]), by_seed(SCORES[other]), paired=False)
    expected = stats.ttest_ind(SCORES[one], SCORES[other], equal_var=False)
    assert found.in_errors == pytest.approx(expected.statistic, abs=1e-12)
    assert found.by_chance == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.seeds == (len(SCORES[one]), len(SCORES[other]))


@pytest.mark.parametrize("most", [None, 2, 4])
@pytest.mark.parametrize(("one", "other"), [("five", "ten"), ("ten", "five"), ("few", "five")])
def test_paired_lead_is_that_of_the_differences_over_the_shared_seeds(one, other, most):
    n = min(len(SCORES[one]), len(SCORES[other]), most or 10)
    found = Lead.of(by_seed(SCORES[one]), by_seed(SCORES[other]), paired=True, most=most)
    expected = stats.ttest_rel(SCORES[one][:n], SCORES[other][:n])
    assert (found.in_errors, found.by_chance) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
    assert found.seeds == (n, n)


def test_pairs_go_by_the_seed_and_not_by_the_place():
    first = {0: 0.9, 1: 0.8, 2: 0.7}
    second = {2: 0.6, 1: 0.75, 0: 0.8, 5: 0.1}
    found = Lead.of(first, second, paired=True)
    assert found.gap == pytest.approx((0.1 + 0.05 + 0.1) / 3)
    assert found.error == pytest.approx(np.std([0.1, 0.05, 0.1], ddof=1) / math.sqrt(3))


@pytest.mark.parametrize("paired", [True, False])
def test_a_single_seed_has_no_error_and_is_told_apart_from_nothing(paired):
    found = Lead.of({0: 0.9}, by_seed(SCORES["five"]), paired=paired)
    assert (found.error, found.in_errors, found.by_chance, found.told_apart) == (None, None, None, False)
    assert "No standard error" in found.verdict


@pytest.mark.parametrize(("gap", "told"), [(0.0, False), (0.1, True)])
def test_seeds_that_all_differ_by_the_same_are_no_division_by_nought(gap, told):
    found = Lead.of(dict.fromkeys(range(4), 0.5 + gap), dict.fromkeys(range(4), 0.5), paired=False)
    assert (found.in_errors, found.told_apart) == ((math.inf, True) if told else (0.0, False))


@pytest.mark.parametrize(("gaps", "apart", "words"), [
    ([0.01, 0.02, 0.015, 0.012, 0.018], True, "Told apart by these 5 seeds"),
    ([0.01, -0.02, 0.015, -0.012, 0.018], False,
     "Not told apart from chance by these 5 seeds: 0.3 standard errors, below"),
    ([0.01, 0.03], False, "Not told apart from chance by these 2 seeds: 2.0 standard errors, but"),
    ([-0.01, -0.02, -0.015, -0.012, -0.018], True, "Told apart by these 5 seeds"),
])
def test_the_verdict_says_what_the_numbers_do(gaps, apart, words):
    found = Lead.of({s: 0.5 + gap for s, gap in enumerate(gaps)}, dict.fromkeys(range(len(gaps)), 0.5), paired=True)
    assert found.told_apart == apart and words in found.verdict


def test_the_formula_says_which_it_is():
    pair = [Lead.of(by_seed(SCORES["five"]), by_seed(SCORES["ten"]), paired=paired) for paired in (True, False)]
    assert ["paired seeds" in one.formula for one in pair] == [True, False]
    assert pair[1].count == "5 and 10 seeds"
