"""``python -m ddkit.grading check``: what to mend in a notebook before it is handed in.

Students run it, where nbgrader need not be installed. It reads the notebook and the folder of runs, executes nothing
and changes nothing.
"""

from pathlib import Path

from ddkit.grading.findings import Finding
from ddkit.grading.preflight import structure
from ddkit.grading.preflight.lesson import Lesson, lesson_of, opened
from ddkit.grading.preflight.notices import Notice, at_stake, shown

__all__ = ["Notice", "check"]


def add_to(add) -> None:
    command = add("check", _check, "look a notebook over before it is handed in; executes and changes nothing")
    command.add_argument("notebook", metavar="NOTEBOOK", help="the executed lesson")
    command.add_argument("--runs", help="folder of your runs (None: DDKIT_RUNS, else data/runs)")
    command.add_argument("--notebooks", help="folder of the lessons as they were handed out (None: notebooks beside "
                                             "ddkit, else here)")
    command.add_argument("--mend", action="store_true", help="write a copy, NOTEBOOK.mended.ipynb, in which cells have "
                                                             "their names and kinds again; the file itself stays")


def _check(options) -> None:
    path = Path(options.notebook)
    notices, lesson, notebook = check(path, options.runs, options.notebooks)
    print(_headed(path, lesson, notices))
    if options.mend:
        print(_told(*structure.mended(path, notebook, lesson)))
    if any(one.mend for one in notices):
        raise SystemExit(1)


def check(path: Path, runs: str | Path | None = None, lessons: str | Path | None = None):
    """Look a notebook over.

    Args:
        runs: folder of the student's runs, as for ``runs.run``.
        lessons: folder of the lessons' own notebooks, as for ``lesson_of``.

    Returns:
        (list of notices, the lesson, the notebook as it was read).

    Raises:
        InputError: it is no notebook of a lesson.
    """
    from ddkit.grading.preflight.earned import earned
    from ddkit.grading.preflight.own_runs import own_runs
    from ddkit.grading.preflight.running import profiles, running
    from ddkit.runs import runs_root

    notebook = opened(path)
    lesson = lesson_of(path, notebook, lessons)
    made, findings = structure.in_shape(notebook, lesson)
    missing = {one.cell for one in findings if one.kind == "missing cell"}
    present = [cell for cell in made.cells if cell.id not in missing]
    return [*structure.of_file(path, lesson), *structure.told(findings), *running(present), *profiles(made),
            *earned(present, lesson, missing), *own_runs(made, runs_root(runs))], lesson, notebook


def _headed(path: Path, lesson: Lesson, notices: list[Notice]) -> str:
    """The verdict, and below it everything that was noticed."""
    from ddkit.exercises import marks

    points, lost = sum(mark.points for mark in lesson.marks), at_stake(notices)
    mend = sum(one.mend for one in notices)
    verdict = f"{mend} thing{'s' * (mend != 1)} to mend" if mend else "ready to be handed in"
    of = f", {marks.words(lost)} of {points:g} at stake" if lost else ""
    without = "" if lesson.own is not None else ("\n(the lesson as it was handed out is not at hand, so that only its "
                                                 "marks tell which cells it should have)")
    return "\n".join(filter(None, [f"{path.name}: {verdict}{of}{without}", shown(notices)]))


def _told(place: Path, findings: list[Finding]) -> str:
    if not findings:
        return "nothing that could be mended in a copy"
    lines = [f"  {one.cell or 'the notebook'}: {one.words}" for one in findings]
    return "\n".join([f"mended in {place} (run it again before you hand it in):", *lines])
