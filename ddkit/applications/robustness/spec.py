"""Accuracy under attack: networks are trained on a set, then every test image is changed as far as epsilon allows.

Three ways to use the same epsilon: ``noise`` changes every pixel as far as it may, in no direction, and is what the
attacks are compared with; ``fgsm`` and ``pgd`` follow the network's own gradient (``ddkit.networks.attacks``). The
attacker knows the network: what fails here may still fail more under a stronger attack, so that an accuracy is an upper
bound. The same images are attacked whatever the networks were trained on.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from ddkit.applications.base import Job, OfTraining, Outcome, distinct
from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import require, whole
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.networks.attacks import STEPS, Ball, fgsm, pgd
from ddkit.networks.cost import Stopwatch
from ddkit.runs.workers import in_parallel
from ddkit.specs import Source
from ddkit.training import Protocol, logits, test, trained
from ddkit.training.scores import SCORED, Scores

EPSILONS = (0.02, 0.05, 0.1, 0.2, 0.3)  # differences of pixels in [0, 1]; the last is the custom on MNIST
ATTACKS = {"noise": "random signs", "fgsm": "FGSM", "pgd": "PGD"}  # in words


@dataclass(frozen=True)
class Robustness(OfTraining):
    """Names accuracies under attack.

    The record's result has ``runs``, one for each network: its scores on all test images; ``clean``, its accuracy on
    those attacked; and ``under``, by attack, that at each of the ``epsilons``.

    Attributes:
        of: what networks are trained on.
        epsilons: the largest changes of a pixel, in [0, 1].
        images: test images attacked, drawn at random, the same for every source.
        steps: of PGD.
        protocol, network, width, seeds, epochs: of the networks, as in ``Evaluate``; no kernel's protocol, and not
            ``learned``.
    """

    RESULT: ClassVar[dict] = {"runs": [{**SCORED, "clean": NUMBER, "under": {name: [NUMBER] for name in ATTACKS}}],
                              "epsilons": [NUMBER], "images": COUNT, "training_images": COUNT, "protocol": dict}

    of: Source
    epsilons: tuple[float, ...] = EPSILONS
    images: int = 1000
    steps: int = STEPS
    protocol: str = "standard"
    network: str = "ConvNetD3"
    width: int = 128
    seeds: int = 5
    epochs: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = "epsilons are a few differences of pixels, each from 0 to 1, as (0.1, 0.3)"
        object.__setattr__(self, "epsilons", distinct(self.epsilons, wanted, lambda epsilon: 0 <= epsilon <= 1))

    def check(self) -> None:
        super().check()
        whole(self.images, 1, "images")
        whole(self.steps, 1, "steps")

    def check_on(self, dataset: Dataset) -> None:
        super().check_on(dataset)
        require(self.images <= len(dataset.test), f"{dataset.name} has {len(dataset.test):,} test images, and "
                                                  f"{self.images:,} cannot be attacked: ask for fewer images")

    def attacked(self, dataset: Dataset) -> Split:
        """The test images that are attacked."""
        picks = torch.randperm(len(dataset.test), generator=stream(0, "attacked images"))[: self.images]
        picks = picks.to(dataset.test.images.device)
        return Split(dataset.test.images[picks], dataset.test.labels[picks])

    def work(self, job: Job) -> Outcome:
        """Train and attack every seed's network, side by side where joblib is told to, or reload those done."""
        dataset, how = job.dataset, self.evaluation.how(job.dataset)
        runs = in_parallel(_attacked, [self._task(job, how, seed) for seed in range(self.seeds)])
        images = len(self.of.training_set(job, 0))
        result = {"runs": runs, "epsilons": list(self.epsilons), "images": self.images, "training_images": images,
                  "protocol": how.as_dict(), "chance": dataset.chance}
        return Outcome(sum(run["train_seconds"] + run["test_seconds"] for run in runs), runs[0]["updates"], result,
                       superseded=(job.parts,))

    def _task(self, job: Job, how: Protocol, seed: int) -> tuple:
        training = self.of.training_set(job, seed)
        return (*self.checkpoints(job, training, seed), self, training, job.dataset, how, seed, job.quiet)


def _attacked(kept: Checkpoint, so_far: Checkpoint, spec: Robustness, training: Split, dataset: Dataset, how: Protocol,
              seed: int, quiet: bool) -> dict:
    """What one network knows under attack, or what was kept of it; its training goes on from ``so_far``."""
    done = kept.load()
    if done:
        return done
    title = f"{spec.network} on {type(spec.of).__name__} data, to be attacked, seed {seed + 1} of {spec.seeds}"
    network, made = trained(training, dataset, spec.network, how, seed, width=spec.width, title=title,
                            checkpoint=so_far, quiet=quiet)
    watch = Stopwatch()
    scored, shown = test(network, dataset.test), spec.attacked(dataset)
    under = {name: [] for name in ATTACKS}
    for epsilon in spec.epsilons:
        changed = changes(network, shown, Ball(epsilon, dataset.mean, dataset.std), spec.steps)
        for name, images in changed.items():
            under[name].append(_accuracy(network, images, shown.labels))
    found = {**scored, "seed": seed, "updates": made.updates, "train_seconds": made.seconds,
             "clean": _accuracy(network, shown.images, shown.labels), "under": under, "test_seconds": watch.seconds}
    del found["seconds"]
    kept.save(found)
    return found


def changes(network, shown: Split, ball: Ball, steps: int = STEPS) -> dict:
    """The images of a split, changed against the network within the ball, by the names of ``ATTACKS``."""
    images, labels = shown.images, shown.labels
    return {"noise": ball.corner(images, stream(0, "noise")), "fgsm": fgsm(network, images, labels, ball),
            "pgd": pgd(network, images, labels, ball, stream(0, "start of PGD"), steps)}


def _accuracy(network, images: torch.Tensor, labels: torch.Tensor) -> float:
    return float((logits(network, images).argmax(1) == labels.cpu()).double().mean())


def clean(record) -> Scores:
    """Accuracies on the images that are attacked, as they are."""
    return _scores(record, [run["clean"] for run in record.result["runs"]])


def under(record, attack: str, epsilon: float) -> Scores:
    """Accuracies under an attack, one per network."""
    at = record.result["epsilons"].index(epsilon)
    return _scores(record, [run["under"][attack][at] for run in record.result["runs"]])


def kept(record, attack: str, epsilon: float) -> Scores:
    """Accuracies under an attack as shares of those without one: what is left, whatever there was to lose."""
    before, after = clean(record).values, under(record, attack, epsilon).values
    return _scores(record, [one / other if other else 0.0 for one, other in zip(after, before, strict=True)])


def _scores(record, values: list[float]) -> Scores:
    return Scores(tuple({"accuracy": value} for value in values), notes=tuple(record.notes), spec=record.spec)
