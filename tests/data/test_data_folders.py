"""The folder of the data: the argument's, then the environment's; a tilde is the user's home; what is none is said."""

import pytest
from small_copies import own_copy

from ddkit import data
from ddkit.__main__ import main
from ddkit.data import load
from ddkit.data.sources import mhist_like
from ddkit.foundation.errors import InputError


def test_the_folder_is_the_argument_then_the_environments_then_data(raw, monkeypatch, tmp_path):
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path))
    assert len(load("mnist").test) == 30
    with pytest.raises(InputError, match="elsewhere"):
        load("mnist", tmp_path / "elsewhere")
    monkeypatch.delenv("DDKIT_DATA")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="data"):
        load("mnist")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.mark.parametrize("by", ["argument", "environment"])
@pytest.mark.parametrize("name", ["mnist", "mhist", "mhist_like"])
def test_a_tilde_is_the_users_home(home, tmp_path, monkeypatch, by, name):
    monkeypatch.setattr(mhist_like, "NUMBER", 60)
    own_copy(home / "data")
    mhist_like.make(home / "data" / "MHIST", 60, 16)
    monkeypatch.setenv("DDKIT_DATA", "~/data" if by == "environment" else str(tmp_path))
    root = "~/data" if by == "argument" else None
    assert load(name, root, 16).fingerprint == data.fingerprint(name, root, 16) == \
        load(name, home / "data", 16).fingerprint
    assert not (tmp_path / "~").exists()


def test_a_tilde_in_the_data_commands_path_is_the_users_home(home, tmp_path, capsys):
    for what in (["--make", "--number", "50", "--size", "16"], ["--check"]):
        assert main(["data", "mhist_like", "~/made", *what]) == 0
    assert (home / "made" / "annotations.csv").exists() and not (tmp_path / "~").exists()


@pytest.mark.parametrize("name", ["mnist", "mhist", "mhist_like", "cifar10", "digits-0-1"])
@pytest.mark.parametrize("by", ["argument", "environment"])
def test_a_data_folder_that_is_none_is_one_sentence(tmp_path, monkeypatch, name, by):
    (tmp_path / "file").write_text("x")
    for path, what in ((tmp_path / "file", "a file"), (tmp_path / ("a" * 300), "longer than 255 bytes")):
        monkeypatch.setenv("DDKIT_DATA", str(path if by == "environment" else tmp_path))
        for ask in (load, data.fingerprint):
            with pytest.raises(InputError, match=what) as caught:
                ask(name, path if by == "argument" else None)
            assert "\n" not in str(caught.value)
