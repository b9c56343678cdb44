"""Softmax regression on inputs as they are: the model that is left of a network without hidden layers.

On a graph's propagated rows it is the simple graph convolution (Wu et al., ICML 2019); on means of word vectors, a
linear classifier of texts. It is convex, so that nothing is drawn and every seed has the same score.
"""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import one_of, require
from ddkit.networks.cost import Stopwatch
from ddkit.training.scores import metrics

NETWORK = "linear"  # what goes for the network's name
STRENGTHS = tuple(10 ** (-power / 2) for power in range(0, 11))  # 1 to 1e-5
LARGEST = 20_000  # rows that are fitted at once


@dataclass(frozen=True)
class LinearProtocol:
    """How softmax regression is fitted.

    Attributes:
        strengths: of the weight decay, in units of the rows' mean squared length; that which does best on the
            validation part is taken, of several the strongest.
    """

    name: str = "linear"
    strengths: tuple[float, ...] = STRENGTHS

    def epochs_for(self, images: int) -> int:
        """No epochs are counted: the optimum is."""
        return 0

    def as_dict(self) -> dict:
        return asdict(self)

    @property
    def model(self) -> str:
        """What answers, in words."""
        return "softmax regression, its weight decay chosen on the validation part"

    def check(self, network: str, width: int) -> None:
        """Raise InputError unless ``network`` is the name of this model."""
        require(network == NETWORK, f"protocol 'linear' trains no network of the course's: say network '{NETWORK}', "
                                    f"got '{network}'")


def score(training: Split, dataset: Dataset, network: str, how: LinearProtocol, seed: int, *, width: int = 128,
          split: str = "test", title: str = "linear", checkpoint: Checkpoint | None = None,
          quiet: bool = False) -> dict:
    """Fit on ``training`` and score on ``dataset``; arguments and result as of ``training.score``, and ``strength``.

    Raises:
        InputError: labels that are regressed on or below 0, or too many rows.
    """
    how.check(network, width)
    scored = getattr(dataset, one_of(split, ("val", "test"), "split"))
    require(not training.squared, "the labels of this set are values for a kernel to regress on, no classes or "
                                  "probabilities: take protocol 'kernel'")
    require(training.labels.min() >= 0, "some labels of this set are below 0, weights of log-probabilities that are no "
                                        "probabilities: take protocol 'standard'")
    require(len(training) <= LARGEST, f"softmax regression is fitted to at most {LARGEST:,} rows, got "
                                        f"{len(training):,}")
    watch = Stopwatch()
    fitted = [Softmax(training, len(dataset.classes), strength) for strength in how.strengths]
    right = [int((model(dataset.val.images).argmax(1) == dataset.val.labels.cpu()).sum()) for model in fitted]
    best = max(range(len(fitted)), key=lambda index: right[index])
    seconds = watch.seconds
    result = metrics(fitted[best](scored.images), scored.labels.cpu())
    return {"seed": seed, "updates": 0, "train_seconds": seconds, "test_seconds": watch.seconds - seconds, "losses": [],
            "strength": how.strengths[best]} | result


class Softmax:
    """The minimum over W and b of ``mean_i cross-entropy(x_i W + b, y_i) + strength m |W|^2 / 2``, m the mean of
    ``|x_i|^2``, by scikit-learn's L-BFGS in float64.

    Of rows with more numbers than there are rows only their span is looked at: there lies the minimum. Of two classes
    scikit-learn fits the difference w of both columns alone: at the minimum they are -w / 2 and w / 2, so that |W|^2 is
    |w|^2 / 2.
    """

    def __init__(self, training: Split, classes: int, strength: float):
        from sklearn.linear_model import LogisticRegression

        rows, labels = training.images.flatten(1).double().cpu(), training.labels.cpu()
        self._basis = torch.linalg.svd(rows, full_matrices=False).Vh.T if rows.shape[1] > len(rows) else None
        self._scale, self._classes = float(rows.square().sum(1).mean().sqrt()), classes
        picks, named, weights = _weighted(labels, classes)
        share = 2 if len(np.unique(named)) == 2 else 1
        model = LogisticRegression(C=share / (strength * len(rows)), max_iter=1000)
        self._model = model.fit(self._seen(training.images)[picks], named, weights)

    def __call__(self, images: Tensor) -> Tensor:
        """Log-probabilities, float64 [N, classes]; a class that was never seen has the least there is."""
        found = np.full((len(images), self._classes), np.finfo(np.float64).min)
        found[:, self._model.classes_] = self._model.predict_log_proba(self._seen(images))
        return torch.from_numpy(found)

    def weights(self) -> Tensor:
        """W, float64 [numbers, classes that were seen], of rows as they are given."""
        columns = self._model.coef_.T
        columns = np.hstack([-columns, columns]) / 2 if len(self._model.classes_) == 2 else columns
        found = torch.from_numpy(columns) / self._scale
        return found if self._basis is None else self._basis @ found

    def _seen(self, images: Tensor) -> np.ndarray:
        rows = images.flatten(1).double().cpu()
        return (rows if self._basis is None else rows @ self._basis).numpy() / self._scale


def _weighted(labels: Tensor, classes: int) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Which row, which class and with what weight: of soft labels a row counts for every class that it has."""
    if labels.ndim == 1:
        return torch.arange(len(labels)), labels.numpy(), np.ones(len(labels))
    rows, named = torch.nonzero(labels > 0, as_tuple=True)
    return rows, named.numpy(), labels[rows, named].double().numpy()
