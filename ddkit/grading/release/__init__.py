"""``python -m ddkit.grading release``: lessons to hand out, and the gradebook that knows what was handed out.

Everything is made beside the course and checked there; what students may see, the gradebook and at last ``course.json``
take their places only then. Killed anywhere, the same command makes it whole.
"""

import copy
import platform
import shutil
from collections.abc import Iterable
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import ddkit
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import expanded, write_json
from ddkit.foundation.progress import bar
from ddkit.grading.course import COURSE, SCHEMES, Course, require_nbgrader
from ddkit.grading.release import gradebook, leaks, lessons, zips

_BESIDE = ".releasing"  # where it is made


def add_to(add) -> None:
    command = add("release", _release, "make lessons to hand out, and the gradebook of a course")
    command.add_argument("course", metavar="FOLDER", help="of the course; made if there is none")
    command.add_argument("--lessons", help="numbers or names, such as 1,2 (None: all)")
    command.add_argument("--notebooks", help="folder of the executed lessons (None: notebooks beside ddkit, else here)")
    command.add_argument("--package", action="store_true",
                         help="also write release/ddkit.zip: ddkit with the lessons, to be installed, and for Colab")
    command.add_argument("--again", action="store_true", help="also where points changed and students have marks")


def _release(options) -> None:
    if options.package:
        zips.repository()  # before anything is done
    course, told = release(options.course, options.notebooks, options.lessons, options.again)
    for sentence in told:
        print(sentence)
    out = zips.package(course, course.lessons) if options.package else course.root / "release" / zips.LESSONS
    print(f"{', '.join(course.lessons)}: hand out {out}; keep all but the folder release to yourself")


def release(folder: str | Path, notebooks: str | Path | None = None, asked: str | None = None,
            again: bool = False) -> tuple[Course, list[str]]:
    """Release lessons into a course, new or not; other lessons, submissions and marks in it stay.

    Args:
        folder: of the course.
        notebooks: the folder of the executed lessons; None: the repository's.
        asked: which of them, such as ``1,2``; None: all.
        again: whether lessons may be released whose points changed although students have marks.

    Returns:
        the course, and what changed for marks given before, in sentences.

    Raises:
        InputError: nbgrader is not installed, there are no such lessons, the folder is another's, something would be
            handed out that must not, or marks would lose their place. The course is as it was.
    """
    require_nbgrader()
    paths = lessons.found(notebooks, asked)
    whole = {path.stem: lessons.read(path) for path in paths}
    course = Course(expanded(folder).resolve())
    _require_own(course.root)
    with course.held():
        beside = Course(course.root / _BESIDE)
        shutil.rmtree(beside.root, ignore_errors=True)
        beside.root.mkdir(mode=0o700)
        with gradebook.changed(course.root / "gradebook.db", beside.root / "gradebook.db"):
            told = [line for name in bar_over(whole) for line in _make(beside, name, whole[name], again)]
        _show(course, beside, list(whole))
        shutil.rmtree(beside.root)
    return Course.at(course.root), told


def bar_over(names: Iterable[str]) -> Iterable[str]:
    """Names, one step of a progress bar each."""
    names = list(names)
    with bar(len(names), "release", "lesson") as shown:
        for name in names:
            yield name
            shown.update()


def _require_own(root: Path) -> None:
    require(not set(str(root)) & set("*?[]{}%#"),
            f"{root} cannot be a course's folder: nbgrader takes * ? [ ] {{ }} % # in its path for patterns")
    begun = not root.exists() or (root / COURSE).exists() or (root / _BESIDE).exists()
    require(begun or (root.is_dir() and {path.name for path in root.iterdir()} <= {".lock"}),
            f"{root} is no course, and not empty: name a new folder")


def _make(beside: Course, lesson: str, whole, again: bool) -> list[str]:
    """One lesson, in the folder beside the course."""
    import nbformat

    notebook = copy.deepcopy(whole)
    path = beside.notebook("source", lesson)
    path.parent.mkdir(parents=True)
    write_json(path.parent / SCHEMES, {"schemes": lessons.without_schemes(notebook)})
    nbformat.write(notebook, path)
    told = gradebook.marks_kept(beside, lesson, notebook, again)
    _generate(beside, lesson)
    leaks.require_tight(beside.notebook("release", lesson), whole)
    require([one.name for one in beside.notebook("release", lesson).parent.iterdir()] == [path.name],
            f"more than the notebook of {lesson} would be handed out")
    return told


def _generate(course: Course, lesson: str) -> None:
    """Have nbgrader write the student's version and fill the gradebook."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.utils import capture_log

    config = course.config()
    config.CourseDirectory.assignment_id = lesson
    made = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    made.log.propagate = False
    with gradebook.nbgraders_ways():
        result = capture_log(made)
    if not result["success"]:
        reason = result["error"].strip().splitlines()[-1][:200]
        raise InputError(f"nbgrader does not take the lesson {lesson} ({reason}): mend the lesson")


def _show(course: Course, beside: Course, names: list[str]) -> None:
    """Let lessons take their places; ``course.json`` comes last."""
    for step in ("source", "release"):
        for name in names:
            place = course.root / step / name
            place.parent.mkdir(exist_ok=True, mode=0o700 if step == "source" else 0o777)
            shutil.rmtree(place, ignore_errors=True)
            (beside.root / step / name).rename(place)
    before = course.told["lessons"] if (course.root / COURSE).exists() else []
    everything = sorted({*before, *names})
    zips.lessons(course, everything)
    write_json(course.root / COURSE, {
        "lessons": everything, "released": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {"ddkit": ddkit.__version__, "nbgrader": version("nbgrader"), "python": platform.python_version()}})
