"""The synthetic stand-in for MHIST: proportions, votes, determinism, and what tells the classes apart."""

import os

import numpy as np
import pytest
from scipy import ndimage

from ddkit.__main__ import main
from ddkit.data import load
from ddkit.data.sources import mhist, mhist_like
from ddkit.foundation.errors import InputError


def test_counts_are_those_of_mhist_and_in_proportion():
    assert mhist_like.quotas(3152) == mhist.PUBLISHED
    for number in (50, 333, 3152):
        plan = mhist_like.plan(number)
        for part, counts in mhist_like.quotas(number).items():
            assert tuple(np.bincount(plan.labels[plan.test == (part == "test")])) == counts
        assert len(plan.labels) == number and plan.labels.mean() == pytest.approx(990 / 3152, abs=0.02)


def test_votes_agree_with_the_labels_and_follow_the_serration():
    plan = mhist_like.plan(1000)
    assert ((plan.votes >= 4) == plan.labels).all() and set(plan.votes) == set(range(8))
    assert np.corrcoef(plan.votes, plan.strengths)[0, 1] > 0.8
    hp, ssa = (plan.strengths[plan.labels == label] for label in (0, 1))
    assert ssa.mean() > hp.mean() + 0.2 and ssa.min() < hp.max()


def test_the_generator_is_deterministic_in_its_seed_alone(untouched_randomness):
    strengths = mhist_like.plan(50).strengths
    assert np.array_equal(strengths, mhist_like.plan(50).strengths)
    assert not np.array_equal(strengths, mhist_like.plan(50, seed=1).strengths)
    first = mhist_like.draw(strengths[:4], 16, seed=0)
    assert np.array_equal(first, mhist_like.draw(strengths[:4], 16, seed=0))
    assert np.array_equal(first[:2], mhist_like.draw(strengths[:2], 16, seed=0))
    assert (first != mhist_like.draw(strengths[:4], 16, seed=1)).any((1, 2, 3)).all()


def test_the_same_seed_shows_the_same_tissue_at_every_size():
    strengths = np.array([0.1, 0.9])
    large, small = (mhist_like.draw(strengths, size).astype(float) for size in (93, 31))
    assert np.corrcoef(large.reshape(2, 3, 31, 3, 31, 3).mean((3, 5)).ravel(), small.ravel())[0, 1] > 0.95


def test_the_loaded_stand_in_is_cached_and_called_synthetic(tmp_path, monkeypatch):
    monkeypatch.setattr(mhist_like, "NUMBER", 80)
    first = load("mhist_like", tmp_path, 16)
    assert first.name == "mhist_like" and all("synthetic" in text for text in (*first.classes, *first.notes))
    monkeypatch.setattr(mhist_like, "draw", lambda *_: pytest.fail("the images were drawn again"))
    assert load("mhist_like", tmp_path, 16).fingerprint == first.fingerprint


def roughness(image: np.ndarray) -> float:
    """Border squared over area of the largest white region (of a lumen): about 12 for a disk, more for a star."""
    white = image.min(0) > 0.88 * np.percentile(image.min(0), 99)
    regions, count = ndimage.label(ndimage.binary_opening(white))
    region = regions == 1 + np.argmax(np.bincount(regions.ravel(), minlength=count + 1)[1:])
    return float((region & ~ndimage.binary_erosion(region)).sum() ** 2 / region.sum())


def ordered(values: np.ndarray, labels: np.ndarray) -> float:
    """ROC AUC: the probability that a random image of class 1 has the larger value."""
    return float((values[labels == 1][:, None] > values[labels == 0]).mean())


def test_the_classes_differ_in_their_contours_not_in_their_colours():
    plan = mhist_like.plan(150)
    images = mhist_like.draw(plan.strengths, 96)
    assert ordered(np.array([roughness(image) for image in images]), plan.labels) > 0.75
    for channel in range(3):
        assert 0.3 < ordered(images[:, channel].mean((1, 2)), plan.labels) < 0.7


def test_make_writes_a_copy_that_is_whole_and_never_overwrites(tmp_path, capsys):
    arguments = ["data", "mhist_like", str(tmp_path / "new"), "--make", "--number", "50", "--size", "16", "--seed", "3"]
    assert main([*arguments, "--zip"]) == 0
    assert sorted(os.listdir(tmp_path / "new")) == ["README.txt", "annotations.csv", "images.zip"]
    assert main(arguments) == 2 and "exists" in capsys.readouterr().err
    for wrong in (["mhist", "--number", "50"], ["mhist_like", "--number", "9"], ["mhist_like", "--size", "4"],
                  ["mhist_like", "--seed", "-1"]):
        assert main(["data", wrong[0], str(tmp_path / "other"), "--make", *wrong[1:]]) == 2
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_making_that_was_broken_off_leaves_nothing_and_can_be_repeated(tmp_path, monkeypatch, zipped, error):
    def full(image, png=mhist_like._png, made=[]):  # noqa: B006 (counts the images)
        made.append(1)
        if len(made) == 20:
            raise error
        return png(image)

    monkeypatch.setattr(mhist_like, "_png", full)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else InputError):
        mhist_like.make(tmp_path, 50, 8, zipped=zipped)
    assert not list(tmp_path.iterdir())
    (tmp_path / ".making" / "images").mkdir(parents=True)  # what a killed one leaves
    mhist_like.make(tmp_path, 50, 8, zipped=zipped)
    images = "images.zip" if zipped else "images"
    assert {p.name for p in tmp_path.iterdir()} == {"README.txt", images, "annotations.csv"}
