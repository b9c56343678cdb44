"""Scores of several sets as one: a set counts once, however many networks were trained on it."""

import statistics
from types import SimpleNamespace

import pytest

from ddkit.applications.base import pooled, trained_unlike
from ddkit.training.scores import Scores


def record(*accuracies: float):
    runs = tuple({"seed": seed, "accuracy": value, "confusion": [[1]]} for seed, value in enumerate(accuracies))
    return SimpleNamespace(scores=Scores(runs), notes=["a note"], spec={"type": "Evaluate"})


def test_of_several_sets_each_counts_once_by_the_mean_of_its_networks():
    found = pooled({0: record(0.5, 0.7), 1: record(0.8, 0.9)})
    assert list(found.values) == pytest.approx([0.6, 0.85])
    assert found.mean == pytest.approx(statistics.fmean((0.6, 0.85))) and "n=2" in str(found)


def test_networks_on_one_set_and_sets_of_one_network_stay_as_they_are():
    assert pooled({0: record(0.5, 0.7)}).values == record(0.5, 0.7).scores.values
    single = pooled({0: record(0.5), 1: record(0.7)})
    assert list(single.values) == [0.5, 0.7] and single.runs[0]["confusion"] == [[1]]
    assert single.notes == ("a note",)


def test_rows_that_were_trained_otherwise_than_most_are_told():
    alike = {"random": "1,000 updates", "herding": "1,000 updates"}
    assert trained_unlike(alike) == []
    [said] = trained_unlike({"full data": "2,000 updates", **alike})
    assert said.endswith("full data: 2,000 updates; all other rows: 1,000 updates.")
