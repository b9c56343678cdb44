"""Recommendations by an infinitely wide autoencoder that saw few users: learned, random or the most active ones; beside
it the one that saw all, and two opponents of closed form.

Every seed splits the events anew, and is the same split for all opponents. Ridges, and the step at which the learned
users are taken, are chosen on validation events; the test is answered once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from ddkit.applications.base import Job, Outcome
from ddkit.applications.recommenders import fakes, models, ratings
from ddkit.applications.recommenders.metrics import MEASURES, measured
from ddkit.applications.recommenders.ratings import Parts, Ratings
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import one_of, require, whole
from ddkit.foundation.progress import bar
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.networks.cost import Stopwatch
from ddkit.runs.jobs import PARTS
from ddkit.runs.spec import Spec, key
from ddkit.runs.workers import in_parallel

WHO = {"fake": "learned users", "random": "random users", "active": "most active users", "all": "all users",
       "ease": "EASE, all users", "popular": "what is popular"}  # in words
FEW = ("fake", "random", "active")
CHOSEN_BY = "ndcg"
_LEARNED = ("steps", "every", "draws", "tau", "rate", "ridge", "sparsity", "start")  # that are of fake users alone
_JUDGED = dict.fromkeys(MEASURES, NUMBER)


@dataclass(frozen=True)
class Recommend(Spec):
    """Names recommendations, made and measured for several splits.

    The record's result has ``runs``, one for each seed: the ``MEASURES`` on the test events; ``val``, those on
    validation events; the ``ridge`` that was chosen; of fake users ``after``, pairs of a step and its validation
    measure, the ``step`` taken, and ``sums``, how many events each fake user has. It holds no events.

    Attributes:
        dataset: one of ``ratings.NAMES``.
        who: whose rows are learned from, or which opponent recommends; one of ``WHO``.
        number: of users, if there are few.
        seeds: splits.
        steps, every: of Adam on the logits, all users in each; and after how many they are validated.
        draws, tau: of a fake user's events, and their temperature.
        rate: of Adam.
        ridge, sparsity: of the loss that fake users are learned by (lambda and c).
        start: logits that a real user's events begin with, those of the other items with 0.
    """

    RESULT: ClassVar[dict] = {"runs": [{**_JUDGED, "seed": COUNT, "val": _JUDGED, "ridge": NUMBER,
                                        "?after": [[NUMBER]], "?sums": [NUMBER], "?step": COUNT}],
                              "users": COUNT, "items": COUNT}
    size: ClassVar[None] = None

    dataset: str = "ml-100k"
    who: str = "fake"
    number: int = 50
    seeds: int = 5
    # These led on validation events of ml-100k, of two splits and some fifteen settings.
    steps: int = 200
    every: int = 20
    draws: int = 60
    tau: float = 12.0
    rate: float = 1.0
    ridge: float = 0.3
    sparsity: float = 1e-3
    start: float = 12.0

    def decides(self) -> dict:
        unsaid = (() if self.who == "fake" else _LEARNED) + (() if self.who in FEW else ("number",))
        return {name: value for name, value in super().decides().items() if name not in unsaid}

    @property
    def name(self) -> str:
        return f"recommend-{self.dataset}-{self.who}{self.number if self.who in FEW else ''}-{key(self)}"

    def load(self, root: str | Path | None) -> Ratings:
        return ratings.read(self.dataset, root)

    def fingerprint(self, root: str | Path | None) -> str | None:
        return ratings.fingerprint(self.dataset, root)

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is read."""
        one_of(self.dataset, ratings.NAMES, "ratings")
        one_of(self.who, WHO, "who")
        for name in ("number", "seeds", "steps", "every", "draws"):
            whole(getattr(self, name), 1, name)
        for name in ("tau", "rate", "ridge"):
            value = getattr(self, name)
            require(isinstance(value, int | float) and 0 < value < 1e6,
                    f"{name} must be a positive number, got {value!r}")
        require(isinstance(self.sparsity, int | float) and 0 <= self.sparsity < 1e6,
                f"sparsity must be a number from 0 on, got {self.sparsity!r}")
        require(isinstance(self.start, int | float) and abs(self.start) < 1e6,
                f"start must be a number, got {self.start!r}")

    def check_on(self, dataset: Ratings) -> None:
        there = len(dataset.events)
        require(self.who not in FEW or self.number <= there,
                f"{dataset.name} has {there:,} users, and {self.number:,} were asked for: ask for fewer")

    def work(self, job: Job) -> Outcome:
        """Every seed's split, side by side where joblib is told to; learned users go on from where they were."""
        tasks = [(job.checkpoint(f"{PARTS}/seed-{seed}.pt", seed=seed), job.checkpoint(
            f"{PARTS}/learned-{seed}.pt", seed=seed), self, job.dataset.events, seed, job.quiet)
            for seed in range(self.seeds)]
        runs = in_parallel(_judged, tasks)
        users, items = job.dataset.events.shape
        result = {"runs": runs, "users": users, "items": items}
        return Outcome(sum(run["seconds"] for run in runs), self.steps if self.who == "fake" else 0, result,
                       superseded=(job.parts,))


def _judged(kept: Checkpoint, so_far: Checkpoint, spec: Recommend, events: Tensor, seed: int, quiet: bool) -> dict:
    """One seed's measures, or what was kept of them."""
    done = kept.load()
    if done:
        return done
    watch, parts = Stopwatch(), ratings.split(events, seed)
    train, told, before = parts.train.float(), {}, 0.0
    if spec.who == "fake":
        learned = learn(so_far, spec, parts, seed, quiet)
        rows, before = learned["best"]["rows"], learned["seconds"]
        told = {"after": learned["after"], "step": learned["best"]["step"],
                "sums": [round(float(total), 1) for total in rows.sum(1)]}
        watch = Stopwatch()
    else:
        rows = train if spec.who not in FEW else train[_few(spec.who, train, spec.number, seed)]
    scored = _recommender(spec.who, rows)
    ridge, val = chosen(scored, _grid(spec.who), parts)
    test = measured(scored(parts.known.float(), ridge), parts.known, parts.test)
    found = {"seed": seed, **test, "val": val, "ridge": ridge, **told, "seconds": before + watch.seconds}
    kept.save(found)
    return found


def chosen(scored: Callable[[Tensor, float], Tensor], grid: tuple[float, ...], parts: Parts) -> tuple[float, dict]:
    """The ridge of a grid under which held-out validation events are found best, and their measures."""
    train, found = parts.train.float(), {}
    for ridge in grid:
        found[ridge] = measured(scored(train, ridge), parts.train, parts.val)
    best = max(found, key=lambda ridge: found[ridge][CHOSEN_BY])
    return best, found[best]


def _grid(who: str) -> tuple[float, ...]:
    return {"ease": models.WEIGHTS, "popular": (0.0,)}.get(who, models.RIDGES)


def _recommender(who: str, rows: Tensor) -> Callable[[Tensor, float], Tensor]:
    """Scores [n, items] of rows [n, items], by the ridge."""
    if who == "popular":
        return lambda query, ridge: models.popular(rows, query)
    exact = rows.double()
    fit = models.ease if who == "ease" else models.infinite
    return lambda query, ridge: fit(exact, query.double(), ridge)


def _few(who: str, train: Tensor, number: int, seed: int) -> Tensor:
    """The indices of some real users."""
    if who == "active":
        return train.sum(1).argsort(descending=True, stable=True)[:number]
    return torch.randperm(len(train), generator=stream(seed, "users"))[:number].to(train.device)


def learn(so_far: Checkpoint, spec: Recommend, parts: Parts, seed: int, quiet: bool = False) -> dict:
    """Learn fake users from random real ones, or go on; what is gone on from, with the ``best`` rows by validation."""
    watch, train = Stopwatch(), parts.train.float()
    logits = (spec.start * train[_few("random", train, spec.number, seed)]).requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=spec.rate)
    state = so_far.load() or {"done": 0, "after": [], "best": None, "seconds": 0.0}
    if state["done"]:
        optimiser.load_state_dict(state["optimiser"])
        logits.data.copy_(state["logits"])
    draw = partial(fakes.events, draws=spec.draws, tau=spec.tau)
    before, title = state["seconds"], f"{spec.number} fake users, seed {seed + 1} of {spec.seeds}"
    with bar(spec.steps, title, done=state["done"], quiet=quiet) as progress:
        while True:
            if state["done"] % spec.every == 0 or state["done"] == spec.steps:
                with torch.no_grad():
                    _validated(state, draw(logits, noise=(seed, "judged")), parts)
                state |= {"logits": logits.detach().clone(), "optimiser": optimiser.state_dict(),
                          "seconds": before + watch.seconds}
                so_far.save(state)
            if state["done"] == spec.steps:
                return state
            rows = draw(logits, noise=(seed, f"step {state['done']}"))
            optimiser.zero_grad()
            fakes.loss(rows, train, spec.ridge, spec.sparsity).backward()
            optimiser.step()
            state["done"] += 1
            progress.step()


def _validated(state: dict, rows: Tensor, parts: Parts) -> None:
    """Note what rows are worth on validation events, and keep them if they are the best so far."""
    if state["after"] and state["after"][-1][0] == state["done"]:
        return  # gone on from here
    _, val = chosen(_recommender("fake", rows), models.RIDGES, parts)
    if state["best"] is None or val[CHOSEN_BY] > max(value for _, value in state["after"]):
        state["best"] = {"rows": rows, "step": state["done"]}
    state["after"].append([state["done"], val[CHOSEN_BY]])
