"""Whose it is that was handed in: ids that are safe for a folder, two students of one, and what is nobody's."""

import pytest
from deliveries import LESSONS, _everything, _kinds, _lay, _work, _zipped

from ddkit.foundation.errors import InputError
from ddkit.grading.collect import collect, whose


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


@pytest.mark.parametrize("one, two, ids", [
    ("group_1.zip", "group_2.zip", ["group_1", "group_2"]), ("team 07.zip", "team 08.zip", ["team_07", "team_08"]),
    ("student-1.ipynb", "student-2.ipynb", ["student-1", "student-2"]),
    ("Kim 1.zip", "Kim 2.zip", ["Kim_1", "Kim_2"]), ("kim_1.ipynb", "kim_3.ipynb", ["kim_1", "kim_3"]),
    ("group_1_01.ipynb", "group_2_01.ipynb", ["group_1", "group_2"]),
    ("kim_lesson_1.ipynb", "group_1_task_1.ipynb", ["group_1", "kim"]),
    ("kim_1_tiny.ipynb", "kim_2_attention.ipynb", ["kim"])])
def test_a_number_is_a_lessons_or_a_persons_own_and_nobody_is_merged(course, inbox, tmp_path, one, two, ids):
    for name, words in ((one, ""), (two, "!")):  # both of lesson 1
        work = _work(course, 0, words)
        _lay(inbox, {name: _zipped(tmp_path, {"work.ipynb": work}) if name.endswith(".zip") else work})
    for _ in range(2):
        rows = collect(course.root, [inbox])
        assert course.students == ids and {row.lesson for row in rows} == {LESSONS[0]}


def test_files_of_one_student_for_several_lessons_are_one_students(course, inbox):
    _lay(inbox, {"kim_1.ipynb": _work(course, 0), "kim_02.ipynb": _work(course, 1), "Louis_14_02.ipynb":
                 _work(course, 1), "kim_3.ipynb": b"{broken"})
    collect(course.root, [inbox])
    assert course.students == ["Louis_14", "kim"]
    collect(course.root, [_lay(inbox.with_name("later"), {"bo_1.ipynb": b"{broken", "bo_2.zip": b"PK"})])
    assert course.students == ["Louis_14", "bo_1", "bo_2", "kim"]  # nothing tells that they are one's
