"""Scoring a set "as prescribed": by the very steps, in their order and at their rates, that it was made for.

Some methods distil more than images: the order of the steps, their learning rates, even the weights to begin with. As
an ordinary data set, shuffled and trained on at another rate, such a set can be worth far less, and both scores are
true: of a recipe, and of a data set.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.device import without_tf32
from ddkit.foundation.errors import one_of, require
from ddkit.foundation.files import digest
from ddkit.foundation.randomness import stream
from ddkit.networks import Network, build_for
from ddkit.networks.cost import Stopwatch
from ddkit.networks.looking import require_sound
from ddkit.synthetic.random_steps import RandomSteps
from ddkit.synthetic.schedule import Schedule
from ddkit.training.fitting import test
from ddkit.training.soft_labels import Learner, Ridge, RidgeLearner

MOST_LOSSES = 100  # that a score keeps


@dataclass(frozen=True)
class Prescribed:
    """The protocol of a set's own ``schedule``, which is None until the set is known."""

    name: str = "prescribed"
    precision: str = "float32"
    schedule: Schedule | RandomSteps | None = None

    def epochs_for(self, images: int) -> int:
        """Passes over ``images`` images that its steps make, rounded up."""
        return math.ceil(self.schedule.seen / images)

    def as_dict(self) -> dict:
        found = {"name": self.name, "precision": self.precision}
        if self.schedule is None:
            return found
        schedule = self.schedule
        if isinstance(schedule, RandomSteps):
            return found | schedule.describe()
        return found | {"steps": len(schedule), "images_in_a_step": schedule.order.shape[1],
                        "rates": schedule.rates.tolist(), "momentum": schedule.momentum.tolist(),
                        "fixed": schedule.fixed, **schedule.describe(), "sha256": digest(schedule.tensors())}


def score(training: Split, dataset: Dataset, network: str, how: Prescribed, seed: int, *, width: int = 128,
          split: str = "test", title: str = "as prescribed", checkpoint: Checkpoint | None = None,
          quiet: bool = False) -> dict:
    """Train a network as ``how`` prescribes and test it on ``dataset``; arguments and result as of ``training.score``.

    The seed draws the weights to begin with, unless the set brings its own: then nothing is left to chance; and the
    batches, where the set has no order. There is nothing to resume: the steps are few.

    Raises:
        InputError: the set brings the weights of another network.
        Diverged: a weight is NaN or infinite at the end.
    """
    scored, watch = getattr(dataset, one_of(split, ("val", "test"), "split")), Stopwatch()
    how.schedule.check_for(len(training))
    model = build_for(dataset, network, width, stream(seed, "evaluation network"), how.precision)
    _begin(model, network, width, how.schedule)
    if isinstance(how.schedule, RandomSteps):
        losses = _train_at_random(model, training, how.schedule, stream(seed, "evaluation order"))
    else:
        losses = _train(model, training, how.schedule)
    require_sound(model, title)
    seconds, result = watch.seconds, test(model, scored)
    return {"seed": seed, "updates": len(losses), "train_seconds": seconds, "test_seconds": result.pop("seconds"),
            "losses": [round(loss, 5) for loss in losses[:: math.ceil(len(losses) / MOST_LOSSES)]]} | result


def _begin(model: Network, network: str, width: int, schedule: Schedule | RandomSteps) -> None:
    """Give the network the weights that the set brings, if it brings any."""
    if not schedule.fixed:
        return
    own = parameters_to_vector(model.parameters())
    require(network == schedule.network and len(own) == len(schedule.weights),
            f"this set was made for one initialisation of {schedule.network} of width {schedule.width}, which is no "
            f"{network} of width {width}: score it on that one, or by protocol 'standard'")
    weights = schedule.weights.to(own.device, copy=True)  # the network trains on in this memory, not in the set's
    vector_to_parameters(weights, model.parameters())


def _train(model: Network, training: Split, schedule: Schedule) -> list[float]:
    """Make the steps; returns the loss before each."""
    model.train()
    weights, losses = list(model.parameters()), []
    velocity = [torch.zeros_like(w) for w in weights]
    loss_of = F.mse_loss if training.squared else F.cross_entropy
    with without_tf32():
        for images, rate, kept in zip(schedule.order.to(training.images.device), schedule.rates.tolist(),
                                      schedule.momentum.tolist(), strict=True):
            loss = loss_of(model(training.images[images]), training.labels[images])
            found = torch.autograd.grad(loss, weights)
            losses.append(loss.item())
            with torch.no_grad():
                for weight, speed, gradient in zip(weights, velocity, found, strict=True):
                    weight -= rate * speed.mul_(kept).add_(gradient)
    return losses


def _train_at_random(model: Network, training: Split, steps: RandomSteps, generator: torch.Generator) -> list[float]:
    """Make the steps, each on a batch at random; returns the loss before each."""
    model.train()
    learner = (Learner(model, steps.rate) if steps.solver == "gradient"
               else RidgeLearner(model, steps.rate, Ridge(steps.ridge, steps.share)))
    losses = []
    with without_tf32():
        for _ in range(steps.steps):
            picks = torch.randperm(len(training), generator=generator)[: steps.batch].to(training.images.device)
            losses.append(learner.step(training.images[picks], training.labels[picks]))
    learner.settle()
    return losses
