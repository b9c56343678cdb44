"""What a case gives: how many trials it stands for, and what went wrong."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """Of ``tried`` trials of a kind all survived, unless ``fault`` says what went wrong."""

    section: str
    kind: str
    case: str
    tried: int = 1
    fault: str = ""


@dataclass(frozen=True)
class Case:
    """One thing to try; sections derive from it and say in ``work(store)`` how. ``index`` tells repetitions apart."""

    kind: str
    index: int
    seed: int

    section = ""

    @property
    def name(self) -> str:
        return f"{self.section}/{self.kind}/{self.index}"

    @property
    def rng(self) -> random.Random:
        """The case's own stream, whatever else is tried."""
        return random.Random(f"{self.seed}/{self.name}")

    def result(self, fault: str = "", tried: int = 1) -> Result:
        return Result(self.section, self.kind, self.name, tried, fault)
