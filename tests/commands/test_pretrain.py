"""``pretrain`` on the command line, and ``distill`` with the translator that it made."""

import json
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import fields, replace

import pytest
import torch

from ddkit.__main__ import main
from ddkit.cli.flags import knobs_of, plan_of
from ddkit.cli.options import settings
from ddkit.commands import parser
from ddkit.commands.pretrain import _of_as_many_channels
from ddkit.foundation import errors
from ddkit.foundation.files import sha256, write_tensors
from ddkit.foundation.knobs import declared
from ddkit.methods.translation.inner import OneNetwork
from ddkit.methods.translation.plan import TranslatorPlan, as_text, from_text
from ddkit.methods.translation.pretraining import Pretraining
from ddkit.methods.translation.translative import Config
from ddkit.runs import Record, run
from ddkit.specs import Distill, Pretrain
from ddkit.stored.keeping import keep

SMALL = {"network": "ConvNetD1", "width": 4, "subsets": 2, "fewest_classes": 2, "most_classes": 3, "most_ipc": 1,
         "real": 9, "inner_updates": 4, "steps": 4, "judged": 9, "channels": 4, "held_out": 2, "trials": 2}
OTHER = SMALL | {"fixed": 3, "image_lr": 0.05, "target_lr": 0.0, "networks": 1, "lr": 1e-3, "left_out": "7,8",
                 "precision": "bfloat16", "residual": False}
DISTILL = ["distill", "--dataset", "digits-0-1", "--method", "translative", "--preset", "laptop", "--ipc", "1",
           "--inner-updates", "2", "--updates", "4", "--real-batch", "20"]


def flags(values: dict) -> list[str]:
    said = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}
    return [part for name, value in said.items() for part in (f"--{name.replace('_', '-')}", value)]


PRETRAIN = ["pretrain", "--dataset", "digits", *flags(SMALL)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a pre-training, which is no other run's."""
    folder = tmp_path_factory.mktemp("pretrain") / "translator"
    assert main([*PRETRAIN, "--out", str(folder)]) == 0
    return folder


def test_the_line_that_it_prints_can_be_pasted(made, tmp_path, capsys):
    shutil.copytree(made, tmp_path / "a folder")
    assert main([*PRETRAIN, "--out", str(tmp_path / "a folder")]) == 0
    program, _, _, *line = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert program == "python" and line[-1] == str(tmp_path / "a folder")
    assert main([*line, *DISTILL[-6:], "--runs", str(tmp_path / "runs"), "--json"]) == 0
    spec = json.loads(capsys.readouterr().out)["spec"]
    assert (spec["method"], spec["preset"]) == ("translative", "laptop")
    of_colour = Pretrain("cifar10")
    assert _of_as_many_channels(of_colour) == ["--dataset", "cifar10"] and not _of_as_many_channels(Pretrain("glyphs"))


def same(one: Record, other: Record) -> bool:
    return one.result["losses"] == other.result["losses"] and one.result["trials"] == other.result["trials"] and all(
        torch.equal(weight, other.weights[name]) for name, weight in one.weights.items())


def test_every_knob_of_the_plan_is_an_option():
    assert all(OTHER[knob.name] != knob.default for knob in declared(TranslatorPlan))
    assert plan_of(parser().parse_args(["pretrain", *flags(OTHER)]), TranslatorPlan) == TranslatorPlan(**OTHER)


@pytest.mark.parametrize("more", [["--left-out", "7"], ["--set", "left_out=7"], ["--set", 'left_out="7"']])
def test_a_class_that_is_called_by_a_number_can_be_left_out(more):
    asked = parser().parse_args([*DISTILL, *more])
    assert dict(settings(asked, asked.method, **knobs_of(asked)))["left_out"] == "7"
    if "--set" not in more:
        assert plan_of(parser().parse_args(["pretrain", *more]), TranslatorPlan).left_out == "7"


def test_it_prints_what_the_translator_gains_or_the_record(made, capsys):
    for more in ([], ["--json"]):
        capsys.readouterr()
        assert main([*PRETRAIN, "--out", str(made), *more]) == 0
        told = capsys.readouterr().out
        assert (json.loads(told)["spec"]["plan"]["subsets"] == 2) if more else (
            "mean loss of 2 sets of held-out classes" in told and f"--pretrained {made}" in told)


def test_a_trial_on_no_classes_is_said(tmp_path, capsys):
    assert main([*PRETRAIN, "--held-out", "0", "--runs", str(tmp_path)]) == 0
    assert "no held-out classes" in capsys.readouterr().out


def test_two_processes_make_the_same_bits_as_one(made, tmp_path, one_thread):
    assert main([*PRETRAIN, "--jobs", "2", "--runs", str(tmp_path)]) == 0
    assert same(Record.load(next(tmp_path.glob("pretrain-*"))), Record.load(made))


@pytest.mark.parametrize("part", ["subset-0001", "translator", "trial-0002"])
@pytest.mark.real_seed
def test_a_killed_pretraining_goes_on_to_the_bits_of_an_unbroken_one(part, made, tmp_path):
    """Killed right after something unfinished of that part was saved."""
    eager = ("import os, signal, sys; from ddkit.__main__ import main\n"
             "from ddkit.foundation.checkpoints import Checkpoint\n"
             "from ddkit.methods.translation import pretraining; pretraining.SAVE_EVERY = 2; save = Checkpoint.save\n"
             "def killed(self, state):\n    save(self, state)\n"
             f"    if {part!r} in str(self.path): os.kill(os.getpid(), signal.SIGKILL)\n"
             "Checkpoint.save = killed; main(sys.argv[1:])")
    process = subprocess.run([sys.executable, "-c", eager, *PRETRAIN, "--out", str(tmp_path / "run")],
                             capture_output=True)
    kept = torch.load(next((tmp_path / "run" / "parts").glob(f"{part}*")), weights_only=True)
    assert process.returncode == -signal.SIGKILL and (kept.get("done") or len(kept["losses"])) == 2
    assert main([*PRETRAIN, "--out", str(tmp_path / "run")]) == 0
    assert same(Record.load(tmp_path / "run"), Record.load(made))


@pytest.mark.parametrize("of", [OneNetwork, Pretraining])
def test_ctrl_c_saves_and_says_how_to_go_on(of, made, tmp_path, capsys, monkeypatch):
    begun, name = [], "update" if of is OneNetwork else "step"
    real = getattr(of, name)

    def interrupted(self):
        begun.append(1)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(of, name, interrupted)
    assert main([*PRETRAIN, "--out", str(tmp_path / "run")]) == 130
    assert "same command goes on" in capsys.readouterr().err
    assert main([*PRETRAIN, "--out", str(tmp_path / "run")]) == 0
    assert len(begun) == 1 + {OneNetwork: 4 * SMALL["inner_updates"], Pretraining: SMALL["steps"]}[of]  # none twice
    assert same(Record.load(tmp_path / "run"), Record.load(made))


@pytest.mark.parametrize("step", [3, 6, 9, 11, 14])
def test_ctrl_c_in_the_middle_of_a_step_costs_that_step_and_changes_no_bit(step, made, tmp_path, monkeypatch):
    """After the weights have moved, before the step is counted: in a subset, in the translator, in a trial."""
    real, begun = torch.optim.Adam.step, []

    def interrupted(self, *arguments, **named):
        real(self, *arguments, **named)
        begun.append(1)
        if len(begun) == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.Adam, "step", interrupted)
    for code in (130, 0):
        assert main([*PRETRAIN, "--out", str(tmp_path / "run")]) == code
    assert same(Record.load(tmp_path / "run"), Record.load(made))


def test_in_a_notebook_it_says_what_is_saved(tmp_path, monkeypatch):
    def interrupted(self):
        if self.done == 2:
            raise KeyboardInterrupt
        return update(self)

    update = OneNetwork.update
    monkeypatch.setattr(OneNetwork, "update", interrupted)
    monkeypatch.setattr(errors, "in_notebook", lambda: True)
    with pytest.raises(errors.Interrupted, match=r"^saved after 2 of 4 steps \(subset 1 of 2\); run the cell again"):
        run(Pretrain("digits", TranslatorPlan(**SMALL)), root=tmp_path, quiet=True)


@pytest.mark.parametrize(("of", "step", "title", "rate"), [
    (OneNetwork, "update", "subset 1 of 2", "image_lr"), (Pretraining, "step", "pre-training", "lr")])
def test_what_diverges_is_one_sentence(of, step, title, rate, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(of, step, lambda _: float("nan"))
    assert main([*PRETRAIN, "--runs", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and f"{title} diverged" in told and f"lower {rate}" in told


# --- its translator in a distillation


def test_a_plan_is_named_by_a_distillations_knobs_whatever_it_is():
    for values in (SMALL, OTHER, {}):
        plan = TranslatorPlan(**values)
        config = Config(**Config.begun_with("digits", plan, 5, None))
        assert config.pretraining == ("digits", plan, 5, None)
        assert TranslatorPlan(**from_text(as_text(plan, ("network", "left_out", "precision"))),
                              network=plan.network, left_out=plan.left_out, precision=plan.precision) == plan


def test_images_at_their_own_size_need_no_saying():
    assert Pretrain("glyphs", size=28) == Pretrain("glyphs") and Pretrain("glyphs", size=32).size == 32
    assert Distill("digits", "translative", "laptop", size=28).pretraining == Pretrain()
    larger = Distill("digits", "translative", "laptop", size=32, options={"pretrained_size": 28})
    assert larger.pretraining == Pretrain()


@pytest.mark.parametrize("size", [28, 32])
def test_a_distillation_takes_the_translator_of_a_folder_at_any_size(size, made, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Pretraining, "step", None)  # none is made again
    root = tmp_path / "runs"
    arguments = [*DISTILL, "--size", str(size), "--pretrained", str(made), "--runs", str(root)]
    assert main(arguments) == 0
    [found] = root.glob("pretrain-*")
    [folder] = root.glob("distill-*")
    assert same(Record.load(found), Record.load(made)) and Record.load(found).asked == Record.load(made).asked
    record = Record.load(folder)
    assert record.synthetic.origin["pretraining"]["run"] == found.name and record.synthetic.origin["networks met"] == 3
    assert "and 3 networks met the real images" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0  # reloaded
    assert main(["evaluate", str(folder), "--seeds", "1", "--epochs", "1", "--runs", str(root)]) == 0
    shutil.rmtree(folder)
    begun = record.asked  # and made again by its knobs alone
    settings = [part for name, value in begun.options for part in ("--set", f"{name}={json.dumps(value)}")]
    assert main(["distill", "--dataset", "digits-0-1", "--method", "translative", "--preset", "laptop", "--ipc", "1",
                 "--size", str(size), "--updates", "4", *settings, "--runs", str(root)]) == 0
    assert torch.equal(Record.load(folder).synthetic.images, record.synthetic.images)


def test_a_distillation_that_was_interrupted_goes_on_with_the_same_translator(made, tmp_path, monkeypatch):
    from ddkit.methods.translation.translative import Translative

    arguments = [*DISTILL, "--pretrained", str(made), "--runs", str(tmp_path)]
    assert main([*arguments, "--out", str(tmp_path / "whole")]) == 0
    real, begun = Translative.update, []

    def interrupted(self):
        begun.append(1)
        if len(begun) == 4:
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(Translative, "update", interrupted)
    assert main([*arguments, "--out", str(tmp_path / "broken")]) == 130
    assert main([*arguments, "--out", str(tmp_path / "broken")]) == 0 and len(begun) == 5
    whole, broken = (Record.load(tmp_path / name).synthetic for name in ("whole", "broken"))
    assert torch.equal(whole.images, broken.images) and torch.equal(whole.labels, broken.labels)


OF_ANOTHER_PLAN = {"network": "ConvNetD2", "width": 8, "precision": "bfloat16", "subsets": 3, "pretraining_steps": 9,
                   "channels": 8, "left_out": "7", "fixed": 1, "pretrained_on": "glyphs", "pretraining_seed": 1,
                   "pretrained_with": "real=5", "pretrained_size": 32, "translator": "identity"}


@pytest.mark.parametrize("knob", OF_ANOTHER_PLAN)
def test_a_translator_of_another_plan_than_the_options_say_is_refused(knob, made, tmp_path, capsys):
    more = flags({knob: OF_ANOTHER_PLAN[knob]})
    capsys.readouterr()
    assert main([*DISTILL, *more, "--pretrained", str(made), "--runs", str(tmp_path / "runs")]) == 2
    told = capsys.readouterr().err
    assert f"{knob} " in told and "otherwise than these options say" in told and told.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_every_knob_that_names_a_pretraining_is_among_those():
    assert set(Config.begun_with("digits", TranslatorPlan(), 0, None)) == set(OF_ANOTHER_PLAN)


def test_options_that_say_what_the_folder_says_are_taken(made, tmp_path):
    same_words = flags({"network": "ConvNetD1", "width": 4, "subsets": 2, "pretrained_on": "digits"})
    assert main([*DISTILL, *same_words, "--pretrained", str(made), "--runs", str(tmp_path)]) == 0


def test_a_translator_of_other_data_or_another_by_its_name_is_refused(made, tmp_path, capsys):
    other, root = tmp_path / "other", tmp_path / "runs"
    arguments = [*DISTILL, "--runs", str(root), "--pretrained"]
    shutil.copytree(made, other)
    replace(Record.load(other), fingerprint="0" * 64).save()
    assert main([*arguments, str(other)]) == 2
    assert "learned from another digits than is at hand" in capsys.readouterr().err and not root.exists()
    [kept] = keep([Record.load(made)], root)
    record = Record.load(kept)
    write_tensors(kept / "weights.safetensors", {name: weight + 1 for name, weight in record.weights.items()})
    replace(record, files=record.files | {"weights.safetensors": sha256((kept / "weights.safetensors").read_bytes())}
            ).save()
    assert main([*arguments, str(made)]) == 2
    told = capsys.readouterr().err
    assert "holds another translator by the name" in told and told.count("\n") == 1


def test_a_method_that_begins_with_none_refuses_one(made, capsys):
    assert main(["distill", "--pretrained", str(made)]) == 2
    assert "datadam begins with no pre-training" in capsys.readouterr().err


def test_a_kept_pretraining_keeps_its_translator(made, tmp_path):
    [kept] = keep([Record.load(made)], tmp_path)
    assert same(Record.load(kept), Record.load(made))
    assert {field.name for field in fields(Record.load(kept).asked)} == {"dataset", "plan", "seed", "size"}
