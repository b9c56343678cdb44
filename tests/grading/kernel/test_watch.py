"""What processes use is seen, also of those whose parents have ended, and all of it can be ended."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from ddkit.grading.kernel import watch
from ddkit.grading.kernel.room import Room
from ddkit.grading.kernel.watch import Limits, Watch, end_all, fits

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def started():
    """Starts Python code with a token in its environment; ended after the test."""
    processes = []

    def start(code: str, token: str) -> subprocess.Popen:
        environment = os.environ | {"DDKIT_MARKING": token}
        processes.append(subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_a_folder_fits_by_bytes_and_by_files(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"1" * 100_000)
    assert fits(tmp_path, 200_000) and not fits(tmp_path, 50_000)
    monkeypatch.setattr(watch, "FILES", 2)
    assert not fits(tmp_path, 200_000)
    assert fits(tmp_path / "nowhere", 1)


def test_a_link_out_of_a_folder_is_not_followed(tmp_path):
    (tmp_path / "usr").symlink_to("/usr")
    assert fits(tmp_path, 10_000)


@pytest.mark.skipif(os.getuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_does_not_fit(tmp_path):
    (tmp_path / "locked").mkdir(mode=0)
    assert not fits(tmp_path, 10**9)


def ends(number: int) -> bool:
    """Whether a process is gone, or nobody's any more, within seconds: a killed one needs an instant to leave."""
    for _ in range(100):
        try:
            if psutil.Process(number).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_ended_are_those_of_the_token_also_in_sessions_of_their_own(started):
    detach = ("import subprocess, sys\n"
              f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True)\n"
              "print(child.pid, flush=True)")
    other = started(f"print(1, flush=True); {SLEEP}", "another token")
    child = int(started(detach, "this token").stdout.readline())
    other.stdout.readline()
    end_all("this token")
    assert ends(child)
    assert other.poll() is None


def test_ended_are_those_seen_also_without_the_token(started, tmp_path):
    hide = (f"import os, sys\nif os.fork() == 0: os.execve(sys.executable, [sys.executable, '-c', {SLEEP!r}], {{}})\n"
            f"print(1, flush=True)\n{SLEEP}")
    parent = started(hide, "token")
    parent.stdout.readline()
    seen = Watch(parent.pid, tmp_path, Limits())
    assert seen.over() is None
    assert len(seen.seen) == 2
    end_all("token", seen.seen.values())
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in seen.seen.values())


@pytest.mark.parametrize(("code", "limits", "kind"), [
    ("kept = b'1' * 2**28", {"memory": 100}, "over memory"),
    ("import os\nfor _ in range(5):\n    if not os.fork(): time.sleep(60), os._exit(0)", {"processes": 3},
     "too many processes"),
    ("while time.process_time() < 1: pass", {"processor_seconds": 0.5}, "over time"),
])
def test_what_is_over_is_named(started, tmp_path, code, limits, kind):
    process = started(f"import time\n{code}\nprint(1, flush=True)\n{SLEEP}", kind)
    process.stdout.readline()
    found = Watch(process.pid, tmp_path, Limits(**limits)).over()
    end_all(kind)
    assert found[0] == kind


def test_files_that_are_over_are_named(started, tmp_path):
    (tmp_path / "file").write_bytes(b"1" * 2**21)
    assert Watch(started(SLEEP, "files").pid, tmp_path, Limits(files=1)).over()[0] == "too many files"


def test_the_shell_holds_every_process_to_the_limits():
    said = subprocess.run(["/bin/sh", "-c", f"{Limits(files=3).shell()}; ulimit -f; ulimit -c"], capture_output=True,
                          text=True, check=True).stdout.split()
    assert said == [str(3 * 2**20 // 512 // 2), "0"]  # half for one file


def test_a_room_is_empty_again_and_goes(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "record").write_text("1")
    with Room() as room:
        first = room.wires()
        (room.home / "x" / "y").mkdir(parents=True)
        os.chmod(room.home / "x", 0)
        room.emptied()
        assert list(room.home.iterdir()) == [] and room.wires() != first and not first.exists()
        copies = room.copies([(source, "/inside"), (tmp_path / "nowhere", "/other")])
        assert [sorted(path.name for path in copy.iterdir()) for copy, _ in copies] == [["record"], []]
    assert not room.base.exists()
