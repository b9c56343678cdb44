"""The one way a network is trained and scored, whatever it is trained on.

A ``Protocol`` says how long and with which optimiser; ``fit`` trains, ``test`` scores, ``evaluate``
does both for several seeds. The same protocol serves the full, the random real and the distilled data.
"""

import contextlib
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor, nn

from ddkit.data import Dataset, Split, augment, transforms
from ddkit.foundation.checkpoints import Checkpoint, readable
from ddkit.foundation.device import keep_freed_memory, without_tf32
from ddkit.foundation.errors import Diverged, Stopped, one_of, require, telling_interrupts
from ddkit.foundation.knobs import Knob, Knobs
from ddkit.foundation.progress import bar
from ddkit.foundation.randomness import stream
from ddkit.networks import Network, build_for
from ddkit.networks.bigbatch import images_per_backward, loss_backward
from ddkit.networks.cost import Stopwatch
from ddkit.networks.looking import STATISTICS, looking_at, require_sound
from ddkit.networks.precision import Precision, tell_if_slow
from ddkit.training.scores import Scores, metrics
from ddkit.training.sharpness import require_radius, sharpened

SAVE_EVERY = 20.0  # seconds between two checkpoints of a fit
TEST_BATCH = 250
Augmentation = Callable[[Tensor, torch.Generator], Tensor]  # of images [N, C, H, W]
_UNSAID = {"precision": "float32", "augmentation": "siamese", "gap": 0.0}  # of the protocol, in older checkpoints
MEMORY_MIB = 2048  # for the activations of a training batch; a larger batch is passed in chunks


@dataclass(frozen=True)
class Protocol(Knobs):
    """How a network is trained: for so many ``epochs`` over the data, or so many ``updates``; the other is None.

    ``sharpness`` is that of sharpness-aware minimisation (Foret et al., ICLR 2021, eq. 2), which looks for flat minima;
    0 is plain SGD. ``gap`` is GSAM's share beside it (see ``training.sharpness``).
    """

    name: str
    epochs: Annotated[int | None, Ge(1), Knob("passes over the data")]
    updates: Annotated[int | None, Ge(1), Knob("gradient updates")] = None
    lr: Annotated[float, Gt(0), Knob("learning rate of SGD")] = 0.01
    momentum: Annotated[float, Ge(0), Knob("of SGD")] = 0.9
    weight_decay: Annotated[float, Ge(0), Knob("of SGD")] = 5e-4
    batch: Annotated[int, Ge(1), Knob("images in an update (all of them, if there are fewer)")] = 256
    schedule: Annotated[Literal["cosine", "half", "constant"], Knob(
        "the learning rate over time: to zero as a cosine, a tenth from half time on, or as it is")] = "cosine"
    augmented: Annotated[bool, Knob("augment the training images")] = False
    augmentation: Annotated[Literal[("siamese", *transforms.STRATEGIES)], Knob(
        "by which strategy: the data set's siamese one, or one of data.transforms")] = "siamese"
    sharpness: Annotated[float, Ge(0), Knob("radius", "rho")] = 0.0
    precision: Precision = "float32"
    gap: Annotated[float, Ge(0), Knob("weight of GSAM's step against the gap that the radius leaves", "alpha")] = 0.0

    def check(self) -> None:
        require((self.epochs is None) != (self.updates is None), "a protocol counts either epochs or updates")
        require(self.augmented or self.augmentation == "siamese", f"the augmentation '{self.augmentation}' is not used "
                "where augmented is false: set it to true, or leave the augmentation out")
        require_radius(self)

    def epochs_for(self, images: int) -> int:
        """Epochs over ``images`` images that the protocol asks for."""
        return self.epochs or math.ceil(self.updates / math.ceil(images / self.batch))

    def rate(self, epoch: int, epochs: int) -> float:
        """The learning rate in ``epoch`` (from 0)."""
        if self.schedule == "cosine":
            return self.lr * (1 + math.cos(math.pi * epoch / epochs)) / 2
        if self.schedule == "constant":
            return self.lr
        return self.lr * (1.0 if epoch < epochs // 2 + 1 else 0.1)

    def as_dict(self) -> dict:
        return asdict(self)


PROTOCOLS = {
    # Task 1.2a and 1.2e: SGD, cosine annealing, initial learning rate 0.01, 20 epochs.
    "assignment": Protocol("assignment", epochs=20),
    # The field's: augmented, 1,000 epochs, a tenth of the learning rate in the second half.
    "standard": Protocol("standard", epochs=1000, schedule="half", augmented=True),
    # As many gradient updates as the assignment's run on the full data; the number depends on the data set.
    "matched": Protocol("matched", epochs=None, updates=1),
    # The standard one at the learning rate that was learned with the set, which replaces the number here (DATM).
    "learned": Protocol("learned", epochs=1000, schedule="half", augmented=True),
    # DC-BENCH's: 300 epochs without augmentation, 1,000 with any; the second is the standard one by its name there.
    "dcbench_none": Protocol("dcbench_none", epochs=300, schedule="half"),
    "dcbench_dsa": Protocol("dcbench_dsa", epochs=1000, schedule="half", augmented=True),
    **{f"dcbench_{name}": Protocol(f"dcbench_{name}", epochs=1000, schedule="half", augmented=True, augmentation=name)
       for name in transforms.STRATEGIES},
}


def protocol(name: str, dataset: Dataset) -> Protocol:
    """The protocol of that name, one of ``PROTOCOLS``."""
    found = PROTOCOLS[one_of(name, PROTOCOLS, "protocol")]
    if name == "matched":
        full = PROTOCOLS["assignment"]
        found = replace(found, updates=full.epochs * math.ceil(len(dataset.train) / full.batch))
    return found


@dataclass
class Fit:
    """What came of training: updates made, seconds taken, the mean loss and the learning rate of each epoch."""

    updates: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


def fit(network: nn.Module, data: Split, how: Protocol, generator: torch.Generator, *,
        strategy: str | Augmentation = "none", title: str = "training", checkpoint: Checkpoint | None = None,
        quiet: bool = False, choose: Callable[[int], Tensor] | None = None,
        watch: Callable[[int, nn.Module], None] | None = None) -> Fit:
    """Train ``network`` in place.

    A batch whose activations are more than ``MEMORY_MIB`` goes in chunks, of which batch norm sees one at a time.

    Args:
        data: images [N, C, H, W]; labels as ``Split`` has them: classes, distributions, or values to regress on.
        how: the protocol.
        generator: draws the order of the images and the augmentation.
        strategy: augmentation used if the protocol is augmented, by name or as a function of images and generator.
        checkpoint: where to save now and then and to resume from; removed at the end. A resumed fit
            ends in the same bits as an unbroken one.
        choose: gives the indices of the images to train on in an epoch (counted from 0); None takes all.
        watch: is shown the network before the first epoch, as ``watch(0, network)``, and after every epoch.

    Raises:
        Diverged: the loss, or a weight or running statistic at the end, is NaN or infinite.
        Stopped: the work was asked to stop (``progress.attended``); the state is saved.
    """
    keep_freed_memory()
    optimiser = torch.optim.SGD(network.parameters(), how.lr, how.momentum, weight_decay=how.weight_decay)
    result, epochs = Fit(), how.epochs_for(len(data))
    # A student's own module shows no maps to measure; it gets whole batches.
    chunk = images_per_backward(network, data.images[:1], MEMORY_MIB) if isinstance(network, Network) else how.batch
    _restore(checkpoint, how, network, optimiser, generator, result)
    clock = Stopwatch(result.seconds)
    saved, kept = clock.seconds, len(result.losses)
    if watch and not result.losses:
        watch(0, network)
    tell_if_slow(getattr(network, "precision", "float32"), data.images.device, quiet)
    told = telling_interrupts(lambda: f"saved after {kept} of {epochs} epochs ({title})")
    with (told if checkpoint else contextlib.nullcontext(), without_tf32(),
          bar(epochs, title, "epoch", done=len(result.losses), quiet=quiet) as progress):
        for epoch in range(len(result.losses), epochs):
            optimiser.param_groups[0]["lr"] = rate = how.rate(epoch, epochs)
            left = how.updates and how.updates - result.updates
            part = data if choose is None else _part(data, choose(epoch))
            loss, updates = _epoch(network, part, how, optimiser, generator, strategy, chunk, left)
            if not math.isfinite(loss):
                raise Diverged(f"{title}: the loss became {loss} in epoch {epoch + 1}; {_cure(data)}")
            result.updates += updates
            result.losses.append(loss)
            result.rates.append(rate)
            if watch:
                watch(epoch + 1, network)
            result.seconds = clock.seconds
            try:
                progress.step(loss=f"{loss:.4f}")
            except Stopped:
                _save(checkpoint, how, network, optimiser, generator, result)
                raise
            if clock.seconds - saved > SAVE_EVERY:
                _save(checkpoint, how, network, optimiser, generator, result)
                saved, kept = clock.seconds, len(result.losses)
    require_sound(network, title)
    if checkpoint:
        checkpoint.remove()
    return result


def _cure(data: Split) -> str:
    """What to do where training on these data diverges, in words."""
    if not data.squared and data.labels.is_floating_point() and bool((data.labels < 0).any()):
        return ("some labels are below zero, and the cross-entropy falls for ever as their logits do: train fewer "
                "steps, as a recipe of the set's own may say")
    return "lower the learning rate"


def _part(data: Split, indices: Tensor) -> Split:
    indices = indices.to(data.images.device)
    return Split(data.images[indices], data.labels[indices], squared=data.squared)


def _epoch(network, data: Split, how: Protocol, optimiser, generator, strategy: str | Augmentation, chunk: int,
           most: int | None):
    network.train()
    order = torch.randperm(len(data), generator=generator).to(data.images.device)
    batches = order.split(how.batch)[:most]
    # Averaged over the classes too: summed, it makes wide networks diverge at the protocols' learning rates.
    loss_of, total = F.mse_loss if data.squared else F.cross_entropy, 0.0
    for batch in batches:
        images = data.images[batch]
        if how.augmented:
            images = _augmented(images, strategy, generator)
        optimiser.zero_grad(set_to_none=True)
        total += loss_backward(network, images, data.labels[batch], chunk, loss_of)
        if how.sharpness:
            def again(images: Tensor = images, labels: Tensor = data.labels[batch]) -> None:
                optimiser.zero_grad(set_to_none=True)
                loss_backward(network, images, labels, chunk, loss_of)

            sharpened(network, how.sharpness, how.gap, again)
        optimiser.step()
    return total / len(batches), len(batches)


def _strategy(how: Protocol, dataset: Dataset) -> str | Augmentation:
    """What the protocol augments images of the data set by, which is nothing where the data set's own strategy is
    ``none``, as of texts and graphs, even if the protocol is augmented."""
    siamese = how.augmentation == "siamese"
    return dataset.strategy if siamese else transforms.strategy(how.augmentation, dataset)


def _augmented(images: Tensor, strategy: str | Augmentation, generator: torch.Generator) -> Tensor:
    if callable(strategy):
        return strategy(images, generator)
    return augment.apply(images, augment.draw(strategy, len(images), generator))


def _save(checkpoint: Checkpoint | None, how: Protocol, network, optimiser, generator, result: Fit) -> None:
    if checkpoint:
        checkpoint.save({"protocol": how.as_dict(), "network": network.state_dict(),
                         "optimiser": optimiser.state_dict(), "generator": generator.get_state(),
                         "result": asdict(result)})


def _restore(checkpoint: Checkpoint | None, how: Protocol, network, optimiser, generator, result: Fit) -> None:
    state = checkpoint and checkpoint.load()
    if not state:
        return
    begun = state.get("protocol")
    begun = _UNSAID | begun if isinstance(begun, dict) else begun
    require(begun == how.as_dict(), f"{checkpoint.path} is the checkpoint of another training run: delete it or choose "
                                    "another folder")
    with readable(checkpoint):
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        generator.set_state(state["generator"])
        result.__dict__.update(state["result"])


@torch.no_grad()
def refresh_statistics(network: nn.Module, split: Split) -> None:
    """Take batch norm's running statistics anew, as the mean over batches of the split in their order."""
    norms = [module for module in network.modules() if isinstance(module, STATISTICS)]
    if not norms:
        return
    momenta, mode = [norm.momentum for norm in norms], network.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # of all batches alike
    network.train()
    for batch in split.images.split(TEST_BATCH):
        network(batch)
    network.train(mode)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


@torch.inference_mode()
def logits(network: Network, images: Tensor) -> Tensor:
    """Logits [N, classes] of images [N, C, H, W] in evaluation mode, on the CPU; the network is left as it was."""
    with looking_at(network), without_tf32():
        return torch.cat([network(batch).cpu() for batch in images.split(TEST_BATCH)])


def test(network: Network, split: Split) -> dict:
    """``metrics`` of the network on a split, with the seconds it took."""
    watch = Stopwatch()
    return metrics(logits(network, split.images), split.labels) | {"seconds": watch.seconds}


test.__test__ = False  # pytest: not a test


def evaluate(training: Split, dataset: Dataset, network: str, how: Protocol, seeds: Iterable[int], **options) -> Scores:
    """Train one fresh network per seed on ``training`` and score it; ``score`` lists the options."""
    return Scores(tuple(score(training, dataset, network, how, seed, **options) for seed in seeds))


def score(training: Split, dataset: Dataset, network: str, how: Protocol, seed: int, *, width: int = 128,
          split: str = "test", title: str = "evaluation", checkpoint: Checkpoint | None = None,
          quiet: bool = False) -> dict:
    """Train a fresh network on ``training`` and test it on ``dataset``.

    Args:
        network, width: which network, as for ``networks.build``.
        how: the protocol.
        seed: the same seed gives the same initial weights whatever the training data.
        split: ``test`` for the final score, ``val`` for every choice.
        checkpoint: as for ``fit``.

    Returns:
        ``metrics``, with seed, updates, train_seconds, test_seconds and the losses of up to 100 epochs.
    """
    scored = getattr(dataset, one_of(split, ("val", "test"), "split"))
    model, made = trained(training, dataset, network, how, seed, width=width, title=title, checkpoint=checkpoint,
                          quiet=quiet)
    result = test(model, scored)
    losses = [round(loss, 5) for loss in made.losses[:: math.ceil(len(made.losses) / 100)]]
    return {"seed": seed, "updates": made.updates, "train_seconds": made.seconds,
            "test_seconds": result.pop("seconds"), "losses": losses} | result


def trained(training: Split, dataset: Dataset, network: str, how: Protocol, seed: int, *, width: int = 128,
            **options) -> tuple[Network, Fit]:
    """The network that ``score`` tests, and what came of its training; ``options`` are those of ``fit``."""
    model = build_for(dataset, network, width, stream(seed, "evaluation network"), how.precision)
    return model, fit(model, training, how, stream(seed, "evaluation order"), strategy=_strategy(how, dataset),
                      **options)
