"""Rankings as runs: the rate is chosen on validation data, tests are ordinary scores, and the command prints both."""

import json
from dataclasses import replace

import pytest
import torch

import ddkit
from ddkit import training
from ddkit.__main__ import main
from ddkit.applications.rankings import Tuned, report
from ddkit.applications.rankings import spec as tuned_spec
from ddkit.data import load
from ddkit.foundation.errors import Diverged, InputError
from ddkit.foundation.randomness import stream
from ddkit.runs import run
from ddkit.runs.jobs import Job
from ddkit.specs import Evaluate, File, Full, RandomReal, restore_spec
from ddkit.synthetic import SyntheticSet
from ddkit.training.rankings import label_robust_score

SMALL = {"network": "ConvNetD1", "width": 4, "epochs": 6, "seeds": 2}
RANDOM = RandomReal("digits", 2)


@pytest.fixture
def soft(digits, tmp_path):
    """A file with learned labels, of which some say another class than that of the start."""
    made = SyntheticSet.begin("real", digits, 2, stream(0, "init"))
    made.learn_labels(torch.eye(10)[made.labels], "probabilities")
    made.labels[0], made.images = torch.eye(10)[3], made.images + 0.1
    made.save(tmp_path / "soft.safetensors")
    return File.of(tmp_path / "soft.safetensors", "digits")


@pytest.mark.parametrize("protocol", ["dcbench_none", "dcbench_dsa", "dcbench_cifar", "assignment"])
def test_at_a_single_rate_it_is_the_evaluation(protocol, tmp_path):
    lr = training.PROTOCOLS[protocol].lr
    tuned = run(Tuned(RANDOM, protocol, **SMALL, rates=(lr,)), root=tmp_path, quiet=True)
    plain = run(Evaluate(RANDOM, protocol, **SMALL), root=tmp_path, quiet=True)
    assert [one["confusion"] for one in tuned.scores.runs] == [one["confusion"] for one in plain.scores.runs]
    assert tuned.result["protocol"] == plain.result["protocol"] and tuned.result["validation"] == []


def test_the_rate_is_the_best_on_validation_data_and_the_score_that_on_test_data(digits, tmp_path):
    rates, how = (0.001, 0.05, 0.2), replace(training.PROTOCOLS["dcbench_dsa"], epochs=6)
    found = run(Tuned(RANDOM, "dcbench_dsa", **SMALL, rates=rates[::-1], trials=2), root=tmp_path, quiet=True)

    def score(rate, seed, split):
        data = SyntheticSet.from_real(digits, 2, stream(seed, "random real")).training_split()
        return training.score(data, digits, "ConvNetD1", replace(how, lr=rate), seed, width=4, split=split, quiet=True)

    expected = [[rate, *(score(rate, seed, "val")["accuracy"] for seed in range(2))] for rate in rates]
    assert found.result["validation"] == expected
    best = max(expected, key=lambda row: sum(row[1:]))[0]
    assert found.result["rate"] == found.result["protocol"]["lr"] == best
    assert found.scores.values == [score(best, seed, "test")["accuracy"] for seed in range(2)]


def test_test_data_have_no_say_in_the_choice(digits, tmp_path, monkeypatch):
    asked, real = [], tuned_spec.score

    def seen(*arguments, split, **options):
        asked.append((split, arguments[3].lr))
        return real(*arguments, split=split, **options)

    monkeypatch.setattr(tuned_spec, "score", seen)
    found = run(Tuned(RANDOM, **SMALL, rates=(0.01, 0.1)), root=tmp_path, quiet=True)
    assert asked == [("val", 0.01), ("val", 0.1), *[("test", found.result["rate"])] * 2]


def test_a_rate_that_diverges_counts_as_guessing_and_is_not_chosen(tmp_path, monkeypatch):
    real = tuned_spec.score

    def score(*arguments, **options):
        if arguments[3].lr == 0.1:
            raise Diverged("too fast")
        return real(*arguments, **options)

    monkeypatch.setattr(tuned_spec, "score", score)
    found = run(Tuned(RANDOM, **SMALL | {"epochs": 40}, rates=(0.05, 0.1)), root=tmp_path, quiet=True)
    assert found.result["rate"] == 0.05 and found.result["validation"][1][1] < 0.15
    alone = run(Tuned(RANDOM, **SMALL, rates=(0.1,)), root=tmp_path, quiet=True)
    assert alone.scores.values[0] < 0.15 and alone.scores.runs[0]["diverged"] == "too fast"


@pytest.mark.parametrize("epoch", [2, 9, 14, 22])
def test_a_stopped_run_ends_in_the_same_numbers(epoch, tmp_path, killed_in_epoch):
    """While it chooses, between two rates, while it scores."""
    spec = Tuned(RANDOM, "dcbench_randaugment", **SMALL, rates=(0.01, 0.1))
    whole = run(spec, root=tmp_path / "whole", quiet=True)
    killed_in_epoch(epoch)
    with pytest.raises(KeyboardInterrupt):
        run(spec, root=tmp_path / "stopped", quiet=True)
    again = run(spec, root=tmp_path / "stopped", quiet=True)
    assert again.result["validation"] == whole.result["validation"] and again.result["rate"] == whole.result["rate"]
    for name in ("confusion", "losses"):
        assert [one[name] for one in again.scores.runs] == [one[name] for one in whole.scores.runs]


def test_hard_labels_are_the_classes_that_the_images_began_as(soft, tmp_path, digits):
    spec = Tuned(soft, **SMALL, rates=(0.01,), hard=True)
    hard = run(spec, root=tmp_path, quiet=True)
    own = run(replace(spec, hard=False), root=tmp_path, quiet=True)
    assert hard.name != own.name and hard.scores.runs[0]["losses"] != own.scores.runs[0]["losses"]
    made = SyntheticSet.load(soft.path)
    data = training.fitting.Split(made.images, torch.arange(10).repeat_interleave(2))
    how = replace(training.PROTOCOLS["dcbench_none"], epochs=6)
    expected = training.score(data, digits, "ConvNetD1", how, 0, width=4, quiet=True)
    assert hard.scores.runs[0]["confusion"] == expected["confusion"]


def test_a_set_of_classes_needs_one_arm_less_and_all_arms_search_alike(soft):
    how = report.Training("cifar", "ConvNetD1", 4, rates=(0.01, 0.1))
    found = report.arms(soft, RANDOM, True, how)
    assert set(found) == {"full", "hard", "chosen", "at_random", "plain", "at_random_plain"}
    assert set(found) - set(report.arms(soft, RANDOM, False, how)) == {"hard"}
    assert {spec.rates for name, spec in found.items() if name != "full"} == {(0.01, 0.1)}
    assert found["chosen"].protocol == found["at_random"].protocol == "dcbench_cifar"
    assert len({spec.name for spec in found.values()}) == 6
    assert all(restore_spec(ddkit.specs.describe_spec(spec)) == spec for spec in found.values())


@pytest.mark.parametrize(("changes", "words"), [
    ({"rates": ()}, "rates are a few"), ({"rates": (0.1, -1)}, "rates are a few"),
    ({"rates": "fast"}, "rates are a few"),
    ({"rates": (float("nan"),)}, "rates are a few"), ({"protocol": "learned"}, "chosen here"),
    ({"protocol": "kernel"}, "unknown protocol"), ({"trials": 0}, "trials must be at least 1"),
    ({"hard": True}, "leave hard out"), ({"epochs": 0}, "epochs must be at least 1"),
    ({"network": "NTK"}, "infinitely wide")])
def test_what_cannot_work_is_refused_in_a_sentence(changes, words, tmp_path):
    with pytest.raises(InputError, match=words) as error:
        run(Tuned(**{"of": RANDOM, **SMALL, **changes}), root=tmp_path / "runs")
    assert "\n" not in str(error.value) and not (tmp_path / "runs").exists()


def test_as_many_random_images_of_each_class_or_none(soft):
    assert report.random_beside(soft, 20, 10) == RANDOM
    with pytest.raises(InputError, match="5 images of 10 classes cannot be that"):
        report.random_beside(soft, 5, 10)


COMMAND = ["--rates", "0.01,0.1", "--epochs", "4", "--full-epochs", "1", "--seeds", "2", "--network", "ConvNetD1",
           "--width", "4"]


@pytest.mark.parametrize("what", ["file of classes", "file of soft labels", "folder"])
def test_the_command_prints_what_its_runs_say(what, soft, digits, tmp_path, capsys):
    path = soft.path
    if what != "file of soft labels":
        path = str(tmp_path / "set")
        assert main(["coreset", "--dataset", "digits", "--method", "random", "--ipc", "2", "--out", path]) == 0
    if what == "file of classes":
        assert main(["show", path, "--out", str(tmp_path / "figures"), "--pt", str(tmp_path / "set.pt")]) == 0
        path = str(tmp_path / "set.pt")
    capsys.readouterr()
    assert main(["rank", path, *COMMAND, "--json", "--runs", str(tmp_path / "runs")]) == 0
    found = json.loads(capsys.readouterr().out)
    means = {name: one["mean"] for name, one in found["made_of"].items()}
    assert ("hard" in means) == (what == "file of soft labels")
    hard = means.get("hard", means["plain"])
    assert found["lrs"]["value"] == pytest.approx(
        label_robust_score(means["full"], hard, means["chosen"], means["at_random"]))
    assert found["ior"]["value"] == pytest.approx(means["chosen"] - means["at_random"])
    assert all(found[name]["error"] >= 0 for name in ("hlr", "ior", "lrs", "ars"))
    assert len(list((tmp_path / "runs").iterdir())) == len(means)
    assert main(["rank", path, *COMMAND, "--runs", str(tmp_path / "runs")]) == 0
    text = capsys.readouterr().out
    assert f"{found['lrs']['value']:.4f} ± {found['lrs']['error']:.4f}" in text and "0.2.0" in text


@pytest.mark.parametrize(("arguments", "words"), [
    (["--weight", "50"], "weight must be from 0 to 1"), (["--rates", "fast"], "numbers separated by commas"),
    (["--rates", "0"], "positive learning rates"), (["--augmentation", "none"], "unknown augmentation"),
    (["--seeds", "0"], "seeds"), (["--trials", "0"], "trials"), (["--network", "MLP", "--width", "9"], "leave it out")])
def test_the_command_refuses_in_a_sentence(arguments, words, soft, tmp_path, capsys):
    assert main(["rank", soft.path, *arguments, "--runs", str(tmp_path / "runs")]) == 2
    told = capsys.readouterr()
    assert words in told.err and told.err.count("\n") == 1 and told.out == ""
    assert not (tmp_path / "runs").exists()


def test_full_data_are_trained_by_the_assignments_protocol(soft):
    full = report.arms(soft, RANDOM, True, report.Training(full_epochs=3))["full"]
    assert full.of == Full("digits") and (full.protocol, full.epochs, full.rates) == ("assignment", 3, (0.01,))


def test_two_close_rates_are_two_trainings(tmp_path):
    """Rates that look alike in six digits do not share what is kept of them."""
    rates = (0.01000001, 0.01000002)
    names = {Tuned(RANDOM, **SMALL, rates=rates)._task(Job(load("digits"), tmp_path, {}, None), training.protocol(
        "dcbench_none", load("digits")), rate, 0, "val")[0].path.name for rate in rates}
    assert len(names) == 2


def test_a_set_of_another_form_is_ranked_beside_as_many_random_images(tmp_path, capsys):
    made = ["distill", "--dataset", "digits", "--network", "ConvNetD1", "--width", "4", "--updates", "2", "--ipc", "1",
            "--set", "network_steps=0", "--form", "multi-formation", "--out", str(tmp_path / "set")]
    assert main(made) == 0
    capsys.readouterr()
    asked = ["rank", str(tmp_path / "set"), "--seeds", "1", "--epochs", "1", "--full-epochs", "1", "--rates", "0.01",
             "--runs", str(tmp_path / "runs"), "--json"]
    assert main(asked) == 0
    made_of = json.loads(capsys.readouterr().out)["made_of"]
    counts = {name: ddkit.runs.Record.load(tmp_path / "runs" / one["run"]).result["training_images"]
              for name, one in made_of.items()}
    assert {counts[name] for name in ("chosen", "at_random", "plain", "at_random_plain")} == {40}
