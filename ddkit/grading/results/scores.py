"""What the gradebook and the findings say of a student's lesson: a state, and a score for each graded cell."""

from dataclasses import dataclass, field

from ddkit.foundation.files import sha256
from ddkit.grading.course import Course
from ddkit.grading.findings import Finding, read
from ddkit.grading.grade.arrived import UNREADABLE, unreadable
from ddkit.grading.grade.orders import STAGE

NOT_RELEASED, NOT_HANDED_IN, NOT_MARKED = "not released", "not handed in", "not marked"  # or UNREADABLE
TO_MARK = "to mark"


@dataclass(frozen=True)
class Score:
    """Of one graded cell.

    Attributes:
        points: that were given; None: none yet.
        to_look_at: whether a person has to look at it.
        comment: a person's.
    """

    points: float | None
    to_look_at: bool = False
    comment: str = ""


@dataclass(frozen=True)
class Lesson:
    """A student's lesson.

    Attributes:
        name: of the lesson.
        way: in which it was marked; "" if it was not.
        state: "" if it was marked, else why not.
        scores: by the names of the graded cells.
        found: what was noticed, with the stage that noticed it.
    """

    name: str
    way: str = ""
    state: str = ""
    scores: dict[str, Score] = field(default_factory=dict)
    found: tuple[tuple[str, Finding], ...] = ()

    @property
    def to_look_at(self) -> list[str]:
        """What a person has to look at."""
        return [name for name, score in self.scores.items() if score.to_look_at]


def graded_cells(course: Course) -> dict[str, dict[str, float]]:
    """The graded cells of each released lesson, in their order, with their points."""
    import nbformat

    return {lesson: {cell.metadata.nbgrader.grade_id: float(cell.metadata.nbgrader.points)
                     for cell in nbformat.read(course.notebook("source", lesson), as_version=4).cells
                     if cell.metadata.get("nbgrader", {}).get("grade")} for lesson in course.lessons}


def lessons_of(book, course: Course, student: str) -> dict[str, Lesson]:
    """All released lessons of a student, by their names.

    Args:
        book: nbgrader's, open.
    """
    return {lesson: _lesson(book, course, student, lesson) for lesson in course.lessons}


def _lesson(book, course: Course, student: str, lesson: str) -> Lesson:
    found = tuple(_found(course, student, lesson))
    told = read(course.findings(student, lesson, STAGE))[1]
    state = _state(course, student, lesson, told)
    scores = {} if state else _scores(book, student, lesson)
    if not scores:
        return Lesson(lesson, state=state or NOT_MARKED, found=found)
    return Lesson(lesson, told["way"], "", scores, found)


def _state(course: Course, student: str, lesson: str, told: dict) -> str:
    submitted = course.notebook("submitted", lesson, student)
    if not submitted.exists():
        return UNREADABLE if unreadable(course, student, lesson) else NOT_HANDED_IN
    if told.get("sha256") != sha256(submitted.read_bytes()) or "failed" in told:
        return NOT_MARKED  # or what was marked was another version
    return UNREADABLE if "unreadable" in told else ""


def _found(course: Course, student: str, lesson: str):
    for path in sorted((course.root / "findings" / student).glob(f"{lesson}.*.json")):
        stage = path.name.removeprefix(f"{lesson}.").removesuffix(".json")
        for one in read(path)[0]:
            yield stage, one


def _scores(book, student: str, lesson: str) -> dict[str, Score]:
    from nbgrader.api import MissingEntry

    try:
        notebook = book.find_submission_notebook(lesson, lesson, student)
    except MissingEntry:
        return {}
    comments = {comment.name: comment.manual_comment or "" for comment in notebook.comments}
    return {grade.name: Score(None if grade.auto_score is None and grade.manual_score is None else grade.score,
                              grade.needs_manual_grade, comments.get(grade.name, "")) for grade in notebook.grades}
