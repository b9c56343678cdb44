"""``python -m ddkit.grading collect``: what students handed in, whatever it came in, ready to be marked.

``arriving`` reads folders, zips and zips within them and believes nothing; ``whose`` and ``numbered`` say by which
rules a file is a student's; ``keeping`` keeps it as it came; ``lessons`` tells lessons by their content; ``submitting``
makes of it what is marked. Killed anywhere, the same command makes it whole.
"""

import contextlib
import importlib.util
import shutil
from pathlib import Path

from tabulate import tabulate

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import expanded
from ddkit.foundation.progress import bar
from ddkit.grading import findings as written_findings
from ddkit.grading.collect import numbered
from ddkit.grading.collect import whose as names
from ddkit.grading.collect.arriving import Entry, Limits, empty_folders, entries, inside, unpacked
from ddkit.grading.collect.keeping import LEFT_OUT, keep
from ddkit.grading.collect.lessons import Lessons
from ddkit.grading.collect.submitting import STAGE, Row, submit
from ddkit.grading.collect.whose import Whose
from ddkit.grading.course import Course, require_nbgrader
from ddkit.grading.findings import Finding

GENERAL = "handed_in"  # in place of a lesson's name: findings that belong to none
_WORK = ".collecting"  # where files are written before they take their places
_LOST = {LEFT_OUT, "unreadable"}  # kinds of findings after which the command says that it could not do all


def add_to(add) -> None:
    command = add("collect", _collect, "take in what students handed in: folders, zips and exports of Moodle, Canvas "
                                       "and Blackboard")
    command.epilog = ("A folder is the student's of its name, and so is a zip or a notebook, as jane_doe.zip or, with "
                      "the number of its lesson, jane_doe_02.ipynb; the exports of Moodle, Canvas and Blackboard are "
                      "taken as they are. It ends with 1 if something had to be left out.")
    command.add_argument("course", metavar="FOLDER", help="of the course")
    command.add_argument("source", metavar="SOURCE", nargs="+", help="folder of students' folders, zips or named files;"
                                                                     " zip of one; export")
    command.add_argument("--student", metavar="ID", help="whose everything in SOURCE is (None: names tell)")
    command.add_argument("--mib", type=int, default=Limits.mib, help="that one student may hand in, unpacked")
    command.add_argument("--files", type=int, default=Limits.files, help="that one student may hand in")


def _collect(options) -> None:
    if importlib.util.find_spec("nbformat") is None:
        require_nbgrader()
    require(options.mib > 0 and options.files > 0, "--mib and --files must be at least 1")
    rows = collect(options.course, options.source, options.student, Limits(options.mib, options.files))
    print(table(rows))
    if any(finding.kind in _LOST for row in rows for finding in row.findings):
        raise SystemExit(1)


def collect(folder: str | Path, sources: list[str | Path], student: str | None = None,
            limits: Limits | None = None) -> list[Row]:
    """Take in what was handed in.

    Args:
        folder: of the course.
        sources: folders, zips or notebooks.
        student: whose they all are; None: their names tell.

    Returns:
        what each student has handed in for each lesson, and a row with lesson "" for what else was noticed about them;
        student "": about nobody.

    Raises:
        InputError: a source cannot be read at all, or two students would get one id; nothing was collected then.
    """
    course, limits = Course.at(folder), limits or Limits()
    require(student is None or student == names.safe(student),
            f"--student {student!r} cannot be a name here: choose one of letters, digits, _, . and -, such as "
            f"{names.safe(student or '')}")
    with course.held(), contextlib.ExitStack() as stack:
        work = course.root / _WORK
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        lessons = Lessons.of(course)
        handed, nobodys = _by_student(course, lessons, sources, student, limits, stack)
        rows = _take_in(course, lessons, handed, limits)
    return rows + ([Row("", "", "", "", nobodys)] if nobodys else [])


def _by_student(course: Course, lessons: Lessons, sources: list, student: str | None, limits: Limits, stack
                ) -> tuple[dict[Whose, list[Entry]], list[Finding]]:
    """What each student handed in, zips unopened, and what is nobody's."""
    found: dict[Whose, list[Entry]] = {}
    nobodys = []
    for source in map(expanded, sources):
        path = source.resolve()
        require(not course.root.is_relative_to(path), f"{source} holds the course itself: name a folder beside it")
        listed = entries(path, stack, limits)
        pairs = [(Whose(student), entry) for entry in listed] if student else names.assigned(
            _with_exports_opened(listed, limits, course.root / _WORK, stack), str(path))
        nobodys += [Finding("empty folder", "", f"{source.name}: {name}: this folder is empty")
                    for name in ([] if student else empty_folders(path))]
        for whose, entry in pairs:
            if whose is None:
                nobodys.append(Finding(LEFT_OUT, "", f"{source.name}: {entry.name}: its name does not say whose it is: "
                                                     "collect it with --student, or from a folder of their name"))
            else:
                found.setdefault(whose, []).append(entry)
    found = numbered.settled(found, course.lessons, {one.lower() for one in course.students},
                             lambda files: numbered.lessons_in(files, lessons, limits, course.root / _WORK))
    names.require_one_each([*_known(course), *found])
    require(found or nobodys, f"there is nothing in {' '.join(map(str, sources))}")
    return found, nobodys


def _with_exports_opened(listed: list[Entry], limits: Limits, work: Path, stack) -> list[Entry]:
    """The entries; for a zip among them that is an export, what is in it."""
    found = []
    for entry in listed:
        with contextlib.ExitStack() as peek, contextlib.suppress(InputError):
            if len(entry.parts) == 1 and entry.is_zip and not names.is_export([entry]):
                within = inside(entry, limits, work, peek)
                if names.is_export(within):
                    found += [one.at(*entry.parts, *one.parts) for one in within]
                    stack.push(peek.pop_all())
                    continue
        found.append(entry)
    return found


def _known(course: Course) -> list[Whose]:
    """Whom files were collected of before."""
    told = (written_findings.read(course.findings(student, GENERAL, STAGE))[1] for student in course.students)
    return [Whose(*one) for one in told for one in one.get("names", [])]


def _take_in(course: Course, lessons: Lessons, handed: dict[Whose, list[Entry]], limits: Limits) -> list[Row]:
    """Keep every student's files and make of them what is marked."""
    work, rows = course.root / _WORK, []
    by_id: dict[str, list[Whose]] = {}
    for whose in handed:
        by_id.setdefault(whose.id, []).append(whose)
    with bar(len(by_id), "collect", "student") as shown:
        for student, all_whose in sorted(by_id.items()):
            general = []
            with contextlib.ExitStack() as stack:
                for whose in all_whose:
                    flat = unpacked(handed[whose], limits, work, stack)
                    general += keep(flat, course.root / "handed_in" / student, work / "delivery", limits)
            found, more = submit(course, lessons, student, work / "run")
            _tell(course, student, all_whose, general + more)
            rows += found + ([Row(student, "", "", "", general + more)] if general or more else [])
            shown.step()
    return rows


def _tell(course: Course, student: str, all_whose: list[Whose], general: list[Finding]) -> None:
    """Keep what was noticed about no lesson in particular, and by which names the student is known."""
    path = course.findings(student, GENERAL, STAGE)
    known = [tuple(one) for one in written_findings.read(path)[1].get("names", [])]
    # Moodle's numbers are of one task: another export has others.
    told = [(whose.name, *(("", "") if whose.where != "Canvas" else (whose.number, whose.where)))
            for whose in all_whose]
    written_findings.write(path, general, names=[list(one) for one in sorted({*known, *told})])


def table(rows: list[Row]) -> str:
    """Who handed what in, and below it what was noticed, in sentences."""
    lines = [(row.student or "nobody", row.lesson, row.when[:16].replace("T", " "), row.file,
              ", ".join(dict.fromkeys(finding.kind for finding in row.findings))) for row in rows]
    noticed = [f"{' '.join(filter(None, (row.student, row.lesson[:2])))}: {finding}".removeprefix(": ")
               for row in rows for finding in row.findings]
    shown = tabulate(lines, ("student", "lesson", "UTC", "file", "noticed"), "simple", disable_numparse=True)
    return "\n".join([shown, "", *noticed]) if noticed else shown
