"""Files on the command line: options say what a file does not, and are refused where it says otherwise."""

import json
from dataclasses import replace

import pytest
import torch
from field_files import field_file, pair, seeded, stretched

import ddkit
from ddkit.__main__ import main
from ddkit.data import SOURCES
from ddkit.synthetic import SyntheticSet, formats


@pytest.fixture
def digit_set(digits):
    return SyntheticSet.from_real(digits, 2, seeded())


def evaluated(capsys, tmp_path, *arguments):
    code = main(["evaluate", *map(str, arguments), "--protocol", "kernel", "--network", "NTKD1", "--runs",
                 str(tmp_path / "runs")])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("door", ["safetensors", "pt"])
def test_our_own_file_needs_no_options_and_takes_those_that_agree(digit_set, tmp_path, capsys, door):
    path = tmp_path / f"x.{door}"
    digit_set.save(path) if door == "safetensors" else formats.export_pt(digit_set, path)
    code, text, _ = evaluated(capsys, tmp_path, path)
    assert code == 0 and text.startswith("data set: digits\n")
    agreeing = ("--dataset", "digits", "--size", "28", "--pixels", "normalised", "--entry", "0")
    assert evaluated(capsys, tmp_path, path, *agreeing)[1] == text
    for wrong in (("--dataset", "mnist"), ("--size", "32"), ("--labels", "logits"), ("--pixels", "unit"),
                  ("--entry", "1")):
        code, _, complaint = evaluated(capsys, tmp_path, path, *wrong)
        assert code == 2 and complaint.count("\n") == 1 and "leave" in complaint and str(path) in complaint


def test_our_own_faint_images_are_scored_once_they_are_said_to_be_normalised(digit_set, tmp_path, capsys):
    path = tmp_path / "x.safetensors"
    replace(digit_set, images=0.5 * digit_set.pixels()).save(path)
    assert evaluated(capsys, tmp_path, path)[0] == 2
    assert evaluated(capsys, tmp_path, path, "--pixels", "normalised")[0] == 0


def test_no_data_set_is_resized_beyond_reason_because_a_file_says_so(digit_set, tmp_path, capsys):
    images = torch.zeros(1).expand(10, 1, 1000, 1000)
    huge = replace(digit_set, images=images, start=images, labels=torch.arange(10))
    formats.export_pt(huge, tmp_path / "x.pt")
    code, _, complaint = evaluated(capsys, tmp_path, tmp_path / "x.pt")
    assert code == 2 and "1000 pixels" in complaint and "--size" in complaint


def test_a_file_of_the_field_asks_whose_images_it_holds(digit_set, tmp_path, capsys):
    path = field_file(tmp_path / "x.pt", (digit_set.images, digit_set.labels))
    code, _, complaint = evaluated(capsys, tmp_path, path)
    assert code == 2 and "--dataset" in complaint and ", ".join(sorted(SOURCES)) in complaint
    code, text, _ = evaluated(capsys, tmp_path, path, "--dataset", "digits")
    assert code == 0 and text.startswith("data set: digits\n")


def test_a_folder_takes_no_other_options_than_its_own(root, digits, tmp_path, capsys):
    folder = ddkit.run(ddkit.Coreset("digits", 2), root=root, quiet=True).folder
    assert evaluated(capsys, tmp_path, folder, "--dataset", "digits", "--size", "28")[0] == 0
    for wrong in (("--dataset", "mnist"), ("--size", "32"), ("--labels", "logits"), ("--pixels", "unit"),
                  ("--entry", "1")):
        code, text, complaint = evaluated(capsys, tmp_path, folder, *wrong)
        assert code == 2 and not text and complaint.count("\n") == 1 and "leave" in complaint


@pytest.mark.parametrize("command", ["evaluate", "transfer", "search"])
@pytest.mark.parametrize("wrong", [("--labels", "guesses"), ("--pixels", "inches"), ("--entry", "2"), ("--size", "32"),
                                   ("--dataset", "nothing"), ()])
def test_what_is_wrong_with_a_file_comes_before_any_training(digit_set, digits, tmp_path, capsys, command, wrong):
    path = field_file(tmp_path / "x.pt", (stretched(digit_set.images, digits), digit_set.labels))
    code = main([command, str(path), "--dataset", "digits", *wrong, "--runs", str(tmp_path / "runs")])
    complaint = capsys.readouterr().err
    assert code == 2 and complaint.count("\n") == 1 and not (tmp_path / "runs").exists()


def test_options_say_what_a_file_does_not(digit_set, digits, tmp_path, capsys):
    targets = torch.eye(10)[digit_set.labels] - 0.1
    path = field_file(tmp_path / "x.pt", (stretched(digit_set.images, digits), targets), (digit_set.images, targets))
    told = ("--dataset", "digits", "--labels", "targets", "--json")
    code, text, said = evaluated(capsys, tmp_path, path, *told, "--pixels", "unit", "--entry", "0")
    assert code == 0 and not said
    first = json.loads(text)
    assert (first["spec"]["of"]["pixels"], first["spec"]["of"]["entry"]) == ("unit", 0)
    code, text, said = evaluated(capsys, tmp_path, path, *told)
    assert code == 0 and said.count("of which the last is taken") == 1
    assert json.loads(text)["accuracies"] == pytest.approx(first["accuracies"], abs=0.003)


def test_every_table_names_its_data_set(digit_set, tmp_path, capsys):
    digit_set.save(tmp_path / "x.safetensors")
    kept = ("--runs", str(tmp_path / "runs"), "--epochs", "1", "--seeds", "1")
    small = ("--depths", "1", "--widths", "2", "--norms", "none,instance", "--activations", "relu", "--poolings",
             "avg,max", "--no-full")
    for command in (("evaluate", "--network", "MLP"), ("transfer", "--networks", "MLP"), ("search", *small)):
        assert main([command[0], str(tmp_path / "x.safetensors"), *command[1:], *kept]) == 0
        assert capsys.readouterr().out.startswith("data set: digits\n")


def test_the_learned_protocol_needs_a_rate_that_two_files_have_not(digit_set, tmp_path, capsys):
    path = pair(tmp_path, digit_set)
    assert main(["evaluate", str(path), "--dataset", "digits", "--protocol", "learned", "--seeds", "1", "--runs",
                 str(tmp_path / "runs")]) == 2
    assert "no learned learning rate" in capsys.readouterr().err
