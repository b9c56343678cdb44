"""Scoring a set by kernel ridge regression: an evaluation of its own, in which no trained classifier answers.

The two kinds of score must be told apart, as the published tables do: a set can be excellent for the kernel that it was
distilled with and say little to a network that is trained on it.
"""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import one_of, require
from ddkit.foundation.randomness import stream
from ddkit.networks import build_for, parse
from ddkit.networks.cost import Stopwatch
from ddkit.training.fitting import Protocol, fit
from ddkit.training.kernels import RIDGE, FeatureKernel, InfiniteNetwork, Kernel, predict, regression_targets, solve
from ddkit.training.scores import metrics

LARGEST = 5000  # images that a kernel is solved for


@dataclass(frozen=True)
class KernelProtocol:
    """How a kernel predicts.

    Attributes:
        name: ``kernel``, ``trained_kernel`` or ``validated_kernel``.
        networks: whose features make up the kernel; a network of infinite width needs only itself.
        updates: of each of them on the set before its features are taken (0: random features), by SGD.
        ridge: lambda of the regression.
        ridges: to choose lambda among on the validation part, in place of ``ridge``; of several the largest.
    """

    name: str
    networks: int = 8
    updates: int = 0
    ridge: float = RIDGE
    ridges: tuple[float, ...] = ()

    def epochs_for(self, images: int) -> int:
        """Epochs over ``images`` images, which are passed whole."""
        return self.updates

    def as_dict(self) -> dict:
        return asdict(self)

    def check(self, network: str, width: int) -> None:
        """Raise InputError if a network of that name and width has no such kernel."""
        if InfiniteNetwork.named(network) is None:
            require(parse(network, width)[1].get("norm") != "batch", "a kernel is of networks without batch "
                    f"norm, in which an image's features depend on the others: choose another than {network}")
        else:
            require(self.updates == 0, f"{network} is a formula, without features to train: take protocol 'kernel', or "
                                       "another network")

    def kernel_of(self, network: str) -> str:
        """The kernel in words."""
        infinite = InfiniteNetwork.named(network)
        if infinite:
            return (f"{infinite.kind} of an infinitely wide fully connected ReLU network, "
                    f"{infinite.depth} hidden layer{'s' * (infinite.depth != 1)}")
        state = f"after {self.updates} updates on the set" if self.updates else "at random"
        return f"features of {self.networks} {network}{'s' * (self.networks > 1)} {state}"


KERNEL_PROTOCOLS = {
    "kernel": KernelProtocol("kernel"),
    "trained_kernel": KernelProtocol("trained_kernel", networks=1, updates=100),
    "validated_kernel": KernelProtocol("validated_kernel", ridges=(10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, RIDGE)),
}


def score(training: Split, dataset: Dataset, network: str, how: KernelProtocol, seed: int, *, width: int = 128,
          split: str = "test", title: str = "kernel", checkpoint: Checkpoint | None = None,
          quiet: bool = False) -> dict:
    """Predict ``dataset`` from ``training`` by kernel ridge regression; arguments and result as of ``training.score``.

    ``train_seconds`` is the time until the regression is solved. Nothing is drawn but the networks' weights and the
    order of their training, so the kernel of an infinite network gives every seed the same score.

    Raises:
        InputError: labels below 0 that are not to be regressed on, or too many images.
    """
    scored = getattr(dataset, one_of(split, ("val", "test"), "split"))
    require(len(training) <= LARGEST, f"a kernel is solved for at most {LARGEST} images, got {len(training)}: "
                                      "evaluate a distilled or random set")
    require(training.squared or training.labels.min() >= 0, "some labels of this set are below 0, weights of "
            "log-probabilities that are no probabilities: take protocol 'standard'")
    watch = Stopwatch()
    support = training.images.double()
    kernel = _kernel(training, dataset, network, how, seed, width, title, quiet)
    k_ss, targets = kernel(support, support), regression_targets(training, len(dataset.classes))
    ridge = _best_ridge(kernel, support, k_ss, targets, dataset, how) if how.ridges else how.ridge
    weights = solve(k_ss, targets, ridge)
    solved, chosen = watch.seconds, {"ridge": ridge} if how.ridges else {}
    result = metrics(predict(kernel, scored.images, support, weights).cpu(), scored.labels)
    return {"seed": seed, "updates": how.updates, "train_seconds": solved, "test_seconds": watch.seconds - solved,
            "losses": []} | chosen | result


def _best_ridge(kernel: Kernel, support: Tensor, k_ss: Tensor, targets: Tensor, dataset: Dataset,
                how: KernelProtocol) -> float:
    """The ridge whose predictions of the validation part are most often right."""
    found = torch.cat([solve(k_ss, targets, ridge) for ridge in how.ridges], 1)
    predicted = predict(kernel, dataset.val.images, support, found).view(len(dataset.val), len(how.ridges), -1)
    right = (predicted.argmax(2) == dataset.val.labels[:, None]).sum(0).tolist()
    return how.ridges[max(range(len(right)), key=lambda index: right[index])]


def _kernel(training: Split, dataset: Dataset, network: str, how: KernelProtocol, seed: int, width: int, title: str,
            quiet: bool) -> Kernel:
    how.check(network, width)
    infinite = InfiniteNetwork.named(network)
    if infinite:
        return infinite
    weights, order = stream(seed, "evaluation network"), stream(seed, "evaluation order")
    networks = [build_for(dataset, network, width, weights) for _ in range(how.networks)]
    if how.updates:
        protocol = Protocol(how.name, epochs=None, updates=how.updates, batch=len(training))
        for one in networks:
            fit(one, training, protocol, order, title=title, quiet=quiet)
    return FeatureKernel(networks)

