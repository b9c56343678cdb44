"""Two commands at once in the same folders: both must end well, with the result that one alone has."""

from dataclasses import dataclass
from pathlib import Path

from trials.commands import COURSE, DISTILLED, GDUMB, MHIST, REPLAY, RESUMED, SHOW, TRANSFER, Command, Store, Unbroken
from trials.outcomes import Outcome, unfinished
from trials.process import Ended, command
from trials.results import Case, Result

PATIENCE = 180.0  # seconds
ROUNDS = 2
SHARED = ((DISTILLED["mtt"], DISTILLED["datm"]), (GDUMB, REPLAY))  # other commands, the same experts or memories
TWICE = (*RESUMED, TRANSFER, SHOW, MHIST, COURSE)


@dataclass(frozen=True)
class Pair(Case):
    """Two commands, the second begun at a random time while the first is at work."""

    first: Command
    second: Command

    section = "pairs"

    def work(self, store: Store) -> list[Result]:
        both = (self.first, self.second) if self.second != self.first else (self.first,)
        alone = {one: store.unbroken(one) for one in both}
        whole = self.first.also(*(name for name in self.second.inputs if name not in self.first.inputs))
        folder = store.folder(self.name, whole)
        one = command(self.first.arguments, folder)
        one.wait(self.rng.uniform(0, alone[self.first].seconds / 2))
        other = command(self.second.arguments, folder)
        for running in (one, other):
            running.wait(PATIENCE)
        faults = [_fault(one.end(), alone[self.first], folder), _fault(other.end(), alone[self.second], folder)]
        faults += [f"{path} is left" for path in unfinished(folder)]
        return [self.result("; ".join(fault for fault in faults if fault))]


def _fault(ended: Ended, alone: Unbroken, folder: Path) -> str:
    """What is wrong with how one of two ended."""
    return str(ended) if ended.code else alone.outcome.difference(Outcome.of(folder, ended.out))


def cases(seed: int, number: int | None) -> list[Pair]:
    wanted = [(one.kind, one, one) for one in TWICE]
    wanted += [(f"{one.kind} with {other.kind}", one, other) for one, other in SHARED]
    found = [Pair(kind, i, seed, one, other) for i in range(ROUNDS) for kind, one, other in wanted]
    return found[:number]
