"""What marking as executed takes from here: where a submission runs again, and what is noticed about it then."""

import atexit
import shutil
import tempfile
from pathlib import Path

from ddkit.course.choices import keep
from ddkit.grading.course import Course
from ddkit.grading.executed.comparing import differences
from ddkit.grading.executed.environment import chosen, environment
from ddkit.grading.findings import Finding
from ddkit.grading.provenance import examined

RUNS = Path("/runs")  # where a kernel finds the student's records


def told(course: Course, student: str, lesson: str) -> tuple[dict[str, str], list[tuple[Path, Path]]]:
    """The variables under which a submission runs again, and the folders that its kernel finds: (source, place).

    Knobs that the student had chosen in lesson 2 are chosen there again: the other lessons take the runs that they
    name. For that the records are copied to where this process keeps them until it ends.
    """
    notebook, records = _submitted(course, student, lesson), course.records(student)
    found, choices = environment(notebook, RUNS, student), chosen(notebook)
    return found, [(_with_choices(records, choices, found["DDKIT_PROFILE"]) if choices else records, RUNS)]


def _with_choices(records: Path, choices: dict[tuple[str, str], dict[str, object]], profile: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ddkit-records-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if records.exists():
        shutil.copytree(records, folder / "runs", symlinks=True)
    for (dataset, init), knobs in choices.items():
        keep(profile, dataset, init, knobs, folder / "runs")
    return folder / "runs"


def compared(course: Course, student: str, lesson: str, recomputed, names: dict[str, str] | None = None,
             data: str | Path | None = None) -> list[Finding]:
    """What is noticed about a submission's records and about the numbers that it states.

    Args:
        recomputed: the notebook as it was executed again in what ``told`` says.
        names: students' names by their ids, as far as they are known.
        data: root of the data files, as for ``data.load``.
    """
    others = {other: course.records(other) for other in course.students if other != student}
    return [*examined(course.records(student), student, others, names, data),
            *differences(_submitted(course, student, lesson), recomputed, _read(course.notebook("release", lesson)))]


def _submitted(course: Course, student: str, lesson: str):
    return _read(course.notebook("submitted", lesson, student))


def _read(path: Path):
    import nbformat

    return nbformat.read(path, as_version=4)
