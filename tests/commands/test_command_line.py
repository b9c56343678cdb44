"""The command line, as a user and as a user who makes mistakes."""

import argparse
import contextlib
import json
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import torch

from ddkit.__main__ import main
from ddkit.cli.options import distillation, require_width_used, show
from ddkit.commands import parser
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError
from ddkit.foundation.files import write_json
from ddkit.methods import presets
from ddkit.runs import REFERENCE, Record, shelves
from ddkit.runs.working import at_work, working_in
from ddkit.synthetic import SyntheticSet

DISTILL = ["distill", "--dataset", "digits", "--ipc", "2", "--network", "ConvNetD2", "--width", "4",
           "--set", "network_steps=2"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "set"
    assert main([*DISTILL, "--updates", "3", "--out", str(folder)]) == 0
    return folder


def record_of(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def test_distil_prints_the_record_as_json(made, capsys):
    assert main([*DISTILL, "--updates", "3", "--out", str(made), "--json"]) == 0
    record = record_of(capsys)
    assert record["updates"] == 3 and record["spec"]["ipc"] == 2 and record["result"]["moved"] > 0


def test_evaluate_prints_the_score_beside_start_random_and_chance(made, tmp_path, capsys):
    arguments = ["evaluate", str(made), "--protocol", "assignment", "--seeds", "2", "--runs", str(tmp_path), "--json"]
    assert main(arguments) == 0
    record = record_of(capsys)
    assert record["n"] == 2 and record["result"]["runs"][0]["updates"] == 20
    assert set(record["beside"]) == {"start", "random real"} and 0.05 < record["result"]["chance"] < 0.2
    assert record["beside"]["start"]["accuracies"] != record["accuracies"]


def test_transfer_and_show_and_runs(made, tmp_path, capsys):
    transfer = ["transfer", str(made), "--networks", "MLP,LeNet", "--epochs", "2", "--seeds", "1"]
    assert main([*transfer, "--runs", str(tmp_path), "--json"]) == 0
    assert set(record_of(capsys)["distilled"]) == {"MLP", "LeNet"}
    assert main(["show", str(made), "--out", str(tmp_path / "figures"), "--png", "--pt", str(tmp_path / "x.pt")]) == 0
    assert {p.suffix for p in (tmp_path / "figures").iterdir()} == {".png", ".pdf", ""}
    assert len(list((tmp_path / "figures" / "png").glob("*/*.png"))) == 20
    assert torch.load(tmp_path / "x.pt", weights_only=True)["data"][0][0].shape == (20, 1, 28, 28)
    capsys.readouterr()
    assert main(["runs", "--runs", str(tmp_path), "--json"]) == 0
    assert len([r for r in record_of(capsys) if str(tmp_path) in r["folder"]]) == 6


def test_runs_tell_those_at_work_from_those_interrupted(tmp_path, capsys):
    identity, means = {"run": "a", "fingerprint": "f"}, {"device": "CPU"}
    with contextlib.suppress(KeyboardInterrupt), working_in(tmp_path / "left", identity, means):
        (tmp_path / "left" / "checkpoint.pt").write_text("half")
        raise KeyboardInterrupt
    inside, go = threading.Event(), threading.Event()

    def work():
        with working_in(tmp_path / "now", identity, means):
            inside.set()
            go.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert inside.wait(30)
        capsys.readouterr()
        assert main(["runs", "--runs", str(tmp_path)]) == 0
        left, now = capsys.readouterr().out.splitlines()[-2:]
        assert left == "left: interrupted, resumes when run again"
        assert now.startswith(f"now: being worked on by process {os.getpid()} on ")
        assert main(["runs", "--runs", str(tmp_path), "--json"]) == 0
        found = {one["folder"]: one["state"] for one in record_of(capsys) if "state" in one}
        assert found == {str(tmp_path / "left"): left.removeprefix("left: "),
                         str(tmp_path / "now"): now.removeprefix("now: ")}
    finally:
        go.set()
        thread.join()
    assert not (tmp_path / "now").exists() and at_work(tmp_path / "now") is None


def test_runs_say_where_those_are_that_they_do_not_list(tmp_path, capsys):
    assert main(["runs", "--runs", str(tmp_path / "none")]) == 0
    none, more = capsys.readouterr().err.splitlines()
    assert none == f"no runs in {tmp_path / 'none'}: of others, name the folder that theirs lie in (--runs)"
    numbers = {shelf.name: len(list(shelf.glob("*/record.json"))) for shelf in shelves() if shelf != REFERENCE}
    assert dict(re.findall(r"([\w-]+) \((\d+)\)", more)) == {name: str(n) for name, n in numbers.items()}
    assert f"--runs {shlex.quote(str(REFERENCE))}/NAME" in more and min(numbers.values()) > 0


def test_show_leaves_out_the_evolution_where_it_was_not_kept(made, tmp_path, capsys):
    shutil.copytree(made, tmp_path / "run")
    (tmp_path / "run" / "evolution.safetensors").unlink()
    assert main(["show", str(tmp_path / "run")]) == 0
    drawn = {p.stem for p in (tmp_path / "run" / "figures").iterdir()}
    assert drawn >= {"images", "change", "loss"} and "evolution" not in drawn


def test_figures_of_another_set_are_not_mixed_with_a_sets_own(made, tmp_path, capsys):
    coreset, out = tmp_path / "coreset", tmp_path / "figures"
    assert main(["coreset", "--ipc", "1", "--out", str(coreset)]) == 0
    assert [main(["show", str(made), "--png", "--out", str(out)]) for _ in range(2)] == [0, 0]
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for left in ("change.pdf", "png/0/001.png"):
        capsys.readouterr()
        assert main(["show", str(coreset), "--png", "--out", str(out)]) == 2
        told = capsys.readouterr()
        assert told.out == "" and told.err.startswith(f"ddkit: {out / left} is no picture of this set")
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
        for name in ("change", "loss", "evolution"):
            for path in out.glob(f"{name}.*"):
                del before[path]
                path.unlink()


@pytest.mark.parametrize("arguments", [["show", "SET", "--runs", "."], ["show", "SET", "--data", "."],
                                       ["runs", "--data", "."]])
def test_looking_takes_no_place_that_it_does_not_look_in(arguments, made, capsys):
    with pytest.raises(SystemExit) as ended:
        main([str(made) if a == "SET" else a for a in arguments])
    told = capsys.readouterr()
    assert ended.value.code == 2 and told.out == "" and f"unrecognized arguments: {arguments[-2]}" in told.err


@pytest.mark.parametrize(("arguments", "says"), [
    (["evaluate", "SET", "--seed", "2"], "unrecognized arguments: --seed 2 (is --seeds meant?); 'python -m ddkit "
                                         "evaluate --help' says what there is"),
    (["evaluate", "SET", "--seed=2"], "unrecognized arguments: --seed=2 (is --seeds meant?); 'python -m ddkit "
                                      "evaluate --help' says what there is"),
    (["distill", "--real-b", "2"], "unrecognized arguments: --real-b 2 (is --real-batch meant?); 'python -m ddkit "
                                   "distill --help' says what there is"),
    (["coreset", "--qqqq"], "unrecognized arguments: --qqqq; 'python -m ddkit coreset --help' says what there is"),
    (["coreset", "--ipc", "x"], "argument --ipc: invalid int value: 'x'; 'python -m ddkit coreset --help' says what "
                                "there is"),
    (["rank"], "the following arguments are required: SET; 'python -m ddkit rank --help' says what there is"),
    ([], "the following arguments are required: COMMAND; 'python -m ddkit --help' says what there is")])
def test_options_go_by_their_whole_names_and_others_are_refused_in_a_sentence(arguments, says, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = capsys.readouterr()
    assert (ended.value.code, told.out, told.err) == (2, "", f"ddkit: {says}\n")


def test_the_baseline_reports_its_cost(tmp_path, capsys):
    arguments = ["baseline", "--width", "4", "--epochs", "1", "--out", str(tmp_path / "b")]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("MACs", "FLOPs", "FLOP/s", "gradient updates"))


@pytest.mark.parametrize("arguments", [
    ["--dataset", "nothing"], ["--ipc", "0"], ["--ipc", "9999"], ["--lr", "-1"], ["--preset", "best"],
    ["--set", "foo=1"], ["--set", "foo"], ["--network", "ConvNetD9"], ["--network", "VGG11", "--size", "8"],
    ["--updates", "0"], ["--init", "ones"], ["--size", "3"], ["--method", "magic"],
    ["--dataset", "mnist", "--data", "NOWHERE"]])
def test_bad_input_is_one_sentence_exit_2_and_nothing_written(arguments, tmp_path, capsys, monkeypatch):
    import torchvision

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", offline)
    arguments = [str(tmp_path / "data") if a == "NOWHERE" else a for a in arguments]
    assert main([*DISTILL, *arguments, "--out", str(tmp_path / "out")]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("ddkit: ") and captured.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unwritable_folder_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main([*DISTILL, "--out", str(tmp_path / "file" / "out")]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_a_damaged_set_and_a_folder_without_a_run_are_named(made, tmp_path, capsys):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((made / "synthetic.safetensors").read_bytes()[:100])
    assert main(["evaluate", str(cut), "--runs", str(tmp_path / "runs")]) == 2
    assert str(cut) in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path)]) == 2 and main(["show", str(tmp_path)]) == 2


def test_a_checkpoint_of_another_spec_is_refused(made, tmp_path, capsys):
    identity = {"run": "another", "fingerprint": "f"}
    Checkpoint(tmp_path / "checkpoint.pt", identity).save({"updates": 1})
    write_json(tmp_path / "started.json", {"identity": identity})
    assert main([*DISTILL, "--out", str(tmp_path)]) == 2
    assert "another run" in capsys.readouterr().err


@pytest.mark.real_seed
def test_a_killed_run_resumes_to_the_bits_of_an_unbroken_one(tmp_path):
    arguments = [*DISTILL, "--set", "real_batch=32", "--updates", "60", "--seed", "3", "--out"]
    eager = ("import sys; from ddkit.__main__ import main; from ddkit.methods import loop; loop.SAVE_EVERY = 0.0; "
             "sys.exit(main(sys.argv[1:]))")
    process = subprocess.Popen([sys.executable, "-c", eager, *arguments, tmp_path / "killed"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "killed" / "checkpoint.pt"
    deadline = time.monotonic() + 300
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert checkpoint.exists() and not (tmp_path / "killed" / "record.json").exists()
    assert 0 < torch.load(checkpoint, weights_only=True)["history"]["updates"] < 60
    for name in ("killed", "unbroken"):
        assert main([*arguments, str(tmp_path / name)]) == 0
    resumed, unbroken = (SyntheticSet.load(tmp_path / name / "synthetic.safetensors").images
                         for name in ("killed", "unbroken"))
    assert resumed.equal(unbroken)


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    from ddkit.methods.matching.datadam import DataDAM

    update = DataDAM.update

    def interrupted(self):
        if self.done == 2:
            raise KeyboardInterrupt
        return update(self)

    monkeypatch.setattr(DataDAM, "update", interrupted)
    assert main([*DISTILL, "--updates", "4", "--out", str(tmp_path)]) == 130
    assert "same command goes on" in capsys.readouterr().err
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["history"]["updates"] == 2
    monkeypatch.setattr(DataDAM, "update", update)
    assert main([*DISTILL, "--updates", "4", "--out", str(tmp_path)]) == 0
    assert not (tmp_path / "checkpoint.pt").exists()


def test_importing_ddkit_is_light():
    heavy = ["torch", "torchvision", "sklearn", "matplotlib", "ipywidgets", "thop"]
    code = f"import sys, ddkit; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == "[]"


PAD = ["distill", "--dataset", "digits", "--method", "trajectory", "--preset", "pad", "--ipc", "2", "--network",
       "ConvNetD2", "--width", "8", "--updates", "2"]
SHORT = {"experts": 1, "expert_epochs": 6, "expert_lr": 0.1, "expert_batch": 64, "expert_span": 1, "last_start": 1,
         "final_start": 1, "student_steps": 2}


def test_a_set_that_chose_its_start_is_evaluated_beside_it_without_being_distilled_again(tmp_path, capsys):
    settings = [part for name, value in SHORT.items() for part in ("--set", f"{name}={value}")]
    folder, kept = tmp_path / "pad", ["--runs", str(tmp_path / "runs"), "--json"]
    assert main([*PAD, *settings, "--out", str(folder), *kept]) == 0
    assert record_of(capsys)["result"]["moved"] > 0
    assert main(["evaluate", str(folder), "--protocol", "learned", "--epochs", "2", "--seeds", "1", *kept]) == 0
    record = record_of(capsys)
    assert set(record["beside"]) == {"start (standard protocol)", "random real (standard protocol)"}
    assert record["result"]["protocol"]["lr"] == SyntheticSet.load(folder / "synthetic.safetensors").learning_rate
    assert not list((tmp_path / "runs").glob("distill-*"))


def test_where_no_preset_is_named_it_is_course_else_the_first():
    assert {name: presets.usual(name) for name in ("datadam", "kip", "trajectory", "translative")} == {
        "datadam": "course", "kip": "course", "trajectory": "mtt", "translative": "laptop"}
    options = parser().parse_args(["backdoor", "--method", "trajectory"])
    assert distillation(options).preset == "mtt"
    assert distillation(parser().parse_args(["backdoor", "--preset", "paper"])).preset == "paper"


def test_a_network_that_no_option_replaces_may_be_set():
    options = parser().parse_args(["backdoor", "--method", "kip", "--set", "network=NNGPD3"])
    assert distillation(options).config.network == "NNGPD3"


def test_a_trajectory_is_matched_though_no_preset_is_named(tmp_path, capsys):
    assert main(["distill", "--method", "trajectory", *PAD[7:], "--set", "experts=0", "--runs", str(tmp_path)]) == 2
    assert "experts" in capsys.readouterr().err


def test_json_has_null_for_what_is_no_finite_number(capsys):
    content = {"a": [1.5, math.nan, (math.inf, -math.inf)], "b": {"c": math.nan, "d": "NaN", "e": None, "f": True}}
    show(content, argparse.Namespace(json=True), "text")
    assert capsys.readouterr().out == (
        '{"a": [1.5, null, [null, null]], "b": {"c": null, "d": "NaN", "e": null, "f": true}}\n')


def test_as_many_random_images_stand_beside_a_set_as_it_has(tmp_path, capsys):
    few, at_random = tmp_path / "a few", ["--protocol", "assignment", "--epochs", "1", "--seeds", "1", "--runs",
                                          str(tmp_path / "runs")]
    made_of = ["distill", "--method", "unrolled", "--preset", "sldd_fixed", "--ipc", "3", "--steps", "2", "--updates",
               "1", "--network", "ConvNetD1", "--width", "4", "--real-batch", "8"]
    unlike = "; the set has 5 images, and 10 random real ones stand beside it, as many of each class"
    for images, beside, told in ((20, 20, ""), (5, 10, unlike)):
        assert main([*made_of, "--images", str(images), "--out", str(few / str(images))]) == 0
        capsys.readouterr()
        assert main(["evaluate", str(few / str(images)), *at_random]) == 0
        assert capsys.readouterr().out.splitlines()[0] == f"data set: digits{told}"
        drawn = map(Record.load, (tmp_path / "runs").glob("evaluate-digits-randomreal-*"))
        assert beside in [record.result["training_images"] for record in drawn]


def test_a_folder_that_holds_no_finished_run_says_what_to_do(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path / "a b")]) == 2
    assert capsys.readouterr().err.endswith(f"as by python -m ddkit distill --out '{tmp_path / 'a b'}'\n")
    (tmp_path / "started.json").write_text("{}")
    assert main(["evaluate", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"ddkit: {tmp_path} holds no finished run: the command that began it goes on\n"


@pytest.mark.parametrize("networks, taken", [
    (["ConvNetD3BN"], True), (["TextCNN"], True), (["LeNet", "ConvNetD2"], True), (["LeNet"], False),
    (["NTK", "MLP"], False)])
def test_a_width_is_taken_where_a_network_has_one(networks, taken):
    require_width_used(None, networks)
    with contextlib.nullcontext() if taken else pytest.raises(InputError, match="takes none: leave it out"):
        require_width_used(8, networks)
