"""``python -m ddkit.grading feedback``: each student's notebooks with marks and comments, and a page of all lessons."""

import contextlib
import shutil
from dataclasses import dataclass

from ddkit.foundation.files import write_bytes
from ddkit.foundation.progress import bar
from ddkit.grading.course import Course, require_nbgrader
from ddkit.grading.findings import Finding
from ddkit.grading.grade import crew
from ddkit.grading.grade.command import cores
from ddkit.grading.release.gradebook import nbgraders_ways
from ddkit.grading.results import summary
from ddkit.grading.results.marks import Class, of_class, totals
from ddkit.grading.results.scores import Lesson, graded_cells
from ddkit.grading.results.words import places, without_names, without_places
from ddkit.grading.roster import Student

_SECONDS = 600  # that the pages of one student may take


def add_to(add) -> None:
    command = add("feedback", _feedback, "write a page for each student, and their notebooks with marks and comments; "
                                         "the hidden tests are in them")
    command.add_argument("course", metavar="FOLDER", help="of the course")
    command.add_argument("--schemes", action="store_true", help="show students the mark schemes, too")
    command.add_argument("--jobs", type=int, default=cores(), metavar="N", help="students at once")


def _feedback(options) -> None:
    course = Course.at(options.course)
    failed = feedback(course, options.schemes, options.jobs)
    print(f"{course.root / 'feedback'}: give each student the folder of their name")
    for sentence in failed:
        print(sentence)
    if failed:
        raise SystemExit(1)


@dataclass(frozen=True)
class _Pages:
    """What the pages of a student are made from."""

    course: Course
    one: Student
    lessons: dict[str, Lesson]
    sentences: dict[str, list[str]]
    schemes: bool


def feedback(course: Course, schemes: bool = False, jobs: int = 1) -> list[str]:
    """Write everybody's pages into ``feedback``; returns which failed and why, in sentences.

    Raises:
        InputError: nbgrader is not installed, or ``students.csv`` is unsound.
    """
    require_nbgrader()
    with course.held():
        everybody = of_class(course)
        given = [_Pages(course, one, lessons, _sentences(course, everybody, one, lessons, files), schemes)
                 for one, lessons, files in everybody]
        logs = course.root / "feedback" / ".logs"
        work = [crew.Job(write, pages, logs / f"{pages.one.student}.log", _SECONDS) for pages in given]
        failed = []
        done = crew.at_once(work, jobs, ["nbgrader.apps", "nbgrader.converters"])
        with bar(len(work), "feedback", "student") as shown, contextlib.closing(done):
            for job, failure in done:
                if failure:
                    failed.append(f"{job.given.one.student}: {failure} (see {job.log})")
                shown.step()
        if not failed:
            shutil.rmtree(logs, ignore_errors=True)
    return failed


def write(pages: _Pages) -> None:
    """Write the pages of one student."""
    course, student = pages.course, pages.one.student
    for lesson in pages.lessons.values():
        shutil.rmtree(course.root / "feedback" / student / lesson.name, ignore_errors=True)
        if not lesson.state:
            _notebook(course, student, lesson.name, pages.schemes)
    cells = graded_cells(course)
    text = summary.page(pages.one, pages.lessons, cells, pages.sentences, totals(cells, pages.one, pages.lessons))
    write_bytes(course.root / "feedback" / student / "index.html", text.encode())


def _notebook(course: Course, student: str, lesson: str, schemes: bool) -> None:
    from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
    from nbgrader.apps import NbGraderAPI
    from nbgrader.preprocessors import GetGrades

    from ddkit.grading.results.pages import WithoutPlaces, WithoutSchemes, harmless

    config = course.config()
    harmless(config)
    config.GenerateFeedback.preprocessors = [*([] if schemes else [WithoutSchemes]), WithoutPlaces, GetGrades,
                                             CSSHTMLHeaderPreprocessor]
    config.WithoutPlaces.folders = places(course)
    with nbgraders_ways():
        result = NbGraderAPI(config=config).generate_feedback(lesson, student, force=True)
    if not result["success"]:
        print(result.get("log", ""), result.get("error", ""), sep="\n", flush=True)
        raise RuntimeError(f"nbgrader made no page of {lesson}")


def _sentences(course: Course, everybody: Class, one: Student, lessons: dict[str, Lesson],
               files: tuple[Finding, ...]) -> dict[str, list[str]]:
    """What was noticed in each lesson and, as of lesson "", about the files as a whole, without others' names and this
    machine's folders."""
    others = {name for other, *_ in everybody if other != one for name in (other.student, other.name)}
    others -= {one.student, one.name}
    folders = places(course)
    found = {"": files} | {name: [found for _, found in lesson.found] for name, lesson in lessons.items()}
    return {name: [without_places(without_names(str(one), others), folders) for one in noticed]
            for name, noticed in found.items()}
