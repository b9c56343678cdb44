"""Networks trained at the learning rate that is best on validation data, as rankings ask for of every set alike."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from ddkit.applications.base import Application, Job, Outcome, distinct
from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import LARGEST, Diverged, one_of, require, whole
from ddkit.foundation.files import digest
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.networks.cost import Stopwatch
from ddkit.runs.jobs import PARTS
from ddkit.runs.workers import in_parallel
from ddkit.specs import Evaluate, Source
from ddkit.specs.sources import MadeSet
from ddkit.training import PROTOCOLS, Protocol, score
from ddkit.training.scores import SCORED, Scores

RATES = (0.001, 0.005, 0.01, 0.05, 0.1)  # that DD-Ranking chooses from


@dataclass(frozen=True)
class Tuned(Application):
    """Names an evaluation at the learning rate that is best on *validation* data.

    Networks are trained on ``of`` at every rate and scored on validation data; then as many as ``seeds`` at the best
    rate, the lowest of several, and scored on test data after their last epoch. The first of these have the seeds of
    the trials: they are the same networks, scored on test images now. The record's result holds the ``rate``, the
    ``validation`` accuracy of each, and ``runs`` as an evaluation's. A training that diverges counts as guessing.

    Attributes:
        of: what networks are trained on.
        protocol, network, width, seeds, epochs: as in ``Evaluate``; no kernel's protocol, and not ``learned``.
        rates: to choose from; of a single one nothing is chosen.
        trials: networks trained at each of them.
        hard: whether a set's images have the classes that they began as for labels, whatever was learned.
    """

    RESULT: ClassVar[dict] = {"runs": [SCORED], "protocol": dict, "rate": NUMBER, "validation": [[NUMBER]],
                              "training_images": COUNT, "epochs": COUNT}

    of: Source
    protocol: str = "dcbench_none"
    network: str = "ConvNetD3"
    width: int = 128
    seeds: int = 5
    epochs: int | None = None
    rates: tuple[float, ...] = RATES
    trials: int = 1
    hard: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = "rates are a few positive learning rates, as (0.001, 0.01)"
        object.__setattr__(self, "rates", distinct(self.rates, wanted, lambda rate: 0 < rate <= LARGEST))

    @property
    def _evaluation(self) -> Evaluate:
        return Evaluate(self.of, self.protocol, self.network, self.width, self.seeds, self.epochs)

    def check(self) -> None:
        one_of(self.protocol, PROTOCOLS, "protocol")
        require(self.protocol != "learned", "the learning rate is chosen here: take another protocol than 'learned'")
        self._evaluation.check()
        whole(self.trials, 1, "trials")
        require(not self.hard or isinstance(self.of, MadeSet), "only the labels of a distilled or chosen set can be "
                                                               "left out: real images have classes, so leave hard out")

    def check_on(self, dataset: Dataset) -> None:
        self._evaluation.check_on(dataset)

    def decides(self) -> dict:
        return super().decides() | {"protocol": PROTOCOLS[self.protocol]}

    def training_set(self, job: Job, seed: int) -> Split:
        """What networks of that seed are trained on."""
        found = self.of.training_set(job, seed)
        if not self.hard:
            return found
        return Split(found.images, self.of.synthetic(job).started_as.to(found.images.device))

    def work(self, job: Job) -> Outcome:
        """Choose the rate and score at it, side by side where joblib is told to, or reload what is done."""
        how, chosen = self._evaluation.how(job.dataset), self.rates[0]
        validation: list[list[float]] = []
        if len(self.rates) > 1:
            asked = [(rate, seed) for rate in self.rates for seed in range(self.trials)]
            found = in_parallel(_trained, [self._task(job, how, rate, seed, "val") for rate, seed in asked])
            by_rate = {rate: Scores(tuple(run for (other, _), run in zip(asked, found, strict=True) if other == rate))
                       for rate in self.rates}
            chosen = max(by_rate, key=lambda rate: (by_rate[rate].headline.mean, -rate))
            validation = [[rate, *scores.headline.values] for rate, scores in by_rate.items()]
            spent = sum(run["train_seconds"] + run["test_seconds"] for run in found)
        else:
            spent = 0.0
        runs = in_parallel(_trained, [self._task(job, how, chosen, seed, "test") for seed in range(self.seeds)])
        images = len(self.training_set(job, 0))
        result = {"runs": runs, "protocol": replace(how, lr=chosen).as_dict(), "rate": chosen, "validation": validation,
                  "training_images": images, "epochs": how.epochs_for(images)}
        return Outcome(spent + sum(run["train_seconds"] + run["test_seconds"] for run in runs),
                       max(run["updates"] for run in runs), result, superseded=(job.parts,))

    def _task(self, job: Job, how: Protocol, rate: float, seed: int, split: str) -> tuple:
        training, name = self.training_set(job, seed), f"{split}-{rate!r}-{seed}"
        # By content: a set that was made again since is another; the full data are known by the run's own identity.
        made = {"set": digest([training.images, training.labels, training.squared])} if isinstance(
            self.of, MadeSet) else {}
        kept = [job.checkpoint(f"{PARTS}/{name}{suffix}.pt", part=name, **made) for suffix in ("-done", "")]
        title = f"{self.network} on {type(self.of).__name__} data, rate {rate:g}, {split}, seed {seed + 1}"
        return (*kept, self, training, job.dataset, replace(how, lr=rate), seed, split, title, job.quiet)


def _trained(kept: Checkpoint, so_far: Checkpoint, spec: Tuned, training: Split, dataset: Dataset, how: Protocol,
             seed: int, split: str, title: str, quiet: bool) -> dict:
    """The score of one network, or what was kept of it; its training goes on from ``so_far``."""
    found = kept.load()
    if found:
        return found
    watch = Stopwatch()
    try:
        found = score(training, dataset, spec.network, how, seed, width=spec.width, split=split, title=title,
                      checkpoint=so_far, quiet=quiet)
    except Diverged as error:  # an outcome like any other: it knows no more than to guess
        found = _guessing(getattr(dataset, split), len(dataset.classes)) | {
            "seed": seed, "train_seconds": watch.seconds, "diverged": str(error)}
        so_far.remove()
    kept.save(found)
    return found


def _guessing(split: Split, classes: int) -> dict:
    """The scores of always naming the most frequent class."""
    share = float(torch.bincount(split.labels).max() / len(split))
    return {"accuracy": share, "balanced_accuracy": 1 / classes, **({"auc": 0.5} if classes == 2 else {}),
            "updates": 0, "train_seconds": 0.0, "test_seconds": 0.0}
