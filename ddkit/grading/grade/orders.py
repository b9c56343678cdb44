"""What is to be marked, in which way; and whether it was marked already as it is now."""

import functools
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from ddkit import exercises
from ddkit.foundation.files import sha256
from ddkit.grading.course import Course
from ddkit.grading.findings import Finding, read, write
from ddkit.grading.kernel.sandbox import Sandbox
from ddkit.grading.kernel.watch import Limits

RE_EXECUTED, AS_EXECUTED = WAYS = ("re-executed", "as-executed")
STAGE = "graded"


@dataclass(frozen=True)
class Way:
    """How submissions are marked.

    Attributes:
        name: one of ``WAYS``.
        limits: of a kernel.
        sandbox: that it is kept in.
        threads: that a kernel's programs may use, which changes no mark.
    """

    name: str
    limits: Limits
    sandbox: Sandbox
    threads: int = 1

    def told(self) -> dict:
        """All that may change a mark, as plain data."""
        return {"way": self.name, "limits": asdict(self.limits)}


@dataclass(frozen=True)
class Order:
    """One submission to be marked.

    Attributes:
        root: folder of the course.
        student: who handed it in.
        lesson: its name.
        way: in which it is to be marked.
    """

    root: Path
    student: str
    lesson: str
    way: Way

    @property
    def course(self) -> Course:
        return Course(self.root)

    @property
    def submitted(self) -> Path:
        return self.course.notebook("submitted", self.lesson, self.student)

    @property
    def autograded(self) -> Path:
        return self.course.notebook("autograded", self.lesson, self.student)

    @property
    def graded(self) -> Path:
        """The file that says that it was marked; the last one written."""
        return self.course.findings(self.student, self.lesson, STAGE)

    @property
    def log(self) -> Path:
        """What the process that marks it says; gone when it went well."""
        return self.graded.with_suffix(".log")

    def identity(self) -> dict:
        """What a mark rests on: the bytes handed in, the lesson with its tests and schemes, ddkit's own checks, the way
        and its limits."""
        source = self.course.notebook("source", self.lesson).parent
        found = {"sha256": sha256(self.submitted.read_bytes()), "checks": _checks(),
                 "release": sha256(*(path.read_bytes() for path in sorted(source.iterdir()))), **self.way.told()}
        if self.way.name == AS_EXECUTED:
            found["records"] = _content(self.course.records(self.student))
        return found

    def due(self, row: bool) -> bool:
        """Whether it has not been marked as it is now; ``row``: whether the gradebook has it."""
        told, identity = self.told(), self.identity()
        if "failed" in told or identity != {key: told.get(key) for key in identity}:
            return True
        return "unreadable" not in told and not (row and self.autograded.exists())

    def told(self) -> dict:
        """What is known of when it was marked last; empty if it was not."""
        return read(self.graded)[1]

    def failed(self, sentence: str) -> None:
        """Say that marking it came to no end."""
        write(self.graded, [Finding("not marked", "", sentence)], failed=sentence, **self.identity())

    def clear(self) -> None:
        """Remove what an earlier marking left; its row of the gradebook is another's care."""
        self.graded.unlink(missing_ok=True)
        shutil.rmtree(self.autograded.parent, ignore_errors=True)


@functools.cache
def _checks() -> str:
    """A digest of the code of all exercises, which decides what is right."""
    folder = Path(exercises.__file__).parent
    return sha256(*(path.read_bytes() for path in sorted(folder.rglob("*.py"))))


def _content(folder: Path) -> str:
    """A digest of all files of a folder and their places; that of nothing where there is none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sha256(*(part for path in files
                    for part in (str(path.relative_to(folder)).encode(), b"\0", sha256(path.read_bytes()).encode())))
