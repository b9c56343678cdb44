"""What a league is: who plays, on which data, in which budget, and the runs that this asks for.

A league is no run itself. Every calibration, distillation and evaluation is one, so that it is resumed, reloaded from
what comes with the repository, and shared with whatever else asks for the same.
"""

import math
from dataclasses import dataclass

from ddkit.applications.league.calibration import Calibration
from ddkit.applications.league.entrants import ENTRANTS, entrant
from ddkit.data import SOURCES, canonical, parse_name
from ddkit.foundation.errors import require, whole
from ddkit.networks import parse
from ddkit.specs import Coreset, Distill, Evaluate, Full, RandomReal, Source, Start
from ddkit.training import PROTOCOLS

PROTOCOL, FULL_PROTOCOL = "standard", "assignment"  # of small sets, and of the full data, which need no 1,000 epochs
RANDOM, HERDING, FULL = "random real", "herding", "full data"


def per_class(ipc: int) -> str:
    """A budget in words."""
    return f"{ipc} image{'s' * (ipc > 1)} per class"


@dataclass(frozen=True)
class League:
    """Who plays, and under which rules.

    Attributes:
        dataset, size: as for ``data.load``.
        ipcs: budgets of bytes, as many float32 images per class.
        entrants: names in ``ENTRANTS``.
        minutes: of processor time for a distillation; experts, which several may share, are not counted.
        updates: of every distillation, in place of the minutes.
        network, width: matched on and trained.
        seeds: networks trained on each set.
        sets: distillations of each entrant, with other seeds.
        epochs: of the standard protocol; None takes its own 1,000.
        precision: of distillation and training; None takes the presets', and float32.
        full: whether the full data are trained on, too.
        quick: whether entrants play with their options of the quick profile.
        calibration: seconds of a ``Calibration``.
        absent: games, as of ``games``, that are left out.
    """

    dataset: str = "mnist"
    ipcs: tuple[int, ...] = (1, 10)
    entrants: tuple[str, ...] = tuple(ENTRANTS)
    minutes: float = 3.0
    updates: int | None = None
    network: str = "ConvNetD3"
    width: int = 32
    seeds: int = 5
    sets: int = 1
    size: int | None = None
    epochs: int | None = None
    precision: str | None = None
    full: bool = True
    quick: bool = False
    calibration: float = 10.0
    absent: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "dataset", canonical(self.dataset))
        for what, values in (("entrant", self.entrants), ("number of images per class", self.ipcs)):
            require(len(set(values)) == len(values) > 0, f"one or more different values are needed for {what}, got "
                                                         f"{', '.join(map(str, values)) or 'none'}")
        for name in self.entrants:
            entrant(name)
        for ipc in self.ipcs:
            whole(ipc, 1, "images per class (ipc)")
        require(0 < self.minutes < math.inf, f"the budget is a number of minutes above 0, got {self.minutes:g}")
        for name in ("updates", "seeds", "sets", "epochs"):
            if getattr(self, name) is not None:
                whole(getattr(self, name), 1, name)
        parse(self.network, self.width)

    @property
    def games(self) -> list[tuple[str, int]]:
        """Every entrant with every budget."""
        return [(name, ipc) for ipc in self.ipcs for name in self.entrants if (name, ipc) not in self.absent]

    def distillation(self, name: str, ipc: int, seed: int = 0, updates: int | None = None) -> Distill:
        """An entrant's, as many updates as are given; None takes the preset's, which a calibration does."""
        return entrant(name).distillation(self.dataset, ipc, self.network, self.width, self.quick, seed=seed,
                                          size=self.size, updates=updates, precision=self.precision)

    def calibration_of(self, name: str, ipc: int) -> Calibration:
        """What an entrant's updates are counted by."""
        return Calibration(self.distillation(name, ipc), self.calibration)

    def evaluation(self, source: Source, images: int, ipc: int, classes: int) -> Evaluate:
        """The score of a set of ``images``, with as many updates as a set of ``ipc`` images per class gets."""
        updates = self.updates_of(ipc * classes)
        equal = {"epochs": self.epochs} if self.updates_of(images) == updates else {"updates": updates}
        return Evaluate(source, PROTOCOL, self.network, self.width, self.seeds, precision=self._precision, **equal)

    def updates_of(self, images: int) -> int:
        """Gradient updates of the standard protocol on so many images."""
        how = PROTOCOLS[PROTOCOL]
        return (self.epochs or how.epochs) * math.ceil(images / how.batch)

    @property
    def classes(self) -> int:
        """How many the data have."""
        whole, some = parse_name(self.dataset)
        return len(some) or SOURCES[whole].classes

    def beside(self) -> dict[tuple[str, int], Evaluate]:
        """What every set is compared with, by name and images per class; the full data stand under 0."""
        classes, found = self.classes, {}
        for ipc in self.ipcs:
            real = {RANDOM: RandomReal(self.dataset, ipc, self.size),
                    HERDING: Coreset(self.dataset, ipc, size=self.size)}
            found |= {(name, ipc): self.evaluation(of, ipc * classes, ipc, classes) for name, of in real.items()}
        if self.full:
            found[FULL, 0] = Evaluate(Full(self.dataset, self.size), FULL_PROTOCOL, self.network, self.width, 1,
                                      precision=self._precision)
        return found

    def start_of(self, made: Distill, images: int, classes: int) -> Evaluate:
        """The score of what a distillation began with."""
        return self.evaluation(Start(made), images, made.ipc, classes)

    def prescribed(self, made: Distill) -> Evaluate:
        """The score of a set that owns the order or the rates of the training on it, with these."""
        return Evaluate(made, "prescribed", self.network, self.width, self.seeds, precision=self._precision)

    @property
    def _precision(self) -> str:
        return self.precision or "float32"

    @property
    def rules(self) -> str:
        """The budget and how sets are scored, in a sentence or two."""
        budget = (f"{self.updates:,} updates of each set" if self.updates is not None else
                  f"{self.minutes:g} minutes of processor time for each set, counted in updates that were timed before")
        sets = f"{self.sets} sets of each entrant, " * (self.sets > 1)
        length = "" if self.epochs is None else f" for {self.epochs:,} epochs"
        return (f"{self.dataset}, {self.network} of width {self.width}: {budget}; {sets}{self.seeds} networks on each "
                f"set, the {PROTOCOL} protocol{length}, the last "
                "epoch's score on test data. A set that decodes to more images is trained on for as many updates as "
                f"one that does not, and so for fewer epochs.{self._left_out}")

    @property
    def _left_out(self) -> str:
        """Which games are, in a sentence, or nothing."""
        missing = {ipc: [name for name, of in self.absent if of == ipc] for ipc in self.ipcs}
        return "".join(f" Left out with {per_class(ipc)}: {', '.join(who)}." for ipc, who in missing.items() if who)
