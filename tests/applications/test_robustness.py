"""Accuracies under attack: the attacks of the record are those of the pure functions, and runs resume."""

import dataclasses
import json
import math

import joblib
import pytest
import torch

from ddkit.__main__ import main
from ddkit.applications.robustness import Robustness, report
from ddkit.applications.robustness import spec as robustness
from ddkit.course.profiles import profile
from ddkit.data import Split
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.networks.attacks import Ball, fgsm, pgd
from ddkit.runs import REFERENCE, Record, run
from ddkit.specs import Distill, Full, RandomReal, Start, describe_spec, restore_spec
from ddkit.training import logits, trained

SPEC = Robustness(RandomReal("digits", 5), (0.0, 0.1, 1.0), images=60, steps=4, width=8, seeds=3, epochs=30)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return run(SPEC, root=tmp_path_factory.mktemp("robustness"), quiet=True)


def answers(record):
    """All of the result but the seconds."""
    return [{name: value for name, value in one.items() if "seconds" not in name} for one in record.result["runs"]]


def test_at_epsilon_0_nothing_is_lost_and_at_1_everything(made):
    for one in made.result["runs"]:
        assert all(found[0] == one["clean"] for found in one["under"].values())
        assert one["under"]["pgd"][2] == 0 and one["under"]["pgd"] == sorted(one["under"]["pgd"], reverse=True)
    assert len({one["accuracy"] for one in made.result["runs"]}) > 1 and made.scores.mean > 0.3
    assert not (made.folder / "parts").exists()


def test_a_record_says_what_the_functions_give(made, digits):
    training = SPEC.of.training_set(type("Job", (), {"dataset": digits})(), 1)
    network, _ = trained(training, digits, "ConvNetD3", SPEC.evaluation.how(digits), 1, width=8, quiet=True)
    shown = SPEC.attacked(digits)
    changed = fgsm(network, shown.images, shown.labels, Ball(0.1, digits.mean, digits.std))
    found = float((logits(network, changed).argmax(1) == shown.labels).double().mean())
    assert robustness.under(made, "fgsm", 0.1).values[1] == pytest.approx(found)
    clean = float((logits(network, shown.images).argmax(1) == shown.labels).double().mean())
    assert robustness.clean(made).values[1] == pytest.approx(clean)
    assert robustness.kept(made, "fgsm", 0.1).values[1] == pytest.approx(found / clean)


def test_the_same_images_are_attacked_whatever_was_trained_on(digits):
    other = dataclasses.replace(SPEC, of=Full("digits"), seeds=1)
    assert torch.equal(SPEC.attacked(digits).images, other.attacked(digits).images)
    assert len(torch.unique(SPEC.attacked(digits).images.flatten(1), dim=0)) > 50  # drawn without replacement
    more = dataclasses.replace(SPEC, images=80).attacked(digits)
    assert torch.equal(more.images[:60], SPEC.attacked(digits).images)


def test_noise_is_as_far_as_the_attacks_and_has_no_direction(digits):
    shown, around = SPEC.attacked(digits), Ball(0.1, digits.mean, digits.std)
    training = Split(digits.train.images[:100], digits.train.labels[:100])
    network, _ = trained(training, digits, "ConvNetD3", SPEC.evaluation.how(digits), 0, width=8, quiet=True)
    changed = robustness.changes(network, shown, around, 2)
    assert set(changed) == set(robustness.ATTACKS)
    assert torch.equal(changed["noise"], around.corner(shown.images, stream(0, "noise")))
    for images in changed.values():
        assert float((images - shown.images).abs().max()) == pytest.approx(0.1 / digits.std[0], abs=1e-5)


@pytest.mark.parametrize("method", ["kip", "robust_kip"])
def test_networks_trained_on_sets_hide_no_gradient(digits, tmp_path, method):
    """Images made against another network trained on the set do less harm; with any pixels at all nothing is right."""
    options = {"real_batch": 60} | ({"attack_steps": 2} if method == "robust_kip" else {})
    made = run(Distill("digits", method, ipc=5, updates=10, options=options), root=tmp_path, quiet=True).synthetic
    how = dataclasses.replace(SPEC, epochs=100).evaluation.how(digits)
    own, other = (trained(made.training_split(), digits, "MLP", how, seed, quiet=True)[0] for seed in range(2))
    shown, around = SPEC.attacked(digits), Ball(0.05, digits.mean, digits.std)

    def right(images):
        return float((logits(own, images).argmax(1) == shown.labels).double().mean())

    white, foreign = (right(pgd(by, shown.images, shown.labels, around, stream(0, "pgd"))) for by in (own, other))
    assert white < foreign < right(shown.images)
    anything = Ball(1.0, digits.mean, digits.std)
    assert right(pgd(own, shown.images, shown.labels, anything, stream(0, "pgd"))) == 0


def shipped():
    """The records of accuracies under attack that come with the repository."""
    return sorted(place.name for place in REFERENCE.glob("robustness-*"))


@pytest.mark.parametrize("name", shipped())
def test_shipped_records_show_no_sign_of_hidden_gradients(name):
    record = Record.load(REFERENCE / name)
    assert report.hidden(record) == []
    assert max(robustness.under(record, "pgd", 0.3).values) < 0.05  # the custom of MNIST, which no network withstands


def test_signs_of_hidden_gradients_are_told(made):
    assert report.hidden(made) == []
    one = made.result["runs"][1]
    worse = {"noise": [one["clean"], 0.4, 0.3], "fgsm": [one["clean"], 0.0, 0.2], "pgd": [one["clean"], 0.25, 0.0]}
    runs = [made.result["runs"][0], one | {"under": worse}]
    told = dataclasses.replace(made, result=made.result | {"runs": runs})
    found = report.hidden(told)
    assert report.every_hidden({"MLP": {"a": told, "b": made}}) == (
        f"signs of hidden gradients in 5 networks: MLPs on a, {found[0]}; MLPs on a, {found[1]}")
    assert report.every_hidden({"MLP": {"b": made}}) == "signs of hidden gradients in 3 networks: none"
    assert report.lengths({"b": made}) == "30 epochs on 50 images; 60 test images attacked"
    assert found == ["network 2: 25.0 points more are left by PGD than FGSM",
                     "network 2: 20.0 points more are left by FGSM than at a smaller epsilon"]


@pytest.mark.parametrize("at", [1, 3])
def test_one_that_is_killed_goes_on_to_the_same_numbers(made, tmp_path, monkeypatch, at):
    real, begun = robustness.trained, []

    def killed(*arguments, **options):
        begun.append(1)
        if len(begun) == at:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(robustness, "trained", killed)
    with pytest.raises(KeyboardInterrupt):
        run(SPEC, root=tmp_path, quiet=True)
    again = run(SPEC, root=tmp_path, quiet=True)
    assert answers(again) == answers(made) and len(begun) == 3 + 1  # those made before were not made again


def test_networks_side_by_side_give_the_same_numbers(made, tmp_path, one_thread):
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert answers(run(SPEC, root=tmp_path, quiet=True)) == answers(made)


@pytest.mark.parametrize(("changes", "words"), [
    ({"epsilons": (0.1, 2.0)}, "each from 0 to 1"), ({"epsilons": ()}, "a few differences"),
    ({"epsilons": "much"}, "a few differences"), ({"images": 0}, "images"), ({"images": 10**6}, "cannot be attacked"),
    ({"steps": 0}, "steps"), ({"protocol": "kernel"}, "unknown protocol"),
    ({"protocol": "learned"}, "one learning rate"),
    ({"seeds": 0}, "seeds"), ({"of": RandomReal("digits", 10**5)}, "images per class"), ({"network": "Net"}, "Net"),
])
def test_what_cannot_be_attacked_is_refused_before_anything_is_written(tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        run(dataclasses.replace(SPEC, **changes), root=tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())


def test_its_spec_is_written_down_and_read_back():
    again = restore_spec(json.loads(json.dumps(describe_spec(SPEC))))
    assert again == SPEC and again.name == SPEC.name and SPEC.name.startswith("robustness-digits-randomreal-")
    assert dataclasses.replace(SPEC, steps=5).name != SPEC.name
    assert dataclasses.replace(SPEC, epsilons=(0.1, 1.0, 0.0)).name == SPEC.name


def test_tables_and_leads_say_what_is_compared(made):
    records = {"random real": made, "again": made}
    assert "60 test images attacked, n = 3 networks" in report.table(records)
    assert report.INTERVAL in report.table(records) and "not trained alike" not in report.table(records)
    plain = made.result | {"protocol": made.result["protocol"] | {"augmented": False}}
    text = report.table(records | {"full data": dataclasses.replace(made, result=plain)})
    assert "full data: " in text and "not augmented; all other rows: " in text
    assert "+0.0 ± " in report.leads(records, "random real", 0.1) and "not told apart" in report.leads(
        records, "random real", 0.1)
    assert all(words in report.every_table(records) for words in (*robustness.ATTACKS.values(), "upper bound"))


def scored(made, left):
    """The record, as if so much of an accuracy of 0.8 were left by PGD at 0.1, and a little more or less."""
    runs = [one | {"clean": 0.8, "under": one["under"] | {"pgd": [0.8, left + d, 0.0]}}
            for one, d in zip(made.result["runs"], (-0.004, 0, 0.004), strict=True)]
    return dataclasses.replace(made, result=made.result | {"runs": runs})


def test_two_networks_are_asked_for_the_same_order(made):
    """Of four sets the second network swaps the first two, does not tell the last two apart and never met a fifth."""
    records = {"MLP": {"a": scored(made, 0.2), "b": scored(made, 0.3), "c": scored(made, 0.4), "d": scored(made, 0.5),
                       "e": scored(made, 0.6)},
               "ConvNet": {"a": scored(made, 0.6), "b": scored(made, 0.5), "c": scored(made, 0.7),
                           "d": scored(made, 0.701)}}
    accuracy, share = report.order(records, 0.1)
    counted = ("of 6 pairs of training sets 5 are told apart both by MLPs and by ConvNets, 4 of them in the same "
               "order; the other way round: a and b")
    assert accuracy == f"accuracy, PGD at 0.1: {counted}" and share.endswith(counted)
    text = report.sides(records, "a", 0.1)
    rows = {line.split("  ")[0]: line for line in text.splitlines()}
    error = 100 * math.sqrt(2 * 0.004**2 / 3)
    assert f"+10.0 ± {error:.1f}, told apart" in rows["b"] and f"-10.0 ± {error:.1f}, told apart" in rows["b"]
    assert f"+12.5 ± {error / 0.8:.1f}" in rows["b"] and "e" not in rows and text.count("n = 3 networks") == 2


@pytest.mark.parametrize("name", ["quick", "laptop", "full"])
def test_the_lessons_runs_can_be_asked_for_in_every_profile(name):
    asked = report.by_network(profile(name))
    for of in asked.values():
        for spec in of.values():
            spec.check()
        assert len({(spec.images, spec.epsilons, spec.steps, spec.network) for spec in of.values()}) == 1
    assert isinstance(asked["MLP"]["start: real"].of, Start) and isinstance(asked["MLP"]["DataDAM"].of, Distill)
    assert asked["MLP"]["KIP"].of == asked["ConvNet"]["KIP"].of and asked["ConvNet"]["KIP"].network == "ConvNetD3"


def test_the_command_shows_all_rows(tmp_path, capsys):
    place = tmp_path / "set"
    assert main(["distill", "--dataset", "digits", "--method", "kip", "--ipc", "1", "--updates", "2", "--set",
                 "real_batch=10", "--out", str(place)]) == 0
    capsys.readouterr()
    command = ["robustness", str(place), "--images", "20", "--steps", "2", "--epochs", "2", "--full-epochs", "1",
               "--seeds", "2", "--network", "MLP", "--epsilons", "0.1,0.3", "--runs", str(tmp_path)]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert all(row in text for row in ("distilled", "start", "random real", "full data", "PGD, 0.3", "FGSM, 0.1"))
    assert main([*command, "--json", "--figure", str(tmp_path / "figures")]) == 0
    assert list((tmp_path / "figures").glob("robustness*")) and len(json.loads(capsys.readouterr().out)) == 4
    assert main([*command, "--epsilons", "little"]) == 2 and "separated by commas" in capsys.readouterr().err
