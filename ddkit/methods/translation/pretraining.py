"""Pre-training of a translator on other data than those that it will serve (paper, algorithm 2, in two stages).

First many small sets are distilled, each of its own choice of classes, in one fixed network. Then the translator is
trained on them, again and again: the translated set has to answer, in fresh networks, for real images of its classes
that the distillation has not seen. No gradient goes through the distillation, so memory does not grow with its steps.
"""

import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint, readable
from ddkit.foundation.device import without_tf32
from ddkit.foundation.errors import Diverged, telling_interrupts
from ddkit.foundation.progress import bar
from ddkit.foundation.randomness import restore, states, stream
from ddkit.methods.falling import fall_as_cosine
from ddkit.methods.translation.inner import OneNetwork
from ddkit.methods.translation.plan import TranslatorPlan
from ddkit.methods.translation.regression import Statistics, batch_loss, centred
from ddkit.networks.cost import Stopwatch

SAVE_EVERY = 50  # updates of a subset, or steps of the translator, between two checkpoints


class Picks(NamedTuple):
    """Some training images, by their rows [m], with their labels [m] among so many classes of a subset."""

    rows: Tensor
    labels: Tensor
    classes: int

    def of(self, train: Split, some: Tensor | slice = slice(None)) -> tuple[Tensor, Tensor]:
        """The images [m, C, H, W] and their targets [m, classes], or ``some`` of them."""
        place = train.images.device
        return train.images[self.rows[some].to(place)], centred(self.labels[some], self.classes).to(place)


@dataclass(frozen=True)
class Subset:
    """A small set, distilled in the fixed network, and what judges it.

    Attributes:
        images, targets: the set's, [n, C, H, W] and [n, classes].
        judges: real images of its classes that the distillation has not seen.
        seconds, cpu_seconds: that the distillation took, of the clock and of the processor's cores.
    """

    images: Tensor
    targets: Tensor
    judges: Picks
    seconds: float
    cpu_seconds: float


def distil_subset(kept: Checkpoint, number: int, plan: TranslatorPlan, classes: list[int], dataset: Dataset,
                  seed: int, quiet: bool = True) -> Subset:
    """Distil subset ``number`` of some of ``classes``, or go on with it, or reload it; subsets depend on nothing but
    their number."""
    inner, judges, start = choose(number, plan, classes, dataset, seed)
    state = kept.load()
    with readable(kept):
        finished = state is not None and state["done"] == plan.inner_updates
    if not finished:
        network = plan.fixed_network(dataset)
        learned = OneNetwork(network, Statistics.of(network, *inner.of(dataset.train)), *start.of(dataset.train),
                             plan.image_lr, plan.target_lr, plan.inner_updates)
        state = _distilled(learned, kept, state, _title(number, plan), quiet)
    images, targets = (state[name].to(dataset.train.images) for name in ("images", "targets"))  # reloaded: the CPU's
    return Subset(images, targets, judges, state["seconds"], state.get("cpu_seconds", state["seconds"]))


def _title(number: int, plan: TranslatorPlan) -> str:
    return (f"subset {number + 1} of {plan.subsets}" if number < plan.subsets else
            f"held-out subset {number - plan.subsets + 1} of {plan.trials}")


def _distilled(learned: OneNetwork, kept: Checkpoint, state: dict | None, title: str, quiet: bool) -> dict:
    """Make the updates that are still to be made after ``state``; returns the last state, which is kept."""
    watch, work = _watches(state)
    if state:
        with readable(kept):
            learned.load_state_dict(state)

    def now() -> dict:
        return learned.state_dict() | {"seconds": watch.seconds, "cpu_seconds": work.seconds}

    return _to_the_end(learned.update, lambda: learned.done, learned.updates, title, "image_lr", kept, now, quiet)


def _watches(state: dict | None) -> tuple[Stopwatch, Stopwatch]:
    """Of the clock and of the processor, with what was kept of an earlier part: where that was by the clock alone, it
    stands for both."""
    before = state["seconds"] if state else 0.0
    return Stopwatch(before), Stopwatch(state.get("cpu_seconds", before) if state else 0.0, time.process_time)


def _to_the_end(step: Callable[[], float], done: Callable[[], int], most: int, title: str, rate: str, kept: Checkpoint,
                now: Callable[[], dict], quiet: bool) -> dict:
    """Make the steps that are still to be made, each of which gives a loss.

    Whatever ends them, the state after the last whole step, as ``now`` gives it, is kept; it is what is returned.

    Raises:
        Diverged: a loss is NaN or infinite.
    """
    whole, state = done(), deepcopy(now())
    with (telling_interrupts(lambda: f"saved after {whole} of {most} steps ({title})"), without_tf32(),
          bar(most, title, "step", done=whole, quiet=quiet) as progress):
        try:
            while whole < most:
                if not math.isfinite(loss := step()):
                    raise Diverged(f"{title} diverged in step {done()}: lower {rate}")
                whole, state = done(), deepcopy(now())
                if whole % SAVE_EVERY == 0:
                    kept.save(state)
                progress.step(loss=f"{loss:.4f}")
        finally:
            kept.save(state)
    return state


def choose(number: int, plan: TranslatorPlan, classes: list[int], dataset: Dataset, seed: int) -> list[Picks]:
    """What subset ``number`` is distilled from, what judges it, and what it begins as."""
    random, numbers = stream(seed, f"subset {number}"), dataset.train.labels.cpu()
    most = min(plan.most_classes, len(classes))
    count = int(torch.randint(min(plan.fewest_classes, most), most + 1, (), generator=random))
    chosen = [classes[i] for i in torch.randperm(len(classes), generator=random)[:count].tolist()]
    ipc = int(torch.randint(1, plan.most_ipc + 1, (), generator=random))
    parts: list[list[Tensor]] = [[], [], []]
    for label in chosen:
        members = torch.nonzero(numbers == label)[:, 0]
        members = members[torch.randperm(len(members), generator=random)]
        real = plan.real_of(len(members))
        for part, rows in zip(parts, (members[:real], members[real: 2 * real], members[:ipc]), strict=True):
            part.append(rows)
    return [Picks(torch.cat(part), torch.arange(count).repeat_interleave(torch.tensor([len(rows) for rows in part])),
                  count) for part in parts]


class Pretraining:
    """The training of a translator on subsets, step by step.

    Args:
        subsets: what ``distil_subset`` gave.
        seed: split into the streams of networks, subsets and judging images.
    """

    def __init__(self, plan: TranslatorPlan, dataset: Dataset, subsets: list[Subset], seed: int):
        self.plan, self.dataset, self.subsets = plan, dataset, subsets
        self.streams = {name: stream(seed, f"pre-training {name}") for name in ("networks", "picks")}
        self.translator = plan.untrained(dataset, stream(seed, "translator"))
        self.optimiser = torch.optim.Adam([{"params": list(self.translator.parameters()), "rate": plan.lr}])
        self.losses: list[float] = []
        self.watch, self.work = _watches(None)

    def step(self) -> float:
        """One step on one subset; returns its loss before."""
        plan, picks = self.plan, self.streams["picks"]
        subset = self.subsets[int(torch.randint(len(self.subsets), (), generator=picks))]
        number = len(subset.judges.rows)
        some = torch.randint(number, (min(plan.judged, number),), generator=picks)
        images, targets = subset.judges.of(self.dataset.train, some)
        translated = self.translator(subset.images)
        loss = sum(batch_loss(plan.fresh_network(self.dataset, self.streams["networks"]), translated, subset.targets,
                              images, targets) for _ in range(plan.networks)) / plan.networks
        fall_as_cosine(self.optimiser, len(self.losses), plan.steps)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=list(self.translator.parameters()))
        self.optimiser.step()
        self.losses.append(loss.item())
        return self.losses[-1]

    def run(self, kept: Checkpoint, quiet: bool = False) -> None:
        """All steps that are still to be made, from the checkpoint on."""
        state = kept.load()
        if state:
            with readable(kept):
                self.load_state_dict(state)
        _to_the_end(self.step, lambda: len(self.losses), self.plan.steps, "pre-training", "lr", kept, self.state_dict,
                    quiet)

    def state_dict(self) -> dict:
        """All that the next step depends on, besides the subsets."""
        return {"losses": list(self.losses), "seconds": self.watch.seconds, "cpu_seconds": self.work.seconds,
                "translator": self.translator.state_dict(), "optimiser": self.optimiser.state_dict(),
                "streams": states(self.streams)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``."""
        self.losses = list(state["losses"])
        self.watch, self.work = _watches(state)
        self.translator.load_state_dict(state["translator"])
        self.optimiser.load_state_dict(state["optimiser"])
        restore(self.streams, state["streams"])
