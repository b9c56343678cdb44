"""Fixtures of the tests of MHIST: a small stand-in, as a folder, as an archive, and to be damaged."""

import shutil
from pathlib import Path

import pytest
from copies import NUMBER, SIZE

from ddkit.data.sources import mhist_like


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "MHIST"
    mhist_like.make(folder, NUMBER, SIZE)
    return folder


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "MHIST"
    mhist_like.make(folder, NUMBER, SIZE, zipped=True)
    return folder


@pytest.fixture
def copied(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "MHIST", ignore=shutil.ignore_patterns(".ddkit")))


@pytest.fixture(autouse=True)
def users_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"
