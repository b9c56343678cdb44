"""Marks and comments given by a person, kept while a submission is marked again.

They are written beside the findings before its row of the gradebook is deleted, and the file goes when they are in the
new row: killed at any moment, they are in one of the two.
"""

from contextlib import suppress
from pathlib import Path

from ddkit.foundation.files import sha256
from ddkit.grading.course import Course
from ddkit.grading.findings import read, write
from ddkit.grading.grade.answers import unanswered
from ddkit.grading.release.gradebook import nbgraders_ways

STAGE = "by_hand"


def rows(course: Course) -> set[tuple[str, str]]:
    """The students and lessons that the gradebook has submissions of."""
    from nbgrader.api import Gradebook

    with nbgraders_ways(), Gradebook(course.gradebook, "ddkit") as book:
        return {(one.student.id, lesson) for lesson in course.lessons for one in book.assignment_submissions(lesson)}


def set_aside(course: Course, student: str, lesson: str) -> None:
    """Keep what a person gave to a submission in a file, and delete its row."""
    from nbgrader.api import Gradebook, MissingEntry

    path = course.findings(student, lesson, STAGE)
    with Gradebook(course.gradebook, "ddkit") as book:
        try:
            submission = book.find_submission(lesson, student)
        except MissingEntry:
            return
        seen = _seen(course, student, lesson)
        given = {name: one for notebook in submission.notebooks for name, one in _given(notebook, seen).items()}
        if given:
            write(path, [], marks=read(path)[1].get("marks", {}) | given)
        _delete(book, submission)


def put_back(course: Course, student: str, lesson: str) -> None:
    """Give a submission that was marked again what a person had given to it.

    What a person looked at and what has not changed since stays resolved; the rest is theirs to look at again.
    """
    from nbgrader.api import Gradebook, MissingEntry

    path = course.findings(student, lesson, STAGE)
    kept = read(path)[1].get("marks", {})
    if not kept:
        return
    seen = _seen(course, student, lesson)
    with Gradebook(course.gradebook, "ddkit") as book:
        for name, one in kept.items():
            with suppress(MissingEntry):
                grade = book.find_grade(name, lesson, lesson, student)
                if grade.manual_score is None:  # else a person was faster
                    grade.manual_score, grade.extra_credit = one["mark"], one["extra"]
                    looked_at = one["resolved"] and one["seen"] == _of(grade, seen)
                    grade.needs_manual_grade = not looked_at
            with suppress(MissingEntry):
                comment = book.find_comment(name, lesson, lesson, student)
                comment.manual_comment = comment.manual_comment or one["comment"]
        book.db.commit()
    path.unlink()


def _given(notebook, seen: dict[str, str]) -> dict[str, dict]:
    """What a person gave to a submitted notebook, by the names of cells."""
    grades = {grade.name: grade for grade in notebook.grades}
    comments = {comment.name: comment.manual_comment for comment in notebook.comments}
    found = {}
    for name in {*grades, *comments}:
        grade, comment = grades.get(name), comments.get(name)
        mark = grade.manual_score if grade else None
        extra = grade.extra_credit if grade else None
        if mark is not None or extra or comment:
            found[name] = {"mark": mark, "extra": extra, "comment": comment, "seen": _of(grade, seen),
                           "resolved": bool(grade) and not grade.needs_manual_grade}
    return found


def _of(grade, seen: dict[str, str]) -> str:
    """What a person has before their eyes who looks at a grade: an answer, or what the checks gave."""
    return f"{seen.get(grade.name)} {grade.auto_score}" if grade else ""


def _seen(course: Course, student: str, lesson: str) -> dict[str, str]:
    """A digest of each written answer in the marked notebook, by name; of one that is not in its cell, of the texts
    beside it, too."""
    import nbformat

    path: Path = course.notebook("autograded", lesson, student)
    if not path.exists():
        return {}
    notebook = nbformat.read(path, as_version=4)
    beside = unanswered(notebook, nbformat.read(course.notebook("source", lesson), as_version=4))
    return {name: sha256(*(text.encode() for text in (cell.source, *beside.get(name, ())))) for cell in notebook.cells
            if cell.cell_type == "markdown" and (name := cell.metadata.get("nbgrader", {}).get("grade_id"))}


def _delete(book, submission) -> None:
    """Delete a submission's row and all that hangs on it, at once."""
    for notebook in submission.notebooks:
        for one in (*notebook.grades, *notebook.comments):
            book.db.delete(one)
        book.db.delete(notebook)
    book.db.delete(submission)
    book.db.commit()
