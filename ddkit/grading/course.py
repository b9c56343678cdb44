"""The folder of a course that is marked: where everything lies, and what nbgrader is told of it.

One lesson is one assignment of nbgrader, named as its notebook, so that lessons are handed in, marked and marked again
one by one::

    course.json                                what was released: lessons, versions, when
    source/LESSON/LESSON.ipynb                 with solutions and hidden tests
    source/LESSON/schemes.json                 by which a person marks, by the names of the answers
    release/LESSON/LESSON.ipynb                to hand out
    handed_in/STUDENT/...                      as it came, never written to
    submitted/STUDENT/LESSON/LESSON.ipynb      the same in the shape that nbgrader takes
    records/STUDENT/RUN/record.json            the runs that were handed in
    autograded/, feedback/                     nbgrader's, of the same layout
    findings/STUDENT/LESSON.STAGE.json         what was noticed when it was collected, graded, ...
    gradebook.db                               hidden tests and all marks: nobody's but the instructor's
"""

import contextlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import expanded, read_json
from ddkit.foundation.schema import require_fit
from ddkit.grading.findings import Finding, read

COURSE = "course.json"
SCHEMES = "schemes.json"
_SCHEMA = {"lessons": [str], "released": str, "versions": {...: str}}
WAITS = 120  # seconds that a writer of the gradebook waits for another


def require_nbgrader() -> None:
    """Raise InputError where the extra is not installed."""
    try:
        import nbgrader  # noqa: F401
    except ImportError as error:
        raise InputError('marking needs nbgrader (Python 3.11 or newer): pip install -e ".[grading]"') from error


@dataclass(frozen=True)
class Course:
    """A course folder.

    Attributes:
        root: of it, absolute.
    """

    root: Path

    @classmethod
    def at(cls, folder: str | Path) -> "Course":
        """An existing course.

        Raises:
            InputError: the folder is none.
        """
        found = cls(expanded(folder).resolve())
        require((found.root / COURSE).exists(),
                f"{folder} is no course: python -m ddkit.grading release {folder} makes one")
        return found

    @cached_property
    def told(self) -> dict:
        """What ``course.json`` says."""
        path = self.root / COURSE
        content = read_json(path)
        require_fit(content, _SCHEMA, f"{path} is not what release writes: release the course again")
        return content

    @property
    def lessons(self) -> list[str]:
        """The names of the notebooks that were released, as ``02_attention_matching``."""
        return sorted(self.told["lessons"])

    def lesson(self, asked: str) -> str:
        """A lesson by its name or number, as ``2``, ``02`` or ``02_attention_matching``."""
        wanted = asked.strip().removesuffix(".ipynb")
        for name in self.lessons:
            if wanted == name or (wanted.isdigit() and int(wanted) == int(name[:2])):
                return name
        raise InputError(f"lesson {asked[:40]!r} was not released: choose among {', '.join(self.lessons)}")

    @property
    def students(self) -> list[str]:
        """All who handed something in, by their names in the folders."""
        handed = self.root / "handed_in"
        return sorted(path.name for path in handed.iterdir() if path.is_dir()) if handed.exists() else []

    def notebook(self, step: str, lesson: str, student: str = ".") -> Path:
        """The notebook of a lesson in ``source`` or ``release``, or a student's in ``submitted`` or ``autograded``."""
        return self.root / step / student / lesson / f"{lesson}.ipynb"

    def schemes(self, lesson: str) -> dict[str, str]:
        """The schemes, in Markdown, by which the written answers of a lesson are marked, by the answers' names."""
        return read_json(self.root / "source" / lesson / SCHEMES)["schemes"]

    def records(self, student: str) -> Path:
        """The folder of the runs that a student handed in."""
        return self.root / "records" / student

    def findings(self, student: str, lesson: str, stage: str) -> Path:
        """The file of what a stage (``collected``, ``graded``, ...) noticed."""
        return self.root / "findings" / student / f"{lesson}.{stage}.json"

    def all_findings(self, student: str, lesson: str) -> list[Finding]:
        """What all stages noticed, in the order of their names."""
        folder = self.root / "findings" / student
        return [one for path in sorted(folder.glob(f"{lesson}.*.json")) for one in read(path)[0]]

    @property
    def gradebook(self) -> str:
        """The database's address."""
        return f"sqlite:///{self.root / 'gradebook.db'}?timeout={WAITS}"

    def config(self):
        """What nbgrader's programs are told, as a traitlets ``Config``; callers may add to it."""
        from traitlets.config import Config

        from ddkit.exercises.cells import STUB, UNWRITTEN

        found = Config()
        found.CourseDirectory.root = str(self.root)
        found.CourseDirectory.course_id = "ddkit"
        found.CourseDirectory.db_url = self.gradebook
        found.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", SCHEMES]
        found.ClearSolutions.code_stub = {"python": STUB}
        found.ClearSolutions.text_stub = UNWRITTEN
        return found

    @contextlib.contextmanager
    def held(self):
        """Keep other commands that write here out.

        Raises:
            InputError: one is at work, or nothing can be written here.
        """
        lock = FileLock(self.root / ".lock")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(f"another command is at work in {self.root}: wait until it has ended") from error
        except OSError as error:
            raise InputError(f"cannot write into {self.root} ({error.strerror or error}): choose a folder you may "
                             "write to; nothing was changed") from error
        try:
            yield
        finally:
            lock.release()
