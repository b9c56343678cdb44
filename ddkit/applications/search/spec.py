"""Architecture search: train every network of a grid on a small set, and hope that the best there is the best of all.

The proxy (a distilled set, random real images, a few updates on the full data) and the truth (the full data) are runs
of one kind, a ``Search``, so the truth is had once and every proxy is compared with it (``ranking``). The field's grid
is that of Zhao et al., "Dataset Condensation with Gradient Matching", ICLR 2021: 720 ConvNets.
"""

import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import ClassVar

import torch

from ddkit.applications.base import Application, Job, Outcome
from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import Diverged, one_of, require, whole
from ddkit.foundation.memory import require_memory
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.networks import ACTIVATION_SUFFIXES, ACTIVATIONS, NORMS, POOLING_SUFFIXES, POOLINGS, SUFFIXES, sketch_for
from ddkit.networks.cost import Stopwatch
from ddkit.runs.jobs import PARTS
from ddkit.runs.workers import in_parallel
from ddkit.specs import Evaluate, Source
from ddkit.training import PROTOCOLS, Protocol, score
from ddkit.training.scores import Scores

# What a candidate is made of, and what the grid calls the values of each.
CHOICES = {"depth": "depths", "width": "widths", "norm": "norms", "activation": "activations", "pooling": "poolings"}
KNOWN = {"norm": NORMS, "activation": ACTIVATIONS, "pooling": POOLINGS}
KEPT = ("accuracy", "balanced_accuracy", "auc", "updates", "train_seconds", "test_seconds")  # of each training


_TOLD = 10_000  # bytes that are kept of a training, at the least


@dataclass(frozen=True)
class Candidate:
    """A ConvNet: ``depth`` blocks of ``width`` channels, with a norm, an activation and a pooling of ``networks``."""

    depth: int
    width: int
    norm: str
    activation: str
    pooling: str

    @property
    def network(self) -> str:
        """Its name for ``networks.build``, to which the width is given apart."""
        return f"ConvNetD{self.depth}{self._suffixes}"

    @property
    def name(self) -> str:
        """As in ``D3W32INARAP``: depth 3, width 32, instance norm, activation ReLU, average pooling."""
        return f"D{self.depth}W{self.width}{self._suffixes}"

    @property
    def _suffixes(self) -> str:
        tables = ((SUFFIXES, self.norm), (ACTIVATION_SUFFIXES, self.activation), (POOLING_SUFFIXES, self.pooling))
        return "".join(next(k for k, v in table.items() if k and v == value) for table, value in tables)


@dataclass(frozen=True)
class Grid:
    """The networks to choose from: every combination, or ``number`` of them.

    Attributes:
        depths, widths, norms, activations, poolings: of ``networks.ConvNet``; together the field's 720 by default.
        number: of networks to draw; None takes all.
        seed: of the draw, in which every depth, width, norm, activation and pooling has nearly its equal share.
    """

    depths: tuple[int, ...] = (1, 2, 3, 4)
    widths: tuple[int, ...] = (32, 64, 128, 256)
    norms: tuple[str, ...] = ("none", "batch", "layer", "instance", "group")
    activations: tuple[str, ...] = ("sigmoid", "relu", "leakyrelu")
    poolings: tuple[str, ...] = ("none", "max", "avg")
    number: int | None = None
    seed: int = 0

    def __post_init__(self):
        for choice, plural in CHOICES.items():
            values = getattr(self, plural)
            require(len(set(values)) == len(values) > 0, f"{plural} must be one or more different values, got "
                                                         f"{', '.join(map(str, values)) or 'none'}")
            for value in values if choice in KNOWN else ():
                one_of(value, KNOWN[choice], choice)
        require(min(self.widths) >= 1, f"a width must be at least 1, got {min(self.widths)}")
        require(min(self.depths) >= 1 and max(self.depths) <= 8, f"depths must be 1 to 8, got {self.depths}")
        require(self.number is None or 2 <= self.number <= self.combinations,
                f"a search needs at least 2 networks, and this grid has {self.combinations}: got number {self.number}")

    @property
    def combinations(self) -> int:
        return math.prod(len(getattr(self, values)) for values in CHOICES.values())

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """The networks, shallow and narrow ones first."""
        everything = [Candidate(*values) for values in product(*(getattr(self, v) for v in CHOICES.values()))]
        return tuple(everything if self.number is None else self._draw(everything))

    def _draw(self, everything: list[Candidate]) -> list[Candidate]:
        """A balanced sample: one after the other, in random order, whose values have been taken least so far."""
        order = torch.randperm(len(everything), generator=stream(self.seed, "grid")).tolist()
        taken, drawn = Counter(), []
        for _ in range(self.number):
            chosen = min(order, key=lambda i: sum(taken[part] for part in self._parts(everything[i])))
            order.remove(chosen)
            drawn.append(chosen)
            taken.update({part: len(getattr(self, CHOICES[part[0]])) for part in self._parts(everything[chosen])})
        return [everything[i] for i in sorted(drawn)]

    @staticmethod
    def _parts(candidate: Candidate) -> list[tuple[str, object]]:
        return [(choice, getattr(candidate, choice)) for choice in CHOICES]


@dataclass(frozen=True)
class Search(Application):
    """Names a search: train every network of ``grid`` on ``of`` and score it on *validation* data.

    The record's result holds ``candidates``: by name the number of parameters and ``runs``, one dict for each seed with
    what ``KEPT`` lists (and ``diverged``, if the training did; it then counts as guessing); also ``protocol``,
    ``training_images`` and ``chance``. Its ``seconds`` are the sum over all trainings, as if one came after the other.

    Attributes:
        of: what the networks are trained on: for the truth ``Full``, for a proxy any other source.
        grid: the networks.
        protocol, epochs: as in ``Evaluate``; no kernel's, and not ``learned``.
        updates: instead of the epochs, to stop early.
        seeds: networks trained for each candidate.
    """

    RESULT: ClassVar[dict] = {"candidates": {...: {"parameters": COUNT, "runs": [{"accuracy": NUMBER}]}},
                              "chance": NUMBER}

    of: Source
    grid: Grid = Grid()
    protocol: str = "assignment"
    epochs: int | None = None
    updates: int | None = None
    seeds: int = 1

    def check(self) -> None:
        one_of(self.protocol, PROTOCOLS, "protocol")
        require(self.protocol != "learned", "a search trains all networks at one learning rate: take the 'standard' "
                                            "protocol instead of 'learned'")
        require(self.epochs is None or self.updates is None, "a search counts either epochs or updates, not both")
        for name in ("epochs", "updates", "seeds"):
            if getattr(self, name) is not None:
                whole(getattr(self, name), 1, name)
        for candidate in self.grid.candidates:
            self._evaluation(candidate).check()

    def check_on(self, dataset: Dataset) -> None:
        """Every candidate takes the images, and the source can be had."""
        trainings = self.seeds * len(self.grid.candidates)
        require_memory(_TOLD * trainings, f"what is told of {trainings:,} trainings", "ask for fewer seeds or networks")
        self.of.check_on(dataset)
        for candidate in self.grid.candidates:
            sketch_for(dataset, candidate.network, candidate.width)

    def _evaluation(self, candidate: Candidate) -> Evaluate:
        return Evaluate(self.of, self.protocol, candidate.network, candidate.width, self.seeds, self.epochs)

    def how(self, dataset: Dataset) -> Protocol:
        """The protocol with its numbers."""
        found = self._evaluation(self.grid.candidates[0]).how(dataset)
        return found if self.updates is None else replace(found, epochs=None, updates=self.updates)

    def final(self, name: str) -> Evaluate:
        """The evaluation on *test* data of one candidate, trained as in this search: the same network, bit for bit.

        Raises:
            InputError: no such candidate, or a training stopped early, which is no final one.
        """
        require(self.updates is None, "a final score needs a whole training: take the search on the full data")
        named = {candidate.name: candidate for candidate in self.grid.candidates}
        return self._evaluation(named[one_of(name, named, "candidate")])

    def decides(self) -> dict:
        return super().decides() | {"protocol": PROTOCOLS[self.protocol]}

    def work(self, job: Job) -> Outcome:
        """Train every candidate, in parallel where joblib is told to, or reload those done."""
        dataset, candidates = job.dataset, self.grid.candidates
        how = self.how(dataset)
        parameters = {c.name: _parameters(c, dataset) for c in candidates}
        training = [self.of.training_set(job, seed) for seed in range(self.seeds)]
        asked = [(candidate, seed) for candidate in candidates for seed in range(self.seeds)]
        done = in_parallel(train_candidate, (
            (_kept(job, candidate, seed), candidate, seed, how, training[seed], dataset,
             f"network {number} of {len(asked)}, {candidate.name}", job.quiet)
            for number, (candidate, seed) in enumerate(asked, 1)))
        found = {c.name: {"parameters": parameters[c.name],
                          "runs": [r for (other, _), r in zip(asked, done, strict=True) if other == c]}
                 for c in candidates}
        seconds = sum(run["train_seconds"] + run["test_seconds"] for run in done)
        return Outcome(seconds, max(run["updates"] for run in done), {
            "candidates": found, "protocol": how.as_dict(), "training_images": len(training[0]),
            "chance": _guess(dataset.val)}, superseded=(job.parts,))


def _kept(job: Job, candidate: Candidate, seed: int) -> tuple[Checkpoint, Checkpoint]:
    """Where the outcome of a candidate's training is kept, and the training on the way there."""
    name = f"{candidate.name}-{seed}"
    return tuple(job.checkpoint(f"{PARTS}/{name}{suffix}.pt", candidate=name) for suffix in ("-done", ""))


def train_candidate(kept: tuple[Checkpoint, Checkpoint], candidate: Candidate, seed: int, how: Protocol,
                    training: Split, dataset: Dataset, title: str = "candidate", quiet: bool = False) -> dict:
    """Train and score a candidate, or go on with it, or reload what came of it; candidates do not touch each other."""
    outcome, training_so_far = kept
    done = outcome.load()
    if done:
        return done
    watch = Stopwatch()
    try:
        found = score(training, dataset, candidate.network, how, seed, width=candidate.width, split="val",
                      title=title, checkpoint=training_so_far, quiet=quiet)
        result = {name: found[name] for name in KEPT if name in found}
    except Diverged as error:  # an outcome like any other: this network is not to be chosen
        guess, classes = _guess(dataset.val), len(dataset.classes)
        result = {"accuracy": guess, "balanced_accuracy": 1 / classes, **({"auc": 0.5} if classes == 2 else {}),
                  "updates": 0, "train_seconds": watch.seconds, "test_seconds": 0.0, "diverged": str(error)}
    outcome.save(result)
    return result


def _guess(split: Split) -> float:
    """Accuracy of always naming the most frequent class."""
    return float(torch.bincount(split.labels).max() / len(split))


def _parameters(candidate: Candidate, dataset: Dataset) -> int:
    return sum(p.numel() for p in sketch_for(dataset, candidate.network, candidate.width).parameters())


def scores(result: dict) -> dict[str, Scores]:
    """Validation scores of every candidate, by name, from the ``result`` of a search's record."""
    return {name: Scores(tuple(found["runs"])).headline for name, found in result["candidates"].items()}
