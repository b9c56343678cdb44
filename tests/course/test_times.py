"""What lessons say of times holds for the records that came with the repository."""

from types import SimpleNamespace

from ddkit.course import lesson
from ddkit.runs import RECORD, REFERENCE, Record


def a_record(folder, seconds, shipped=True):
    return SimpleNamespace(folder=folder, seconds=seconds, shipped=shipped)


def test_minutes_count_each_run_once_however_deep_it_lies():
    one, other, third = a_record("a", 60), a_record("b", 90), a_record("c", 30)
    assert lesson.minutes(one, {"x": {"y": other, "again": one}}, {"z": third}) == 3
    assert lesson.minutes() == lesson.minutes({}) == 0


def test_all_came_with_the_repository_only_if_each_did():
    shipped, mine = a_record("a", 60), a_record("b", 90, shipped=False)
    assert lesson.shipped(shipped, {"x": {"y": shipped}})
    assert not lesson.shipped(shipped, {"x": {"y": mine}})


def test_the_longest_run_that_was_shipped_took_about_half_an_hour_as_lesson_1_says():
    longest = max(Record.load(path.parent).seconds for path in REFERENCE.glob(f"*/{RECORD}"))
    assert 25 < longest / 60 < 35
