"""Tables show the scores with what belongs beside them."""

import dataclasses

import pytest

from ddkit.methods import METHODS, presets
from ddkit.plots import tables
from ddkit.runs import Record
from ddkit.training.scores import Scores


def record(*confusions, auc=None) -> Record:
    runs = []
    for seed, c in enumerate(confusions):
        recalls = [row[i] / sum(row) for i, row in enumerate(c)]
        accuracy = sum(row[i] for i, row in enumerate(c)) / sum(map(sum, c))
        runs.append({"seed": seed, "accuracy": accuracy, "balanced_accuracy": sum(recalls) / len(recalls),
                     "confusion": c, "updates": 20, "train_seconds": 1.0, "test_seconds": 0.5,
                     **({} if auc is None else {"auc": auc})})
    classes = ["HP", "SSA"] if auc is not None else [str(i) for i in range(len(confusions[0]))]
    cost = {"parameters": 1, "macs": 1, "flops": 1}
    return Record({"network": "LeNet"}, "", "", "", {}, 1.0, 1.0, 20,
                  {"runs": runs, "chance": 0.6315, "classes": classes, "cost": cost, "training_images": 1, "epochs": 1})


def test_mean_spread_and_n_are_those_of_the_seeds():
    scores = record([[9, 1], [1, 9]], [[8, 2], [2, 8]], [[7, 3], [3, 7]]).scores
    assert (scores.mean, scores.sd, scores.se) == pytest.approx((0.8, 0.1, 0.1 / 3**0.5))
    assert str(scores) == "80.00 ± 10.00 % (n=3)"
    assert str(Scores(scores.runs[:1])) == "90.00 % (n=1)"


def test_a_majority_guesser_is_called_at_chance():
    guesser, good = record([[617, 0], [360, 0]], auc=0.5), record([[500, 117], [60, 300]], auc=0.9)
    text = tables.scores({"guesser": guesser, "good": good})
    assert "guesser (at chance)" in text and "good (at chance)" not in text
    assert "balanced accuracy" in text and "AUC" in text and "63.15 %" in text


def test_many_classes_need_no_second_metric():
    confusion = [[10 * (i == j) for j in range(3)] for i in range(3)]
    assert "AUC" not in tables.scores({"all": record(confusion)})


def test_two_classes_get_the_recall_of_each():
    text = tables.scores({"one": record([[90, 10], [6, 4]], [[70, 30], [8, 2]], auc=0.7)})
    assert "recall of HP" in text and "80.00 ± 14.14 % (n=2)" in text  # 90 % and 70 %
    assert "recall of SSA" in text and "30.00 ± 14.14 % (n=2)" in text  # 40 % and 20 %
    assert "balanced accuracy" in tables.costs(record([[9, 1], [1, 9]], auc=0.9))


def test_transfer_shows_balanced_accuracy_of_two_classes_and_calls_chance_so():
    good, guessing = record([[90, 10], [6, 4]], auc=0.7), record([[9, 0], [4, 0]], auc=0.5)
    text = tables.transfer({"a": {"MLP": good, "LeNet": guessing}})
    assert "65.00 % (n=1)" in text and "50.00 % (n=1) (at chance)" in text
    assert text.startswith("balanced accuracy, trained on")
    assert tables.transfer({"a": {"MLP": of_accuracies(60)}}).startswith("trained on")


def test_transfer_says_how_long_the_networks_were_trained():
    one, longer = of_accuracies(60), dataclasses.replace(of_accuracies(70), updates=1000)
    alike = tables.transfer({"a": {"MLP": one, "LeNet": one}})
    assert "trained on (20 updates)" in alike and alike.count("updates") == 1
    apart = tables.transfer({"a": {"MLP": one, "LeNet": longer}})
    assert "60.00 % (n=1), 20 updates" in apart and "70.00 % (n=1), 1,000 updates" in apart
    assert apart.startswith("trained on  ")


def of_accuracies(*right: int) -> Record:
    """A record of one seed a number, which is how many of 100 images were recognised."""
    return record(*([[r, 100 - r, 0], [100 - r, r, 0], [0, 100 - r, r]] for r in right))


def test_a_lead_stands_with_its_error_and_both_n():
    rows = {"base": of_accuracies(60, 62, 64), "far": of_accuracies(80, 82, 84, 86), "near": of_accuracies(61, 63),
            "alone": of_accuracies(90)}
    lines = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
             for line in tables.leads(rows, "base", "github").splitlines()}
    assert lines["lead over base, accuracy"][0] == "points" and "base" not in lines
    expected = 100 * (rows["far"].scores.mean - rows["base"].scores.mean)
    errors = rows["far"].scores.lead(rows["base"].scores)
    assert lines["far"] == [f"{expected:+.2f} ± {expected / errors:.2f}", f"{errors:+.1f}", "4 and 3", "yes"]
    assert lines["near"] == ["+0.00 ± 1.53", "+0.0", "2 and 3", "no"]
    assert lines["alone"] == ["+28.00", "unknown", "1 and 3", "no"]


def test_a_lead_in_another_metric():
    given = {"base": of_accuracies(60, 62), "other": of_accuracies(60, 62)}
    for row, forgotten in zip(given.values(), ((0.1, 0.2), (0.3, 0.4)), strict=True):
        for run, value in zip(row.result["runs"], forgotten, strict=True):
            run["forgetting"] = value
    assert "+20.00 ± 7.07" in tables.leads(given, "base", metric="forgetting")
    assert "lead over base, forgetting" in tables.leads(given, "base", metric="forgetting")


def test_notes_of_the_data_stand_below_every_table():
    noted = record([[9, 1], [1, 9]], auc=0.9)
    noted.notes = ["the images are synthetic"]
    for text in (tables.scores({"a": noted}), tables.costs(noted), tables.transfer({"a": {"MLP": noted}}),
                 tables.leads({"a": noted, "b": noted}, "b")):
        assert text.endswith("\n\n(the images are synthetic)")


def test_one_network_is_at_chance_within_the_error_of_the_test_set():
    """Of 20 images 12 right is no evidence, of 2,000 images 1,200 are."""
    assert record([[6, 4], [4, 6]], auc=0.6).scores.at_chance
    assert not record([[600, 400], [400, 600]], auc=0.6).scores.at_chance
    assert record([[616, 1], [357, 3]], auc=0.5).scores.at_chance  # one class, named nearly always


def test_knobs_are_listed_from_their_declaration():
    config = presets.configure("datadam", "course", {"networks": 200})
    lines = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
             for line in tables.knobs(config, "github").splitlines()[2:]}
    assert list(lines) == [field.name for field in dataclasses.fields(config)]
    assert lines["networks"] == ["K", "200", "100", "at least 1", "random initialisations"]
    assert lines["power"] == ["p", "1", "4", "at least 1", "of the attention maps"]
    assert lines["image_lr"] == ["eta_S", "0.1", "", "positive", "learning rate of the images"]
    assert lines["augmented"][:3] == ["", "true", ""]
    assert lines["memory_mib"][-1].endswith("[MiB]")


def test_a_table_of_knobs_has_as_many_cells_in_every_row():
    for method, found in METHODS.items():
        rows = tables.knobs(presets.configure(method, next(iter(found.PRESETS)), {}), "github").splitlines()
        assert {row.count("|") for row in rows} == {7}


def test_bytes_and_images_stand_beside_scores_where_as_many_images_are_not_as_many_bytes():
    def sized(size: dict | None) -> Record:
        found = of_accuracies(80, 90)
        return dataclasses.replace(found, result=found.result | ({} if size is None else {"size": size}))

    pixels = {"form": "pixels", "bytes": 31370, "shared_bytes": 0, "images": 10}
    cells = {"form": "multi-formation", "bytes": 31400, "shared_bytes": 0, "images": 40}
    text = tables.scores({"cells": sized(cells), "pixels": sized(pixels), "older": sized(None)})
    assert "bytes" in text and "images" in text and "31,400" in text and "31,370" in text
    assert tables.scores({"pixels": sized(pixels)}) == tables.scores({"pixels": sized(None)})


def test_how_many_networks_met_the_real_images_stands_beside_every_score_where_it_was_counted():
    def counted(met: int | None) -> Record:
        found = of_accuracies(80, 90)
        return dataclasses.replace(found, result=found.result | ({} if met is None else {"networks_met": met}))

    few, one, older = counted(1031), counted(1), counted(None)
    rows = tables.scores({"few": few, "older": older}, "github").splitlines()
    assert "networks met" in rows[0] and "1,031" in rows[2] and len({row.count("|") for row in rows if row}) == 1
    assert tables.scores({"older": older}) == tables.scores({"older": of_accuracies(80, 90)})
    assert "one (1 network met)" in tables.transfer({"one": {"MLP": one}, "older": {"MLP": older}})
    assert "few (1,031 networks met)" in tables.leads({"few": few, "older": older}, "older")
