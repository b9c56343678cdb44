"""The polyps' tables: what is compared, and by how much one row leads another."""

import math
from types import SimpleNamespace

import pytest

from ddkit.course import polyps as polyp_course
from ddkit.course.profiles import profile
from ddkit.training.scores import Scores

POLYPS = profile("laptop", "mhist_like")


def record(*balanced):
    return SimpleNamespace(scores=Scores(tuple({"seed": seed, "accuracy": 0.7, "balanced_accuracy": b}
                                               for seed, b in enumerate(balanced))))


def test_a_lead_is_the_difference_of_balanced_means_with_its_standard_error():
    rows = {polyp_course.DISTILLED: record(0.8, 0.9), "random real": record(0.6, 0.8), "start: real": record(0.9, 0.9)}
    found = polyp_course.leads(rows)
    assert list(found) == ["random real", "start: real"]
    told = {name: (lead.gap, lead.error, lead.told_apart) for name, lead in found.items()}
    assert told["random real"] == pytest.approx((15.0, 100 * math.sqrt(0.05**2 + 0.1**2), False))
    assert told["start: real"] == pytest.approx((-5.0, 5.0, False))


def test_the_change_of_a_lead_is_that_of_pairs_of_the_same_seed():
    sooner = {polyp_course.DISTILLED: record(0.8, 0.9), "random real": record(0.6, 0.8)}  # leads of 20 and 10 points
    later = {polyp_course.DISTILLED: record(0.9, 0.9), "random real": record(0.86, 0.86)}  # 4 and 4
    found = polyp_course.change(sooner, later)
    assert (found.gap, found.error, found.paired) == pytest.approx((-11.0, 5.0, True))


def test_another_number_of_images_is_scored_by_half_as_many_networks_from_a_start_of_its_own():
    chosen = polyp_course.sized(POLYPS, 50)
    assert (chosen.ipc, chosen.seeds) == (50, POLYPS.seeds / 2) and polyp_course.sized(POLYPS, 10) == POLYPS
    assert chosen.distill().config.image_lr == pytest.approx(5 * POLYPS.distill().config.image_lr)
    assert {getattr(s, "ipc", None) or s.of.ipc for s in polyp_course.sources(chosen).values()} == {50}
