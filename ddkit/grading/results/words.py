"""What a student may read of what marking says: no other student's name, no place on the instructor's machine."""

import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import ddkit
from ddkit.grading.course import Course


def places(course: Course) -> dict[str, str]:
    """Folders of this machine and what stands in their place, the longest first."""
    found = {str(course.root): "course", sys.prefix: "python", sys.base_prefix: "python",
             str(Path(ddkit.__file__).parents[1]): "ddkit", str(Path.home()): "~",
             str(Path(tempfile.gettempdir())): "tmp"}
    return dict(sorted(((path, word) for path, word in found.items() if len(path) > 1), key=lambda one: -len(one[0])))


def without_places(text: str, folders: dict[str, str]) -> str:
    """A text without the folders of this machine."""
    for folder, word in folders.items():
        text = re.sub(re.escape(folder) + r"(?![\w-])", word, text)
    return text


def without_names(text: str, others: Iterable[str]) -> str:
    """A sentence without the names of others."""
    for other in sorted(filter(None, others), key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(other)}(?![\w-])", "another student", text)
    return text
