"""Classes to try marking on: three students, a hostile class, and any number of mixed ones for a benchmark."""

import random
from pathlib import Path

from ddkit.grading.release import release
from ddkit.grading.sample import hostile, inbox, making
from ddkit.grading.sample.inbox import three

__all__ = ["add_to", "many", "students", "three"]

INBOX = "inbox"
LIGHT = "9"  # of the lessons with exercises and an answer the quickest: 20 seconds of one processor core
_ODD = ("broken", "deleted-check", "deleted-exercise", "duplicated-check", "duplicated-exercise", "endless",
        "exits-at-once", "output-lines", "patches-stderr", "reordered", "retyped-answer")


def add_to(add) -> None:
    command = add("sample", _sample, "make a course to try marking on, and what a class of three hands in")
    command.add_argument("course", metavar="FOLDER", help="of the course; what is handed in lies in its folder inbox")
    command.add_argument("--lesson", default=LIGHT, help="that they hand in; its code is run as the students do")
    command.add_argument("--notebooks", help="folder of the executed lessons (None: notebooks beside ddkit, else here)")
    command.add_argument("--hostile", action="store_true", help="also a class that tries what marking has to bear")


def _sample(options) -> None:
    import nbformat

    course, _ = release(options.course, options.notebooks, options.lesson)
    lesson = course.lesson(options.lesson)
    source = nbformat.read(course.notebook("source", lesson), as_version=4)
    names = inbox.fill(course.root / INBOX, lesson, source, options.hostile, course.root)
    print(f"{len(names)} students handed {lesson} in: {', '.join(names)}")
    print(f"next: python -m ddkit.grading collect {options.course} {Path(options.course) / INBOX}")


def students(source) -> dict:
    """The notebooks of the class of three, by student; that of ``broken`` is a text."""
    return {name: handed.notebook for name, handed in three(source).items()}


def many(source, n: int, seed: int = 0) -> dict:
    """``n`` students of all kinds, by names such as ``s007``; every tenth hands in what is hard to mark.

    Args:
        source: a lesson with its solutions.
        seed: decides who does what.

    Returns:
        their notebooks, or texts where a file is no notebook.
    """
    draw, class_of_all = random.Random(seed), hostile.students(source)
    odd, width = draw.sample(_ODD, len(_ODD)), max(3, len(str(n)))
    return {f"s{number:0{width}d}": _solving_some(source, draw) if number % 10
            else class_of_all[odd[number // 10 % len(odd)]].notebook for number in range(1, n + 1)}


def _solving_some(source, draw: random.Random):
    """A notebook in which each exercise is most likely right, else wrong or not written."""
    made = making.perfect(source)
    for name in making.exercises(source):
        cell = f"exercise-{name}"
        kind = draw.choices(("right", "wrong", "unwritten"), (8, 1, 1))[0]
        if kind != "right":
            other = making.with_mistake(source, name) if kind == "wrong" else making.unsolved(source)
            made = making.with_text(made, cell, making.place(other, cell).source)
    return made
