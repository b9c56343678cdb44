"""Files and sizes made to cost: what is beyond the memory or a file's header is refused before it is read or made."""

import gzip
import struct
import tracemalloc

import pytest
from small_copies import FORMATTED, FORMS, IMAGES, LABELS, NAMES, own_copy

from ddkit import data
from ddkit.__main__ import main
from ddkit.data import load
from ddkit.foundation.errors import InputError


def announce(*sizes: int) -> bytes:
    return struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes)


@FORMATTED
@pytest.mark.parametrize(("name", "content"), [
    pytest.param(IMAGES, announce(2**32 - 1, 2**16, 2**16) + bytes(99), id="more than a disk holds"),
    pytest.param(IMAGES, announce(30, 2**20, 2**20), id="tera-bytes"),
    pytest.param(IMAGES, announce(*[2] * 255), id="255 dimensions"),
    pytest.param(IMAGES, announce(100), id="one dimension"),
    pytest.param(LABELS, announce(100, 1) + bytes(100), id="two dimensions"),
    pytest.param(LABELS, announce(2**32 - 1) + bytes(99), id="too many labels"),
    pytest.param(LABELS, announce(100) + bytes(200 << 20), id="more than announced"),
])
def test_nothing_is_read_that_the_header_does_not_announce(tmp_path, dataset, name, content):
    root = own_copy(tmp_path, dataset)
    folder = next(root.glob("*/raw"))
    for form in ("plain", "gz"):
        path = folder / (name if form == "plain" else f"{name}.gz")
        (folder / name).unlink(missing_ok=True)
        path.write_bytes(content if form == "plain" else gzip.compress(content, 1))
        tracemalloc.start()
        with pytest.raises(InputError, match="damaged") as caught:
            load(dataset, root)
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
        tracemalloc.stop()
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@NAMES
@pytest.mark.parametrize("size", [10_000, 10**6, 10**12])
def test_sizes_beyond_the_memory_are_refused_before_anything_is_allocated(ready, name, size, monkeypatch):
    root = ready(name)
    monkeypatch.setattr("ddkit.data.loading._prepare", lambda *_: pytest.fail("images were resized"))
    monkeypatch.setattr("ddkit.foundation.memory.available", lambda: 8 << 30)
    for ask in (load, data.fingerprint):
        tracemalloc.start()
        with pytest.raises(InputError, match="memory") as caught:
            ask(name, root, size)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
        tracemalloc.stop()
        assert f"{size}x{size}" in str(caught.value) and "\n" not in str(caught.value)


@FORMATTED
@FORMS
def test_a_file_beyond_the_memory_is_refused_unread(tmp_path, dataset, form, monkeypatch):
    root = own_copy(tmp_path, dataset, form)
    monkeypatch.setattr("ddkit.foundation.memory.available", lambda: 1000)
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte\S* would take .* memory"):
        load(dataset, root)


@pytest.mark.parametrize("asked", [["--size", "20000"], ["--size", "1000000000"], ["--number", "1000000000"]])
def test_synthetic_images_beyond_the_memory_are_refused_before_a_file_is_written(tmp_path, monkeypatch, capsys, asked):
    monkeypatch.setattr("ddkit.foundation.memory.available", lambda: 8 << 30)
    assert main(["data", "mhist_like", str(tmp_path / "new"), "--make", *asked]) == 2
    assert "of memory" in capsys.readouterr().err and not (tmp_path / "new").exists()
