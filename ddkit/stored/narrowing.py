"""A choice among many things, made word by word: each word leaves fewer, and those that are left name the next."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from ddkit.foundation.errors import one_of, require

Thing = TypeVar("Thing")


class Narrowing(Generic[Thing]):
    """Things that are told apart by words of several kinds, one after another.

    Args:
        things: in the order that their words are to be offered in.
        words: by kind, in the order of choice, how a thing is called.
        means: what a word stands for, of kinds whose words depend on the things that they tell apart.
    """

    def __init__(self, things: Iterable[Thing], words: Mapping[str, Callable[[Thing], Hashable]],
                 means: Mapping[str, Callable[[Thing], Hashable]] | None = None):
        self.words, self.means = dict(words), dict(means or {})
        self._things = [(thing, tuple(call(thing) for call in self.words.values())) for thing in things]

    def offered(self, chosen: Sequence) -> list:
        """The words of the next kind among the things that are called as ``chosen`` so far."""
        return list(dict.fromkeys(called[len(chosen)] for _, called in self._things
                                  if called[: len(chosen)] == tuple(chosen)))

    def settled(self, wanted: Mapping[str, object], like: Thing | None = None) -> dict[str, object]:
        """A choice that exists: of every kind the word wanted, where it is offered, else the first that is.

        Before the word wanted goes the one that means here what it means of the thing ``like``, whatever that is called
        among others.
        """
        chosen: list = []
        for kind in self.words:
            offered = self.offered(chosen)
            word = next(self._alike(like, kind, chosen), wanted.get(kind))
            chosen.append(word if word in offered else offered[0])
        return dict(zip(self.words, chosen, strict=True))

    def _alike(self, like: Thing | None, kind: str, chosen: Sequence) -> Iterator:
        """The words of a kind, after those chosen, that mean what they mean of that thing."""
        if like is None or kind not in self.means:
            return
        meaning = self.means[kind]
        for thing, called in self._things:
            if called[: len(chosen)] == tuple(chosen) and meaning(thing) == meaning(like):
                yield called[len(chosen)]

    def meant(self, wanted: Mapping[str, object]) -> dict[str, object]:
        """As ``settled``, of words that somebody gave.

        Raises:
            InputError: there is no such kind, or a word is not offered after those before it.
        """
        for kind in wanted:
            one_of(kind, self.words, "choice")
        settled = self.settled(wanted)
        for index, kind in enumerate(self.words):
            offered = self.offered(list(settled.values())[:index])
            require(wanted.get(kind, settled[kind]) in offered,
                    f"there is no {kind} {wanted.get(kind)!r} here: choose one of {', '.join(map(str, offered))}")
        return settled

    def found(self, chosen: Mapping[str, object]) -> list[Thing]:
        """The things that are called so, by the kinds that are given."""
        return [thing for thing, called in self._things
                if all(chosen.get(kind, word) == word for kind, word in zip(self.words, called, strict=True))]


def judge_words(things: Sequence) -> dict[str, Callable]:
    """What the judges of things, their ``judge``, are called: by data set, protocol and network.

    Data of one name that differ, by their fingerprints, are told apart by how these begin.
    """
    prints: dict[str, set[str]] = {}
    for thing in things:
        prints.setdefault(thing.judge.data, set()).add(thing.judge.fingerprint)

    def data(thing) -> str:
        judge = thing.judge
        return judge.data + f" ({judge.fingerprint[:8]})" * (len(prints[judge.data]) > 1)

    return {"data": data, "protocol": lambda thing: thing.judge.protocol, "network": lambda thing: thing.judge.reader}
