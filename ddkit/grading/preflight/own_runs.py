"""Whether the runs that a notebook shows as one's own are at hand, to be handed in with it."""

import re
from collections.abc import Iterator
from pathlib import Path

from ddkit.foundation.errors import InputError
from ddkit.grading.executed import outputs
from ddkit.grading.preflight.notices import Notice
from ddkit.grading.provenance import UNSIGNED, examined
from ddkit.runs import RECORD, maker

_SHOWN = re.compile(r"^(\S+): made \d{4}-\d\d-\d\d in \d+ s on .*?, (yours|shipped)\b", re.MULTILINE)
_NO_FAULT = {UNSIGNED, "shipped record"}
_LISTED = 5


def own_runs(notebook, root: Path) -> Iterator[Notice]:
    """What is noticed about the runs in the folder ``root``, and about those that the notebook shows."""
    shown = {name: whose for cell in notebook.cells if cell.cell_type == "code"
             for name, whose in _SHOWN.findall(outputs.printed(cell))}
    lost = sorted(name for name, whose in shown.items() if whose == "yours" and not (root / name / RECORD).exists())
    if lost:
        more = f" and {len(lost) - _LISTED} more" * (len(lost) > _LISTED)
        yield Notice("records", f"not in {root}, and shown as yours: {', '.join(lost[:_LISTED])}{more}; name your "
                                "folder of runs with --runs, or run the notebook again")
    name = _signature(root)
    found = examined(root, name, {}, {name: name} if name else {})
    unsigned = any(one.kind == UNSIGNED for one in found) or not any(root.glob(f"*/{RECORD}"))
    if unsigned and not name:
        yield Notice("records", 'not signed: lesson.begin(name="Ada Lovelace") puts the name given into all runs that '
                                "are made from then on", mend=False)
    for one in found:
        yield Notice("records", one.words, mend=one.kind not in _NO_FAULT)


def _signature(root: Path) -> str:
    """The name that runs are signed with; "" where nobody gave one."""
    try:
        return maker(root)
    except InputError:
        return ""
