"""What students hand in arrives whole, as whose it is, whatever it comes in; and nothing in it is believed."""

import contextlib
import json
import os
import pickle
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from ddkit.foundation.errors import InputError
from ddkit.foundation.files import write_json
from ddkit.grading.__main__ import main
from ddkit.grading.course import COURSE, Course
from ddkit.grading.findings import read

nbformat = pytest.importorskip("nbformat")

from ddkit.grading.collect import GENERAL, STAGE, arriving, collect, table, whose  # noqa: E402
from ddkit.grading.collect.arriving import Limits  # noqa: E402
from ddkit.grading.sample import making  # noqa: E402

REAL = Path(__file__).parents[2] / "notebooks" / "02_attention_matching.ipynb"
LESSONS = ["01_tiny", REAL.stem]
RECORD = b'{"spec": {"type": "full"}, "made": "2026-11-01"}'


@pytest.fixture
def course(tmp_path, tiny_notebooks) -> Course:
    """A course of two lessons, of which nbgrader knows nothing."""
    made = Course(tmp_path / "course")
    for name, path in zip(LESSONS, (tiny_notebooks / "01_tiny.ipynb", REAL), strict=True):
        target = made.notebook("source", name)
        target.parent.mkdir(parents=True)
        shutil.copyfile(path, target)
    write_json(made.root / COURSE, {"lessons": LESSONS, "released": "2026-11-01", "versions": {}})
    return made


@pytest.fixture
def inbox(tmp_path) -> Path:
    return tmp_path / "inbox"


def _work(course: Course, lesson: int, words: str = "") -> bytes:
    """A solved notebook as a file; ``words`` make it another one."""
    made = making.perfect(nbformat.read(course.notebook("source", LESSONS[lesson]), 4))
    made.cells[0].source += words
    return nbformat.writes(made).encode()


def _lay(folder: Path, files: dict[str, bytes], when: float | None = None) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if when:
            os.utime(path, (when, when))
    return folder


def _zip(path: Path, files: dict[str, bytes], **told) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, told.get("when", (2026, 11, 20, 10, 0, 0)))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def _zipped(tmp_path: Path, files: dict[str, bytes], **told) -> bytes:
    return _zip(tmp_path / "made.zip", files, **told).read_bytes()


def _kept(course: Course, student: str) -> dict[str, bytes]:
    """What lies in handed_in, by names that begin with the delivery's."""
    folder = course.root / "handed_in" / student
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _everything(course: Course) -> dict[str, bytes]:
    return {path.relative_to(course.root).as_posix(): path.read_bytes()
            for path in course.root.rglob("*") if path.is_file() and path.name != ".lock"}


def _first_text(course: Course, student: str, lesson: int = 0) -> str:
    return nbformat.read(course.notebook("submitted", LESSONS[lesson], student), 4).cells[0].source


def _kinds(rows) -> list[str]:
    return [finding.kind for row in rows for finding in row.findings]


MOODLE = "Ann Lee_1234567_assignsubmission_file_"
BLACKBOARD = "Task 1_s123_attempt_2026-11-20-10-00-00"
ARRIVALS = {  # how it came -> (whose it is, the names of the files of two lessons and of a run's record)
    "folders": ("ann", "ann/02 (1).ipynb", "ann/solution final.ipynb", "ann/runs/full-1/record.json"),
    "folders, deep": ("ann", "ann/ddkit/notebooks/a.ipynb", "ann/b/02.ipynb", "ann/ddkit/data/runs/full-1/record.json"),
    "files": ("jane_doe", "jane_doe_01.ipynb", "jane_doe_02 (3).ipynb", None),
    "a file named as a person": ("1234567", "1234567.ipynb", "1234567_02_attention.ipynb", None),
    "Moodle": ("Ann_Lee", f"{MOODLE}/a.ipynb", f"{MOODLE}/b.ipynb", f"{MOODLE}/full-1/record.json"),
    "Moodle, flat": ("Ann_Lee", f"{MOODLE}a.ipynb", f"{MOODLE}b.ipynb", None),
    "Moodle, within": ("Ann_Lee", f"week 1/{MOODLE}/a.ipynb", f"week 1/{MOODLE}/b.ipynb", None),
    "Moodle, names hidden": ("Participant_77", "Participant_77_assignsubmission_file_/a.ipynb",
                             "Participant_77_assignsubmission_file_/b.ipynb", None),
    "Canvas": ("leeann", "leeann_12345_67890_01-1.ipynb", "leeann_LATE_12345_67891_02_attention-2.ipynb", None),
    "Blackboard": ("s123", f"{BLACKBOARD}_a.ipynb", f"{BLACKBOARD}_b.ipynb", None),
    "browsers' endings": ("ann", "ann/01.ipynb.txt", "ann/02.IPYNB", None),
}


def _somebody_elses(name: str) -> str:
    """The name of a file as another student would have handed it in."""
    swaps = (("Ann Lee_1234567", "Bo Cy_7654321"), ("leeann", "boc"), ("ann", "bob"), ("jane", "john"),
             ("1234567", "7654321"), ("_77_", "_78_"), ("s123", "s456"))
    return name.replace(*next(swap for swap in swaps if swap[0] in name))


@pytest.mark.parametrize("packed", ["folder", "zip", "zip of a folder", "zip in a folder", "zip in a zip"])
@pytest.mark.parametrize("arrival", ARRIVALS)
def test_whatever_it_comes_in_every_notebook_and_run_arrives(course, inbox, tmp_path, arrival, packed):
    student, one, two, record = ARRIVALS[arrival]
    files = {one: _work(course, 0), two: _work(course, 1)} | ({record: RECORD} if record else {})
    others = {_somebody_elses(name): content.replace(b"tiny", b"small") for name, content in files.items()}
    files |= others
    is_export = arrival.split(",")[0] in ("Moodle", "Canvas", "Blackboard")
    if packed == "folder":
        source = _lay(inbox, files)
    elif packed == "zip of a folder" and ("/" in one or is_export):  # else the folder may be a student's
        source = _zip(tmp_path / "all.zip", {f"class/{name}": content for name, content in files.items()})
    elif packed in ("zip in a folder", "zip in a zip") and is_export:
        inner = {"export.zip": _zipped(tmp_path, files)}
        source = _lay(inbox, inner) if packed == "zip in a folder" else _zip(tmp_path / "all.zip", inner)
    elif packed in ("zip in a folder", "zip in a zip") and "/" in one:  # of each student
        inner = {f"{who}.zip": _zipped(tmp_path, {name.partition("/")[2]: content for name, content in files.items()
                                                  if name.startswith(f"{who}/")}) for who in ("ann", "bob")}
        source = _lay(inbox, inner) if packed == "zip in a folder" else _zip(tmp_path / "all.zip", inner)
    else:
        source = _zip(tmp_path / "all.zip", files)
    rows = collect(course.root, [source])
    assert set(_kinds(rows)) <= {"late"}
    assert len(course.students) == 2 and student in course.students
    for who in course.students:
        assert sorted(row.lesson for row in rows if row.student == who) == LESSONS
        for lesson in LESSONS:
            made = nbformat.read(course.notebook("submitted", lesson, who), 4)
            nbformat.validate(made)
            assert course.findings(who, lesson, STAGE).exists()
        assert (course.records(who) / "full-1" / "record.json").exists() == bool(record)
    assert sorted(_kept(course, student).values()) == sorted(
        content for name, content in files.items() if name not in others)
    assert _first_text(course, student) == "# A tiny lesson"


@pytest.mark.parametrize("source", ["folder", "zip", "file", "zip of a folder"])
def test_with_a_name_given_everything_is_theirs(course, inbox, tmp_path, source):
    files = {"02.ipynb": _work(course, 0), "data/runs/full-1/record.json": RECORD}
    given = {"folder": lambda: _lay(inbox, files), "zip": lambda: _zip(tmp_path / "x.zip", files),
             "file": lambda: _lay(inbox, files) / "02.ipynb",
             "zip of a folder": lambda: _zip(tmp_path / "x.zip", {f"work/{name}": c for name, c in files.items()})}
    collect(course.root, [given[source]()], "ann")
    assert course.students == ["ann"] and _first_text(course, "ann") == "# A tiny lesson"
    assert (course.records("ann") / "full-1" / "record.json").exists() == (source != "file")


@pytest.mark.parametrize("name, found", [
    ("Ann Lee", "Ann_Lee"), ("José Ñandú", "Jose_Nandu"), ("../../etc/passwd", "etc_passwd"), ("-rf", "rf"),
    ("..", None), ("李雷", None), ("a/b\\c", "a_b_c"), ("O'Neil, Pat (2)", "O_Neil_Pat_2"), ("x" * 300, "x" * 64),
    (".hidden", "hidden"), ("s1.b-2_c", "s1.b-2_c")])
def test_an_id_is_safe_for_a_folder(name, found):
    made = whose.safe(name)
    assert found in (made, None) and 0 < len(made) <= 64 and set(made) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") and made[0] not in ".-_"
    assert whose.safe(made) == made


def test_names_of_which_no_letter_is_left_are_told_apart():
    assert whose.safe("李雷") != whose.safe("韩梅梅") and whose.safe("李雷") == whose.safe("李雷")


@pytest.mark.parametrize("one, two", [
    ("José", "Jose"), ("ann", "Ann"), ("ann!", "ann"), ("x" * 70, "x" * 71),
    ("Ann Lee_1234567_assignsubmission_file_", "Ann Lee_7654321_assignsubmission_file_"),
    ("leeann_12345_67890_1.ipynb", "leeann_54321_67890_1.ipynb")])
def test_two_students_of_one_id_are_named_and_nothing_is_collected(course, inbox, one, two):
    tail = "" if one.endswith(".ipynb") else "/1.ipynb"
    _lay(inbox, {f"{one}{tail}": _work(course, 0), f"{two}{tail}": _work(course, 0, "!")})
    before = _everything(course)
    with pytest.raises(InputError, match="would both be") as error:
        collect(course.root, [inbox])
    assert _everything(course) == before and "--student" in str(error.value)


def test_two_students_of_one_id_are_named_also_when_they_come_one_after_the_other(course, inbox):
    collect(course.root, [_lay(inbox / "1", {"José/1.ipynb": _work(course, 0)})])
    with pytest.raises(InputError, match="José and Jose would both be 'Jose'"):
        collect(course.root, [_lay(inbox / "2", {"Jose/1.ipynb": _work(course, 0)})])
    collect(course.root, [inbox / "1"])


def test_one_student_in_two_exports_of_moodle_is_one(course, inbox):
    _lay(inbox, {"w1/Ann Lee_11_assignsubmission_file_/a.ipynb": _work(course, 0),
                 "w2/Ann Lee_22_assignsubmission_file_/a.ipynb": _work(course, 1)})
    assert [row.lesson for row in collect(course.root, [inbox])] == LESSONS
    assert course.students == ["Ann_Lee"]


@pytest.mark.parametrize("name", ["02.ipynb", "02_attention_matching (1).ipynb", "runs/full-1/record.json", "notes.txt",
                                  "Untitled.ipynb", "solution final.ipynb", "full-1/record.json", "lesson 2.ipynb"])
def test_what_is_nobodys_is_named_and_the_rest_goes_on(course, inbox, name):
    _lay(inbox, {name: b"{}", "ann/01.ipynb": _work(course, 0)})
    rows = collect(course.root, [inbox])
    assert course.students == ["ann"] and _kinds(rows) == ["left out"]
    assert "--student" in rows[-1].findings[0].words and name in rows[-1].findings[0].words


def test_the_newest_of_a_lessons_notebooks_is_taken_by_the_time_of_the_file(course, inbox):
    for name, when in (("b", 1_700_000_000), ("a", 1_800_000_000), ("c", 1_750_000_000)):
        _lay(inbox, {f"ann/{name}.ipynb": _work(course, 0, name)}, when)
    rows = collect(course.root, [inbox])
    assert _first_text(course, "ann").endswith("a") and _kinds(rows) == ["several notebooks"]
    told = read(course.findings("ann", LESSONS[0], STAGE))[1]
    assert told["file"] == "handed_in/ann/1/a.ipynb" and told["attempt"] == 3
    assert told["when"] == "2027-01-15T08:00:00+00:00"


def test_the_newest_of_a_lessons_notebooks_is_taken_by_the_time_in_a_zip(course, tmp_path):
    old = _zip(tmp_path / "z.zip", {"ann/1.ipynb": _work(course, 0, "old")}, when=(2026, 11, 1, 0, 0, 0))
    new = _zip(tmp_path / "a.zip", {"ann/1.ipynb": _work(course, 0, "new")}, when=(2026, 11, 2, 0, 0, 0))
    collect(course.root, [new])
    collect(course.root, [old])
    assert _first_text(course, "ann").endswith("new") and len(_kept(course, "ann")) == 2


@pytest.mark.parametrize("older, newer", [
    ("T_s1_attempt_2026-11-20-10-00-00_x.ipynb", "T_s1_attempt_2026-11-20-10-00-01_x.ipynb"),
    ("s1_12345_67890_x-1.ipynb", "s1_12345_67890_x-2.ipynb"), ("s1/x-9.ipynb", "s1/x-10.ipynb"),
    ("s1/x.ipynb", "s1/x (1).ipynb")])
def test_of_files_of_one_age_the_newest_is_taken_by_the_attempt_in_its_name(course, inbox, older, newer):
    _lay(inbox, {older: _work(course, 0, "old"), newer: _work(course, 0, "new")}, 1_700_000_000)
    collect(course.root, [inbox])
    assert _first_text(course, "s1").endswith("new")


def test_collected_again_the_same_is_left_and_another_is_kept_beside(course, inbox):
    _lay(inbox, {"ann/1.ipynb": _work(course, 0), "ann/full-1/record.json": RECORD}, 1_700_000_000)
    collect(course.root, [inbox])
    before, inode = _everything(course), (course.root / "handed_in/ann/1/1.ipynb").stat().st_ino
    submitted = course.notebook("submitted", LESSONS[0], "ann").stat().st_mtime_ns
    collect(course.root, [inbox])
    assert _everything(course) == before
    assert course.notebook("submitted", LESSONS[0], "ann").stat().st_mtime_ns == submitted
    _lay(inbox, {"ann/1.ipynb": _work(course, 0, "again")}, 1_800_000_000)
    collect(course.root, [inbox])
    assert sorted(_kept(course, "ann")) == ["1/1.ipynb", "1/full-1/record.json", "2/1.ipynb"]
    assert (course.root / "handed_in/ann/1/1.ipynb").stat().st_ino == inode
    assert _first_text(course, "ann").endswith("again")


def test_what_was_handed_in_cannot_be_written_to(course, inbox):
    collect(course.root, [_lay(inbox, {"ann/1.ipynb": _work(course, 0)})])
    assert stat.S_IMODE((course.root / "handed_in/ann/1/1.ipynb").stat().st_mode) == 0o444


def test_a_run_stays_whole_and_the_newest_version_of_it_is_taken(course, inbox):
    run = {"ann/full-1/record.json": RECORD, "ann/full-1/synthetic.safetensors": b"1", "ann/full-1/sub/x": b"2"}
    collect(course.root, [_lay(inbox, run, 1_700_000_000)])
    _lay(inbox, {"ann/full-1/record.json": RECORD + b" "}, 1_800_000_000)
    rows = collect(course.root, [inbox])
    assert _kinds(rows) == ["no notebook", "several records"]
    assert (course.records("ann") / "full-1/record.json").read_bytes() == RECORD + b" "
    assert sorted(_kept(course, "ann")) == sorted(f"{n}/{name[4:]}" for n in (1, 2) for name in run)
    assert {path.relative_to(course.records("ann")).as_posix() for path in course.records("ann").rglob("*")
            if path.is_file()} == {name[4:] for name in run}


@pytest.mark.parametrize("stray", ["record.json", "runs/record.json", "my run (2)/record.json"])
def test_a_stray_record_hides_no_run(course, inbox, stray):
    _lay(inbox, {"ann/1.ipynb": _work(course, 0), "ann/runs/full-1/record.json": RECORD,
                 "ann/runs/full-1/x/y": b"1", f"ann/{stray}": RECORD})
    for _ in range(2):  # again nothing new is kept
        rows = collect(course.root, [inbox])
        assert _kinds(rows) == ["left out"] and stray in rows[1].findings[0].words
    assert (course.records("ann") / "full-1/x/y").exists() and len(list(course.records("ann").iterdir())) == 1
    assert (course.root / "handed_in/ann/1").exists() and not (course.root / "handed_in/ann/2").exists()


def test_runs_that_the_repository_ships_are_no_students(course, inbox):
    collect(course.root, [_lay(inbox, {"ann/ddkit/data/reference/full-1/record.json": RECORD,
                                       "ann/ddkit/data/runs/full-2/record.json": RECORD})])
    assert [path.name for path in course.records("ann").iterdir()] == ["full-2"]


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


def test_files_of_one_name_in_a_zip_are_both_kept(course, tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for words in ("one", "two"):
            archive.writestr("ann/1.ipynb", _work(course, 0, words))
    collect(course.root, [path])
    assert sorted(_kept(course, "ann")) == ["1/1 (2).ipynb", "1/1.ipynb"]


@pytest.mark.parametrize("content", [
    b"", b"{", b"\xff\xfe", b'{"nbformat": 3}', b'{"nbformat": 4, "cells": 1}',
    b'{"nbformat": 4, "cells": [' + b"[" * 900 + b"]" * 900 + b"]}"],
    ids=lambda content: content[:28].decode(errors="replace"))
def test_a_broken_notebook_is_named_and_kept_and_the_rest_goes_on(course, inbox, content, capsys):
    _lay(inbox, {"ann/1.ipynb": content, "bob/1.ipynb": _work(course, 0)})
    with pytest.raises(SystemExit) as ended:
        main(["collect", str(course.root), str(inbox)])
    shown = capsys.readouterr().out
    assert ended.value.code == 1 and "ann: 1.ipynb" in shown and "saved again by Jupyter" in shown
    assert _kept(course, "ann") == {"1/1.ipynb": content} and _first_text(course, "bob")
    assert [one.kind for one in read(course.findings("ann", GENERAL, STAGE))[0]] == ["unreadable"]


def test_a_broken_notebook_is_forgotten_when_a_good_one_of_its_name_came(course, inbox):
    assert _kinds(collect(course.root, [_lay(inbox, {"ann/1.ipynb": b"{"})])) == ["unreadable"]
    assert _kinds(collect(course.root, [_lay(inbox, {"ann/1.ipynb": _work(course, 0)})])) == []
    assert _kinds(collect(course.root, [_lay(inbox, {"ann/1.ipynb": b"[", "ann/2.ipynb": b"("})])) == ["unreadable"] * 2


def test_who_handed_in_no_notebook_at_all_is_named(course, inbox):
    rows = collect(course.root, [_lay(inbox, {"ann/essay.pdf": b"%PDF"})])
    assert [(row.student, row.lesson) for row in rows] == [("ann", "")] and _kinds(rows) == ["no notebook"]


def test_a_notebook_of_no_lesson_is_named(course, inbox):
    note = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])).encode()
    rows = collect(course.root, [_lay(inbox, {"ann/02_attention_matching.ipynb": note})])
    assert _kinds(rows) == ["left out"] and not course.notebook("submitted", LESSONS[1], "ann").exists()


@pytest.mark.parametrize("dropped", ["metadata", "ids", "both"])
@pytest.mark.parametrize("lesson", [0, 1])
def test_a_lesson_is_told_by_its_content(course, inbox, lesson, dropped):
    plain = json.loads(_work(course, lesson))
    for cell in plain["cells"]:
        if dropped in ("metadata", "both"):
            cell["metadata"] = {}
        if dropped in ("ids", "both"):
            del cell["id"]
    collect(course.root, [_lay(inbox, {"ann/01_tiny.ipynb": json.dumps(plain).encode()})])
    assert course.notebook("submitted", LESSONS[lesson], "ann").exists()
    assert not course.notebook("submitted", LESSONS[1 - lesson], "ann").exists()


def _killed(monkeypatch, after: int) -> None:
    """The process ends in the middle of one of the calls that change files."""
    left = [after]

    def killing(work):
        def killed(*given, **named):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return work(*given, **named)
        return killed

    for place, name in ((os, "rename"), (os, "replace"), (os, "utime"), (shutil, "copyfile"), (shutil, "rmtree")):
        monkeypatch.setattr(place, name, killing(getattr(place, name)))


@pytest.mark.parametrize("after", range(28))  # there are that many such calls
def test_killed_anywhere_and_run_again_nothing_is_lost_and_nothing_half(course, inbox, tmp_path, monkeypatch, after):
    run = {f"full-1/{name}": name.encode() for name in ("record.json", "synthetic.safetensors")}
    for when, words in ((1_700_000_000, "old"), (1_800_000_000, "new")):
        _lay(inbox / words, {f"{who}/{name}": content + words.encode() * (name != "1.ipynb") for who in ("ann", "bob")
                             for name, content in {"1.ipynb": _work(course, 0, words), **run}.items()}, when)
    wanted = Course(shutil.copytree(course.root, tmp_path / "unbroken"))
    for one in (course, wanted):
        collect(one.root, [inbox / "old"])
    collect(wanted.root, [inbox / "new"])
    before = _everything(course)
    with monkeypatch.context() as patched:
        _killed(patched, after)
        with contextlib.suppress(KeyboardInterrupt):
            collect(course.root, [inbox / "new"])
    there, whole = _everything(course), _everything(wanted)
    for name, content in there.items():
        if name.split("/")[0] in ("handed_in", "submitted", "records", "findings"):
            assert content in (before.get(name), whole.get(name))
    collect(course.root, [inbox / "new"])
    assert _everything(course) == whole


def test_the_table_names_everybody_and_what_was_noticed(course, inbox, capsys):
    _lay(inbox, {"ann/1.ipynb": _work(course, 0), "bob/1.ipynb": _work(course, 1)})
    assert main(["collect", str(course.root), str(inbox)]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("ann", "bob", *LESSONS, "1.ipynb"))
    assert table(collect(course.root, [inbox])) == shown.rstrip("\n")


@pytest.mark.parametrize("given, says", [
    (["inbox", "--student", "../x"], "choose one of letters"), (["inbox", "--student", ""], "choose one of letters"),
    (["nowhere"], "there is no"), (["bad.zip"], "no zip"), (["course"], "holds the course itself"),
    (["."], "holds the course itself"), (["empty"], "there is nothing in"), (["inbox", "--mib", "0"], "at least 1")])
def test_what_cannot_be_collected_is_said_in_a_sentence(course, inbox, tmp_path, monkeypatch, capsys, given, says):
    monkeypatch.chdir(tmp_path)
    _lay(inbox, {"ann/1.ipynb": _work(course, 0)})
    _lay(tmp_path, {"bad.zip": b"PK no zip"})
    (tmp_path / "empty").mkdir()
    assert main(["collect", str(course.root), *given]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1 and course.students == []


def test_another_command_at_work_in_the_course_keeps_it_out(course, inbox):
    _lay(inbox, {"ann/1.ipynb": _work(course, 0)})
    with course.held(), pytest.raises(InputError, match="another command is at work"):
        collect(course.root, [inbox])


def test_nbgrader_marks_what_was_collected(tiny, inbox):
    """A notebook that lost all metadata and ids, a check, the type of an exercise, and has a copy of another one."""
    from nbgrader.api import Gradebook
    from nbgrader.apps import NbGraderAPI

    made = making.perfect(nbformat.read(tiny.notebook("source", "01_tiny"), 4))
    cells = {cell.id: cell for cell in made.cells}
    made.cells.remove(cells["double"])
    made.cells.append(nbformat.from_dict(dict(cells["exercise-double"]) | {"id": "copy"}))
    cells["exercise-largest"].cell_type = "raw"
    del cells["exercise-largest"]["outputs"], cells["exercise-largest"]["execution_count"]
    plain = json.loads(nbformat.writes(made)) | {"nbformat_minor": 0}
    for cell in plain["cells"]:
        del cell["id"]
        cell["metadata"] = {}
    rows = collect(tiny.root, [_lay(inbox, {"ann/x.ipynb": json.dumps(plain).encode()})])
    assert set(_kinds(rows)) == {"lost metadata", "missing cell", "retyped cell", "guessed cell"}
    assert NbGraderAPI(config=tiny.config()).autograde("01_tiny", "ann")["success"]
    with Gradebook(tiny.gradebook) as gradebook:
        grades = gradebook.find_submission_notebook("01_tiny", "01_tiny", "ann").grades
        assert {grade.name: (grade.auto_score, grade.needs_manual_grade) for grade in grades} == {
            "double": (1, False), "largest": (2, False), "why": (None, True)}
