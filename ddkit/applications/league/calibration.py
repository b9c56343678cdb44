"""How long an entrant's update takes on the machine that first timed it: a run like any other, measured once and kept.

A league gives every method the same minutes and not the same updates. How many updates those are is read off here, and
from then on stands in the names of the distillations: a league that is resumed, or read elsewhere, has the same.
"""

import contextlib
import math
import threading
import time
from dataclasses import dataclass, field
from typing import ClassVar

from ddkit.data import Dataset
from ddkit.foundation.errors import Stopped, Unmoved, require
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.methods.loop import Callback, distill
from ddkit.networks.cost import Stopwatch
from ddkit.runs.jobs import Job, Outcome
from ddkit.runs.spec import OfSource, Spec, key
from ddkit.specs import Distill

PATIENCE = 6  # times the seconds asked for, after which a cycle that has not ended is not waited for
FEWEST = 2  # updates that are timed at least, after one that is not
LOOPS = ("outer", "iterations", "image_steps")  # knobs whose product is the number of updates on one network


def cycle(config) -> int:
    """Updates after which a method's work begins anew, those on one network: all of its updates need not cost the
    same, but all of its cycles do."""
    return math.prod(getattr(config, name, 1) for name in LOOPS)


@dataclass(frozen=True)
class Calibration(OfSource, Spec):
    """Names the timing of a distillation's updates, in seconds of processor time.

    Attributes:
        of: the distillation, with any number of updates.
        seconds: that are timed at least, and a whole ``cycle``; no cycle is waited for longer than ``PATIENCE`` times
            as long.
    """

    RESULT: ClassVar[dict] = {"start_seconds": NUMBER, "update_seconds": NUMBER, "timed": COUNT}

    of: Distill
    seconds: float = 10.0

    def check(self) -> None:
        super().check()
        self.of.check()
        require(0 <= self.seconds < math.inf, f"a calibration takes 0 or more seconds, got {self.seconds}")

    def check_on(self, dataset: Dataset) -> None:
        self.of.check_on(dataset)

    @property
    def name(self) -> str:
        return f"calibration-{self.dataset}-{self.of.method}-{self.of.preset}-ipc{self.of.ipc}-{key(self)}"

    def work(self, job: Job) -> Outcome:
        """Begin the distillation, make a few updates, and throw them away."""
        asked, watch, begun = self.of, Stopwatch(), time.process_time()
        method = asked.method_for(job)
        if asked.experts:
            begun = time.process_time()  # what experts take is told apart from what is done with them
        synthetic = asked.starting_set(job.dataset)
        timer = _Timer(self.seconds, cycle(asked.config))
        with contextlib.suppress(Stopped, Unmoved):  # where every update was skipped, time was taken all the same
            distill(method, synthetic, job.dataset, updates=asked.total_updates, seed=asked.seed, callbacks=(timer,),
                    stop=timer.enough, quiet=True)
        first, *_ = timer.marks
        return Outcome(watch.seconds, timer.timed, {"start_seconds": first - begun, "timed": timer.timed,
                                                    "update_seconds": timer.update_seconds})


@dataclass
class _Timer(Callback):
    """Notes the processor's time at the start and after each update, and says when there are enough."""

    seconds: float
    cycle: int
    marks: list[float] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)

    def on_start(self, synthetic, history) -> None:
        self.marks.append(time.process_time())

    def on_update(self, synthetic, history) -> None:
        self.marks.append(time.process_time())
        taken = self.marks[-1] - self.marks[0]
        whole = self.timed >= self.cycle and taken >= self.seconds
        if self.timed >= FEWEST and (whole or taken >= PATIENCE * self.seconds):
            self.enough.set()

    @property
    def timed(self) -> int:
        """Updates that count: all but the first, in which torch still makes room for what follows."""
        return max(1, len(self.marks) - 2)

    @property
    def update_seconds(self) -> float:
        """Of an update, on the average of those that count."""
        before = self.marks[-1 - self.timed]
        return (self.marks[-1] - before) / self.timed


def updates_in(minutes: float, start_seconds: float, update_seconds: float) -> int:
    """Updates that fit so many minutes of processor time.

    Raises:
        InputError: none does.
    """
    left = 60 * minutes - start_seconds
    require(left >= update_seconds, f"{minutes:g} minutes allow no update: the start takes {start_seconds:.2f} s and "
                                    f"an update {update_seconds:.2f} s of processor time; give more minutes, or fix "
                                    "the updates (--updates)")
    return int(left / max(update_seconds, 1e-9))
