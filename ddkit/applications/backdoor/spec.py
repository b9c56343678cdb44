"""Backdoors: some real images carry a trigger and a wrong label; is it still in the set, and in networks trained on it?

The distiller sees nothing but the poisoned data; test and validation images are clean. A network's *success* is the
share of the test images **of other classes** that it calls the target once they carry the square: an image of the
target that is called so is no success of anybody's.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from ddkit.applications.backdoor.trigger import CORNERS, MARGIN, Square, poisoned, rank, suspicion
from ddkit.applications.base import Job, OfTraining, Outcome, made_on, require_makable
from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import require, whole
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.networks import Network
from ddkit.networks.cost import Stopwatch
from ddkit.runs.workers import in_parallel
from ddkit.specs import RandomReal, Source
from ddkit.synthetic import SyntheticSet
from ddkit.training import Protocol, logits, test, trained
from ddkit.training.scores import SCORED, Scores

MEASURES = {"success": "with the square", "elsewhere": "square in another corner", "without": "without the square"}
_SEEN = {"target": NUMBER, "others": NUMBER, "real": NUMBER, "rank": COUNT}


@dataclass(frozen=True)
class Backdoor(OfTraining):
    """Names a backdoor.

    The record's result has ``runs``, one for each network: its scores on clean test images; by the names of
    ``MEASURES`` the shares of other classes' test images that it calls the target; and ``seen``, the brightness of the
    square's place in the images it was trained on (the target's, the others', and the target's in clean real ones) with
    the ``rank`` of its true place among all places and classes by ``trigger.suspicion``. Further ``poisoned``, how many
    training images were, and ``of_target``, the share of the target's images that they then are. Beside it lies the
    set, if one was made.

    Attributes:
        of: what networks are trained on, made of the poisoned data.
        share: of the training images that are poisoned, from 0 to 1.
        target: the label that they get.
        side: of the square, in pixels.
        protocol, network, width, seeds, epochs: of the networks, as in ``Evaluate``; no kernel's protocol, and not
            ``learned``.
        poison: the seed of which images are poisoned.
        images: test images of other classes that are asked about, drawn at random; None: all.
    """

    RESULT: ClassVar[dict] = {"runs": [{**SCORED, **dict.fromkeys(MEASURES, NUMBER), "seen": _SEEN}], "poisoned": COUNT,
                              "of_target": NUMBER, "training_images": COUNT, "protocol": dict}

    of: Source
    share: float = 0.01
    target: int = 0
    side: int = 2
    protocol: str = "standard"
    network: str = "ConvNetD3"
    width: int = 128
    seeds: int = 5
    epochs: int | None = None
    poison: int = 0
    images: int | None = None

    @property
    def square(self) -> Square:
        return Square(self.side)

    def check(self) -> None:
        super().check()
        require(isinstance(self.share, int | float) and math.isfinite(self.share) and 0 <= self.share <= 1,
                f"the share of poisoned images is from 0 to 1, got {self.share!r}")
        whole(self.side, 1, "the square's side")
        if self.images is not None:
            whole(self.images, 1, "images")
        whole(self.target, 0, "the target's label")
        require_makable(self.of, "what a trigger leaves behind")

    def check_on(self, dataset: Dataset) -> None:
        require(self.target < len(dataset.classes), f"{dataset.name} has classes 0 to {len(dataset.classes) - 1}, and "
                                                    f"{self.target} is none of them: name another target")
        require(2 * (self.side + MARGIN) <= dataset.size, f"a square of {self.side} pixels does not fit into a corner "
                f"of {dataset.size} pixels: take a smaller side")
        super().check_on(self.poisoned(dataset)[0])

    def poisoned(self, dataset: Dataset) -> tuple[Dataset, torch.Tensor]:
        """What the distiller is given, and which training images were poisoned."""
        return poisoned(dataset, self.square, self.share, self.target, self.poison)

    def work(self, job: Job) -> Outcome:
        """Make the set of the poisoned data; train networks on it, side by side where joblib is told to, and test each;
        what is done is reloaded."""
        dirty, marked = self.poisoned(job.dataset)
        watch = Stopwatch()
        made = [made_on(dirty, self.of, job, job.parts / "set", seed) for seed in self._draws]
        making, synthetic = watch.seconds, made[0] if isinstance(made[0], SyntheticSet) else None
        splits = [one.training_split().to(dirty.train.images.device) if isinstance(one, SyntheticSet) else one
                  for one in made]
        how = self.evaluation.how(dirty)
        runs = in_parallel(_tested, [self._task(job, splits[seed % len(splits)], how, seed)
                                     for seed in range(self.seeds)])
        of_target = int((dirty.train.labels == self.target).sum())
        result = {"runs": runs, "poisoned": int(marked.sum()), "of_target": int(marked.sum()) / of_target,
                  "training_images": len(splits[0]), "protocol": how.as_dict(), "chance": job.dataset.chance}
        seconds = making + sum(run["train_seconds"] + run["test_seconds"] for run in runs)
        return Outcome(seconds, runs[0]["updates"], result, synthetic, superseded=(job.parts,))

    @property
    def _draws(self) -> range:
        """The seeds that images are drawn for: a set is made once, random real images anew for every network."""
        return range(self.seeds if isinstance(self.of, RandomReal) else 1)

    def _task(self, job: Job, training: Split, how: Protocol, seed: int) -> tuple:
        return (*self.checkpoints(job, training, seed), self, training, job.dataset, how, seed, job.quiet)


def _tested(kept: Checkpoint, so_far: Checkpoint, spec: Backdoor, training: Split, dataset: Dataset, how: Protocol,
            seed: int, quiet: bool) -> dict:
    """What one network knows of the trigger, or what was kept of it; its training goes on from ``so_far``."""
    done = kept.load()
    if done:
        return done
    title = f"{spec.network} on poisoned {type(spec.of).__name__} data, seed {seed + 1} of {spec.seeds}"
    network, made = trained(training, dataset, spec.network, how, seed, width=spec.width, title=title,
                            checkpoint=so_far, quiet=quiet)
    watch = Stopwatch()
    found = {**test(network, dataset.test), **called_target(network, dataset, spec.square, spec.target, spec.images),
             "seen": seen(training, dataset, spec.square, spec.target), "seed": seed, "updates": made.updates,
             "train_seconds": made.seconds, "test_seconds": watch.seconds}
    del found["seconds"]
    kept.save(found)
    return found


def called_target(network: Network, dataset: Dataset, square: Square, target: int,
                  most: int | None = None) -> dict[str, float]:
    """The shares of other classes' test images (of ``most`` of them, the same for all networks; None: of all) that the
    network calls the target, by the names of ``MEASURES``."""
    others = dataset.test.images[dataset.test.labels != target]
    others = others[torch.randperm(len(others), generator=stream(0, "asked about"))[:most].to(others.device)]
    shown = {"success": square.on(others, dataset), "elsewhere": Square(square.side, CORNERS[1]).on(others, dataset),
             "without": others}
    return {name: float((logits(network, images).argmax(1) == target).double().mean())
            for name, images in shown.items()}


def seen(training: Split, dataset: Dataset, square: Square, target: int) -> dict:
    """What can be seen of the square in images, as a record has it; clean real images are the validation ones."""
    named = training.labels.argmax(1) if training.labels.ndim == 2 else training.labels
    bright = square.brightness(training.images, dataset)
    suspected = suspicion(training.images, training.labels, dataset.val, dataset, square.side)
    return {"target": float(bright[named == target].mean()), "others": float(bright[named != target].mean()),
            "real": float(square.brightness(dataset.val.of_class(target), dataset).mean()),
            "rank": rank(suspected, square, target, dataset.size)}


def measured(record, name: str) -> Scores:
    """A measure of ``MEASURES``, one value per network."""
    return Scores(tuple({"accuracy": run[name]} for run in record.result["runs"]), notes=tuple(record.notes),
                  spec=record.spec)
