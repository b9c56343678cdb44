"""The course report from one's own records: tables, figures and numbers are filled in, discussions are left open.

``lesson(4, profile, polyps)`` writes one lesson's tables and figures, ``write(folder, profile, polyps)`` the whole:
``report.tex`` in IEEE's two columns, the same as ``report.md``, both checklists and a README. Nothing is ever trained:
a run that is missing is named with the line that makes it. What the student writes lies in ``text/``, a file for each
question, which is made once and never touched again.
"""

from dataclasses import replace
from pathlib import Path

from ddkit import runs
from ddkit.course.profiles import Profile
from ddkit.foundation.errors import one_of, require
from ddkit.foundation.files import write_bytes
from ddkit.report import checklist, document, repository, texts
from ddkit.report.desk import Desk
from ddkit.report.lessons import LESSONS
from ddkit.report.lessons.task_2 import SECONDS
from ddkit.report.questions import questions

__all__ = ["SECONDS", "lesson", "write"]


def lesson(number: int, *profiles: Profile, folder: str | Path = "report", root: str | Path | None = None,
           data: str | Path | None = None) -> Desk:
    """Write the tables and figures of a lesson, as the last line of its notebook.

    Args:
        number: of the lesson, 1 to 9.
        profiles: the lesson's own; of lessons 1 to 4 also that of the polyps.
        folder: of the report.
        root, data: as for ``runs.find``; what was chosen for the profiles is read beside these runs, too.

    Returns:
        what was laid out, which shows itself as what was written and what is missing.
    """
    require(number in LESSONS, f"there is no report of lesson {number!r}: choose one of 1 to {max(LESSONS)}")
    desk = Desk(folder, root, data)
    LESSONS[number](desk, *_beside(root, profiles))
    return desk


def write(folder: str | Path, *profiles: Profile, second: str | None = None, root: str | Path | None = None,
          data: str | Path | None = None) -> Desk:
    """Write the whole report into ``folder``; what a student wrote there stays.

    Args:
        profiles: of the lessons, and of the polyps.
        second: the other method of those who work in pairs, one of ``SECONDS``.
        root, data: as for ``lesson``.
    """
    profiles = _beside(root, profiles)
    asked = questions(second and one_of(second, SECONDS, "second method"))
    desk = Desk(folder, root, data)
    for number, lay_out in LESSONS.items():
        if number != 7:
            lay_out(desk, *profiles)
        elif second:
            lay_out(desk, *profiles, methods=(second,))
    points = checklist.lay_out(desk, document.CHECKLIST)
    texts.prepare(desk.folder, asked, runs.maker(runs.runs_root(root)))
    repository.prepare(desk.folder, profiles, second=second, runs=root, data=data)
    paper = desk.folder / "report.tex"
    write_bytes(paper, document.keep_edited(paper, document.in_latex(desk, asked)))
    for name, text in (("report.md", document.in_markdown(desk, asked)),
                       ("CHECKLIST.md", checklist.of_repository(points))):
        write_bytes(desk.folder / name, text.encode())
    return desk


def _beside(root: str | Path | None, profiles: tuple[Profile, ...]) -> tuple[Profile, ...]:
    """The profiles with what was chosen beside those runs."""
    return tuple(replace(one, root=root) for one in profiles)
