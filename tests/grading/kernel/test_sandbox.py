"""What each kind of sandbox keeps from a stranger's code, and how it is chosen."""

import socket
import sys
from pathlib import Path

import pytest

import ddkit
from ddkit.foundation.errors import InputError
from ddkit.grading.kernel import bubblewrap, container, needs
from ddkit.grading.kernel.room import Room
from ddkit.grading.kernel.sandbox import KINDS, PROTECTS, Sandbox
from ddkit.grading.kernel.watch import Limits

HERE = Path(ddkit.__file__).parents[1]


@pytest.fixture
def course(tmp_path) -> Path:
    """Files that no submission may read."""
    for name in ("gradebook.db", "source/01/01.ipynb", "submitted/ada/01/01.ipynb"):
        path = tmp_path / "course" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
    return tmp_path / "course"


def test_nothing_of_the_instructor_is_readable(execute, course):
    tried = [course / "gradebook.db", course / "source/01/01.ipynb", course / "submitted/ada/01/01.ipynb",
             HERE / "notebooks", HERE / "tests", HERE / ".git", Path.home() / ".bashrc", Path.home() / ".ssh",
             Path("/etc/shadow"), Path("/etc/hostname")]
    found = execute("bubblewrap", "import os", *[f"os.stat({str(path)!r})" for path in tried], root=course)
    assert found.failed() == list(range(1, len(tried) + 1))
    assert {cell.outputs[0].ename for cell in found.cells[1:]} == {"FileNotFoundError"}


def test_a_course_within_a_shown_folder_is_hidden(execute, course, monkeypatch):
    monkeypatch.setenv("DDKIT_DATA", str(course.parent))
    found = execute("bubblewrap", f"import os\nprint(os.listdir({str(course.parent)!r}), os.listdir({str(course)!r}))",
                    root=course)
    assert found.said(0) == "['course'] []\n"


def test_the_instructors_own_runs_are_hidden(execute, tmp_path, monkeypatch):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "MNIST").mkdir()
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path))
    found = execute("bubblewrap", "import os; at = os.environ['DDKIT_DATA']\n"
                                  "print(sorted(os.listdir(at)), os.listdir(os.path.join(at, 'runs')))")
    assert found.said(0) == "['MNIST', 'runs'] []\n"


@pytest.mark.parametrize("place", [
    HERE / "stranger", Path(ddkit.__file__).with_name("stranger.py"), Path("/usr/stranger"), Path("/stranger"),
    Path("/etc/stranger"), Path("/dev/stranger"), Path(sys.prefix) / "stranger"], ids=str)
def test_nothing_is_written_outside_the_home(execute, place):
    found = execute("bubblewrap", f"open({str(place)!r}, 'w').write('1')", "open('mine', 'w').write('1')")
    assert found.failed() == [0] and not place.exists()


def test_what_is_written_to_the_temporary_folder_is_thrown_away(execute, tmp_path):
    place = tmp_path.parents[-2] / "ddkit-stranger"
    found = execute("bubblewrap", f"open('/tmp/{place.name}', 'w').write('1')")
    assert found.failed() == [] and not place.exists()


def test_there_is_no_network(execute):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        listening.settimeout(1)
        found = execute("bubblewrap", f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
                        "import socket; socket.create_connection(('192.0.2.1', 80), 2)")
        assert found.failed() == [0, 1]
        with pytest.raises(TimeoutError):
            listening.accept()


def test_other_processes_are_not_seen(execute):
    found = execute("bubblewrap", "import psutil; print(sorted(psutil.pids()))")
    assert len(eval(found.said(0))) <= 4


def test_variables_of_the_instructor_are_not_passed_on(execute, kind, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "1")
    found = execute(kind, "import os; print(os.environ.get('SECRET_KEY'), os.environ['DDKIT_PROFILE'])",
                    environment={"DDKIT_PROFILE": "quick"})
    assert found.said(0) == "None quick\n"


def test_the_kernel_has_this_ddkit_and_torch(execute, kind):
    found = execute(kind, "import ddkit, torch; print(ddkit.__file__, float(torch.ones(2).sum()))",
                    "data = ddkit.load('digits'); print(len(data.classes))", environment={"DDKIT_PROFILE": "quick"})
    assert found.said(0) == f"{ddkit.__file__} 2.0\n" and found.said(1) == "10\n"


def test_a_module_that_a_notebook_writes_can_be_imported(execute, kind):
    found = execute(kind, "open('mine.py', 'w').write('x = 41')", "import mine; print(mine.x + 1)")
    assert found.said(1) == "42\n"


def test_binds_are_copies(execute, kind, tmp_path):
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "one").write_text("1")
    (tmp_path / "records" / "link").symlink_to("/etc/passwd")
    found = execute(kind, "import os; here = os.environ['DDKIT_RUNS']; print(os.listdir(here))",
                    "open(os.path.join(here, 'one'), 'w').write('2'); print(open(os.path.join(here, 'one')).read())",
                    environment={"DDKIT_RUNS": "/runs"}, binds=[(tmp_path / "records", Path("/runs"))])
    assert found.said(0) == "['one']\n" and found.said(1) == "2\n"
    assert (tmp_path / "records" / "one").read_text() == "1"


def test_nothing_of_a_room_stays(execute, kind):
    found = execute(kind, "open('mine', 'w').write('1')", "import os; print(os.getcwd())")
    assert found.failed() == [] and not Path(found.said(1).strip(), "mine").exists()


def test_only_packages_ddkit_and_data_are_shown():
    shown = needs.folders()
    assert needs.PACKAGE in shown or any(needs.PACKAGE.is_relative_to(one) for one in shown)
    assert HERE not in shown and Path.home() not in shown and Path("/") not in shown


def test_a_home_is_never_shown(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    for name in ("me/bin", "me/python/bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "me/python/bin/python3").touch()
    (tmp_path / "me/latest").symlink_to(tmp_path / "me/python")
    (tmp_path / "me/bin/python").symlink_to(tmp_path / "me/latest/bin/python3")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "me/bin/python"))
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path))
    shown = needs.folders()
    assert tmp_path / "me/latest" in shown and tmp_path / "me" not in shown and tmp_path not in shown


@pytest.mark.parametrize("kind", PROTECTS)
def test_every_kind_says_what_it_protects(kind):
    assert Sandbox(kind, "image").protects.startswith(f"sandbox {kind}: ")


@pytest.mark.parametrize(("kind", "image", "works", "engines", "expected"), [
    ("auto", "", True, (), "bubblewrap"), ("auto", "ddkit", True, ("docker",), "docker"),
    ("auto", "ddkit", False, ("podman", "docker"), "podman"), ("none", "", False, (), "none"),
    ("docker", "ddkit", True, ("podman", "docker"), "docker"), ("bubblewrap", "", True, ("podman",), "bubblewrap"),
    ("auto", "", False, ("podman",), "install bubblewrap"), ("bubblewrap", "", False, (), "install bubblewrap"),
    ("auto", "ddkit", True, (), "did not answer"), ("podman", "ddkit", True, ("docker",), "did not answer"),
    ("podman", "", True, ("podman",), "give --image"), ("bubblewrap", "ddkit", True, (), "is for podman or docker"),
    ("none", "ddkit", True, (), "is for podman or docker"), ("jail", "", True, (), "unknown sandbox"),
])
def test_a_sandbox_that_works_is_chosen(monkeypatch, kind, image, works, engines, expected):
    monkeypatch.setattr(bubblewrap, "works", lambda: works)
    monkeypatch.setattr(container, "answers", engines.__contains__)
    if expected in KINDS:
        assert Sandbox.chosen(kind, image).kind == expected
    else:
        with pytest.raises(InputError, match=expected):
            Sandbox.chosen(kind, image)


@pytest.mark.parametrize("engine", container.ENGINES)
def test_a_container_has_no_network_and_limits(engine, monkeypatch):
    monkeypatch.setenv("DDKIT_DATA", "/data")
    with Room() as room:
        wires = room.wires()
        limits, binds = Limits(memory=100, processes=8, files=10), [(Path("/a"), Path("/b"))]
        command, _ = Sandbox(engine, "an-image").command(room, wires, limits, {"DDKIT_PROFILE": "quick"}, binds, [])
    words = " ".join(command)
    assert command[:3] == [engine, "run", "--rm"] and command[command.index("an-image") + 1] == "/bin/sh"
    for part in ("--network none", "--read-only", "--cap-drop all", "--security-opt no-new-privileges",
                 f"--memory {100 * 2**20}b --memory-swap {100 * 2**20}b", "--pids-limit 32",
                 "--env DDKIT_PROFILE=quick", "--volume /data:/data:ro",
                 f"--volume {room.home}:/home/student", f"--volume {wires}:{wires}", "--volume /a:/b",
                 "--workdir /home/student"):
        assert part in words
    assert ("--user" in command) == (engine == "docker") and ("--ulimit" in command) == (engine == "podman")
    assert command[command.index("python"):][:2] == ["python", "-c"] and "{connection_file}" in command


@pytest.mark.parametrize("name", ["cell_seconds", "memory", "processes", "text", "files", "restarts"])
@pytest.mark.parametrize("value", [0, -1, 1e12, "many"])
def test_limits_are_numbers_above_zero(name, value):
    with pytest.raises(InputError, match=name):
        Limits(**{name: value})
