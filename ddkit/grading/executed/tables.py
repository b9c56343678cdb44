"""Tables that were handed in, held row by row against those that come of the records."""

import re
from collections import Counter
from collections.abc import Iterator

_CHANGING = re.compile(r"(?<!['’])\b(s|seconds?|minutes?|hours?|ms|MiB|MB|GB|FLOP/s|made|took|where|whose|device)\b")
_ASIDE = re.compile(r"\s*\([^)]*\)")
Table = list[list[str]]


def apart(stated: list[Table], given: list[Table]) -> Iterator[tuple[str, str, str]]:
    """What differs: where in the table, what is stated and what the records give.

    Columns and rows of seconds, dates and places are left out. Tables are paired in their order.
    """
    for number, table in enumerate(stated):
        if number >= len(given):
            yield f"table {number + 1}", f"{len(table) - 1} rows", "no such table"
        else:
            yield from _rows_apart(table, given[number])


def _rows_apart(stated: Table, given: Table) -> Iterator[tuple[str, str, str]]:
    rows = dict(_keyed(given))
    for key, row in _keyed(stated):
        label, other = row[0], rows.get(key)
        if _CHANGING.search(label):
            continue
        if other is None:
            yield f"row {label!r}", " ".join(row[1:]), "no such row"
            continue
        if label != other[0]:
            yield f"row {other[0]!r}", label, other[0]
        yield from _cells_apart(row, other, stated[0])


def _keyed(table: Table) -> Iterator[tuple[tuple[str, int], list[str]]]:
    """Rows by what they are known by: the label without what stands in brackets, and how often it came before."""
    before = Counter()
    for row in filter(None, table):
        label = _ASIDE.sub("", row[0])
        yield (label, before[label]), row
        before[label] += 1


def _cells_apart(stated: list[str], given: list[str], header: list[str]) -> Iterator[tuple[str, str, str]]:
    for column in range(1, max(len(stated), len(given))):
        name = header[column] if column < len(header) else f"column {column + 1}"
        one, other = (row[column] if column < len(row) else "nothing" for row in (stated, given))
        if one != other and not _CHANGING.search(name):
            yield f"{given[0]}, {name}", one, other
