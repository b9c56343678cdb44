"""What predictions are worth, and the scores of several networks as mean and spread."""

import math
import statistics
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ddkit.foundation.errors import Diverged
from ddkit.foundation.schema import COUNT, NUMBER

SCORED = {"accuracy": NUMBER, "updates": COUNT, "train_seconds": NUMBER, "test_seconds": NUMBER,
          "?confusion": [[COUNT]]}  # what a record says of a seed at least
METRICS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "auc": "AUC"}  # in words


def metrics(scores: Tensor, labels: Tensor) -> dict:
    """What logits [N, classes] are worth against labels [N].

    Returns:
        ``accuracy``, ``balanced_accuracy`` (mean recall of the classes), ``confusion`` (counts, rows: true class)
        and, for two classes, ``auc`` (area under the ROC curve; class 1 is the positive one).

    Raises:
        Diverged: a logit is NaN or infinite: the network has collapsed, and what it would name is no answer.
    """
    if not bool(scores.isfinite().all()):
        raise Diverged("the network's answers are no longer finite, so that they cannot be scored; lower the learning "
                       "rate")
    classes = scores.shape[1]
    confusion = torch.bincount(labels.cpu() * classes + scores.argmax(1), minlength=classes**2).view(classes, classes)
    present = confusion.sum(1) > 0
    recall = confusion.diag()[present] / confusion.sum(1)[present]
    found = {"accuracy": float(confusion.diag().sum() / confusion.sum()), "balanced_accuracy": float(recall.mean()),
             "confusion": confusion.tolist()}
    if classes == 2 and present.all():
        from sklearn.metrics import roc_auc_score

        found["auc"] = float(roc_auc_score(labels.cpu(), scores[:, 1] - scores[:, 0]))
    return found


@dataclass(frozen=True)
class Scores:
    """Test results of several networks, one per seed, all trained on the same kind of data.

    ``runs`` holds a dict per seed, as ``score`` returns it. ``metric`` is the one that mean, sd and se are of.
    ``notes`` are the data set's. ``spec``, as plain data, is the run's that they came from, if from one.
    """

    runs: tuple[dict, ...]
    metric: str = "accuracy"
    notes: tuple[str, ...] = ()
    spec: dict = field(default_factory=dict, compare=False, repr=False)

    def of(self, metric: str) -> "Scores":
        """The same runs, judged by another metric: ``accuracy``, ``balanced_accuracy`` or ``auc``."""
        return replace(self, metric=metric)

    def recall(self, label: int) -> "Scores":
        """The same runs, judged by the share of that class's images that were recognised."""
        name = f"recall of class {label}"
        shares = [run["confusion"][label][label] / sum(run["confusion"][label]) for run in self.runs]
        runs = tuple(run | {name: share} for run, share in zip(self.runs, shares, strict=True))
        return replace(self, runs=runs, metric=name)

    @property
    def two_classes(self) -> bool:
        return "auc" in self.runs[0]

    @property
    def headline(self) -> "Scores":
        """The same runs by the metric that figures show: of two classes balanced accuracy, else accuracy."""
        return self.of("balanced_accuracy" if self.two_classes else "accuracy")

    @property
    def values(self) -> list[float]:
        """The metric, in [0, 1], one value per seed."""
        return [run[self.metric] for run in self.runs]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def sd(self) -> float:
        """Sample standard deviation over seeds (0 for a single seed)."""
        return statistics.stdev(self.values) if len(self.runs) > 1 else 0.0

    @property
    def se(self) -> float:
        """Standard error of the mean."""
        return self.sd / math.sqrt(len(self.runs))

    @property
    def interval(self) -> float:
        """Half the 95 % confidence interval of the mean over seeds, by Student's t (0 for a single seed)."""
        from scipy.special import stdtrit  # which scikit-learn needs as well

        return float(stdtrit(len(self.runs) - 1, 0.975)) * self.se if len(self.runs) > 1 else 0.0

    def lead(self, other: "Scores") -> float:
        """How far the mean is above the other's, in units of the difference's standard error."""
        gap, error = self.mean - other.mean, math.hypot(self.se, other.se)
        return gap / error if error else gap and math.copysign(math.inf, gap)

    @property
    def seconds(self) -> float:
        """Mean seconds of training."""
        return statistics.fmean(run["train_seconds"] for run in self.runs)

    @property
    def test_seconds(self) -> float:
        """Mean seconds of testing."""
        return statistics.fmean(run["test_seconds"] for run in self.runs)

    @property
    def tested(self) -> float:
        """The standard error that the finite test set leaves, with the first network's recalls r_c on n_c images.

        Of the balanced accuracy of C classes it is sqrt(sum_c r_c (1 - r_c) / n_c) / C, of an accuracy p on n images
        sqrt(p (1 - p) / n).
        """
        if self.metric != "balanced_accuracy":
            return math.sqrt(self.mean * (1 - self.mean) / sum(map(sum, self.runs[0]["confusion"])))
        found = [(row[label] / sum(row), sum(row)) for label, row in enumerate(self.runs[0]["confusion"]) if sum(row)]
        return math.sqrt(sum(recall * (1 - recall) / n for recall, n in found)) / len(found)

    @property
    def at_chance(self) -> bool:
        """Whether the balanced accuracy is within two standard errors of guessing (or below it).

        The error is that over seeds and that of the finite test set, which is all there is to judge a single network
        by.
        """
        balanced = self.of("balanced_accuracy")
        return balanced.mean - 2 * math.hypot(balanced.se, balanced.tested) <= 1 / len(self.runs[0]["confusion"])

    def summary(self) -> dict:
        """Mean, standard deviation, n and every value of the accuracy; of two classes also what is fair to both."""
        found = {"mean": self.mean, "sd": self.sd, "n": len(self.runs), "accuracies": self.values}
        if self.two_classes:
            found |= {metric: self.of(metric).mean for metric in ("balanced_accuracy", "auc")}
            found |= {"recalls": [self.recall(label).mean for label in range(2)], "at_chance": self.at_chance}
        return found

    def __str__(self) -> str:
        spread = f" ± {100 * self.sd:.2f}" if len(self.runs) > 1 else ""
        return f"{100 * self.mean:.2f}{spread} % (n={len(self.runs)})"


def in_percent(scores: Scores) -> str:
    """The mean in %, and unless there is a single seed half its 95 % interval, for tables that say so."""
    return f"{100 * scores.mean:.1f}" + f" ± {100 * scores.interval:.1f}" * (len(scores.runs) > 1)
