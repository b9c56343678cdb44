"""How a translator is pre-trained: its plan, a knob for each number, and what follows from it for a data set."""

import json
from dataclasses import dataclass, fields
from typing import Annotated

import torch
from annotated_types import Ge, Gt

from ddkit.data import Dataset
from ddkit.foundation.errors import InputError, one_of, require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.memory import require_memory
from ddkit.foundation.randomness import stream
from ddkit.networks import Network, build_for, parse
from ddkit.networks.precision import Precision
from ddkit.networks.translator import Translator, build_translator, bytes_to_train


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
    residual: Annotated[bool, Knob("whether what it gives is added to the image, so that it begins as the identity; "
                                   "else it begins at random")] = True
    held_out: Annotated[int, Ge(0), Knob("classes that are kept for the trial at the end")] = 12
    trials: Annotated[int, Ge(0), Knob("small sets of these, that the translator is tried on")] = 10
    left_out: Annotated[str, Knob("classes that are never looked at, by their names, separated by commas")] = ""
    precision: Precision = "float32"

    def check(self) -> None:
        parse(self.network, self.width)
        require(self.most_ipc <= self.real, f"a subset begins as some of its real images, so that {self.real} of a "
                                            f"class are too few for {self.most_ipc}: raise real, or lower most_ipc")
        require(self.fewest_classes <= self.most_classes, "fewest_classes is at most most_classes, got "
                                                          f"{self.fewest_classes} and {self.most_classes}")

    def real_of(self, members: int) -> int:
        """Images that a subset is distilled from, of a class of so many; as many others judge it."""
        return min(self.real, members // 2)

    def check_memory(self, dataset: Dataset) -> None:
        """Refuse subsets, or a translator of them, that would not fit into memory."""
        pixels, most = dataset.train.images[0].numel(), min(self.most_classes, len(dataset.classes)) * self.most_ipc
        require_memory(4 * self.subsets * most * pixels + bytes_to_train(self.channels, most, pixels),
                       f"a translator of {self.channels:,} channels with {self.subsets:,} subsets of up to {most:,} "
                       "images", "lower channels, subsets or most_ipc")

    def classes(self, dataset: Dataset, seed: int) -> tuple[list[int], list[int]]:
        """The classes to learn from, and those held out for the trial.

        Raises:
            InputError: a class that is left out is none, too few are left, or one of them has too few images.
        """
        names = [name for name in self.left_out.split(",") if name]
        for name in names:
            require(name in dataset.classes, f"{dataset.name} has no class {name!r} that could be left out")
        left = [c for c, name in enumerate(dataset.classes) if name not in names]
        order = [left[i] for i in torch.randperm(len(left), generator=stream(seed, "held out")).tolist()]
        fewest = min((int((dataset.train.labels == c).sum()) for c in left), default=0)
        require(not left or self.real_of(fewest) >= self.most_ipc, f"a class of {dataset.name} has {fewest} images, "
                f"and half of them must be {self.most_ipc} at least: lower most_ipc")
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

    def untrained(self, dataset: Dataset, generator: torch.Generator) -> Translator:
        """What pre-training begins with."""
        return self.translator(dataset, "identity" if self.residual else "random", generator)


def as_text(plan: TranslatorPlan, but: tuple[str, ...] = ()) -> str:
    """The knobs of a plan that are not as they begin, ``but`` some, as ``name=value`` with commas between."""
    return ",".join(f"{field.name}={json.dumps(getattr(plan, field.name))}" for field in fields(plan)
                    if field.name not in but and getattr(plan, field.name) != field.default)


def from_text(text: str, but: tuple[str, ...] = ()) -> dict[str, float]:
    """The inverse of ``as_text``: the values by name.

    Raises:
        InputError: one is no pair, names no knob of a plan but those left out, or is given twice.
    """
    known = [field.name for field in fields(TranslatorPlan) if field.name not in but]
    found: dict[str, float] = {}
    for pair in filter(None, text.split(",")):
        name, _, value = pair.partition("=")
        one_of(name, known, "further knob of a pre-training")
        require(name not in found, f"the further knob {name} of the pre-training is given twice: leave one out")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError as error:
            raise InputError(f"further knobs of a pre-training are name=value with commas between, got '{pair}'"
                             ) from error
    return found
