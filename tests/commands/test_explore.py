"""The dashboards as a page: for this machine alone unless told otherwise, and every lack in one sentence."""

import importlib.util
import os
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


def test_ctrl_c_ends_the_server(started, notebook):
    started.ended = KeyboardInterrupt
    assert main(["explore", "--notebook", str(notebook)]) == 130
    assert started.terminated


def test_a_server_that_fails_is_one_sentence(started, notebook, capsys):
    started.ended = 1
    assert main(["explore", "--notebook", str(notebook)]) == 2
    assert "Voila ended with code 1" in capsys.readouterr().err


def test_without_voila_one_sentence_says_how_to_get_it(started, notebook, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["explore", "--notebook", str(notebook)]) == 2
    told = capsys.readouterr().err
    assert "pip install -e '.[explore]'" in told and started.command is None
