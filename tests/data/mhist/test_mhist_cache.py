"""MHIST: the cache of decoded pixels."""

import shutil
from pathlib import Path

import pytest
from copies import LABEL, NAME, PART, SIZE, repacked, rewrite, same, table
from PIL import Image

from ddkit.data import load
from ddkit.data.sources import mhist


def cache_of(folder: Path, size: int = SIZE) -> Path:
    return folder / ".ddkit" / f"mhist-{size}.safetensors"


def test_the_second_load_reads_the_cache_and_gives_the_same(copied, monkeypatch):
    first = load("mhist", copied, SIZE)
    monkeypatch.setattr(mhist, "_decode", lambda copy, size: pytest.fail("the images were decoded again"))
    again = load("mhist", copied, SIZE)
    assert same(first, again) and (first.fingerprint, first.notes) == (again.fingerprint, again.notes)


@pytest.mark.parametrize("spoil", [
    pytest.param(lambda content: content[: len(content) // 2], id="cut off"),
    pytest.param(lambda content: content[:-100] + bytes(100), id="zeros at the end"),
    pytest.param(lambda content: b"", id="empty"),
    pytest.param(lambda content: b"\xff" * 64, id="no safetensors"),
])
def test_a_damaged_cache_is_rebuilt(copied, spoil, monkeypatch):
    first, path = load("mhist", copied, SIZE), cache_of(copied)
    path.write_bytes(spoil(path.read_bytes()))
    assert same(load("mhist", copied, SIZE), first)
    monkeypatch.setattr(mhist, "_decode", lambda copy, size: pytest.fail("the images were decoded again"))
    assert same(load("mhist", copied, SIZE), first)


def change_a_pixel(folder: Path) -> None:
    path = folder / "images" / table(folder)[1][NAME]
    image = Image.open(path)
    image.putpixel((3, 3), (1, 2, 3))
    image.save(path)


def swap_labels(folder: Path) -> None:
    rows = table(folder)
    rows[1][LABEL : PART], rows[2][LABEL : PART] = rows[2][LABEL : PART], rows[1][LABEL : PART]
    rewrite(folder, rows)


@pytest.mark.parametrize("change", [change_a_pixel, swap_labels])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_stale_cache_is_rebuilt(copied, change, zipped):
    kept = shutil.copytree(copied / "images", copied.parent / "kept")
    if zipped:
        repacked(copied).close()
    first = load("mhist", copied, SIZE)
    if zipped:
        shutil.copytree(kept, copied / "images")
    change(copied)
    if zipped:
        repacked(copied).close()
    changed = load("mhist", copied, SIZE)
    assert changed.fingerprint != first.fingerprint
    shutil.rmtree(copied / ".ddkit")
    assert same(load("mhist", copied, SIZE), changed)


def test_sizes_have_caches_of_their_own(copied):
    load("mhist", copied, SIZE)
    assert load("mhist", copied, 16).size == 16 and load("mhist", copied, SIZE).size == SIZE
    assert cache_of(copied).exists() and cache_of(copied, 16).exists()


def test_where_the_folder_cannot_be_written_the_users_cache_serves_or_none(copied, users_cache):
    (copied / ".ddkit").write_text("in the way")
    first = load("mhist", copied, SIZE)
    (kept,) = users_cache.rglob("*.safetensors")
    assert kept.name == "mhist-24.safetensors" and same(load("mhist", copied, SIZE), first)
    shutil.rmtree(users_cache)
    users_cache.write_text("in the way")
    assert same(load("mhist", copied, SIZE), first)
