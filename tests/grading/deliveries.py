"""What students of a course of two lessons hand in, as files and zips, and what collecting them leaves."""

import os
import zipfile
from pathlib import Path

import pytest

from ddkit.grading.course import Course

nbformat = pytest.importorskip("nbformat")

from ddkit.grading.sample import making  # noqa: E402

REAL = Path(__file__).parents[2] / "notebooks" / "02_attention_matching.ipynb"
LESSONS = ["01_tiny", REAL.stem]
RECORD = b'{"spec": {"type": "full"}, "made": "2026-11-01"}'


def _work(course: Course, lesson: int, words: str = "") -> bytes:
    """A solved notebook as a file; ``words`` make it another one."""
    made = making.perfect(nbformat.read(course.notebook("source", LESSONS[lesson]), 4))
    made.cells[0].source += words
    return nbformat.writes(made).encode()


def _lay(folder: Path, files: dict[str, bytes], when: float | None = None) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if when:
            os.utime(path, (when, when))
    return folder


def _zip(path: Path, files: dict[str, bytes], **told) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, told.get("when", (2026, 11, 20, 10, 0, 0)))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def _zipped(tmp_path: Path, files: dict[str, bytes], **told) -> bytes:
    return _zip(tmp_path / "made.zip", files, **told).read_bytes()


def _kept(course: Course, student: str) -> dict[str, bytes]:
    """What lies in handed_in, by names that begin with the delivery's."""
    folder = course.root / "handed_in" / student
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _everything(course: Course) -> dict[str, bytes]:
    return {path.relative_to(course.root).as_posix(): path.read_bytes()
            for path in course.root.rglob("*") if path.is_file() and path.name != ".lock"}


def _first_text(course: Course, student: str, lesson: int = 0) -> str:
    return nbformat.read(course.notebook("submitted", LESSONS[lesson], student), 4).cells[0].source


def _kinds(rows) -> list[str]:
    return [finding.kind for row in rows for finding in row.findings]
