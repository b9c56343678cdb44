"""Membership inference: which images was a set made from? Asked of many models, each made from half of the images.

A model is all that its maker does: the set is distilled, or drawn, from the members alone, and a network trained on it.
Every model is attacked in turn, with others as LiRA's shadows. Models come in pairs that share out the images between
them, and a model's twin is no shadow of it: so every image has as many shadows with it as without it. (With one more on
one side its mean would be the surer one, and the scores would tell members from others where nothing is to be told.)
What is compared is how well the members of the *whole* half are told from the other half, not only those that a set
happens to show (Carlini, Feldman and Nasr, 2022).
"""

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from ddkit.applications.base import Application, Job, Outcome, nothing_else, seeded
from ddkit.applications.privacy.membership import attack, confidence, likelihood_ratios, nearest_are_members
from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import one_of, require, whole
from ddkit.foundation.files import sha256
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.methods.private.dp_sgd import PrivateTraining, fit_privately
from ddkit.networks import Network, build_for, sketch_for
from ddkit.networks.cost import Stopwatch
from ddkit.runs.jobs import PARTS
from ddkit.runs.workers import in_parallel
from ddkit.specs import Coreset, Distill, Evaluate, Full, RandomReal, Source, Start
from ddkit.training import PROTOCOLS, Fit, logits, trained
from ddkit.training.scores import SCORED, metrics

FEWEST = 6  # models: without the attacked one and its twin four shadows, two on either side of every image
ATTACKS = {"threshold": "loss threshold", "lira": "LiRA"}  # in words
_JUDGED = {"auc": NUMBER, "low": NUMBER, "high": NUMBER, "advantage": NUMBER, "caught": {...: NUMBER}}


@dataclass(frozen=True)
class Membership(Application):
    """Names a membership inference.

    The record's result has ``runs``, one for each model: its test accuracy, an ``Attack`` for each of ``ATTACKS``, and
    ``nearest``, of how many of the images that the network was trained on the nearest real one is a member (None of the
    full data), and the ``epsilon`` of what was made privately (None without noise); ``members``, how many each model
    has; and ``training_images``.

    Attributes:
        of: what a model's network is trained on, made from the model's members alone.
        images: training images in question, the same number of every class.
        models: how many are made, an even number.
        protocol, network, width, epochs: of the networks, as in ``Evaluate``; no kernel's protocol, and not
            ``learned``.
        training: of networks trained on all members by DP-SGD, in place of the protocol.
        seed: of the images' choice and of who is a member; a model's own seed is its number.
    """

    RESULT: ClassVar[dict] = {"runs": [{**SCORED, "nearest": (None, COUNT), "?epsilon": (None, NUMBER),
                                        **dict.fromkeys(ATTACKS, _JUDGED)}],
                              "members": COUNT, "training_images": COUNT}

    of: Source
    images: int = 10_000
    models: int = 16
    protocol: str = "standard"
    network: str = "ConvNetD3"
    width: int = 8
    epochs: int | None = None
    seed: int = 0
    training: PrivateTraining | None = None

    @property
    def _evaluation(self) -> Evaluate:
        return Evaluate(self.of, self.protocol, self.network, self.width, 1, self.epochs)

    def check(self) -> None:
        one_of(self.protocol, PROTOCOLS, "protocol")
        require(self.protocol != "learned", "all models are trained at one learning rate: take another protocol than "
                                            "'learned'")
        self._evaluation.check()
        whole(self.models, FEWEST, "models")
        require(self.models % 2 == 0, f"models come in pairs that share out the images, got {self.models} models")
        whole(self.images, 4, "images")
        drawn = isinstance(self.of, Start) and self.of.drawn
        require(drawn or isinstance(self.of, Full | RandomReal | Distill | Coreset),
                "membership is asked of what can be made anew from half of the images: a distillation, its start, a "
                f"coreset, random real images or the full data; got {type(self.of).__name__}")
        require(getattr(self.of, "experts", None) is None, "experts have seen all images, so that nobody is no member: "
                                                           "choose a method without experts")

        if self.training:
            require(isinstance(self.of, Full), "DP-SGD is the opponent of sets, and trains on all members: leave the "
                                               "training out, or ask for the full data")
            require(self.protocol == "standard" and self.epochs is None, "DP-SGD trains as its own knobs say: leave "
                                                                         "protocol and epochs out")
            self.training.check_network(self.network)

    def check_on(self, dataset: Dataset) -> None:
        """There are images enough, and what is asked of can be made from half of them."""
        pool, members = self.pool(dataset), self.members(dataset)
        self.of.check_on(_among(dataset, pool, members[0]))
        sketch_for(dataset, self.network, self.width)

    def pool(self, dataset: Dataset) -> Split:
        """The images in question, sorted by class, as many of each, an even number.

        Raises:
            InputError: a class has too few.
        """
        classes, draw, picks = len(dataset.classes), stream(self.seed, "pool"), []
        each = self.images // classes // 2 * 2
        smallest = int(torch.bincount(dataset.train.labels.cpu(), minlength=classes).min())
        require(2 <= each <= smallest, f"of {dataset.name} {2 * classes} to {smallest // 2 * 2 * classes:,} images can "
                f"be in question, as many of every class, got images {self.images:,}")
        for label in range(classes):
            own = torch.nonzero(dataset.train.labels == label)[:, 0]
            picks.append(own[torch.randperm(len(own), generator=draw)[:each].to(own.device)])
        chosen = torch.cat(picks)
        return Split(dataset.train.images[chosen], dataset.train.labels[chosen])

    def members(self, dataset: Dataset) -> Tensor:
        """Which images of the pool each model is made from, bool [models, N]: half of every class."""
        classes, draw, rows = len(dataset.classes), stream(self.seed, "members"), []
        each = self.images // classes // 2 * 2
        for _ in range(self.models // 2):
            halves = torch.cat([torch.randperm(each, generator=draw) < each // 2 for _ in range(classes)])
            rows += [halves, ~halves]
        return torch.stack(rows)

    def decides(self) -> dict:
        return super().decides() | {"protocol": PROTOCOLS[self.protocol]}

    def work(self, job: Job) -> Outcome:
        """Make all models, side by side where joblib is told to, or reload those made; then attack each."""
        pool, members = self.pool(job.dataset), self.members(job.dataset)
        made = in_parallel(_model, [self._task(job, pool, own, number) for number, own in enumerate(members)])
        shadows = torch.stack([model.pop("confidence") for model in made])
        for number, (model, own) in enumerate(zip(made, members, strict=True)):
            others = torch.arange(self.models) // 2 != number // 2  # without its twin, too: as many on either side
            scores = {"threshold": shadows[number],
                      "lira": likelihood_ratios(shadows[number], shadows[others], members[others])}
            model |= {name: asdict(attack(found, own)) for name, found in scores.items()}
        result = {"runs": made, "members": int(members[0].sum()), "training_images": made[0].pop("training_images")}
        for model in made[1:]:
            del model["training_images"]
        seconds = sum(model["making_seconds"] + model["train_seconds"] + model["test_seconds"] for model in made)
        return Outcome(seconds, max(model["updates"] for model in made), result, superseded=(job.parts,))

    def _task(self, job: Job, pool: Split, own: Tensor, number: int) -> tuple:
        among = _among(job.dataset, pool, own)
        place = job.parts / f"model-{number}"
        inner = Job(among, place, job.identity | {"model": number}, nothing_else, {}, job.quiet, job.maker)
        kept, training = (job.checkpoint(f"{PARTS}/model-{number}{suffix}.pt", model=number)
                          for suffix in ("-done", ""))
        return kept, training, inner, self, pool, own, number


def _among(dataset: Dataset, pool: Split, own: Tensor) -> Dataset:
    """The data set with a model's members for training images, and another fingerprint."""
    chosen = own.to(pool.labels.device)
    return replace(dataset, train=Split(pool.images[chosen], pool.labels[chosen]),
                   fingerprint=sha256(dataset.fingerprint.encode(), own.numpy().tobytes()))


def _model(kept: Checkpoint, training: Checkpoint, job: Job, spec: Membership, pool: Split, own: Tensor,
           number: int) -> dict:
    """Make and train one model, or go on with it, or reload what came of it."""
    done = kept.load()
    if done:
        return done
    watch, source = Stopwatch(), seeded(spec.of, number)
    split, spent = _made(source, job, number)
    split = split.to(pool.images.device)
    making = watch.seconds
    network, fitted, cost = _trained(spec, job, split, training, number)
    watch = Stopwatch()
    real = pool.images.cpu()
    nearest = None if isinstance(spec.of, Full) else nearest_are_members(split.images.cpu(), real[own], real[~own])
    test = job.dataset.test
    found = {"seed": number, "accuracy": metrics(logits(network, test.images), test.labels)["accuracy"],
             "updates": fitted.updates, "making_seconds": making, "train_seconds": fitted.seconds,
             "test_seconds": watch.seconds, "training_images": len(split),
             "nearest": nearest and round(nearest.value * nearest.n), **spent, **cost,
             "confidence": confidence(logits(network, pool.images), pool.labels.cpu())}
    kept.save(found)
    return found


def _made(source: Source, job: Job, number: int) -> tuple[Split, dict]:
    """What a model's network is trained on, and the epsilon that making it has cost, where anything was accounted."""
    if not isinstance(source, Distill | Coreset):
        return source.training_set(job, number), {}
    job.place.mkdir(parents=True, exist_ok=True)
    made = source.work(job).synthetic
    privacy = made.origin.get("privacy")
    return made.training_split(), {} if privacy is None else {"epsilon": privacy["epsilon"]}


def _trained(spec: Membership, job: Job, split: Split, checkpoint: Checkpoint,
             number: int) -> tuple[Network, Fit, dict]:
    """A model's network, what came of its training, and the epsilon of that, where it was DP-SGD's."""
    dataset, title = job.dataset, f"model {number + 1} of {spec.models}"
    how = spec._evaluation.how(dataset)
    if spec.training:
        network = build_for(dataset, spec.network, spec.width, stream(number, "evaluation network"), how.precision)
        fitted, cost = fit_privately(network, dataset, spec.training, partial(stream, number), title=title,
                                     checkpoint=checkpoint, quiet=job.quiet)
        return network, fitted, {"epsilon": cost["epsilon"]}
    network, fitted = trained(split, dataset, spec.network, how, number, width=spec.width, title=title,
                              checkpoint=checkpoint, quiet=job.quiet)
    return network, fitted, {}
