"""What a distilled text says in words, and what counting words reaches without any vector."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from ddkit.applications.base import Application, Job, Outcome
from ddkit.data import Dataset, Split
from ddkit.data.sources.texts import bbc_news, words
from ddkit.foundation.errors import require, whole
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.networks.cost import Stopwatch
from ddkit.runs.spec import OfDataset, Spec, key
from ddkit.specs.sources import MadeSet
from ddkit.training.kernel_scores import KERNEL_PROTOCOLS
from ddkit.training.kernel_scores import score as kernel_score
from ddkit.training.scores import SCORED, metrics

TEXTS = ("bbc_news",)
STRENGTHS = (100.0, 10.0, 1.0)  # C of scikit-learn's regression, to choose from on validation texts
JUDGE, KERNEL = "validated_kernel", "NTK"


def _require_texts(dataset: str) -> None:
    require(dataset in TEXTS, f"words are read from texts, and {dataset} holds none: take {' or '.join(TEXTS)}")


@dataclass(frozen=True)
class TfIdf(OfDataset, Spec):
    """Names softmax regression on counted words: on all training texts, or on random ones drawn anew for each seed.

    Attributes:
        dataset: of texts.
        ipc: texts of each class (None: all, once).
        seeds: draws of these.
    """

    RESULT: ClassVar[dict] = {"runs": [SCORED], "training_texts": COUNT, "chance": NUMBER}

    dataset: str = "bbc_news"
    ipc: int | None = None
    seeds: int = 5
    size: int | None = None

    def check(self) -> None:
        super().check()
        _require_texts(self.dataset)
        whole(self.seeds, 1, "seeds")
        if self.ipc is not None:
            whole(self.ipc, 1, "texts per class (ipc)")

    def check_on(self, dataset: Dataset) -> None:
        fewest = int(torch.bincount(dataset.train.labels).min())
        require(self.ipc is None or self.ipc <= fewest, f"{dataset.name} has {fewest} training texts in its smallest "
                                                        f"class, and {self.ipc} cannot be drawn: ask for fewer")

    @property
    def name(self) -> str:
        return f"tfidf-{self.dataset}-{'all' if self.ipc is None else f'ipc{self.ipc}'}-{key(self)}"

    def work(self, job: Job) -> Outcome:
        parts = bbc_news.texts_by_part()
        runs = [self._scored(parts, seed) for seed in range(1 if self.ipc is None else self.seeds)]
        seconds = sum(run["train_seconds"] + run["test_seconds"] for run in runs)
        return Outcome(seconds, 0, {"runs": runs, "training_texts": len(self._drawn(parts["train"][1], 0)),
                                    "chance": job.dataset.chance})

    def _drawn(self, labels: np.ndarray, seed: int) -> np.ndarray:
        if self.ipc is None:
            return np.arange(len(labels))
        generator = stream(seed, "random texts")
        members = (np.flatnonzero(labels == label) for label in np.unique(labels))
        return np.concatenate([own[torch.randperm(len(own), generator=generator)[: self.ipc].numpy()]
                               for own in members])

    def _scored(self, parts: dict, seed: int) -> dict:
        """Fitted on its texts alone, their words' counts included; C is chosen on validation texts."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        watch, (texts, labels) = Stopwatch(), parts["train"]
        drawn = self._drawn(labels, seed)
        counts = TfidfVectorizer(tokenizer=words.split, token_pattern=None, lowercase=False, sublinear_tf=True)
        seen = counts.fit_transform([texts[place] for place in drawn])
        held, tested = (counts.transform(parts[part][0]) for part in ("val", "test"))
        fitted = [LogisticRegression(C=strength, max_iter=500).fit(seen, labels[drawn]) for strength in STRENGTHS]
        best = max(range(len(fitted)), key=lambda index: fitted[index].score(held, parts["val"][1]))
        trained = watch.seconds
        found = metrics(torch.from_numpy(fitted[best].predict_log_proba(tested)), torch.from_numpy(parts["test"][1]))
        return {"seed": seed, "updates": 0, "train_seconds": trained, "test_seconds": watch.seconds - trained,
                "strength": STRENGTHS[best]} | found


@dataclass(frozen=True)
class Spelt(Application):
    """Names what a set's rows say in words, and what these words alone are worth.

    The record's result has, for each row, the words ``nearest`` by angle to what sets it apart from the set's mean row
    (which all texts have in common), and a text ``spelt`` of words whose mean comes near the row itself; ``vectors``
    and ``texts`` are the accuracies of the kernel on the rows and on the means of those texts.

    Attributes:
        of: a distilled set or coreset of texts.
        words: in each text.
    """

    RESULT: ClassVar[dict] = {"nearest": [[str]], "spelt": [[str]], "labels": [COUNT], "vectors": NUMBER,
                              "texts": NUMBER}

    of: MadeSet
    words: int = 10

    def check(self) -> None:
        super().check()
        _require_texts(self.dataset)
        whole(self.words, 1, "words")
        self.of.check()

    def check_on(self, dataset: Dataset) -> None:
        self.of.check_on(dataset)

    def work(self, job: Job) -> Outcome:
        watch, dataset, made = Stopwatch(), job.dataset, self.of.synthetic(job)
        known, given = words.vocabulary(), made.training_split()
        rows = given.images.flatten(1).numpy() * dataset.std[0] + dataset.mean[0]
        spelt = words.spelt(rows, self.words, known)
        means = words.mean_vectors([" ".join(text) for text in spelt], known)
        again = (torch.from_numpy(means) - dataset.mean[0]) / dataset.std[0]
        scores = [_accuracy(split, dataset)
                  for split in (given, Split(again.view_as(given.images), given.labels, squared=given.squared))]
        result = {"nearest": known.nearest(rows - rows.mean(0), self.words), "spelt": spelt,
                  "labels": made.started_as.tolist(), "vectors": scores[0], "texts": scores[1]}
        return Outcome(watch.seconds, 0, result)


def _accuracy(split: Split, dataset: Dataset) -> float:
    return kernel_score(split, dataset, KERNEL, KERNEL_PROTOCOLS[JUDGE], 0)["accuracy"]
