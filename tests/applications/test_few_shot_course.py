"""What lesson 13 is made of: its plan by profile, records at hand, the gap on its way, and what tone explains."""

from dataclasses import replace

import pytest
import torch

from ddkit.applications.few_shot import course
from ddkit.applications.few_shot.arms import PRETRAINED
from ddkit.applications.few_shot.judging import NETWORKS
from ddkit.course.profiles import PROFILES
from ddkit.data import load
from ddkit.foundation.randomness import stream
from ddkit.methods.translation.trying import Tone
from ddkit.runs import RECORD, REFERENCE, Record, find

SHELF = REFERENCE / "few-shot"


@pytest.mark.parametrize("name", PROFILES)
def test_what_a_profile_compares_can_be_asked_for(name):
    plan = course.plan(PROFILES[name])
    asked = [plan.gate, *plan.claims.values(), *plan.variants.values(),
             *(one for part in plan.comparisons.values() for one in part.values())]
    for one in asked:
        one.check()
    assert len({one.name for one in asked}) == len(asked)
    for part in plan.comparisons.values():
        assert all(PRETRAINED in one.arms for one in part.values()) and part["glyphs"].arms != (PRETRAINED,)


def test_every_shipped_comparison_is_one_that_the_lesson_asks_for():
    plan = course.plan(PROFILES["laptop"])
    asked = [*plan.translators.values(), plan.gate, *plan.claims.values(), *plan.variants.values(),
             *(one for part in plan.comparisons.values() for one in part.values())]
    shipped = {path.parent.name for path in SHELF.glob(f"*/{RECORD}")}
    assert shipped and shipped <= {one.name for one in asked}
    for spec in asked:
        if spec.name in shipped:
            assert Record.load(SHELF / spec.name).asked == spec


def test_a_run_on_letters_is_found_by_its_name_whatever_is_drawn_here(tmp_path, monkeypatch):
    learned = course.plan(PROFILES["laptop"]).translators["glyphs"]
    assert course.by_name(learned, tmp_path).folder == SHELF / learned.name
    monkeypatch.setenv("DDKIT_REFERENCE", "0")
    assert course.by_name(learned, tmp_path) is None and find(learned, tmp_path) is None


def test_the_gap_is_between_its_own_network_and_as_many_fresh_ones_as_judge():
    digits, asked = load("digits", None, 16), course.plan(PROFILES["quick"]).largest
    found = course.gap(replace(asked, of=replace(asked.of, size=16)), digits, (0, 20))
    assert list(found) == ["the start", "20 updates"]
    assert all(len(own.runs) == 1 and len(fresh.runs) == NETWORKS for own, fresh in found.values())
    assert found["20 updates"][0].mean > found["the start"][0].mean


def test_tone_explains_all_of_a_change_of_tone_and_little_of_one_of_strokes():
    images = torch.randn(4, 1, 12, 12, generator=stream(0, "images"))
    toned, share = course.toned(images, 1.3 * Tone(blur=0.4)(images) + 0.2)
    assert share == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(toned, 1.3 * Tone(blur=0.4)(images) + 0.2, atol=1e-5, rtol=1e-5)
    toned, share = course.toned(images, images + torch.randn(images.shape, generator=stream(1, "images")))
    assert 0 <= share < 0.05 and (toned - images).norm() < 0.3 * images.norm()
