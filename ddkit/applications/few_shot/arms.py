"""What the arms of a comparison make of one target from one start, and what they cost it.

The first stage, distillation in one network, is the same in all arms, and is made once. Then every arm meets so many
fresh networks, each arm the same ones, with the same real images. Each set is, bit for bit, the one that ``Distill``
of the same options makes.
"""

import math
import time
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from torch import Tensor

from ddkit import methods
from ddkit.applications.few_shot.judging import Judges
from ddkit.data import Dataset
from ddkit.foundation.device import without_tf32
from ddkit.foundation.errors import InputError
from ddkit.foundation.randomness import stream
from ddkit.methods.translation.inner import OneNetwork
from ddkit.methods.translation.regression import Statistics
from ddkit.methods.translation.translative import one_network
from ddkit.specs import Distill
from ddkit.synthetic import SyntheticSet

ONE, PIXELS, IDENTITY, RANDOM, PRETRAINED = "one network", "pixels", "identity", "random", "pre-trained"
ARMS = {PIXELS: "none", IDENTITY: "identity", RANDOM: "random", PRETRAINED: "pre-trained"}
"""What is moved by the steps in fresh networks, and what the method calls it."""


class Ask(NamedTuple):
    """An arm's set after so many steps in fresh networks, at that rate."""

    arm: str
    steps: int
    rate: float

    @property
    def key(self) -> str:
        return f"{self.arm}, {self.steps} steps at {self.rate!r}"


@dataclass(frozen=True)
class First:
    """The first stage: a set that is distilled in one network.

    Attributes:
        stage: its end.
        statistics_seconds, seconds: processor time of looking at the real images once, and of the updates.
    """

    stage: OneNetwork
    statistics_seconds: float
    seconds: float


def summed_up(asked: Distill, dataset: Dataset) -> tuple[Statistics, float]:
    """What the fixed network sees of the real images, and the seconds of processor time that it takes."""
    begun = time.process_time()
    return one_network(asked.config, dataset, asked.starting_set(dataset)).statistics, time.process_time() - begun


def first_stage(asked: Distill, dataset: Dataset, known: tuple[Statistics, float] | None = None) -> First:
    """The first stage of a distillation.

    Args:
        known: what ``summed_up`` gave, if the real images have been looked at already.
    """
    statistics, looking = known or summed_up(asked, dataset)
    begun = time.process_time()
    stage = one_network(asked.config, dataset, asked.starting_set(dataset), statistics)
    with without_tf32():
        while stage.done < stage.updates:
            stage.update()
    return First(stage, looking, time.process_time() - begun)


def adapted(asked: Distill, dataset: Dataset, first: First, weights: dict[str, Tensor] | None
            ) -> tuple[SyntheticSet, float]:
    """The set of a distillation whose first stage is made, and the seconds of processor time since then.

    Args:
        weights: of a pre-trained translator, where one is wanted.

    Raises:
        InputError: the steps led to a set that cannot be regressed on, or to a loss that is no number.
    """
    method = methods.get(asked.method)(asked.config)
    method.pretrained, method.begun = weights, first.stage
    made, begun = asked.starting_set(dataset), time.process_time()
    method.start(dataset, made, partial(stream, asked.seed))
    with without_tf32():
        for step in range(asked.total_updates - asked.config.inner_updates):
            if not math.isfinite(method.update()["loss"]):
                raise InputError(f"step {step + 1} diverged at rate {asked.config.adapt_lr:g}: lower it")
    return made, time.process_time() - begun


def judged(judges: dict[str, Judges], made: SyntheticSet) -> dict:
    """``accuracy`` and ``loss`` by the first judges, and ``others``, the accuracy by those of each further network."""
    first, *others = ((name, one.judge(made.images, made.labels)) for name, one in judges.items())
    return first[1] | {"others": {name: found["accuracy"] for name, found in others}}
