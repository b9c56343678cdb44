"""Which numbers of a notebook that was handed in are not those that its records give."""

import difflib
from collections.abc import Iterator
from itertools import islice

from ddkit.grading.executed import numbers, tables
from ddkit.grading.executed.live import live_cells
from ddkit.grading.executed.outputs import failed, stated
from ddkit.grading.findings import Finding

_CHANGED = "was changed so that it trains, draws or takes the time by itself: what it states was not compared"
MOST = 20
_LONG, _SHOWN = 1_000, 3  # lines that are searched for the same words, and that are quoted
Apart = tuple[str, str, str]  # where, what is stated, what the records give


def differences(handed_in, recomputed, lesson=None) -> list[Finding]:
    """What a notebook states and its records do not give, cell by cell.

    Compared are tables and the numbers in lines of text. Not compared are times and sizes of memory; versions, dates,
    paths and pictures; what stands on stderr; and all of a cell that computes anew, as ``live_cells`` has it. Cells
    that were handed in without outputs state nothing. Of one cell the first ``MOST`` differences are told.

    Args:
        handed_in: the notebook with its outputs as they came.
        recomputed: the same, executed again in its ``environment``.
        lesson: the notebook that was handed out: cells that compute anew now and did not there are told.
    """
    before, live, allowed = _by_name(handed_in), _live(recomputed), _live(lesson or recomputed)
    found, lost = [], []
    for cell in _code(recomputed):
        name, other = _name(cell), before.get(_name(cell)) or before.get(_source(cell))
        if other is None or failed(other) or not _states(other):
            continue
        if _source(cell) in live:
            found += [] if name in allowed or _source(cell) in allowed else [Finding("computed anew", name, _CHANGED)]
        elif failed(cell):
            lost.append((name, failed(cell)))
        else:
            found += [_finding(name, *apart) for apart in islice(_apart(other, cell), MOST)]
    return found + _not_recomputed(lost)


def _code(notebook) -> list:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _source(cell) -> str:
    return "".join(cell["source"])


def _live(notebook) -> set[str]:
    """The names and sources of the cells that state what they compute anew."""
    cells = _code(notebook)
    anew = live_cells([_source(cell) for cell in cells])
    return {word for cell, live in zip(cells, anew, strict=True) if live for word in (_name(cell), _source(cell))}


def _by_name(notebook) -> dict[str, dict]:
    """Code cells by their sources and by their names."""
    cells = _code(notebook)
    return {_source(cell): cell for cell in cells} | {_name(cell): cell for cell in cells if _name(cell)}


def _name(cell) -> str:
    """The name of an exercise, a check or an answer, else the cell's id."""
    return cell.get("metadata", {}).get("nbgrader", {}).get("grade_id") or cell.get("id", "")


def _states(cell) -> bool:
    found = stated(cell)
    return bool(found.tables) or any(numbers.read(line)[1] for line in found.lines)


def _apart(stated_in, given_in) -> Iterator[Apart]:
    one, other = stated(stated_in), stated(given_in)
    yield from tables.apart(one.tables, other.tables)
    yield from _lines_apart(one.lines, other.lines)


def _lines_apart(stated_lines: list[str], given_lines: list[str]) -> Iterator[Apart]:
    """Numbers of lines that say the same in words, and lines of scores that nothing comes of."""
    read = [[numbers.read(line) for line in lines] for lines in (stated_lines, given_lines)]
    for same, ours, theirs in _matched(*([words for words, _ in lines] for lines in read)):
        if same:
            for place, other in zip(ours, theirs, strict=True):
                pairs = zip(read[0][place][1], read[1][other][1], strict=True)
                yield from ((_short(stated_lines[place]), a, b) for a, b in pairs if not numbers.same(a, b))
        else:
            instead = "; ".join(_short(given_lines[other]) for other in theirs[:_SHOWN]) or "no such line"
            yield from (("a line", _short(stated_lines[place]), instead) for place in ours
                        if numbers.scored(stated_lines[place]))


def _matched(ours: list, theirs: list) -> Iterator[tuple[bool, range, range]]:
    """Parts of two lists that are the same, and what stands between them; of very long lists only as far as they begin
    and end alike, since finding more takes too long."""
    short = min(len(ours), len(theirs))
    head = next((place for place in range(short) if ours[place] != theirs[place]), short)
    tail = next((place for place in range(short - head) if ours[-1 - place] != theirs[-1 - place]), short - head)
    first, last = range(head, len(ours) - tail), range(head, len(theirs) - tail)
    yield True, range(head), range(head)
    yield True, range(first.stop, len(ours)), range(last.stop, len(theirs))
    if max(len(first), len(last)) > _LONG:
        yield False, first, last
        return
    middles = [[lines[place] for place in places] for lines, places in ((ours, first), (theirs, last))]
    for tag, a, b, c, d in difflib.SequenceMatcher(None, *middles, autojunk=False).get_opcodes():
        yield tag == "equal", first[a:b], last[c:d]


def _short(line: str) -> str:
    text = " ".join(line.split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def _finding(cell: str, where: str, one: str, other: str) -> Finding:
    return Finding("stated, not given", cell, f"{where}: stated is {one}, the records give {other}")


def _not_recomputed(lost: list[tuple[str, str]]) -> list[Finding]:
    """One finding for all cells that could not be recomputed: the first error is mostly the reason of the others."""
    if not lost:
        return []
    name, error = lost[0]
    also = f"; {len(lost) - 1} more cells could not be recomputed either" * (len(lost) > 1)
    return [Finding("not recomputed", name, f"ended in {error}, so that nothing it states could be compared{also}")]
