"""DP-SGD (Abadi et al., "Deep Learning with Differential Privacy", CCS 2016): a network trained behind the noisy door.

The opponent of every private set: theta <- theta - eta g~, with ``mechanism.privatise`` of a Poisson batch's gradients
in the weights, one image's each, at the same epsilon and by the same accountant. What comes out is one network, in
place of a set that any network may be trained on (Carlini, Feldman and Nasr, 2022, ask for this comparison).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Lt
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ddkit.data import Dataset
from ddkit.foundation import randomness
from ddkit.foundation.checkpoints import Checkpoint, readable
from ddkit.foundation.errors import Diverged, require
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.progress import bar
from ddkit.methods.matching.classes import PoissonBatches
from ddkit.methods.matching.student import Student
from ddkit.methods.private.accountant import rdp_epsilon, rdp_sigma
from ddkit.methods.private.mechanism import privatise, sample_gradients
from ddkit.networks import Network
from ddkit.networks.cost import Stopwatch
from ddkit.networks.names import parse
from ddkit.training import Fit

SAVE_EVERY = 20.0  # seconds between two checkpoints


@dataclass(frozen=True)
class PrivateTraining(Knobs):
    """The knobs of DP-SGD."""

    updates: Annotated[int, Ge(1), Knob("of the weights, each by one noisy gradient")] = 200
    epsilon: Annotated[float, Gt(0), Knob("privacy of all updates together")] = 10.0
    delta: Annotated[float, Gt(0), Lt(1), Knob("share of outcomes for which that does not hold")] = 1e-5
    clip: Annotated[float, Gt(0), Knob("largest norm of one image's gradient", "C")] = 0.5
    real_batch: Annotated[int, Ge(1), Knob("images of an update on average", "B")] = 256
    lr: Annotated[float, Gt(0), Knob("learning rate of SGD", "eta")] = 1.0
    momentum: Annotated[float, Ge(0), Lt(1), Knob("of SGD")] = 0.0

    def check_network(self, network: str) -> None:
        """Raise InputError where an image has no gradient of its own."""
        require(parse(network)[1].get("norm") != "batch", "an image's own gradient needs a network without batch norm, "
                f"where it would depend on the others: choose another than {network}")


def fit_privately(network: Network, dataset: Dataset, how: PrivateTraining, rng: Callable[[str], torch.Generator], *,
                  title: str = "private training", checkpoint: Checkpoint | None = None,
                  quiet: bool = False) -> tuple[Fit, dict]:
    """Train ``network`` in place on the training images of ``dataset``, which are read through the door alone.

    Args:
        rng: gives the random streams ``sampling`` and ``noise``, as ``randomness.stream`` of a seed does.
        checkpoint: where to save now and then and to resume from; removed at the end. A resumed training ends in the
            same bits as an unbroken one.

    Returns:
        What came of it, and what it cost: epsilon, delta, sigma, q and the steps really made.

    Raises:
        Diverged: a weight is NaN or infinite.
        InputError: the batch is larger than the data, or no noise keeps so many updates within epsilon.
    """
    streams = {name: rng(name) for name in ("sampling", "noise")}
    real = PoissonBatches(dataset, how.real_batch, streams["sampling"])
    sigma = rdp_sigma(how.epsilon, real.rate, how.updates, how.delta)
    weights = parameters_to_vector(network.parameters()).detach().clone().requires_grad_()
    student, made = Student(network), Fit()
    optimiser = torch.optim.SGD([weights], how.lr, how.momentum)
    _restore(checkpoint, weights, optimiser, streams, made)
    watch, unsaved = Stopwatch(made.seconds), Stopwatch()
    with bar(how.updates, title, "update", done=made.updates, quiet=quiet) as progress:
        while made.updates < how.updates:
            gradients = sample_gradients(student, weights.detach(), *real.draw())
            weights.grad = privatise(gradients, how.clip, sigma, how.real_batch, streams["noise"])
            optimiser.step()
            made.updates, made.seconds = made.updates + 1, watch.seconds
            progress.step()
            if checkpoint and unsaved.seconds > SAVE_EVERY:
                _save(checkpoint, weights, optimiser, streams, made)
                unsaved = Stopwatch()
    if not bool(weights.isfinite().all()):
        raise Diverged(f"{title}: weights became NaN or infinite; lower the learning rate")
    vector_to_parameters(weights.detach(), network.parameters())
    if checkpoint:
        checkpoint.remove()
    epsilon = rdp_epsilon(real.rate, sigma, made.updates, how.delta)
    return made, {"epsilon": epsilon, "delta": how.delta, "sigma": sigma, "q": real.rate, "steps": made.updates}


def _save(checkpoint: Checkpoint, weights, optimiser, streams, made: Fit) -> None:
    checkpoint.save({"weights": weights.detach(), "optimiser": optimiser.state_dict(),
                     "streams": randomness.states(streams), "updates": made.updates, "seconds": made.seconds})


def _restore(checkpoint: Checkpoint | None, weights, optimiser, streams, made: Fit) -> None:
    state = checkpoint and checkpoint.load()
    if not state:
        return
    with readable(checkpoint), torch.no_grad():
        weights.copy_(state["weights"])
        optimiser.load_state_dict(state["optimiser"])
        randomness.restore(streams, state["streams"])
        made.updates, made.seconds = state["updates"], state["seconds"]
