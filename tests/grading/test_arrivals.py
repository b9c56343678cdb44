"""What students hand in arrives whole, as whose it is, whatever it comes in."""

import pytest
from deliveries import LESSONS, RECORD, _first_text, _kept, _kinds, _lay, _work, _zip, _zipped

from ddkit.grading.collect import STAGE, collect

nbformat = pytest.importorskip("nbformat")

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
