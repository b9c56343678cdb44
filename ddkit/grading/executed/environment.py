"""What a notebook was executed in, as its outputs tell, and what it is executed in again."""

import ast
import re
from pathlib import Path

from ddkit.course.profiles import POLYPS, PROFILES
from ddkit.grading.executed.outputs import printed

_BEGUN = re.compile(rf"^({'|'.join(PROFILES)}) profile: ", re.MULTILINE)  # what lesson.begin() prints
_POLYPS = re.compile(rf"^(?:{'|'.join(PROFILES)}) profile: ({'|'.join(POLYPS)})\b", re.MULTILINE)
_CHOSEN = re.compile(r"^chosen for (\S+) (from .+) \(profile\.choose\(\)", re.MULTILINE)
_FROM, _KNOB = re.compile(r"from ([\w-]+): ([^;]+)"), re.compile(r"(\w+) ([^ ,]+)")
_RELOADED = "runs that came with the repository are reloaded"


def profile_of(notebook) -> str | None:
    """The profile that the notebook's outputs tell; None where they tell none."""
    return _told(_BEGUN, notebook)


def environment(notebook, records: Path, student: str) -> dict[str, str]:
    """The variables under which a notebook that was handed in states the same again, from its own records.

    The profile, the polyps and whether results of the repository are shown are what the outputs tell (``laptop``,
    ddkit's own choice, and no). Results of the repository are shown where they were shown before, since they are told
    apart there and earn nothing.

    Args:
        notebook: as it was handed in, with its outputs.
        records: the folder of the student's runs, or a copy that may be written to.
        student: the id, which a run would be signed with.
    """
    polyps = _told(_POLYPS, notebook)
    reloads = any(_RELOADED in text for text in _texts(notebook))
    found = {"DDKIT_PROFILE": profile_of(notebook) or "laptop", "DDKIT_MAKE": "0", "DDKIT_REFERENCE": f"{reloads:d}",
             "DDKIT_RUNS": str(records), "DDKIT_NAME": student, "DDKIT_PROGRESS": "0"}
    return found | ({"DDKIT_POLYPS": polyps} if polyps else {})


def chosen(notebook) -> dict[tuple[str, str], dict[str, object]]:
    """The knobs that had been chosen in lesson 2 when the notebook was executed, by data set and start, as it tells."""
    found = {}
    for text in _texts(notebook):
        for dataset, choices in _CHOSEN.findall(text):
            for init, knobs in _FROM.findall(choices):
                found[dataset, init] = {name: _value(value) for name, value in _KNOB.findall(knobs)}
    return found


def _value(text: str) -> object:
    """A knob's value from its text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _told(pattern: re.Pattern, notebook) -> str | None:
    found = (pattern.search(text) for text in _texts(notebook))
    return next((match[1] for match in found if match), None)


def _texts(notebook) -> list[str]:
    return [printed(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"]
