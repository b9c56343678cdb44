"""Forms and budgets of bytes on the command line."""

import json

import pytest

from ddkit.__main__ import main
from ddkit.runs import Record

SMALL = ["distill", "--dataset", "digits", "--network", "ConvNetD1", "--width", "4", "--set", "network_steps=0",
         "--updates", "2", "--json"]


def made(tmp_path, capsys, *more):
    assert main([*SMALL, "--runs", str(tmp_path), *more]) == 0
    told = capsys.readouterr()
    return json.loads(told.out), told.err


def test_a_form_with_its_knobs_is_distilled_and_says_what_it_takes(tmp_path, capsys):
    record, told = made(tmp_path, capsys, "--ipc", "1", "--form", "multi-formation", "--form-set", "factor=3")
    assert record["spec"]["form"] == "multi-formation" and record["spec"]["form_options"] == [["factor", 3]]
    assert record["result"]["size"] == {"form": "multi-formation", "bytes": 31360 + 90, "shared_bytes": 0, "images": 90}
    assert "2 updates of 90 images" in told
    [folder] = tmp_path.glob("distill-digits-datadam-course-multi-formation-ipc1-*")
    assert "90 images in 31,450 bytes, as multi-formation" in Record.load(folder)._repr_html_()


@pytest.mark.parametrize("form", ["pixels", "multi-formation"])
def test_bytes_that_buy_whole_images_are_the_run_of_so_many(tmp_path, capsys, form):
    record, told = made(tmp_path, capsys, "--bytes", str(2 * 31360 + 500), "--form", form)
    assert "of 63,220 bytes 62,720 are used, for " in told
    again, _ = made(tmp_path, capsys, "--ipc", "2", "--form", form)
    assert again == record


def test_bytes_that_a_form_uses_in_smaller_pieces_are_used(tmp_path, capsys):
    record, told = made(tmp_path, capsys, "--bytes", "24000", "--form", "bytes")
    assert "of 24,000 bytes 23,520 are used, for 3 images of each class" in told
    assert record["result"]["size"]["images"] == 30 and record["spec"]["budget"] == 24000


def test_bytes_that_are_enough_are_not_refused_because_those_of_whole_images_are_too_few(tmp_path, capsys):
    record, told = made(tmp_path, capsys, "--bytes", "40000", "--form", "hallucinators", "--form-set", "number=5")
    assert "of 40,000 bytes" in told and record["spec"]["budget"] == 40000 and record["result"]["size"]["images"] == 50


def test_a_formed_set_is_scored_beside_random_images_of_about_as_many_bytes(tmp_path, capsys):
    made(tmp_path, capsys, "--bytes", "24000", "--form", "bytes", "--out", str(tmp_path / "set"))
    scored = ["evaluate", str(tmp_path / "set"), "--seeds", "1", "--epochs", "1", "--runs", str(tmp_path)]
    assert main(scored) == 0
    table = capsys.readouterr().out
    assert "bytes" in table and "23,550" in table and " 30 " in table and "random real" in table


@pytest.mark.parametrize(("more", "sentence"), [
    (["--bytes", "99"], "needs 31,360 bytes"), (["--bytes", "0"], "budget"),
    (["--bytes", "99999", "--ipc", "1"], "leave one out"), (["--form", "spam"], "unknown form"),
    (["--form-set", "factor=2"], "no options"),
    (["--form", "multi-formation", "--form-set", "factor"], "--form-set takes name=value"),
    (["--form", "multi-formation", "--form-set", "factor=2", "--form-set", "factor=3"], "twice"),
    (["--form", "multi-formation", "--form-set", "factor=29"], "finer than pixels"),
    (["--form", "bases", "--form-set", "shrink=3"], "no whole numbers"),
    (["--method", "labels", "--form", "bytes"], "leave the form at pixels"),
    (["--method", "private", "--form", "pca", "--init", "noise"], "not private")])
def test_what_cannot_work_is_one_sentence_and_leaves_nothing(tmp_path, capsys, more, sentence):
    assert main([*SMALL[:3], "--runs", str(tmp_path / "runs"), *more]) == 2
    told = capsys.readouterr()
    assert sentence in told.err and told.err.count("\n") == 1 and not told.out
    assert not (tmp_path / "runs").exists()
