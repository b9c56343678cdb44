"""Which cell of a notebook handed in is which of the lesson's, from the surest sign to the weakest.

1. its id, which for graded cells is the name that nbgrader knows them by;
2. the name in its nbgrader metadata, which copies of a cell have, too;
3. its text: the same text in the same order as in the lesson, else most of what the lesson had written into it;
4. for exercises and answers its place: between two cells that are known, the unknown cell of its type.
"""

from collections import Counter
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise

KEPT = 0.6  # of the characters that a lesson wrote into a cell: it is that cell
_READ = 20_000  # characters of a cell that are compared


@dataclass
class Pairs:
    """What was found.

    Attributes:
        chosen: a graded cell's index in the lesson -> its index in the notebook handed in.
        copies: the index of another cell that claims to be a graded one -> that one's index in the lesson.
        guessed: indices in the lesson of those that only their place tells.
        known: index in the lesson -> index handed in, of all cells that are known, the ungraded ones among them.
    """

    chosen: dict[int, int] = field(default_factory=dict)
    copies: dict[int, int] = field(default_factory=dict)
    guessed: set[int] = field(default_factory=set)
    known: dict[int, int] = field(default_factory=dict)


def paired(handed: list, asked: list) -> Pairs:
    """Pair the cells handed in with those of the lesson as students got it."""
    pairs = Pairs()
    for block in SequenceMatcher(None, *([words(cell) for cell in cells] for cells in (asked, handed)),
                                 autojunk=False).get_matching_blocks():
        pairs.known |= {block.a + step: block.b + step for step in range(block.size)}
    _by_name(handed, asked, pairs)
    _by_text(handed, asked, pairs)
    _by_place(handed, asked, pairs)
    return pairs


def grade_id(cell) -> str | None:
    """The name in a cell's nbgrader metadata."""
    told = cell.metadata.get("nbgrader")
    name = told.get("grade_id") if isinstance(told, dict) else None
    return name if isinstance(name, str) else None


def is_graded(cell) -> bool:
    return "nbgrader" in cell.metadata


def _by_name(handed: list, asked: list, pairs: Pairs) -> None:
    """Take the cells that have a graded one's id (which Colab keeps in the metadata) or name; of several the best."""
    indices = {cell.id: index for index, cell in enumerate(asked) if is_graded(cell)}
    claims: dict[int, list[int]] = {}
    for place, cell in enumerate(handed):
        said = next((name for name in (cell.id, cell.metadata.get("id"), grade_id(cell)) if name in indices), None)
        if said is not None:
            claims.setdefault(indices[said], []).append(place)
    _forget(pairs, claims)
    for index, places in sorted(claims.items()):
        best = _best(places, handed, asked[index], _expected(index, pairs))
        pairs.copies |= {place: index for place in places if place != best}
        _choose(pairs, index, best)


def _forget(pairs: Pairs, claims: dict[int, list[int]]) -> None:
    """Do not trust the text of a cell whose name says otherwise."""
    said = {place: index for index, places in claims.items() for place in places}
    pairs.known = {index: place for index, place in pairs.known.items()
                   if said.get(place, index) == index and (index not in claims or place in claims[index])}


def _best(places: list[int], handed: list, stub, expected: int) -> int:
    """Of cells that claim to be one: of checks the one nearest to its place; else of those that were written in the
    one that was executed last, or nearest to its place if none was."""
    def near(place: int) -> int:
        return -abs(place - expected)

    if not stub.metadata.nbgrader.solution:
        return max(places, key=near)
    written = [place for place in places if words(handed[place]) not in ("", words(stub))] or places
    return max(written, key=lambda place: (handed[place].get("execution_count") or 0, near(place)))


def _by_text(handed: list, asked: list, pairs: Pairs) -> None:
    """Take cells that are where the lesson has the same text, then those that kept most of what it had written."""
    for index in _open(asked, pairs):
        if index in pairs.known and pairs.known[index] not in _taken(pairs):
            pairs.chosen[index] = pairs.known[index]
    free = sorted(set(range(len(handed))) - _taken(pairs) - set(pairs.known.values()))
    alike = [(share, -place, index) for index in _open(asked, pairs) for place in free
             if (share := _kept(asked[index], handed[place])) >= KEPT]
    as_alike = Counter(key for share, place, index in alike
                       for key in ((share, place, "place"), (share, index, "cell")))
    for share, place, index in sorted(alike, reverse=True):
        alone = as_alike[share, place, "place"] == as_alike[share, index, "cell"] == 1
        if alone and index not in pairs.chosen and -place not in _taken(pairs):
            _choose(pairs, index, -place)


def _kept(stub, cell) -> float:
    """The share of a stub's characters, in whole lines, that a cell still has in their order."""
    before, after = ([line.strip() for line in one.source[:_READ].splitlines() if line.strip()] for one in (stub, cell))
    if not set(before) & set(after):
        return 0.0
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    kept = sum(len(line) for block in blocks for line in before[block.a : block.a + block.size])
    return kept / sum(map(len, before))


def _by_place(handed: list, asked: list, pairs: Pairs) -> None:
    """Look for exercises and answers between the cells that are known on both sides of where they should be."""
    still = longest_rising([pairs.known[index] for index in sorted(pairs.known)])
    ends = [(-1, -1), *((index, place) for index, place in sorted(pairs.known.items()) if place in still),
            (len(asked), len(handed))]
    for (before, first), (after, last) in pairwise(ends):
        unknown = [index for index in range(before + 1, after) if index not in pairs.known]
        free = [place for place in range(first + 1, last) if place not in {*pairs.known.values(), *pairs.copies}]
        for index in unknown:
            if is_graded(asked[index]) and asked[index].metadata.nbgrader.solution:
                peers, fitting = ([one for one in some if cells[one].cell_type == asked[index].cell_type]
                                  for some, cells in ((unknown, asked), (free, handed)))
                _guess(handed, asked, pairs, index, peers, fitting)


def _guess(handed: list, asked: list, pairs: Pairs, index: int, peers: list[int], fitting: list[int]) -> None:
    """Choose among the unknown cells of a cell's type, whose ``peers`` are the lesson's that they may be: in their
    order if they are as many, else the one most alike, if any is or nothing else is looked for."""
    if len(peers) == len(fitting):
        best = fitting[peers.index(index)]
    else:
        best = max(fitting, key=lambda place: _kept(asked[index], handed[place]), default=None)
        if best is None or not (len(peers) == 1 or _kept(asked[index], handed[best])):
            return
    if best not in pairs.chosen.values():
        _choose(pairs, index, best)
        pairs.guessed.add(index)


def _choose(pairs: Pairs, index: int, place: int) -> None:
    pairs.chosen[index] = pairs.known[index] = place


def _open(asked: list, pairs: Pairs) -> list[int]:
    """The graded cells that are not found yet."""
    return [index for index, cell in enumerate(asked) if is_graded(cell) and index not in pairs.chosen]


def _taken(pairs: Pairs) -> set[int]:
    return {*pairs.chosen.values(), *pairs.copies}


def _expected(index: int, pairs: Pairs) -> int:
    """Where a cell of the lesson is to be looked for in what was handed in."""
    before = max((one for one in pairs.known if one < index), default=None)
    return 0 if before is None else pairs.known[before] + index - before


def longest_rising(numbers: list[int]) -> set[int]:
    """The longest part of a list that rises; of several, one."""
    best: list[list[int]] = []
    for number in numbers:
        before = max((one for one in best if one[-1] < number), key=len, default=[])
        best.append([*before, number])
    return set(max(best, key=len, default=[]))


def words(cell) -> str:
    """A cell's text for comparing: without what editors change."""
    return "\n".join(line.rstrip() for line in cell.source.strip().splitlines())


def same_text(one, other) -> bool:
    """Whether two cells say the same, but for blanks at the ends of lines."""
    return words(one) == words(other)
