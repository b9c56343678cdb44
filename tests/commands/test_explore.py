"""The dashboards as a page: for this machine alone unless told otherwise, and every lack in one sentence."""

import importlib.util
import os
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

import ddkit
from ddkit.__main__ import main


@pytest.fixture
def started(monkeypatch):
    """What would be started, and how it ends."""
    seen = SimpleNamespace(command=None, ended=0, terminated=False)

    class Server:
        def __init__(self, command, cwd, env):
            seen.command, seen.cwd, seen.env = command, cwd, env

        def wait(self):
            if seen.ended is KeyboardInterrupt and not seen.terminated:
                raise KeyboardInterrupt
            return 0 if seen.terminated else seen.ended

        def terminate(self):
            seen.terminated = True

    monkeypatch.setattr(subprocess, "Popen", Server)
    really = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name == "voila" else really(name))
    return seen


@pytest.fixture
def notebook(tmp_path):
    path = tmp_path / "page.ipynb"
    path.write_text("{}")
    return path


def test_it_serves_this_machine_alone_and_says_so(started, notebook, capsys):
    assert main(["explore", "--notebook", str(notebook), "--no-browser"]) == 0
    assert "--Voila.ip=127.0.0.1" in started.command and "--no-browser" in started.command
    assert started.cwd == notebook.parent
    assert Path(started.env["PYTHONPATH"].split(os.pathsep)[0]) == Path(ddkit.__file__).parents[1]
    told = capsys.readouterr().err
    assert "for this machine alone" in told and "http://127.0.0.1:8866" in told


def test_others_are_served_only_when_asked_for_and_it_says_what_that_means(started, notebook, capsys):
    assert main(["explore", "--notebook", str(notebook), "--ip", "0.0.0.0"]) == 0
    assert "--Voila.ip=0.0.0.0" in started.command and "runs code on this machine" in capsys.readouterr().err


@pytest.mark.parametrize(("ip", "page"), [("::1", "http://[::1]:8866"), ("[::1]", "http://[::1]:8866"),
                                          ("127.0.0.2", "http://127.0.0.2:8866")])
def test_the_page_is_named_as_a_browser_takes_it(started, notebook, capsys, monkeypatch, ip, page):
    monkeypatch.setattr("ddkit.commands.explore._bound", lambda *_: None)  # not every machine has them
    assert main(["explore", "--notebook", str(notebook), "--ip", ip]) == 0
    assert f"--Voila.ip={ip.strip('[]')}" in started.command
    told = capsys.readouterr().err
    assert f" at {page}, for this machine alone" in told


@pytest.mark.parametrize("ip", ["nonsense.invalid", "", " ", "a..b", "192.0.2.1"])
def test_an_address_of_no_machine_or_another_is_refused(started, notebook, capsys, ip):
    assert main(["explore", "--notebook", str(notebook), "--ip", ip]) == 2
    told = capsys.readouterr().err
    assert f"--ip '{ip.strip()}' is no address of this machine: give 127.0.0.1" in told and started.command is None


def test_a_port_that_is_taken_is_refused_and_no_other_is_taken(started, notebook, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["explore", "--notebook", str(notebook), "--port", port]) == 2
    assert f"port {port} at 127.0.0.1 is taken" in capsys.readouterr().err and started.command is None
    assert main(["explore", "--notebook", str(notebook), "--port", port]) == 0
    assert f"--port={port}" in started.command and "--Voila.port_retries=0" in started.command


@pytest.mark.parametrize(("name", "why"), [("page.txt", "is no notebook: name a file that ends in .ipynb"),
                                           ("", "is a folder: name the .ipynb file in it"),
                                           ("other.ipynb", "there is no")])
def test_what_is_no_notebook_is_refused(started, notebook, capsys, name, why):
    (notebook.parent / "page.txt").write_text("words")
    assert main(["explore", "--notebook", str(notebook.parent / name)]) == 2
    assert why in capsys.readouterr().err and started.command is None


def test_ctrl_c_ends_the_server(started, notebook, capsys):
    started.ended = KeyboardInterrupt
    assert main(["explore", "--notebook", str(notebook)]) == 130
    assert started.terminated and "saved" not in capsys.readouterr().err, "nothing was"


def test_a_server_that_fails_is_one_sentence(started, notebook, capsys):
    started.ended = 1
    assert main(["explore", "--notebook", str(notebook)]) == 2
    assert "Voila ended with code 1" in capsys.readouterr().err


def test_without_voila_one_sentence_says_how_to_get_it(started, notebook, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["explore", "--notebook", str(notebook)]) == 2
    told = capsys.readouterr().err
    assert "pip install -e '.[explore]'" in told and started.command is None
