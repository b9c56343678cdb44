"""Nothing that was handed in is believed: it is not loaded, leads nowhere, and costs no more than it may."""

import os
import pickle
import stat
import zipfile
from pathlib import Path

import pytest
from deliveries import RECORD, _first_text, _kept, _kinds, _lay, _work, _zip, _zipped

from ddkit.grading.collect import arriving, collect
from ddkit.grading.collect.arriving import Limits


class _Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_that_was_handed_in_is_loaded(course, inbox, tmp_path):
    trap = pickle.dumps(_Trap(tmp_path / "sprung"))
    names = ["x.pkl", "full-1/checkpoint.pt", "full-1/synthetic.safetensors", "full-1/record.json", "1.ipynb", "x.zip"]
    collect(course.root, [_lay(inbox, {f"ann/{name}": trap for name in names})])
    assert not (tmp_path / "sprung").exists() and len(_kept(course, "ann")) == len(names)


def _links(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("ann/link.ipynb")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")


def _locked(path: Path) -> None:
    content = bytearray(_zip(path, {"ann/x.ipynb": b"{}"}).read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def _damaged(path: Path) -> None:
    content = bytearray(_zip(path, {"ann/x.ipynb": os.urandom(2000)}).read_bytes())
    content[1000] ^= 255
    path.write_bytes(content)


def _lying(path: Path) -> None:
    """A megabyte that says it is ten bytes."""
    content = bytearray(_zip(path, {"ann/x.ipynb": b"0" * (1 << 20)}).read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = (10).to_bytes(4, "little")
    path.write_bytes(content)


def _nested(path: Path) -> None:
    inner = b"deep"
    for _ in range(5):
        inner = _zipped(path.parent, {"x.zip": inner})
    _zip(path, {"ann/x.zip": inner})


HOSTILE = {
    "../": lambda path: _zip(path, {"ann/../../../evil.ipynb": b"{}"}),
    "absolute": lambda path: _zip(path, {"/ann/evil.ipynb": b"{}"}),
    "backslashes": lambda path: _zip(path, {"ann\\..\\..\\..\\evil.ipynb": b"{}"}),
    "drive": lambda path: _zip(path, {"C:/ann/evil.ipynb": b"{}"}), "link": _links, "password": _locked,
    "damaged": _damaged, "size": _lying, "bomb": lambda path: _zip(path, {"ann/evil.ipynb": bytes(30 << 20)}),
    "bomb in a zip": lambda path: _zip(path, {"ann/x.zip": _zipped(path.parent, {"evil.ipynb": bytes(30 << 20)})}),
    "zips in zips": _nested, "deep": lambda path: _zip(path, {"ann/" + "d/" * 60 + "x.ipynb": b"{}"}),
    "file and folder": lambda path: _zip(path, {"ann/x": b"1", "ann/x/y": b"2"}),
    "empty zip": lambda path: _zip(path, {"ann/x.zip": b""})}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_zip_is_named_costs_only_itself_and_leads_nowhere(course, tmp_path, kind):
    path = tmp_path / "in" / "evil.zip"
    path.parent.mkdir()
    HOSTILE[kind](path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("bob/1.ipynb", _work(course, 0))
        archive.writestr("ann/good.ipynb", _work(course, 0))
    rows = collect(course.root, [path])
    assert {row.student for row in rows if row.lesson} == {"ann", "bob"}
    assert set(_kinds(rows)) <= {"left out", "unreadable"} and _kinds(rows)
    assert all(str(finding).isprintable() for row in rows for finding in row.findings)
    assert not list(tmp_path.rglob("evil.ipynb")) and not any(p.is_symlink() for p in tmp_path.rglob("*"))
    assert {p.name for p in tmp_path.iterdir()} == {"course", "in"}
    assert sum(map(len, _kept(course, "ann").values())) < 2 << 20


def test_links_and_devices_in_a_folder_are_not_followed(course, inbox, tmp_path):
    _lay(inbox, {"ann/1.ipynb": _work(course, 0), "ann/full-1/record.json": RECORD})
    _lay(tmp_path / "secret", {"s.ipynb": b"secret"})
    (inbox / "ann/full-1/link").symlink_to(tmp_path / "secret/s.ipynb")
    (inbox / "ann/folder").symlink_to(tmp_path / "secret")
    os.mkfifo(inbox / "ann/pipe")
    rows = collect(course.root, [inbox])
    assert _kinds(rows) == ["left out"] * 3
    assert b"secret" not in _kept(course, "ann").values()
    assert not any(path.is_symlink() for path in course.root.rglob("*"))


@pytest.mark.parametrize("limits, says", [(Limits(mib=1), "larger than 1 MiB"), (Limits(files=3), "more than 6 files"),
                                          (Limits(), "list of files is too long")])
def test_zips_that_are_too_much_together_are_not_opened(course, inbox, tmp_path, monkeypatch, limits, says):
    if limits == Limits():
        monkeypatch.setattr(arriving, "_LIST", 600)
    inner = _zipped(tmp_path, {f"{n}.bin": os.urandom(20_000) for n in range(10)})
    _lay(inbox, {"ann/1.ipynb": _work(course, 0), **{f"ann/{n}.zip": inner for n in range(9)}})
    rows = collect(course.root, [inbox], limits=limits)
    assert _first_text(course, "ann") and any(says in finding.words for row in rows for finding in row.findings)


@pytest.mark.parametrize("limits", [Limits(mib=1), Limits(files=3)])
def test_more_than_a_student_may_hand_in_is_left_out_and_notebooks_are_spared(course, inbox, limits):
    rest = {f"ann/a{n}.bin": bytes(400_000) for n in range(5)}
    _lay(inbox, {"ann/z.ipynb": _work(course, 0), "ann/full-1/record.json": RECORD, **rest})
    rows = collect(course.root, [inbox], limits=limits)
    assert _kinds(rows) == ["left out"] and "--mib" in rows[-1].findings[0].words
    assert {"1/z.ipynb", "1/full-1/record.json"} <= set(_kept(course, "ann"))
    assert len(_kept(course, "ann")) < 7
