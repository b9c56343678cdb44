"""Lesson 5: herding, forgetting events, and what a step's labels mean when other classes have joined."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.exercises.checking import Exercise
from ddkit.exercises.owned import Wanted
from ddkit.methods.coresets import forgetting_events, herding


def _rows(generator: torch.Generator) -> list[tuple]:
    """Embeddings far from the origin, a few of them off the others, so that no two rules pick alike."""
    found = []
    for n, dimensions, k in ((14, 2, 5), (25, 4, 7)):
        rows = 3 + torch.randn(n, dimensions, generator=generator)
        rows[:3] += 4 * torch.rand(3, dimensions, generator=generator)
        found.append((rows, k))
    return found


def _greedy(cost: Callable[[Tensor, list[int], int], float], repeated: bool = False) -> Callable:
    """Rows picked one after the other, each time the one of the least cost."""
    def pick(rows: Tensor, k: int) -> list[int]:
        picks: list[int] = []
        for _ in range(k):
            left = [i for i in range(len(rows)) if repeated or i not in picks]
            picks.append(min(left, key=lambda i: float(cost(rows, picks, i))))
        return picks
    return pick


def _gap(rows: Tensor, picks: list[int], index: int) -> Tensor:
    """How far the mean of the picks and one row more is from the mean of all."""
    return (rows[[*picks, index]].mean(0) - rows.mean(0)).norm()


def _nearest(rows: Tensor, picks: list[int], index: int) -> Tensor:
    """How far a row is from the mean of all."""
    return (rows[index] - rows.mean(0)).norm()


def _farthest_from_picks(rows: Tensor, picks: list[int], index: int) -> Tensor:
    return -(rows[picks] - rows[index]).norm(dim=1).min() if picks else _nearest(rows, picks, index)


_HERDING_SLIPS = {
    "these are the rows nearest to the mean, one by one; the mean of all picks so far, the new one among them, should "
    "come near": _greedy(_nearest),
    "a row is picked again and again: leave out those that were picked": _greedy(_gap, repeated=True),
    "the picks are summed, not averaged: divide by j before you compare with the mean of all":
        _greedy(lambda rows, picks, i: (rows[[*picks, i]].sum(0) - rows.mean(0)).norm()),
    "the sum of the picks is divided by k, all that will be picked; divide by j, those that are there so far":
        lambda rows, k: _greedy(lambda r, picks, i: (r[[*picks, i]].sum(0) / k - r.mean(0)).norm())(rows, k),
    "the farthest mean is taken; the nearest is asked for": _greedy(lambda *given: -_gap(*given)),
    "this is k-centre, which picks what is far from all picks; herding keeps their mean near":
        _greedy(_farthest_from_picks),
    "the mean of the picks lacks the new row: what counts is the mean with it":
        _greedy(lambda rows, picks, i: (rows[picks or [i]].mean(0) - rows[i]).norm()),
    "these are the first k rows": lambda rows, k: list(range(k)),
    "the picks are sorted; the order in which they were picked is asked for": lambda rows, k: sorted(herding(rows, k)),
    "these are rows; their indices are asked for": lambda rows, k: rows[herding(rows, k)],
    "the last pick is missing: k of them are asked for": lambda rows, k: herding(rows, k - 1),
    "the median of the rows is followed; their mean is asked for":
        _greedy(lambda rows, picks, i: (rows[[*picks, i]].mean(0) - rows.median(0).values).norm()),
}


def _looks(generator: torch.Generator) -> list[tuple]:
    """Right and wrong answers, looks x images; one image is never right, one always."""
    found = []
    for looks, images in ((7, 12), (4, 9)):
        right = torch.rand(looks, images, generator=generator) > 0.4
        right[:, 0], right[:, 1] = False, True
        found.append((right,))
    return found


def _events(right: Tensor) -> Tensor:
    return (right[:-1] & ~right[1:]).sum(0)


def _never(right: Tensor, events: Tensor, count: float | None = None) -> Tensor:
    """The events, but of images that were never right as many as there are looks (or ``count``)."""
    return torch.where(right.any(0), events, len(right) if count is None else count)


_EVENT_SLIPS = {
    "an image that was never right counts as never forgotten; it should count as many times as there are looks":
        _events,
    "these are learning events, wrong and then right; right and then wrong is asked for":
        lambda r: _never(r, (~r[:-1] & r[1:]).sum(0)),
    "changes either way are counted; only those from right to wrong are asked for":
        lambda r: _never(r, (r[:-1] != r[1:]).sum(0)),
    "all wrong looks are counted; only a wrong look right after a right one is a forgetting event":
        lambda r: (~r).sum(0),
    "right looks are counted; only a wrong look right after a right one is a forgetting event": lambda r: r.sum(0),
    "every image counts once at most; an image may be forgotten several times":
        lambda r: _never(r, (_events(r) > 0).long()),
    "the looks are compared along the images: looks are the first dimension": lambda r: _events(r.T),
    "the last look is left out": lambda r: _never(r, _events(r[:-1])),
    "the first look is left out": lambda r: _never(r, _events(r[1:])),
    "an image counts as known before the first look; nothing is known before it":
        lambda r: _never(r, _events(torch.cat([torch.ones_like(r[:1]), r]))),
    "an image that was never right counts one less than there are looks": lambda r: _never(r, _events(r), len(r) - 1),
    "images that were always right count as the most forgotten; those that were never right should":
        lambda r: torch.where(r.all(0), len(r), _events(r)),
    "the events are averaged over the looks; their number is asked for": lambda r: _never(r, _events(r)) / len(r),
    "all images are counted together: each has a number of its own": lambda r: _never(r, _events(r)).sum(),
}


def widened(values: Tensor, first: int, classes: int) -> Tensor:
    """Values regressed on [n, k], one-hot - 1 / k at the beginning, among all classes: [n, classes].

    The k classes of the values are ``first`` to ``first + k - 1``.
    """
    own = values.shape[1]
    return F.pad(values + 1 / own, (first, classes - first - own)) - 1 / classes


def _values(generator: torch.Generator) -> list[tuple]:
    """Learned values of two and of three classes, and where they belong."""
    def learned(n: int, own: int) -> Tensor:
        labels = torch.arange(n) % own
        return F.one_hot(labels, own) - 1 / own + 0.1 * torch.randn(n, own, generator=generator)
    return [(learned(4, 2), 4, 10), (learned(5, 3), 0, 5), (learned(3, 3), 1, 7)]


def _placed(values: Tensor, first: int, classes: int, fill: float = 0.0) -> Tensor:
    return F.pad(values, (first, classes - first - values.shape[1]), value=fill)


_WIDENED_SLIPS = {
    "the values are only moved to their places: they still say 1 / k, as if there were no other classes": _placed,
    "only the new places hold - 1 / classes: those of the step's own classes have to change, too":
        lambda v, first, classes: _placed(v, first, classes, -1 / classes),
    "1 / k is added, but 1 / classes is not taken away": lambda v, first, classes: _placed(v + 1 / v.shape[1], first,
                                                                                          classes),
    "1 / classes is taken from the step's own places only: the others lose it as well":
        lambda v, first, classes: _placed(v + 1 / v.shape[1] - 1 / classes, first, classes),
    "1 / k and 1 / classes have changed places":
        lambda v, first, classes: _placed(v + 1 / classes, first, classes) - 1 / v.shape[1],
    "1 / k is added everywhere: add it before the other places are filled with zeros":
        lambda v, first, classes: _placed(v, first, classes) + 1 / v.shape[1] - 1 / classes,
    "first is not used: the step's classes do not begin at 0":
        lambda v, first, classes: widened(v, 0, classes),
    "the step's classes stand at the end: they begin at first":
        lambda v, first, classes: widened(v, classes - v.shape[1], classes),
    "the values have become hard labels: what was learned in them is lost":
        lambda v, first, classes: _placed(F.one_hot(v.argmax(1), v.shape[1]).float(), first, classes) - 1 / classes,
    "a softmax turns values into probabilities that they never were: add 1 / k":
        lambda v, first, classes: _placed(v.softmax(1), first, classes) - 1 / classes,
    "each row is made to sum to one: the values are not probabilities, leave them as they were learned":
        lambda v, first, classes: _placed((v + 1 / v.shape[1]) / (v + 1 / v.shape[1]).sum(1, keepdim=True), first,
                                          classes) - 1 / classes,
    "each row loses its own mean: 1 / classes is asked for":
        lambda v, first, classes: _placed(v, first, classes) - _placed(v, first, classes).mean(1, keepdim=True),
    "the places of other classes hold + 1 / classes: they hold - 1 / classes, which is no probability at all":
        lambda v, first, classes: _placed(v + 1 / v.shape[1] - 1 / classes, first, classes, 1 / classes),
    "1 / k is taken away twice: it is to be added": lambda v, first, classes: _placed(v - 1 / v.shape[1], first,
                                                                                      classes) - 1 / classes,
}

EXERCISES = {
    "herding": Exercise(herding, _rows, _HERDING_SLIPS),
    "forgetting-events": Exercise(forgetting_events, _looks, _EVENT_SLIPS),
    "widened": Exercise(widened, _values, _WIDENED_SLIPS),
}
RECORDS: dict[str, Wanted] = {}
