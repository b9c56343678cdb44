"""An interrupt in a notebook is two lines that say what is saved; elsewhere nothing changes."""

import os
import pickle
import queue
import re
import subprocess
import sys

import pytest

from ddkit.__main__ import main
from ddkit.foundation import errors
from ddkit.foundation.errors import Interrupted, Stopped, Terminated, telling_interrupts
from ddkit.methods.matching.datadam import DataDAM
from ddkit.runs import find, run
from ddkit.specs import Coreset, Distill, Evaluate, Experts, RandomReal
from ddkit.training import fitting
from ddkit.training.experts import Plan

TINY = Distill("digits", ipc=1, network="ConvNetD1", width=4, updates=30, options=(("network_steps", 1),))
EPOCHS = {"scores": Evaluate(RandomReal("digits", 1), "assignment", "MLP", seeds=2, epochs=5),
          "experts": Experts("digits", Plan("MLP", experts=2, epochs=5)),
          "coreset": Coreset("digits", 1, "forgetting", on="MLP", epochs=5)}


@pytest.fixture
def notebook(monkeypatch):
    monkeypatch.setattr(errors, "in_notebook", lambda: True)


def interrupted_at(monkeypatch, number: int, error: BaseException | type = KeyboardInterrupt) -> None:
    """The distillation's update of that number is broken off, and no other."""
    real, begun = DataDAM.update, []

    def update(self):
        begun.append(1)
        if len(begun) == number:
            raise error
        return real(self)

    monkeypatch.setattr(DataDAM, "update", update)


def test_a_distillation_says_after_how_many_updates_it_is_saved(tmp_path, monkeypatch, notebook):
    interrupted_at(monkeypatch, 9)
    with pytest.raises(Interrupted) as error:
        run(TINY, root=tmp_path, quiet=True)
    assert str(error.value) == "saved after 8 of 30 updates; run the cell again to go on"
    assert error.value._render_traceback_() == ["interrupted: saved after 8 of 30 updates",
                                                "run the cell again to go on"]
    monkeypatch.undo()
    again = run(TINY, root=tmp_path, quiet=True)
    assert again.synthetic.images.equal(run(TINY, root=tmp_path / "whole", quiet=True).synthetic.images)


def test_so_does_one_that_another_run_asked_for(tmp_path, monkeypatch, notebook):
    interrupted_at(monkeypatch, 4)
    with pytest.raises(Interrupted, match="saved after 3 of 30 updates; run the cell again"):
        run(Evaluate(TINY, "assignment", "MLP", seeds=1, epochs=1), root=tmp_path, quiet=True)


@pytest.mark.parametrize("kind", EPOCHS)
def test_training_says_after_how_many_epochs_it_is_saved(kind, tmp_path, killed_in_epoch, notebook):
    killed_in_epoch(4)
    with pytest.raises(Interrupted, match=r"^saved after 3 of 5 epochs \(.*\); run the cell again to go on$"):
        run(EPOCHS[kind], root=tmp_path, quiet=True)


def test_what_was_not_saved_is_not_said_to_be(tmp_path, killed_in_epoch, monkeypatch, notebook):
    killed_in_epoch(4)
    monkeypatch.setattr(fitting, "SAVE_EVERY", 3600.0)
    with pytest.raises(Interrupted, match="saved after 0 of 5 epochs"):
        run(EPOCHS["scores"], root=tmp_path, quiet=True)


def test_anywhere_else_it_is_a_sentence_too(tmp_path, monkeypatch, notebook):
    def broken_off(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ddkit.runs.spec.load", broken_off)
    with pytest.raises(Interrupted, match=r"^what was saved before is kept; run the cell again to go on$"):
        run(TINY, root=tmp_path, quiet=True)


@pytest.mark.parametrize("error", [Terminated(), Stopped("stopped"), Interrupted("it")])
def test_what_says_more_than_an_interrupt_stays_as_it_is(error, tmp_path, monkeypatch, notebook):
    interrupted_at(monkeypatch, 2, error)
    with pytest.raises(type(error)) as caught:
        run(TINY, root=tmp_path, quiet=True)
    assert caught.value is error


def test_an_interrupt_is_one_in_a_notebook_and_survives_another_process(notebook):
    with pytest.raises(KeyboardInterrupt, match="saved; run"), telling_interrupts(lambda: "saved"):
        raise KeyboardInterrupt
    assert str(pickle.loads(pickle.dumps(Interrupted("saved")))) == "saved; run the cell again to go on"


@pytest.mark.parametrize("error", [KeyboardInterrupt, Terminated])
def test_on_the_command_line_it_is_a_line_that_says_the_same(error, tmp_path, monkeypatch, capsys):
    interrupted_at(monkeypatch, 3, error)
    arguments = ["distill", "--ipc", "1", "--network", "ConvNetD1", "--width", "4", "--updates", "5",
                 "--runs", str(tmp_path)]
    assert main(arguments) == (143 if error is Terminated else 130)
    assert capsys.readouterr().err.splitlines()[-1] == (
        "ddkit: interrupted: saved after 2 of 5 updates; the same command goes on from there")


def test_the_command_line_does_not_call_saved_what_is_not(tmp_path, killed_in_epoch, monkeypatch, capsys):
    killed_in_epoch(4)
    monkeypatch.setattr(fitting, "SAVE_EVERY", 3600.0)
    assert main(["baseline", "--network", "MLP", "--epochs", "5", "--runs", str(tmp_path)]) == 130
    told = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(r"ddkit: interrupted: saved after 0 of 5 epochs \(.*\); the same command goes on .*", told)


@pytest.mark.parametrize(("broken", "arguments", "says"), [
    ("ddkit.runs.spec.load", ["baseline"], ": what was saved before is kept; the same command goes on from there"),
    ("ddkit.runs.Record.load", ["show", "."], "")])
def test_nor_where_nothing_was_being_made(broken, arguments, says, tmp_path, monkeypatch, capsys):
    def broken_off(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(broken, broken_off)
    monkeypatch.setenv("DDKIT_RUNS", str(tmp_path))
    assert main(arguments) == 130
    assert capsys.readouterr().err == f"\nddkit: interrupted{says}\n"


def test_a_script_ends_as_of_any_interrupt(tmp_path):
    script = ("import ddkit\nfrom ddkit.methods.loop import Callback\n"
              "class Break(Callback):\n    def on_update(self, synthetic, history):\n"
              "        if history.updates == 2: raise KeyboardInterrupt\n"
              "ddkit.run(ddkit.Distill('digits', ipc=1, network='ConvNetD1', width=4, updates=5), "
              f"root={str(tmp_path)!r}, callbacks=(Break(),), quiet=True)")
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ)
    assert ended.returncode and ended.stderr.splitlines()[-1] == "KeyboardInterrupt"


CELL = """
import os, signal
import ddkit
from ddkit.methods.loop import Callback

class Break(Callback):
    def on_update(self, synthetic, history):
        if history.updates == 9:
            os.kill(os.getpid(), signal.SIGINT)

spec = ddkit.Distill('digits', ipc=1, network='ConvNetD1', width=4, updates=30, options={'network_steps': 1})
ddkit.run(spec, callbacks=(Break(),), quiet=True)
"""


def test_a_cell_that_is_interrupted_ends_in_two_lines_and_goes_on(tmp_path):
    manager_of = pytest.importorskip("jupyter_client.manager")
    pytest.importorskip("ipykernel")
    manager, client = manager_of.start_new_kernel(kernel_name="python3",
                                                  env=os.environ | {"DDKIT_RUNS": str(tmp_path)})

    def told(code: str) -> list[dict]:
        asked, found = client.execute(code), []
        while True:
            try:
                message = client.get_iopub_msg(timeout=120)
            except queue.Empty:
                pytest.fail("the kernel does not answer")
            if message["parent_header"].get("msg_id") != asked:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return found
            found.append(message)

    try:
        errors = [one["content"] for one in told(CELL) if one["msg_type"] == "error"]
        assert len(errors) == 1 and len(errors[0]["traceback"]) == 2
        first, second = errors[0]["traceback"]
        assert first.startswith("interrupted: saved after ") and first.endswith(" of 30 updates")
        assert first.split()[3] in ("8", "9") and second == "run the cell again to go on"
        shown = [one["content"]["data"] for one in told("ddkit.run(spec, quiet=True)")
                 if one["msg_type"] == "execute_result"]
        assert "<table>" in shown[0]["text/html"] and len(shown[0]["text/plain"]) < 200
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert find(TINY, tmp_path).updates == 30
