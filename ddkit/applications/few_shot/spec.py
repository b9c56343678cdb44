"""The comparison of few-shot distillations: arms that meet as many networks on the target, at rates chosen alike."""

import math
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ddkit.applications.base import Application, Job, Outcome
from ddkit.applications.few_shot.arms import (
    ARMS,
    IDENTITY,
    ONE,
    PIXELS,
    PRETRAINED,
    Ask,
    First,
    adapted,
    first_stage,
    judged,
    summed_up,
)
from ddkit.applications.few_shot.judging import Judges
from ddkit.data import Dataset, parse_name
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import InputError, one_of, require, whole
from ddkit.foundation.progress import bar
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.methods import presets
from ddkit.methods.translation.regression import Statistics
from ddkit.networks import parse, sketch_for
from ddkit.networks.cost import Stopwatch
from ddkit.runs import WEIGHTS, Record
from ddkit.runs.jobs import PARTS
from ddkit.runs.workers import in_parallel
from ddkit.specs import Distill, Full, Pretrain
from ddkit.synthetic import check_ipc
from ddkit.training import PROTOCOLS, score

RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)  # of Adam, that every arm chooses from
_RUN = {"accuracy": NUMBER, "loss": NUMBER, "seconds": NUMBER, "others": {...: NUMBER}, "?trained": NUMBER}


@dataclass(frozen=True)
class FewShot(Application):
    """Names a comparison.

    The record's result has ``rows``, each of an ``arm`` that met so many networks (``met``, the first included) at a
    ``rate``, with a run for each seed: ``accuracy`` and ``loss`` as ``Judges`` have them, ``others``, the accuracy by
    further networks, ``trained``, that of a network trained on the set by the standard protocol, and ``seconds`` of
    processor time since the first stage. ``first`` says of each seed's first stage what it took, and the accuracy in
    its ``own`` network. ``validation`` has the losses that rates were chosen by: None where steps diverged.

    Attributes:
        of: the target.
        pretraining: of the translator; all networks are as its own.
        arms: among ``ARMS``; the one network's set itself, which is what pixels and identity begin as, is a row anyway.
        ipc: synthetic images of each class.
        steps: k, each a number of further networks that are met.
        rates: to choose from, for each arm and each k, by the loss on validation images.
        seeds: sets, each with a start, networks and judges of its own.
        trials: sets of further seeds, that rates are chosen on.
        held_out: 0, or how many classes each set is of: drawn, for each seed, from those that the pre-training held
            out, of the same data.
        inner_updates: in the one network.
        part: of the data that sets are judged by: ``test``, or ``val`` where something is yet to be chosen.
        others: further networks that judge.
        trained: those of ``steps`` after which a network is trained on the set as well.
    """

    RESULT: ClassVar[dict] = {
        "rows": [{"arm": str, "met": COUNT, "rate": (None, NUMBER), "runs": [_RUN]}],
        "first": [{"own": NUMBER, "statistics_seconds": NUMBER, "seconds": NUMBER, "classes": [str]}],
        "validation": [{"arm": str, "met": COUNT, "rate": NUMBER, "losses": [(None, NUMBER)]}],
        "?pretraining": {"run": str, "seconds": NUMBER, "?cpu_seconds": NUMBER, "classes": COUNT}}

    of: Full
    pretraining: Pretrain = Pretrain()  # noqa: RUF009 (frozen)
    arms: tuple[str, ...] = (PIXELS, IDENTITY, PRETRAINED)
    ipc: int = 1
    steps: tuple[int, ...] = (0, 10, 30, 100)
    rates: tuple[float, ...] = RATES
    seeds: int = 5
    trials: int = 1
    held_out: int = 0
    inner_updates: int = 500
    part: str = "test"
    others: tuple[str, ...] = ()
    trained: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, kind in (("steps", int), ("rates", float), ("trained", int)):
            object.__setattr__(self, name, _sorted(name, getattr(self, name), kind))
        for name in ("arms", "others"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def check(self) -> None:
        super().check()
        self.pretraining.check()
        require(len(set(self.arms)) == len(self.arms) > 0, "arms are different ones, one at least")
        for arm in self.arms:
            one_of(arm, ARMS, "arm")
        for name, least in (("ipc", 1), ("seeds", 1), ("trials", 1), ("inner_updates", 1), ("held_out", 0)):
            whole(getattr(self, name), least, name)
        require(self.steps and self.steps[0] >= 0, "steps are numbers of further networks, as (0, 10), got "
                                                   f"{self.steps}")
        require(set(self.trained) <= set(self.steps), f"networks are trained after some of the steps {self.steps}, got "
                                                      f"{self.trained}")
        require(self.rates and self.rates[0] > 0, f"rates are positive, as (0.001, 0.01), got {self.rates}")
        one_of(self.part, ("val", "test"), "part")
        for network in self.others:
            parse(network, self.pretraining.plan.width)
        self._check_held_out()

    def _check_held_out(self) -> None:
        if not self.held_out:
            return
        same = (self.dataset, self._size) == (self.pretraining.dataset, self.pretraining.size)
        require(same and not parse_name(self.dataset)[1], f"held-out classes are those of the pre-training's own data, "
                f"{self.pretraining.dataset}, all of it, in its size: name these as the target, or leave held_out at 0 "
                f"(got {self.dataset})")
        require(2 <= self.held_out <= self.pretraining.plan.held_out, f"{self.pretraining.plan.held_out} classes were "
                f"held out by the pre-training, got held_out {self.held_out}: take from 2 to as many")

    @property
    def _size(self) -> int | None:
        return Pretrain(self.pretraining.dataset, size=self.size).size  # None where it is the data's own

    def check_on(self, dataset: Dataset) -> None:
        self.pretraining.check_for(dataset)
        for target in (self.target(dataset, seed) for seed in range(self.seeds if self.held_out else 1)):
            check_ipc(self.ipc, target)
            for arm in self.arms:
                self.distillation(target, arm, max(self.steps), self.rates[0], 0).check_on(target)
        for network in self.others:
            sketch_for(dataset, network, self.pretraining.plan.width)

    def decides(self) -> dict:
        how = {"protocol": PROTOCOLS["standard"]} if self.trained else {}
        return super().decides() | {"of": self.of, "preset": presets.configure("translative", "laptop", {})} | how

    def target(self, dataset: Dataset, seed: int) -> Dataset:
        """What a seed's set is of."""
        if not self.held_out:
            return dataset
        _, held = self.pretraining.plan.classes(dataset, self.pretraining.seed)
        drawn = stream(seed, "held-out target")
        return dataset.only([held[i] for i in torch.randperm(len(held), generator=drawn)[: self.held_out].tolist()])

    def distillation(self, target: Dataset, arm: str, steps: int, rate: float, seed: int) -> Distill:
        """The distillation that makes an arm's set, after so many steps at that rate."""
        translator = ARMS[PIXELS if arm == ONE else arm]
        named = self.pretraining.as_knobs(presets.configure("translative", "laptop", {}).begun_with, self.size)
        named |= {"translator": translator, "inner_updates": self.inner_updates, "adapt_lr": rate}
        if translator != "pre-trained":
            named |= {"pretrained_size": None, "pretrained_with": ""}
        return Distill(target.name, "translative", "laptop", self.ipc, updates=self.inner_updates + steps, seed=seed,
                       size=self.size, options=named)

    def work(self, job: Job) -> Outcome:
        """Choose rates on validation images, then make and judge every seed's sets, side by side where joblib is told
        to; or go on with what is made."""
        seeds = _Seeds.of(self, job)
        moved = [(arm, k) for arm in self.arms for k in self.steps if k]
        validation, spent = self._validated(seeds, moved)
        asks = [Ask(arm, 0, self.rates[0]) for arm in (ONE, *filter(_translates, self.arms)) if 0 in self.steps]
        asks += [Ask(arm, k, _best(validation, arm, k) if validation else self.rates[0]) for arm, k in moved]
        found = seeds.made(asks, range(self.seeds), self.part)
        rows = [{"arm": ask.arm, "met": 1 + ask.steps, "rate": ask.rate if ask.steps else None,
                 "runs": [one["made"][ask.key] for one in found]} for ask in asks]
        result = {"rows": rows, "first": [one["first"] for one in found], "validation": validation} | seeds.learned_from
        seconds = seeds.looking + spent + sum(one["seconds"] for one in found)
        return Outcome(seconds, self.inner_updates + max(self.steps), result, superseded=(job.parts,))

    def _validated(self, seeds: "_Seeds", moved: list[tuple[str, int]]) -> tuple[list[dict], float]:
        """The loss on validation images of every arm, k and rate, for the seeds after those that are scored, and the
        seconds that these took; nothing where there is nothing to choose."""
        if len(self.rates) == 1 or not moved:
            return [], 0.0
        asks = [Ask(arm, k, rate) for arm, k in moved for rate in self.rates]
        found = seeds.made(asks, range(self.seeds, self.seeds + self.trials), "val")
        rows = [{"arm": ask.arm, "met": 1 + ask.steps, "rate": ask.rate,
                 "losses": [one["made"][ask.key]["loss"] for one in found]} for ask in asks]
        return rows, sum(one["seconds"] for one in found)


def _translates(arm: str) -> bool:
    """Whether its set differs from the one network's before any step."""
    return arm not in (PIXELS, IDENTITY)


def _best(validation: list[dict], arm: str, steps: int) -> float:
    """The rate with the least mean loss; the lowest of several."""
    means = {row["rate"]: statistics.fmean(math.inf if loss is None else loss for loss in row["losses"])
             for row in validation if (row["arm"], row["met"]) == (arm, 1 + steps)}
    return min(means, key=means.get)


@dataclass(frozen=True)
class _Seeds:
    """What all sets of a comparison are made from.

    Attributes:
        pretrained: the record of the translator, where an arm begins with it.
        known: what ``summed_up`` gave of the target; None where every seed has its own.
    """

    spec: FewShot
    job: Job
    pretrained: Record | None
    known: tuple[Statistics, float] | None

    @classmethod
    def of(cls, spec: FewShot, job: Job) -> "_Seeds":
        known = None if spec.held_out else summed_up(spec.distillation(job.dataset, PIXELS, 0, spec.rates[0], 0),
                                                     job.dataset)
        return cls(spec, job, job.run(spec.pretraining) if PRETRAINED in spec.arms else None, known)

    @property
    def looking(self) -> float:
        """Seconds of what is made once for all seeds."""
        return 0.0 if self.known is None else self.known[1]

    @property
    def learned_from(self) -> dict:
        """What the comparison's record says of the translator."""
        if self.pretrained is None:
            return {}
        result = self.pretrained.result
        busy = {"cpu_seconds": result["cpu_seconds"]} if "cpu_seconds" in result else {}
        return {"pretraining": {"run": self.pretrained.name, "seconds": self.pretrained.seconds,
                                "classes": len(result["classes"])} | busy}

    def made(self, asks: list[Ask], seeds: Iterable[int], part: str) -> list[dict]:
        """For each seed its ``first`` stage, told, what was ``made``, judged, by the key of what was asked, and the
        ``seconds`` of processor time that all of it took."""
        job, whose = self.job, {} if self.pretrained is None else {"weights": self.pretrained.files[WEIGHTS]}
        weights = self.pretrained and self.pretrained.weights
        return in_parallel(_of_seed, (
            (job.checkpoint(f"{PARTS}/{part}-{seed}.pt", **whose), self.spec, asks, seed, part,
             self.spec.target(job.dataset, seed), self.known, weights, job.quiet) for seed in seeds))


def _of_seed(kept: Checkpoint, spec: FewShot, asks: list[Ask], seed: int, part: str, target: Dataset,
             known: tuple[Statistics, float] | None, weights: dict[str, Tensor] | None, quiet: bool) -> dict:
    """What was made for a seed, or kept of it; each set is kept once it is judged."""
    state = {"made": {}, "seconds": 0.0} | (kept.load() or {})
    todo = [ask for ask in asks if ask.key not in state["made"]]
    if not todo:
        return state
    watch, plan = Stopwatch(state["seconds"], time.process_time), spec.pretraining.plan
    first = first_stage(spec.distillation(target, PIXELS, 0, spec.rates[0], seed), target, known)
    judges = {name: Judges.drawn(target, name, plan.width, seed, part) for name in (plan.network, *spec.others)}
    state.setdefault("first", _told(first, target, part))
    title = f"sets of {spec.dataset}, {part} images, seed {seed}"
    with bar(len(asks), title, "set", done=len(asks) - len(todo), quiet=quiet) as progress:
        for ask in todo:
            state["made"][ask.key] = _one(spec, ask, seed, part, target, first, weights, judges)
            state["seconds"] = watch.seconds
            kept.save(state)
            progress.step()
    return state


def _told(first: First, target: Dataset, part: str) -> dict:
    stage = first.stage
    own = Judges.of([stage.network], target, part).judge(stage.images.detach(), stage.targets.detach())
    return {"own": own["accuracy"], "statistics_seconds": first.statistics_seconds, "seconds": first.seconds,
            "classes": list(target.classes)}


def _one(spec: FewShot, ask: Ask, seed: int, part: str, target: Dataset, first: First,
         weights: dict[str, Tensor] | None, judges: dict[str, Judges]) -> dict:
    """A set, judged. Where its steps diverge while a rate is being chosen, it has no loss."""
    asked, plan = spec.distillation(target, ask.arm, ask.steps, ask.rate, seed), spec.pretraining.plan
    try:
        made, seconds = adapted(asked, target, first, weights)
        found = judged(judges, made) | {"seconds": seconds}
    except InputError:
        if seed < spec.seeds:
            raise
        return {"loss": None}
    if ask.steps in spec.trained and seed < spec.seeds:
        found["trained"] = score(made.training_split(), target, plan.network, PROTOCOLS["standard"], seed,
                                 width=plan.width, split=part, quiet=True)["accuracy"]
    return found


def _sorted(name: str, given: object, kind: type) -> tuple:
    """Different numbers, the lowest first.

    Raises:
        InputError: they are none.
    """
    try:
        found = {one: kind(one) for one in given}
        kept = all(float(one) == value and math.isfinite(value) for one, value in found.items())
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name} are numbers, as (0, 10), got {repr(given)[:60]}") from error
    whole_ones = "whole" if kind is int else "finite"
    require(kept, f"{name} are {whole_ones} numbers, got {repr(given)[:60]}")
    return tuple(sorted(set(found.values())))
