"""Of what was handed in several times the newest is taken; all of it is kept, and a run stays whole."""

import stat
import zipfile

import pytest
from deliveries import LESSONS, RECORD, _everything, _first_text, _kept, _kinds, _lay, _work, _zip

from ddkit.grading.collect import STAGE, collect
from ddkit.grading.findings import LATER, read
from ddkit.grading.results import marks, scores


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


def test_an_older_file_that_came_later_is_for_a_person_to_look_at(course, inbox):
    for where, when, words in (("1", 1_800_000_000, "first"), ("2", 1_700_000_000, "corrected")):
        rows = collect(course.root, [_lay(inbox / where, {f"ann/{words}.ipynb": _work(course, 0, words)}, when)])
    assert _first_text(course, "ann").endswith("first") and _kinds(rows) == [LATER, "several notebooks"]
    assert rows[0].findings[0].words.startswith(
        "corrected.ipynb of 2023-11-14T22:13 came in a later delivery than first.ipynb of 2027-01-15T08:00, which is")
    lesson = scores.Lesson(LESSONS[0], "re-executed", found=tuple((STAGE, one) for one in rows[0].findings))
    assert marks._to_do({LESSONS[0]: lesson}, ()) == [f"{LESSONS[0]}: {LATER}"]


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


def test_files_of_one_name_in_a_zip_are_both_kept(course, tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for words in ("one", "two"):
            archive.writestr("ann/1.ipynb", _work(course, 0, words))
    collect(course.root, [path])
    assert sorted(_kept(course, "ann")) == ["1/1 (2).ipynb", "1/1.ipynb"]
