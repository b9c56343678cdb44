"""Class-incremental learning with a small memory (the course's application, Task 1.4).

The classes of a data set arrive in steps, a few at a time. After each step only ``ipc`` images per class may be
kept of it, and the network is tested on all classes seen so far. Two protocols use the memory:

* ``gdumb`` forgets the network, not the data: a fresh one is trained on the memory alone after each step (Prabhu, Torr
  and Dokania, "GDumb", ECCV 2020), so that nothing but the memory is judged;
* ``replay`` keeps the network and trains it on each step's data, with as many images from the memory beside them
  (experience replay; Chaudhry et al., "On Tiny Episodic Memories in Continual Learning", 2019).

The set of a step is a run of its own, on a data set that has that step's classes only: no method can see any other.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import ClassVar

import torch

from ddkit.applications.base import Application, Job, Outcome
from ddkit.applications.continual.memory import beside, union
from ddkit.data import Dataset, Split, name_of
from ddkit.foundation.errors import one_of, require, whole
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.networks import build, parse, sketch_for
from ddkit.networks.cost import Stopwatch
from ddkit.runs.jobs import PARTS
from ddkit.specs import Coreset, Distill, key, restore_spec
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.budget import storage
from ddkit.training import Protocol, fit, logits, score
from ddkit.training.scores import SCORED, Scores, metrics

PAIRS = ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))
PROTOCOLS = {
    # Small batches, so that twenty images and a hundred both get enough updates in few passes.
    "gdumb": Protocol("gdumb", epochs=200, batch=20, schedule="half", augmented=True),
    "replay": Protocol("replay", epochs=10, batch=64, schedule="half", augmented=True),
}
METRICS = {"accuracy": "final accuracy", "average_accuracy": "average accuracy", "forgetting": "forgetting"}  # in words


@dataclass(frozen=True)
class Continual(Application):
    """Names a continual run.

    Attributes:
        memory: what is kept of a step: a coreset or a distillation, with the whole data set's name. The run puts the
            step's classes and its own seeds into it.
        steps: the labels that arrive in each step.
        protocol: ``gdumb`` or ``replay``.
        network, width: trained on the memory.
        seeds: how often all of it is done, memories included.
        epochs: of each training; None takes the protocol's.
        new_images: of ``replay``: new images in an epoch, and as many from the memory.
    """

    RESULT: ClassVar[dict] = {"runs": [SCORED], "classes": [str], "chance": NUMBER, "bytes": [COUNT],
                              "memory_seconds": NUMBER}

    memory: Coreset | Distill
    steps: tuple[tuple[int, ...], ...] = PAIRS
    protocol: str = "gdumb"
    network: str = "ConvNetD3"
    width: int = 128
    seeds: int = 5
    epochs: int | None = None
    new_images: int = 1000

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        require(isinstance(self.memory, Coreset | Distill), "a memory is a coreset or a distillation, got "
                                                            f"{type(self.memory).__name__}")
        super().check()
        self.memory.check()
        one_of(self.protocol, PROTOCOLS, "protocol of continual learning")
        labels = list(chain(*self.steps))
        require(len(self.steps) >= 2 and all(len(step) >= 2 for step in self.steps),
                f"at least 2 steps of at least 2 classes are needed, got {list(map(list, self.steps))}")
        require(len(set(labels)) == len(labels), f"a class arrives once, got {list(map(list, self.steps))}")
        whole(self.seeds, 1, "seeds")
        whole(self.new_images, 1, "new_images")
        if self.epochs is not None:
            whole(self.epochs, 1, "epochs")
        parse(self.network, self.width)

    def check_on(self, dataset: Dataset) -> None:
        """The data set has the classes, and every step's memory and the network can be had."""
        for step in (*self.steps, tuple(chain(*self.steps))):
            seen = dataset.only(step)
            self.memory.check_on(seen)
            sketch_for(seen, self.network, self.width)

    @property
    def how(self) -> Protocol:
        """The protocol with its numbers."""
        found = PROTOCOLS[self.protocol]
        return found if self.epochs is None else replace(found, epochs=self.epochs)

    def decides(self) -> dict:
        return super().decides() | {"protocol": self.how}

    @property
    def of(self) -> Coreset | Distill:
        """The source that is worked on: the memory."""
        return self.memory

    @property
    def name(self) -> str:
        kind = self.memory.method
        return f"continual-{self.memory.dataset}-{kind}-ipc{self.memory.ipc}-{self.protocol}-{key(self)}"

    def work(self, job: Job) -> Outcome:
        """Run it, seed by seed and step by step; one that was stopped goes on with the step that it was at.

        The record's result has ``runs``, a dict of scores per seed (see ``summary``); ``classes`` in the order of their
        arrival, ``steps``, ``chance``, ``protocol``; ``bytes`` of the memory after each step; and ``memory_seconds``,
        the mean time to fill the memory in all steps of a seed, experts included. Beside it lies the last memory of the
        first seed.
        """
        whole = job.dataset.only(list(chain(*self.steps)))  # or an error, if there are no such classes
        kept, steps = job.checkpoint(f"{PARTS}/checkpoint.pt"), len(self.steps)
        state = kept.load() or {"done": [], "learner": {}}
        done = state["done"]  # scores of every step of every seed, in their order
        while len(done) < self.seeds * steps:
            seed, step = divmod(len(done), steps)
            learner = LEARNERS[self.protocol](self, job, seed)
            if step:
                learner.load_state_dict(state["learner"])
            done.append(learner.learn(step))
            state["learner"] = learner.state_dict()
            kept.save(state)
        return self._outcome(job, whole, [done[i : i + steps] for i in range(0, len(done), steps)])

    def _outcome(self, job: Job, whole: Dataset, done: list[list[dict]]) -> Outcome:
        sizes = [len(step) for step in self.steps]
        runs = [{"seed": seed} | summary(results, sizes) for seed, results in enumerate(done)]
        kept = [memories(self, job, len(self.steps), seed) for seed in range(self.seeds)]
        last = union([record.synthetic for record in kept[0]], whole.classes)
        last.origin |= {"dataset": whole.name, "fingerprint": whole.fingerprint, "init": "memory"}
        filled = [storage(record.synthetic) for record in kept[0]]
        result = {"runs": runs, "classes": list(whole.classes), "steps": [list(step) for step in self.steps],
                  "chance": whole.chance, "protocol": self.how.as_dict(), "bytes": list(accumulate(filled)),
                  "memory_seconds": statistics.fmean(sum(_seconds(record, job) for record in row) for row in kept)}
        seconds = sum(run["train_seconds"] + run["test_seconds"] for run in runs)
        return Outcome(seconds, runs[0]["updates"], result, last, superseded=(job.parts,))


def memories(spec: Continual, job: Job, steps: int, seed: int) -> list:
    """The records of what is kept of the first steps, each made on its own step's classes and nothing else."""
    return [job.run(replace(spec.memory, dataset=name_of(spec.memory.dataset, step), seed=seed))
            for step in spec.steps[:steps]]


def _seconds(kept, job: Job) -> float:
    """What a step's memory took to make, with the experts that it was matched to."""
    experts = getattr(restore_spec(kept.spec), "experts", None)
    return kept.seconds + (job.run(experts).seconds if experts else 0)


class _Learner:
    """One seed of a continual run."""

    def __init__(self, spec: Continual, job: Job, seed: int):
        self.spec, self.job, self.dataset, self.seed = spec, job, job.dataset, seed
        self.checkpoint = job.checkpoint(f"{PARTS}/training.pt", seed=seed)

    def seen(self, step: int) -> Dataset:
        """The classes that have arrived by the end of a step (from 0), in that order."""
        return self.dataset.only(list(chain(*self.spec.steps[: step + 1])))

    def memory(self, steps: int, classes: tuple[str, ...]) -> SyntheticSet:
        """What is kept of the first steps, in terms of ``classes``."""
        return union([record.synthetic for record in memories(self.spec, self.job, steps, self.seed)], classes)

    def title(self, step: int) -> str:
        return f"{self.spec.protocol}, seed {self.seed + 1}, step {step + 1} of {len(self.spec.steps)}"

    def learn(self, step: int) -> dict:
        """Go through a step (from 0); the scores of the network on all classes seen."""
        raise NotImplementedError

    def state_dict(self) -> dict:
        """What the next step depends on, besides the memory and the data."""
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Go on after the step that ``state`` was taken at."""


class GDumb(_Learner):
    """Trains a fresh network on the memory after each step."""

    def learn(self, step: int) -> dict:
        spec, seen = self.spec, self.seen(step)
        training = self.memory(step + 1, seen.classes).training_split().to(seen.train.images.device)
        return score(training, seen, spec.network, spec.how, self.seed, width=spec.width, title=self.title(step),
                     checkpoint=self.checkpoint, quiet=self.job.quiet)


class Replay(_Learner):
    """Trains one network through all steps, on new images with remembered ones beside them.

    It has an output for every class from the beginning; those of classes not seen yet are left out of its answers.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.classes = tuple(self.dataset.classes[c] for c in chain(*self.spec.steps))
        self.network = build(self.spec.network, self.dataset.channels, len(self.classes), self.dataset.size,
                             width=self.spec.width, generator=stream(self.seed, "continual network"))
        self.network.to(self.dataset.train.images.device)

    def learn(self, step: int) -> dict:
        seen = self.seen(step)
        data, new = self._data(step)
        made = fit(self.network, data, self.spec.how, stream(self.seed, f"continual order {step}"),
                   title=self.title(step), strategy=seen.strategy, checkpoint=self.checkpoint,
                   quiet=self.job.quiet, choose=lambda epoch: self._mix(epoch, step, new, len(data) - new))
        watch = Stopwatch()
        answers = logits(self.network, seen.test.images)[:, : len(seen.classes)]
        return metrics(answers, seen.test.labels) | {
            "updates": made.updates, "train_seconds": made.seconds, "test_seconds": watch.seconds}

    def _data(self, step: int) -> tuple[Split, int]:
        """The step's own images and behind them the memory of earlier steps; how many are its own.

        In the first step the memory is that of the step itself, and only says what kind of labels to train on: to
        begin with classes and go on with values would mean to learn anew.
        """
        own = self.dataset.only(self.spec.steps[step]).train
        new = Split(own.images, own.labels + len(list(chain(*self.spec.steps[:step]))))
        old = self.memory(max(step, 1), self.classes).training_split().to(own.images.device)
        return beside(new, old, len(self.classes)), len(new)

    def _mix(self, epoch: int, step: int, new: int, old: int) -> torch.Tensor:
        """Indices of an epoch's images: some of the ``new`` ones and, after the first step, as many of the ``old``."""
        generator = stream(self.seed, f"continual mix {step} {epoch}")
        fresh = torch.randperm(new, generator=generator)[: self.spec.new_images]
        return torch.cat([fresh, new + torch.randint(old, (len(fresh),), generator=generator)]) if step else fresh

    def state_dict(self) -> dict:
        return self.network.state_dict()

    def load_state_dict(self, state: dict) -> None:
        self.network.load_state_dict(state)


LEARNERS = {"gdumb": GDumb, "replay": Replay}


def by_step(confusion: list[list[int]], sizes: Sequence[int]) -> list[float]:
    """The share of test images recognised among the classes of each step so far.

    Args:
        confusion: counts, rows: true class, in the order of arrival.
        sizes: how many classes arrived in each step.
    """
    shares, first = [], 0
    for size in sizes:
        rows = range(first, min(first + size, len(confusion)))
        if rows:
            shares.append(sum(confusion[c][c] for c in rows) / sum(sum(confusion[c]) for c in rows))
        first += size
    return shares


def forgetting(shares: list[list[float]]) -> float:
    """How much of what it once could the network has lost (Chaudhry et al., ECCV 2018), averaged over steps s < T:

        F = mean over s of (max over s <= t < T of a[t][s]) - a[T][s]

    Args:
        shares: a[t][s], the share recognised of step s's test images after step t, s <= t <= T (see ``by_step``).
    """
    *before, last = shares
    return statistics.fmean(max(row[s] for row in before[s:]) - last[s] for s in range(len(before)))


def summary(results: list[dict], sizes: Sequence[int]) -> dict:
    """A seed's scores: those after the last step, with ``average_accuracy`` over all steps, ``forgetting``,
    ``after`` (accuracy after each step), ``by_step`` (see ``forgetting``), and seconds and updates of all steps."""
    shares = [by_step(result["confusion"], sizes) for result in results]
    after = [result["accuracy"] for result in results]
    totals = {name: sum(result[name] for result in results) for name in ("updates", "train_seconds", "test_seconds")}
    last = {name: value for name, value in results[-1].items() if name not in ("losses", "seed")}
    return last | totals | {"average_accuracy": statistics.fmean(after), "forgetting": forgetting(shares),
                            "after": after, "by_step": shares}


def after_step(record, step: int) -> Scores:
    """The accuracies after a step (from 0), one per seed."""
    return Scores(tuple({"accuracy": run["after"][step]} for run in record.result["runs"]), notes=tuple(record.notes))
