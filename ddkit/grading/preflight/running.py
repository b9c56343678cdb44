"""How a notebook was run: every cell, in order, without errors, in one profile."""

import re
from collections.abc import Iterator

from ddkit.course.profiles import PROFILES
from ddkit.grading.executed import outputs, profile_of
from ddkit.grading.preflight.notices import Notice, named

_LISTED = 5  # cells that are named in a line
_AGAIN = "restart the kernel and run all cells"
_PROFILE = re.compile(rf"^({'|'.join(PROFILES)}) profile: ", re.MULTILINE)
_RUN_ON = re.compile(r"^[a-z]+-(\w+)-\S*: made ", re.MULTILINE)  # the data set of a run that is shown


def running(cells: list) -> Iterator[Notice]:
    """What is noticed about the run of a notebook whose cells these are.

    Whether a cell was changed after it was run is not told by a notebook; that a check was run before its exercise was
    run again is.
    """
    code = [(place, cell) for place, cell in enumerate(cells, 1) if cell.cell_type == "code" and cell.source.strip()]
    idle = [one for one in code if not one[1].get("execution_count")]
    if idle:
        yield Notice("run", f"{_counted(idle)} not run: {_listed(idle)}; {_AGAIN}")
    late = _late([one for one in code if one[1].get("execution_count")])
    if late:
        yield Notice("run", f"{_counted(late)} run before a cell above: {_listed(late)}; {_AGAIN}")
    for place, cell in code:
        if outputs.failed(cell) and named(cell.id) != cell.id:  # checks are told among the exercises
            yield Notice("run", f"{_called(place, cell)} ended in {outputs.failed(cell)}")


def profiles(notebook) -> Iterator[Notice]:
    """In which profile it was run, where that is not what one hands results in with."""
    profile = profile_of(notebook)
    texts = [outputs.printed(cell) for cell in notebook.cells if cell.cell_type == "code"]
    told = sorted({name for text in texts for name in _PROFILE.findall(text)})
    shown = {dataset for text in texts for dataset in _RUN_ON.findall(text)}
    if profile is None:
        yield Notice("run", "no output tells in which profile it was run: run the cell with lesson.begin()")
    elif len(told) > 1:
        yield Notice("run", f"its outputs are of the profiles {' and '.join(told)}: {_AGAIN}, in one profile")
    elif profile == "quick":
        yield Notice("run", "it was run in the quick profile, which tries the code on small digits: its numbers are no "
                            "results to report (DDKIT_PROFILE=laptop makes those)", mend=False)
    elif PROFILES["quick"].dataset in shown and PROFILES[profile].dataset not in shown:
        yield Notice("run", f"it says the {profile} profile, and shows runs of the quick one: {_AGAIN}")


def _late(code: list) -> list:
    """Cells that were run before one above them was run (again)."""
    latest, found = 0, []
    for place, cell in code:
        if cell.execution_count < latest:
            found.append((place, cell))
        latest = max(latest, cell.execution_count)
    return found


def _counted(cells: list) -> str:
    return "one cell was" if len(cells) == 1 else f"{len(cells)} cells were"


def _listed(cells: list) -> str:
    more = f" and {len(cells) - _LISTED} more" * (len(cells) > _LISTED)
    return ", ".join(_called(*one) for one in cells[:_LISTED]) + more


def _called(place: int, cell) -> str:
    """A cell by its place and the beginning of its first line."""
    first = cell.source.strip().splitlines()[0]
    return f"cell {place} ({first if len(first) <= 30 else f'{first[:27]}...'})"
