"""The fingerprint of a data set: without loading the one that loading gives, and another when its files change."""

import gzip
import os

import pytest
from small_copies import FORMATTED, FORMS, LABELS, NAMES, noise, own_copy, packed

from ddkit import data
from ddkit.data import idx, idx_sources, load
from ddkit.data.sources import cifar10, mhist_like


def test_the_fingerprint_changes_with_one_pixel_one_label_and_the_size(raw, arrays):
    def written(name, array):
        (raw / name).write_bytes(packed(array))
        return load("mnist", raw.parents[1]).fingerprint

    root, first = raw.parents[1], load("mnist", raw.parents[1]).fingerprint
    assert load("mnist", root).fingerprint == first
    images, labels = arrays["train-images-idx3-ubyte"].copy(), arrays["train-labels-idx1-ubyte"].copy()
    images[7, 3, 3] ^= 1
    changed = written("train-images-idx3-ubyte", images)
    labels[[3, 4]] = labels[[4, 3]]
    assert len({first, load("mnist", root, size=16).fingerprint, changed, written(LABELS, labels)}) == 4


@NAMES
@pytest.mark.parametrize("size", [None, 12])
def test_the_fingerprint_is_the_one_that_loading_gives(ready, name, size):
    root = ready(name)
    size = 16 if size is None and name.startswith("mhist") else size
    assert data.fingerprint(name, root, size) == load(name, root, size).fingerprint


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist-0-1", "cifar10", "mhist"])
def test_without_files_there_is_no_fingerprint_and_nothing_is_downloaded(tmp_path, name, monkeypatch):
    for module in (idx_sources, cifar10):
        monkeypatch.setattr(module, "download", lambda *_: pytest.fail("a download was tried"))
    assert data.fingerprint(name, tmp_path) is None and not list(tmp_path.iterdir())


@FORMATTED
@pytest.mark.parametrize("name", idx.FILES)
def test_without_one_of_the_files_there_is_no_fingerprint(tmp_path, dataset, name, monkeypatch):
    for module in (idx_sources, cifar10):
        monkeypatch.setattr(module, "download", lambda *_: pytest.fail("a download was tried"))
    next(own_copy(tmp_path, dataset).glob(f"*/raw/{name}")).unlink()
    assert data.fingerprint(dataset, tmp_path) is None


@FORMATTED
@FORMS
@pytest.mark.parametrize("keep_time", [False, True])
def test_the_fingerprint_follows_a_files_content_even_where_its_time_and_size_stay(tmp_path, dataset, form, keep_time):
    root = own_copy(tmp_path, dataset, form)
    first, changed = data.fingerprint(dataset, root), noise(100, 28, 28)
    seen = {path: path.stat() for path in root.glob("*/raw/train-images*")}
    for path, before in seen.items():
        content = packed(changed)
        path.unlink()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        if keep_time:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert data.fingerprint(dataset, root) == load(dataset, root).fingerprint != first


def test_the_fingerprint_of_an_mhist_copy_follows_its_content(tmp_path):
    mhist_like.make(tmp_path / "MHIST", 60, 16)
    first = data.fingerprint("mhist", tmp_path, 16)
    path = tmp_path / "MHIST" / "annotations.csv"
    path.write_text(path.read_text().replace("HP,1,", "HP,2,", 1))
    assert data.fingerprint("mhist", tmp_path, 16) == load("mhist", tmp_path, 16).fingerprint != first
