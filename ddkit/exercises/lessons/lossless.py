"""Lesson 8: the smallest lossless number of images per class by bisection, and a set of a size of one's own."""

import math
from collections.abc import Callable, Iterator, Sequence

from ddkit.exercises.checking import Exercise, Slip
from ddkit.exercises.owned import Wanted
from ddkit.foundation.files import read_json
from ddkit.runs import REFERENCE
from ddkit.runs.shipped import RECORD
from ddkit.specs import Distill, Evaluate

ENDLESS = 1000  # looks after which a loop is taken for one without end
_NO_END = "the loop does not end: what is left must become smaller with every look (middle + 1, not middle)"


def smallest_inside(sizes: Sequence[int], inside: Callable[[int], bool]) -> int | None:
    """The first of the sorted ``sizes`` for which ``inside`` holds, if it holds for all later ones, too; else None.

    By bisection: of n sizes no more than log2(n) + 1 are looked at; an exercise's answer may look once more.
    """
    low, high = 0, len(sizes)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if inside(sizes[middle]) else (middle + 1, high)
    return sizes[low] if low < len(sizes) else None


def _looks(find: Callable, sizes: tuple[int, ...], first: int) -> tuple | None:
    """What is found if all sizes from ``first`` on are inside, and after how many looks; None: nothing is written."""
    asked: list[int] = []

    def inside(size: int) -> bool:
        asked.append(size)
        if len(asked) > ENDLESS:
            raise Slip(_NO_END)
        return size >= first

    found = find(sizes, inside)
    if found is None and not asked:
        return None
    most = math.ceil(math.log2(len(sizes) + 1)) + 1
    return found, f"{'at most' if len(asked) <= most else 'more than'} {most} looks"


def _trials(generator) -> Iterator[tuple]:
    """Ten sizes of which all from some on are inside, or none; the same for two sizes."""
    many = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
    yield from ((many, first) for first in (7, 1, 1000, 5000, 50, 2, 500))
    yield from (((3, 8), first) for first in (1, 8, 9))


def _bisection(ahead: int = 1, begin: int = 0, right: Callable = bool,
               answer: Callable = lambda sizes, low: sizes[low] if low < len(sizes) else None,
               asked: Callable = lambda sizes, middle: sizes[middle]) -> Callable:
    """The search with one part of it done otherwise."""
    def find(sizes: Sequence[int], inside: Callable[[int], bool]) -> int | None:
        low, high = begin, len(sizes)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if right(inside(asked(sizes, middle))) else (middle + ahead, high)
        return answer(sizes, low)
    return find


def _in_order(sizes: Sequence[int], inside: Callable[[int], bool]) -> int | None:
    return next((size for size in sizes if inside(size)), None)


def _all_asked(sizes: Sequence[int], inside: Callable[[int], bool]) -> int | None:
    return next((size for size, found in [(size, inside(size)) for size in sizes] if found), None)


def _backwards(sizes: Sequence[int], inside: Callable[[int], bool]) -> int | None:
    found = None
    for size in reversed(sizes):
        if not inside(size):
            break
        found = size
    return found


_SLIPS = {
    "this looks at one size after the other: look at the one in the middle, and leave out the half that is settled":
        _in_order,
    "this looks at every size: look at the one in the middle, and leave out the half that is settled":
        _all_asked,
    "this goes down one by one from the largest: look at the one in the middle": _backwards,
    "this is the place in the list; the number of images per class there is asked for":
        _bisection(answer=lambda sizes, low: low if low < len(sizes) else None),
    "where no size is inside the answer is None, not the largest":
        _bisection(answer=lambda sizes, low: sizes[min(low, len(sizes) - 1)]),
    "where no size is inside the answer is None, not 0":
        _bisection(answer=lambda sizes, low: sizes[low] if low < len(sizes) else 0),
    "where no size is inside the answer is None, not one more than the largest":
        _bisection(answer=lambda sizes, low: sizes[low] if low < len(sizes) else sizes[-1] + 1),
    "this is the last size outside the band; the first one inside is asked for":
        _bisection(answer=lambda sizes, low: sizes[low - 1] if low else None),
    "this is the one after the first inside":
        _bisection(answer=lambda sizes, low: sizes[low + 1] if low + 1 < len(sizes) else None),
    "the largest size is returned: all from some on are inside, and the first of these is asked for":
        lambda sizes, inside: sizes[-1] if inside(sizes[-1]) else None,
    "the smallest size is never returned: the search must begin at place 0": _bisection(begin=1),
    "the halves are mixed up: if the middle is inside, the first one is there or further left":
        _bisection(right=lambda found: not found),
    "what is asked about is a place in the list; ask about the size that stands there":
        _bisection(asked=lambda sizes, middle: middle),
    "it is looked once: go on in the half that is left until nothing is left to be settled":
        lambda sizes, inside: sizes[len(sizes) // 2] if inside(sizes[len(sizes) // 2]) else None,
    _NO_END: _bisection(ahead=0),
}

EXERCISES = {"bisection": Exercise(smallest_inside, _trials, _SLIPS, _looks)}


def came_with_ddkit(dataset: str, method: str) -> set[int]:
    """Images per class of the sets distilled by a method whose evaluations came with ddkit."""
    records = REFERENCE.glob(f"evaluate-{dataset}-distill-*/{RECORD}")
    made = [read_json(path)["spec"]["of"] for path in records]
    return {spec["ipc"] for spec in made if spec["method"] == method}


def _at_a_new_size(specs: list) -> bool:
    """A distillation of so many images per class as none by its method that came with ddkit, and an evaluation of that
    very set."""
    made = [spec for spec in specs
            if isinstance(spec, Distill) and spec.ipc not in came_with_ddkit(spec.dataset, spec.method)]
    judged = [spec.of for spec in specs if isinstance(spec, Evaluate)]
    return any(spec in judged for spec in made)


RECORDS = {"own-size": Wanted("a distillation at a number of images per class of which no set by its method came "
                              "with ddkit, and an evaluation of that set", _at_a_new_size)}
