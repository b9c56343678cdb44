"""A set of texts whose words stand in order, read as words again, and networks trained on these words instead."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ddkit.applications.base import Job, OfTraining, Outcome
from ddkit.data import Dataset, Split
from ddkit.data.sources.texts import words
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import require, whole
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.runs.workers import in_parallel
from ddkit.specs import Evaluate
from ddkit.specs.sources import MadeSet
from ddkit.training import Protocol, score
from ddkit.training.scores import SCORED

IN_ORDER = ("bbc_news_words",)


def places(images: Tensor, dataset: Dataset, known: words.Vocabulary) -> np.ndarray:
    """Where the word nearest to each row of texts [n, 1, words, numbers] stands among all: int64 [n, words], and -1 for
    a row of zeros."""
    rows = images.detach().cpu()[:, 0].numpy() * dataset.std[0] + dataset.mean[0]
    return words.decoded(rows.reshape(-1, rows.shape[-1]), known).reshape(rows.shape[:2])


def as_words(images: Tensor, dataset: Dataset, known: words.Vocabulary) -> Tensor:
    """The texts with every row replaced by the vector of its nearest word; rows of zeros stay."""
    found = places(images, dataset, known)
    vectors = np.where(found[..., None] < 0, 0, known.vectors[found]).astype(np.float32)
    rows = (torch.from_numpy(vectors) - dataset.mean[0]) / dataset.std[0]
    return rows[:, None].to(images)


def texts(images: Tensor, dataset: Dataset, known: words.Vocabulary) -> list[list[str]]:
    """The nearest words of each text, without its padding."""
    return [[known.words[place] for place in row if place >= 0] for row in places(images, dataset, known)]


@dataclass(frozen=True)
class Reread(OfTraining):
    """Names what networks learn from a set's nearest words, and which words were moved.

    The record's result has ``runs``, one for each network that was trained on the words; ``kept``, the share of rows,
    padding left out, whose nearest word is still that of the set's start; and for each text ``moved``, pairs of words
    before and now, of those rows that moved furthest.

    Attributes:
        of: a distilled set or coreset of texts in order.
        pairs: to name of each text, at most.
        protocol, network, width, seeds, epochs, first_seed: of the networks, as in ``Evaluate``.
    """

    RESULT: ClassVar[dict] = {"runs": [SCORED], "kept": NUMBER, "moved": [[[str]]], "labels": [COUNT], "protocol": dict,
                              "training_images": COUNT, "chance": NUMBER}

    of: MadeSet
    pairs: int = 5
    protocol: str = "standard"
    network: str = "TextCNN"
    width: int = 128
    seeds: int = 5
    epochs: int | None = None
    first_seed: int = 0

    @property
    def evaluation(self) -> Evaluate:
        return replace(super().evaluation, first_seed=self.first_seed)

    def check(self) -> None:
        super().check()
        whole(self.pairs, 1, "pairs")
        require(self.dataset in IN_ORDER, f"words are read from texts in order, and {self.dataset} holds none: take "
                                          f"{' or '.join(IN_ORDER)}")

    def work(self, job: Job) -> Outcome:
        """Train every seed's network on the words, side by side where joblib is told to, or reload those done."""
        dataset, how, known = job.dataset, self.evaluation.how(job.dataset), words.vocabulary()
        made = self.of.synthetic(job)
        given = made.training_split()
        said = replace(given, images=as_words(given.images, dataset, known)).to(dataset.train.images.device)
        runs = in_parallel(_scored, [(*self.checkpoints(job, said, seed), self, said, dataset, how, seed, job.quiet)
                                     for seed in range(self.first_seed, self.first_seed + self.seeds)])
        before, now = (places(images, dataset, known) for images in (made.undistilled().images, given.images))
        result = {"runs": runs, "kept": float((before == now)[before >= 0].mean()),
                  "moved": self._moved(made, before, now, known),
                  "labels": made.started_as.tolist(), "protocol": how.as_dict(), "training_images": len(given),
                  "chance": dataset.chance}
        return Outcome(sum(run["train_seconds"] + run["test_seconds"] for run in runs), runs[0]["updates"], result,
                       superseded=(job.parts,))

    def _moved(self, made, before: np.ndarray, now: np.ndarray, known: words.Vocabulary) -> list[list[list[str]]]:
        """[texts][pairs][before, now]"""
        far = (made.images.detach() - made.undistilled().images).square().sum((1, 3)).cpu().numpy()
        picks = np.where(before == now, 0, -far).argsort(1, kind="stable")[:, : self.pairs]
        said = [["" if place < 0 else known.words[place] for place in row] for row in (*before, *now)]
        return [[[one[row], other[row]] for row in rows if one[row] != other[row]]
                for one, other, rows in zip(said[: len(before)], said[len(before) :], picks, strict=True)]


def _scored(kept: Checkpoint, so_far: Checkpoint, spec: Reread, training: Split, dataset: Dataset, how: Protocol,
            seed: int, quiet: bool) -> dict:
    """The score of one network on the words, or what was kept of it; its training goes on from ``so_far``."""
    found = kept.load()
    if not found:
        title = f"{spec.network} on a set's nearest words, seed {seed - spec.first_seed + 1} of {spec.seeds}"
        found = score(training, dataset, spec.network, how, seed, width=spec.width, title=title, checkpoint=so_far,
                      quiet=quiet)
        kept.save(found)
    return found
