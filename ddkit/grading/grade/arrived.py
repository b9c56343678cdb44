"""What a person has to know of a submission that did not come through to be marked."""

from collections.abc import Iterator

from ddkit.grading.course import Course
from ddkit.grading.findings import Finding, read

GENERAL = "handed_in"  # in place of a lesson's name: findings about a student's files as a whole
COLLECTED = "collected"
UNREADABLE, LEFT_OUT = "unreadable", "left out"  # kinds of findings


def general(course: Course, student: str) -> list[Finding]:
    """What was noticed about a student's files when they were collected, and belongs to no lesson."""
    return read(course.findings(student, GENERAL, COLLECTED))[0]


def unreadable(course: Course, student: str, lesson: str) -> str:
    """What was said of a lesson's file that could not be read, so that nothing is there to be marked; "" if nothing.

    A file that cannot be read does not tell of which lesson it is: its name does, or there is but one lesson.
    """
    if course.notebook("submitted", lesson, student).exists():
        return ""
    found = (one.words for one in general(course, student) if one.kind == UNREADABLE)
    return next((words for words in found if len(course.lessons) == 1 or lesson in words), "")


def unplaced(course: Course, student: str) -> Iterator[str]:
    """What was said of a student's files that cannot be read and might be of any lesson."""
    for one in general(course, student):
        if one.kind == UNREADABLE and len(course.lessons) > 1 and not any(name in one.words for name in course.lessons):
            yield one.words
