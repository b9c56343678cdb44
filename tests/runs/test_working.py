"""One process at a time in a run's folder; the others wait, and then find what they wanted."""

import platform
import subprocess
import sys
import threading
import time

import filelock
import pytest

from ddkit import runs
from ddkit.foundation.errors import InputError
from ddkit.foundation.files import write_json
from ddkit.methods.loop import Callback
from ddkit.methods.matching.datadam import DataDAM
from ddkit.runs import SYNTHETIC, WEIGHTS, Record, run
from ddkit.runs.jobs import PARTS
from ddkit.runs.working import LOCK, STARTED, begun_as, working_in
from ddkit.specs import Coreset, Distill, Evaluate, RandomReal

SPEC = Distill("digits", ipc=2, network="ConvNetD1", width=4, updates=3, options=(("network_steps", 1),))
MEANS = {"device": "CPU", "torch": "2.14"}


def test_the_second_waits_is_told_for_whom_and_reloads(tmp_path, monkeypatch, capsys):
    update, inside, go = DataDAM.update, threading.Event(), threading.Event()

    def slow(self):
        inside.set()
        assert go.wait(30)
        return update(self)

    monkeypatch.setattr(DataDAM, "update", slow)
    made = []
    threads = [threading.Thread(target=lambda: made.append(run(SPEC, root=tmp_path))) for _ in range(2)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    told, deadline = "", time.monotonic() + 30
    while "is being worked on by process" not in told and time.monotonic() < deadline:
        time.sleep(0.05)
        told += capsys.readouterr().err
    assert "is being worked on by process" in told and "waiting for it" in told
    go.set()
    for thread in threads:
        thread.join(60)
    assert made[0] == made[1]
    assert {p.name for p in made[0].folder.iterdir()} == {runs.RECORD, SYNTHETIC, runs.EVOLUTION}


def test_two_processes_at_once_end_with_one_record(tmp_path):
    command = [sys.executable, "-m", "ddkit", "distill", "--ipc", "2", "--network", "ConvNetD1", "--width", "4",
               "--updates", "8", "--set", "network_steps=1", "--out", str(tmp_path / "out"), "--json"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0]


def test_an_unfinished_folder_says_whose_it_is_and_keeps_others_out(tmp_path):
    with pytest.raises(KeyboardInterrupt), working_in(tmp_path / "run", {"run": "a", "fingerprint": "f"}, MEANS):
        (tmp_path / "run" / "checkpoint.pt").write_text("half")
        raise KeyboardInterrupt
    assert begun_as(tmp_path / "run") == {"run": "a", "fingerprint": "f"}
    for other in ({"run": "b", "fingerprint": "f"}, {"run": "a", "fingerprint": "g"}):
        with pytest.raises(InputError, match="another run"), working_in(tmp_path / "run", other, MEANS):
            pytest.fail("got in")
    with working_in(tmp_path / "run", {"run": "a", "fingerprint": "f"}, MEANS):
        pass


def test_a_run_that_is_resumed_elsewhere_names_every_device_and_version_once_in_order(tmp_path, monkeypatch):
    class Leaves(Callback):
        def on_update(self, synthetic, history):
            if history.updates == 1:
                raise KeyboardInterrupt

    for device, version in (("NVIDIA H200", "2.11"), ("CPU, 1 thread", "2.14"), ("NVIDIA H200", "2.11")):
        monkeypatch.setattr("ddkit.runs.runner.describe", lambda _, here=device: here)
        monkeypatch.setattr("torch.__version__", version)
        with pytest.raises(KeyboardInterrupt):
            run(SPEC, root=tmp_path, quiet=True, callbacks=(Leaves(),))
    made = run(SPEC, root=tmp_path, quiet=True)
    assert made.device == "NVIDIA H200, then CPU, 1 thread" and made.versions["torch"] == "2.11, then 2.14"
    assert made.versions["python"] == platform.python_version()


@pytest.mark.parametrize(("noted", "device"), [({"devices": ["GPU"]}, "GPU, then CPU"), ({}, "CPU"),
                                               ({"means": 1}, "CPU"), ({"means": {"device": "GPU"}}, "CPU")])
def test_what_older_versions_noted_is_taken_as_far_as_it_goes(noted, device, tmp_path):
    write_json(tmp_path / STARTED, {"identity": {"run": "a"}} | noted)
    with working_in(tmp_path, {"run": "a"}, MEANS) as worked:
        assert worked == {"device": device, "torch": "2.14"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError, OSError])
def test_a_folder_in_which_nothing_came_of_it_goes(tmp_path, error):
    with pytest.raises(error), working_in(tmp_path / "a" / "b" / "run", {"run": "a"}, MEANS):
        raise error
    assert not list(tmp_path.iterdir())


def test_a_folder_that_was_there_stays(tmp_path):
    with pytest.raises(InputError), working_in(tmp_path, {"run": "a"}, MEANS):
        raise InputError
    assert tmp_path.exists() and not list(tmp_path.iterdir())


def test_a_finished_run_leaves_nothing_of_the_work(tmp_path):
    folder = run(SPEC, folder=tmp_path / "out", quiet=True).folder
    assert not [p for p in folder.iterdir() if p.name in (LOCK, STARTED) or p.suffix == ".pt"]
    assert Record.load(folder).files.keys() == {SYNTHETIC, runs.EVOLUTION}


@pytest.mark.parametrize("name", [SYNTHETIC, WEIGHTS, f"{PARTS}/mine.txt", "mine.pt"])
@pytest.mark.parametrize("spec", [SPEC, Coreset("digits", 1), Evaluate(RandomReal("digits", 1), network="MLP")],
                         ids=lambda spec: type(spec).__name__)
def test_a_folder_of_the_users_own_is_refused_and_left_as_it_is(name, spec, tmp_path):
    mine = tmp_path / "mine" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("my own")
    for _ in range(2):
        with pytest.raises(InputError, match=f"mine holds {name.split('/')[0]} and no run, finished or begun: choose"):
            run(spec, folder=tmp_path / "mine", quiet=True)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine] and mine.read_text() == "my own"


def test_hidden_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / ".ipynb_checkpoints").mkdir()
    for name in (".DS_Store", ".notes.tmp"):
        (tmp_path / name).write_text("my own")
    made = run(SPEC, folder=tmp_path, quiet=True)
    assert {path.name for path in tmp_path.iterdir()} == {".ipynb_checkpoints", ".DS_Store", ".notes.tmp", runs.RECORD,
                                                          SYNTHETIC, runs.EVOLUTION}
    assert (tmp_path / ".notes.tmp").read_text() == "my own" and made.files.keys() == {SYNTHETIC, runs.EVOLUTION}


def test_a_process_that_was_killed_before_it_said_whose_the_folder_is_leaves_it_free(tmp_path):
    (tmp_path / LOCK).touch()
    (tmp_path / f".{STARTED}.1-2.tmp").write_text("{")
    assert run(SPEC, folder=tmp_path, quiet=True).updates == 3


def test_a_run_in_a_folder_of_its_own_name_is_made_again_where_its_record_was_deleted(tmp_path):
    made = run(SPEC, root=tmp_path, quiet=True)
    (made.folder / runs.RECORD).unlink()
    (made.folder / WEIGHTS).write_text("left by another")
    again = run(SPEC, root=tmp_path, quiet=True)
    assert again.files == made.files and again.synthetic.images.equal(made.synthetic.images)


def test_where_files_cannot_be_locked_the_work_is_done_all_the_same(tmp_path, monkeypatch, capsys):
    def unknown(*_, **__):
        raise NotImplementedError("the file system knows no locks")

    monkeypatch.setattr(filelock.FileLock, "acquire", unknown)
    assert run(SPEC, root=tmp_path).updates == 3
    assert "do not start the same run twice at once" in capsys.readouterr().err


def test_what_a_process_leaves_that_was_killed_right_after_its_record_is_swept_up(tmp_path):
    record = run(SPEC, root=tmp_path, quiet=True)
    (record.folder / STARTED).write_text("{}")
    assert run(SPEC, root=tmp_path) == record and not (record.folder / STARTED).exists()
