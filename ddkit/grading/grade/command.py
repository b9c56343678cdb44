"""``python -m ddkit.grading grade``: which submissions are due, and what came of them."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from pathlib import Path

from ddkit.foundation.errors import require, whole
from ddkit.foundation.files import atomic
from ddkit.foundation.progress import bar, say
from ddkit.grading.course import Course, require_nbgrader
from ddkit.grading.grade import arrived, crew
from ddkit.grading.grade.orders import RE_EXECUTED, WAYS, Order, Way
from ddkit.grading.kernel.sandbox import KINDS, Sandbox
from ddkit.grading.kernel.watch import Limits

_AROUND = 600  # seconds for all that is done besides executing a notebook, on a busy machine
_BACKUPS = 10  # copies of the gradebook that are kept


def add_to(add) -> None:
    command = add("grade", _grade, "mark what was handed in and has not been marked as it is now")
    command.add_argument("course", metavar="FOLDER", help="of the course")
    command.add_argument("--way", choices=WAYS, default=RE_EXECUTED,
                         help="run the notebooks again in the quick profile, or as they were executed, from the "
                              "records that were handed in")
    command.add_argument("--lessons", help="numbers or names, such as 1,2 (None: all)")
    command.add_argument("--students", help="names of their folders, such as ann,bob (None: all)")
    command.add_argument("--jobs", type=int, default=cores(), metavar="N", help="submissions at once")
    command.add_argument("--again", action="store_true", help="also what was marked already")
    command.add_argument("--sandbox", choices=KINDS, default="auto", help="that strangers' code is kept in")
    command.add_argument("--image", default="", metavar="IMAGE", help="of podman or docker, with ddkit in it")
    for limit in fields(Limits):
        command.add_argument(f"--{limit.name.replace('_', '-')}", type=type(limit.default), default=limit.default,
                             metavar="N", help=limit.metadata["help"])


def cores() -> int:
    """Of this machine, that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _grade(options) -> None:
    course = Course.at(options.course)
    limits = Limits(**{limit.name: getattr(options, limit.name) for limit in fields(Limits)})
    sandbox = Sandbox.chosen(options.sandbox, options.image)
    say(sandbox.protects)
    way = Way(options.way, limits, sandbox, max(1, cores() // max(1, options.jobs)))
    found = grade(course, way, chosen(options.lessons), chosen(options.students), options.jobs, options.again)
    print(f"marked {found.marked} submissions; {found.unchanged} had been marked as they are now")
    for sentence in found.left_out:
        print(sentence)
    if found.left_out:
        raise SystemExit(1)


def chosen(text: str | None) -> list[str] | None:
    """The names in an option such as ``1,2``; None if it was not given."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    require(bool(names), f"{text!r} names nothing: give names with commas between them")
    return names


@dataclass(frozen=True)
class Outcome:
    """What came of marking.

    Attributes:
        marked: how many submissions were marked now.
        unchanged: how many had been marked as they are.
        left_out: which could not be marked and why, in a sentence each.
    """

    marked: int
    unchanged: int
    left_out: list[str]


def grade(course: Course, way: Way, lessons: list[str] | None = None, students: list[str] | None = None, jobs: int = 1,
          again: bool = False) -> Outcome:
    """Mark all submissions that have not been marked as they are now.

    Ended at any moment and called again, it goes on with those that are left.

    Args:
        course: with ``submitted`` notebooks.
        way: how they are marked.
        lessons: numbers or names; None: all.
        students: their names; None: all.
        jobs: processes at once.
        again: whether to mark also what has been marked already.

    Raises:
        InputError: nbgrader is not installed, a name is unknown, or another command is at work.
    """
    require_nbgrader()
    from ddkit.grading.grade import byhand

    whole(jobs, 1, "--jobs")
    names = course.lessons if lessons is None else list(dict.fromkeys(map(course.lesson, lessons)))
    unknown = sorted(set(students or ()) - set(course.students))
    require(not unknown, f"nothing was handed in by {', '.join(unknown)}: choose among {', '.join(course.students)}")
    pairs = [(student, lesson) for student in dict.fromkeys(students or course.students) for lesson in names]
    with course.held():
        orders = [Order(course.root, *pair, way) for pair in pairs]
        _withdrawn(course, orders)
        there = [order for order in orders if order.submitted.exists()]
        rows = byhand.rows(course)
        due = [order for order in there if again or order.due((order.student, order.lesson) in rows)]
        if due:
            _back_up(course.root / "gradebook.db", course.root / "backups")
            _mark(due, jobs)
    return Outcome(sum(_marked(order) for order in due), len(there) - len(due), list(_left_out(orders)))


def _mark(due: list[Order], jobs: int) -> None:
    from ddkit.grading.grade import byhand, one

    work = [crew.Job(one.mark, order, order.log, _most(order)) for order in due]
    done = crew.at_once(work, jobs, [one.__name__, "nbgrader.apps", "nbgrader.converters"])
    with bar(len(due), "grade", "submission") as shown, contextlib.closing(done):
        for job, failure in done:
            order = job.given
            if failure:
                byhand.set_aside(order.course, order.student, order.lesson)
                order.clear()
                order.failed(f"it was not marked: {failure} (see {order.log.relative_to(order.root)})")
            else:
                order.log.unlink(missing_ok=True)
            shown.step()


def _most(order: Order) -> float:
    """Seconds after which its process is ended: the kernel's own limit ends it before that."""
    return order.way.limits.notebook_seconds + _AROUND


def _marked(order: Order) -> bool:
    return not {"failed", "unreadable"} & order.told().keys()


def _left_out(orders: list[Order]) -> Iterator[str]:
    for order in orders:
        told = order.told()
        sentence = told.get("unreadable") or told.get("failed") or arrived.unreadable(
            order.course, order.student, order.lesson)
        if sentence:
            yield f"{order.student}, {order.lesson}: {sentence}"
    for student in dict.fromkeys(order.student for order in orders):
        yield from (f"{student}: {sentence}" for sentence in arrived.unplaced(orders[0].course, student))


def _withdrawn(course: Course, orders: list[Order]) -> None:
    """Forget marks of what is not handed in any more; those given by hand are kept beside the findings."""
    from ddkit.grading.grade import byhand

    for order in orders:
        if order.graded.exists() and not order.submitted.exists():
            byhand.set_aside(course, order.student, order.lesson)
            order.clear()


def _back_up(book: Path, folder: Path) -> None:
    """Copy the gradebook as it is now; the latest copies are kept."""
    moment = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H-%M-%S")
    with atomic(folder / f"gradebook.{moment}.db") as temporary, \
            contextlib.closing(sqlite3.connect(book)) as source, contextlib.closing(sqlite3.connect(temporary)) as copy:
        source.backup(copy)
        temporary.chmod(0o600)  # it holds the hidden tests
    for old in sorted(folder.glob("gradebook.*.db"))[:-_BACKUPS]:
        old.unlink()

