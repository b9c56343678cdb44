"""What is handed out, in one file each: the same bytes for the same content."""

import zipfile
from pathlib import Path

import ddkit
from ddkit.foundation.errors import require
from ddkit.foundation.files import atomic
from ddkit.grading.course import Course

LESSONS, PACKAGE = "lessons.zip", "ddkit.zip"
_BESIDE = ("requirements.txt", "pyproject.toml", "README.md", "LICENSE")  # of the package, in the repository
_PACKED = {".gz", ".npz", ".png", ".safetensors", ".zip"}  # already small


def repository() -> Path:
    """Where the package lies with all that students need to install it.

    Raises:
        InputError: it was installed without.
    """
    root = Path(ddkit.__file__).parents[1]
    missing = [name for name in (*_BESIDE, "data/reference") if not (root / name).exists()]
    require(not missing, f"{root} has no {', '.join(missing)}: the package can be handed out from the repository only")
    return root


def lessons(course: Course, names: list[str]) -> Path:
    """Write ``release/lessons.zip``: the notebooks."""
    return _write(course.root / "release" / LESSONS, _lessons(course, names, "lessons"))


def package(course: Course, names: list[str]) -> Path:
    """Write ``release/ddkit.zip``, which the lessons ask for on Colab: the package, the stored results, and the
    notebooks in place of the repository's, which have solutions."""
    root = repository()
    files = [Path(name) for name in _BESIDE]
    files += [path.relative_to(root) for folder in ("ddkit", "data/reference")
              for path in sorted((root / folder).rglob("*")) if path.is_file()]
    kept = [path for path in files if not any(part.startswith((".", "__pycache__")) for part in path.parts)]
    return _write(course.root / "release" / PACKAGE, {
        **{f"ddkit/{path.as_posix()}": root / path for path in kept}, **_lessons(course, names, "ddkit/notebooks")})


def _lessons(course: Course, names: list[str], folder: str) -> dict[str, Path]:
    return {f"{folder}/{name}.ipynb": course.notebook("release", name) for name in names}


def _write(place: Path, files: dict[str, Path]) -> Path:
    with atomic(place) as temporary, zipfile.ZipFile(temporary, "w") as packed:
        for name, path in files.items():
            entry = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED if path.suffix in _PACKED else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, path.read_bytes())
    return place
