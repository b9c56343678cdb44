"""Pre-training of a translator on other data than those that it will serve (paper, algorithm 2, in two stages).

First many small sets are distilled, each of its own choice of classes, in one fixed network. Then the translator is
trained on them, again and again: the translated set has to answer, in fresh networks, for real images of its classes
that the distillation has not seen. No gradient goes through the distillation, so memory does not grow with its steps.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint, readable
from ddkit.foundation.errors import Diverged, require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.progress import bar
from ddkit.foundation.randomness import restore, states, stream
from ddkit.methods.falling import fall_as_cosine
from ddkit.methods.translation.inner import OneNetwork
from ddkit.methods.translation.regression import Statistics, batch_loss, centred
from ddkit.networks import Network, build_for, parse
from ddkit.networks.cost import Stopwatch
from ddkit.networks.precision import Precision
from ddkit.networks.translator import Translator, build_translator

SAVE_EVERY = 50  # steps of the translator between two checkpoints


@dataclass(frozen=True)
class TranslatorPlan(Knobs):
    """How a translator is pre-trained."""

    network: Annotated[str, Knob("of the fixed and of the fresh networks")] = "ConvNetD3"
    width: Annotated[int, Ge(1), Knob("its width")] = 32
    fixed: Annotated[int, Ge(0), Knob("seed of the one network that sets are distilled in, for ever")] = 0
    subsets: Annotated[int, Ge(1), Knob("small sets to train on")] = 60
    fewest_classes: Annotated[int, Ge(2), Knob("of a subset")] = 5
    most_classes: Annotated[int, Ge(2), Knob("of a subset")] = 20
    most_ipc: Annotated[int, Ge(1), Knob("synthetic images of each class, from 1 on")] = 5
    real: Annotated[int, Ge(2), Knob("images of a class that a subset is distilled from; as many judge it")] = 150
    inner_updates: Annotated[int, Ge(1), Knob("of a subset's images and targets in the fixed network", "T")] = 150
    image_lr: Annotated[float, Gt(0), Knob("of Adam, on a subset's images", "alpha")] = 0.02
    target_lr: Annotated[float, Ge(0), Knob("of Adam, on its targets")] = 0.005
    steps: Annotated[int, Ge(1), Knob("of the translator")] = 1500
    networks: Annotated[int, Ge(1), Knob("fresh ones in a step")] = 2
    judged: Annotated[int, Ge(1), Knob("real images in a step")] = 200
    lr: Annotated[float, Gt(0), Knob("of Adam, on the translator; falls to zero as a cosine", "eta")] = 5e-4
    channels: Annotated[int, Ge(1), Knob("of the translator's blocks")] = 16
    held_out: Annotated[int, Ge(0), Knob("classes that are kept for the trial at the end")] = 12
    trials: Annotated[int, Ge(0), Knob("small sets of these, that the translator is tried on")] = 10
    left_out: Annotated[str, Knob("classes that are never looked at, by their names, separated by commas")] = ""
    precision: Precision = "float32"

    def check(self) -> None:
        parse(self.network, self.width)
        require(self.fewest_classes <= self.most_classes, "fewest_classes is at most most_classes, got "
                                                          f"{self.fewest_classes} and {self.most_classes}")

    def classes(self, dataset: Dataset, seed: int) -> tuple[list[int], list[int]]:
        """The classes to learn from, and those held out for the trial.

        Raises:
            InputError: a class that is left out is none, or too few are left.
        """
        names = [name for name in self.left_out.split(",") if name]
        for name in names:
            require(name in dataset.classes, f"{dataset.name} has no class {name!r} that could be left out")
        left = [c for c, name in enumerate(dataset.classes) if name not in names]
        order = [left[i] for i in torch.randperm(len(left), generator=stream(seed, "held out")).tolist()]
        learned, held = sorted(order[self.held_out:]), sorted(order[: self.held_out])
        require(len(learned) >= self.fewest_classes, f"{len(learned)} classes of {dataset.name} are left to learn from "
                f"and a subset has {self.fewest_classes} at least: hold fewer out, or lower fewest_classes")
        return learned, held

    def fixed_network(self, dataset: Dataset) -> Network:
        """The one network that every set is distilled in: the same features for every data set of as many channels."""
        return build_for(dataset, self.network, self.width, stream(self.fixed, "fixed network"), self.precision)

    def fresh_network(self, dataset: Dataset, generator: torch.Generator) -> Network:
        return build_for(dataset, self.network, self.width, generator, self.precision)

    def translator(self, dataset: Dataset, start: str, generator: torch.Generator) -> Translator:
        return build_translator(dataset.channels, self.channels, start, generator).to(dataset.train.images.device)


@dataclass(frozen=True)
class Subset:
    """A small set, distilled in the fixed network, and what judges it.

    Attributes:
        images, targets: the set's, [n, C, H, W] and [n, classes].
        judges: real images that the distillation has not seen, [m, C, H, W], and their targets [m, classes].
        seconds: that the distillation took.
    """

    images: Tensor
    targets: Tensor
    judges: tuple[Tensor, Tensor]
    seconds: float


def distil_subset(kept: Checkpoint, number: int, plan: TranslatorPlan, classes: list[int], dataset: Dataset,
                  seed: int) -> Subset:
    """Distil subset ``number`` of some of ``classes``, or reload it; subsets depend on nothing but their number."""
    inner, judging, start = _choose(number, plan, classes, dataset, seed)
    found = kept.load()
    if found is None:
        watch, network = Stopwatch(), plan.fixed_network(dataset)
        learned = OneNetwork(network, Statistics.of(network, inner.images, inner.labels), start.images.clone(),
                             start.labels.clone(), plan.image_lr, plan.target_lr, plan.inner_updates)
        losses = [learned.update() for _ in range(plan.inner_updates)]
        if not math.isfinite(losses[-1]):
            raise Diverged(f"subset {number} diverged in the fixed network: lower image_lr")
        found = {"images": learned.images.detach(), "targets": learned.targets.detach(), "seconds": watch.seconds}
        kept.save(found)
    images, targets = (found[name].to(judging.images) for name in ("images", "targets"))  # a reloaded one is the CPU's
    return Subset(images, targets, (judging.images, judging.labels), found["seconds"])


def _choose(number: int, plan: TranslatorPlan, classes: list[int], dataset: Dataset, seed: int) -> list[Split]:
    """A subset's real images, those that judge it, and its start, with targets as labels."""
    random, train = stream(seed, f"subset {number}"), dataset.train
    most = min(plan.most_classes, len(classes))
    count = int(torch.randint(min(plan.fewest_classes, most), most + 1, (), generator=random))
    chosen = [classes[i] for i in torch.randperm(len(classes), generator=random)[:count].tolist()]
    ipc = int(torch.randint(1, plan.most_ipc + 1, (), generator=random))
    parts: list[list[Tensor]] = [[], [], []]
    for label in chosen:
        members = torch.nonzero(train.labels.cpu() == label)[:, 0]
        members = members[torch.randperm(len(members), generator=random)]
        real = min(plan.real, len(members) // 2)
        require(real >= ipc, f"{dataset.name} has {len(members)} images of {dataset.classes[label]}, and half of them "
                             f"must be {ipc} at least: lower most_ipc")
        for part, picks in zip(parts, (members[:real], members[real: 2 * real], members[:ipc]), strict=True):
            part.append(picks)
    targets = (torch.arange(count).repeat_interleave(torch.tensor([len(picks) for picks in part])) for part in parts)
    return [Split(train.images[torch.cat(part).to(train.images.device)],
                  centred(labels, count).to(train.images.device)) for part, labels in zip(parts, targets, strict=True)]


class Pretraining:
    """The training of a translator on subsets, step by step.

    Args:
        subsets: what ``distil_subset`` gave.
        seed: split into the streams of networks, subsets and judging images.
    """

    def __init__(self, plan: TranslatorPlan, dataset: Dataset, subsets: list[Subset], seed: int):
        self.plan, self.dataset, self.subsets = plan, dataset, subsets
        self.streams = {name: stream(seed, f"pre-training {name}") for name in ("networks", "picks")}
        self.translator = plan.translator(dataset, "identity", stream(seed, "translator"))
        self.optimiser = torch.optim.Adam([{"params": list(self.translator.parameters()), "rate": plan.lr}])
        self.losses: list[float] = []
        self.watch = Stopwatch()

    def step(self) -> float:
        """One step on one subset; returns its loss before."""
        plan, picks = self.plan, self.streams["picks"]
        subset = self.subsets[int(torch.randint(len(self.subsets), (), generator=picks))]
        images, targets = subset.judges
        chosen = torch.randint(len(images), (min(plan.judged, len(images)),), generator=picks).to(images.device)
        translated = self.translator(subset.images)
        loss = sum(batch_loss(plan.fresh_network(self.dataset, self.streams["networks"]), translated, subset.targets,
                              images[chosen], targets[chosen]) for _ in range(plan.networks)) / plan.networks
        fall_as_cosine(self.optimiser, len(self.losses), plan.steps)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=list(self.translator.parameters()))
        self.optimiser.step()
        self.losses.append(loss.item())
        return self.losses[-1]

    def run(self, kept: Checkpoint, quiet: bool = False) -> None:
        """All steps that are still to be made, from the checkpoint on."""
        self._resume(kept)
        with bar(self.plan.steps, "pre-training", "step", done=len(self.losses), quiet=quiet) as progress:
            try:
                while len(self.losses) < self.plan.steps:
                    if not math.isfinite(self.step()):
                        raise Diverged(f"step {len(self.losses)} of the translator diverged: lower its learning rate")
                    if len(self.losses) % SAVE_EVERY == 0:
                        kept.save(self.state_dict())
                    progress.step(loss=f"{self.losses[-1]:.4f}")
            finally:
                kept.save(self.state_dict())

    def _resume(self, kept: Checkpoint) -> None:
        state = kept.load()
        if state:
            with readable(kept):
                self.load_state_dict(state)

    def state_dict(self) -> dict:
        """All that the next step depends on, besides the subsets."""
        return {"losses": list(self.losses), "seconds": self.watch.seconds, "translator": self.translator.state_dict(),
                "optimiser": self.optimiser.state_dict(), "streams": states(self.streams)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``."""
        self.losses, self.watch = list(state["losses"]), Stopwatch(state["seconds"])
        self.translator.load_state_dict(state["translator"])
        self.optimiser.load_state_dict(state["optimiser"])
        restore(self.streams, state["streams"])


def trial(translator: Translator, subset: Subset, plan: TranslatorPlan, dataset: Dataset, seed: int, number: int,
          networks: int = 4) -> dict[str, float]:
    """Mean loss of a held-out subset in ``networks`` networks that nobody has seen, as it is and translated."""
    random, (images, targets) = stream(seed, f"trial {number}"), subset.judges
    judges = [plan.fresh_network(dataset, random) for _ in range(networks)]
    with torch.no_grad():
        translated = translator(subset.images)
        losses = {name: sum(float(batch_loss(judge, given, subset.targets, images, targets)) for judge in judges)
                  for name, given in (("one network", subset.images), ("translated", translated))}
    return {name: total / networks for name, total in losses.items()}


