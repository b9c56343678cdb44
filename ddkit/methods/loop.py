"""The distillation loop: progress, validation, checkpoints, guards. It knows no method by name."""

import contextlib
import copy
import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ddkit.data import Dataset
from ddkit.foundation.checkpoints import Checkpoint, readable
from ddkit.foundation.device import keep_freed_memory, without_tf32
from ddkit.foundation.errors import Diverged, Stopped, Unmoved, require, telling_interrupts
from ddkit.foundation.progress import attended, bar
from ddkit.foundation.randomness import stream
from ddkit.networks.cost import Stopwatch
from ddkit.synthetic import SyntheticSet

SAVE_EVERY = 20.0  # seconds between two checkpoints
FRAMES, FEWEST_FRAMES, FRAME_BYTES = 20, 6, 64 << 20  # of the images that are kept on the way


@dataclass
class History:
    """What a distillation has done so far.

    Attributes:
        updates: updates of the synthetic set so far.
        seconds, cpu_seconds: time they took, of the clock and of the processor's cores; interruptions, and what
            validations and callbacks take, left out.
        losses: the named losses of every update.
        validation: pairs (updates, validation accuracy).
        snapshots: the images after some of the updates, as {updates: [N, C, H, W]}.
    """

    updates: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    losses: list[dict[str, float]] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    snapshots: dict[int, Tensor] = field(default_factory=dict)


class Callback:
    """Watches a run; override what is of interest. Calls about a distillation get its synthetic set and history.

    The time that they take is no part of the run's seconds; ``on_step`` must be quick all the same.
    """

    def on_step(self, title: str, done: int, most: int) -> None:
        """After each step of anything long: an update, an epoch of an expert or of a network that is scored."""

    def on_start(self, synthetic: SyntheticSet, history: History) -> None:
        """Once, before the first update of a new or resumed run."""

    def on_update(self, synthetic: SyntheticSet, history: History) -> None:
        """After each update of the synthetic set."""

    def on_validation(self, synthetic: SyntheticSet, history: History) -> None:
        """After each validation."""

    def on_end(self, synthetic: SyntheticSet, history: History) -> None:
        """Once, when all updates are made."""


def snapshot_updates(updates: int, count: int) -> set[int]:
    """The start, the end and updates between them in geometric steps: images change fast, then slowly.

    ``count`` at most: the first steps of many are one update each.
    """
    return {0} | {round(updates ** (i / (count - 2))) for i in range(count - 1)}


def distill(method, synthetic: SyntheticSet, dataset: Dataset, *, updates: int, seed: int,
            checkpoint: Checkpoint | None = None, validate: Callable[[SyntheticSet], float] | None = None,
            validate_every: int = 0, callbacks: Iterable[Callback] = (), stop: threading.Event | None = None,
            quiet: bool = False) -> History:
    """Make ``updates`` updates of ``synthetic``, in place.

    Args:
        method: has ``start``, ``update``, ``state_dict`` and ``load_state_dict`` (see ``ddkit.methods``).
        seed: split into the method's random streams.
        checkpoint: where to save now and then and to resume from. A resumed run ends in the same bits
            (on a CPU) as an unbroken one.
        validate: scores the synthetic set on validation data after every ``validate_every`` updates.
        stop: set it from another thread to stop after the current update, or in the middle of a validation.

    Raises:
        Diverged: a loss or an image became NaN or infinite; the state before that update is saved and restored.
        Stopped: ``stop`` was set; the state is saved.
        Unmoved: the images at the end are those of the start, or the labels, where the method learns these alone.
        KeyboardInterrupt: with the state after the last whole update saved.
        InputError: the checkpoint is of another run, or damaged; a private set is to be validated; or the set is not
            sorted by class, with as many images of each.
    """
    require(updates >= 1, f"a distillation needs at least 1 update, got {updates}")
    labels = synthetic.started_as
    in_order = torch.arange(len(synthetic.classes), device=labels.device).repeat_interleave(synthetic.ipc)
    require(labels.equal(in_order), "methods know an image's class by its place, and these images are not sorted by "
            "class with as many of each: sort them so, or begin from SyntheticSet.from_real")
    require(not (validate and validate_every and getattr(method, "private", False)),
            "a private set is not scored while it is made, as choices by such scores would tell of the data: leave "
            "validation out (validate_every 0), and score the finished set")
    keep_freed_memory()
    method.start(dataset, synthetic, partial(stream, seed))  # may choose other images to start from, or learn labels
    labels_alone = getattr(method, "keeps_images", False)
    begun = [parameter.detach().clone() for parameter in synthetic.parameters() if labels_alone]
    for parameter in synthetic.parameters():
        parameter.requires_grad_(True)
    run = _Run(method, synthetic, History(snapshots={0: synthetic.images.detach().cpu().clone()}), checkpoint)
    run.resume()
    history, wanted = run.history, snapshot_updates(updates, _frames(synthetic.images))
    watch, work = Stopwatch(history.seconds), Stopwatch(history.cpu_seconds, time.process_time)

    def tell(event: str) -> None:
        with watch.paused(), work.paused():  # what a watcher draws is no part of the work
            for callback in callbacks:
                getattr(callback, event)(synthetic, history)

    tell("on_start")
    try:
        with (attended(stop=stop), without_tf32(),
              bar(updates, "distilling", "update", done=history.updates, quiet=quiet) as progress):
            while history.updates < updates:
                losses = method.update()
                run.check(losses)
                history.updates += 1
                history.losses.append(losses)
                if history.updates in wanted:
                    history.snapshots[history.updates] = synthetic.images.detach().cpu().clone()
                tell("on_update")
                if validate and validate_every and history.updates % validate_every == 0:
                    with watch.paused(), work.paused():
                        history.validation.append((history.updates, validate(synthetic)))
                    tell("on_validation")
                history.seconds, history.cpu_seconds = watch.seconds, work.seconds
                run.remember()
                progress.step(**{k: f"{v:.4g}" for k, v in losses.items()})
    except (KeyboardInterrupt, Stopped):
        run.save()
        with run.telling_interrupts(updates):
            raise
    finally:
        for parameter in synthetic.parameters():
            parameter.requires_grad_(False)
    if not math.isfinite(synthetic.moved):
        raise Diverged(f"after {updates} updates the images are further from the start than float32 can tell; lower "
                       "the images' learning rate")
    still = all(map(torch.equal, begun, synthetic.parameters())) if labels_alone else synthetic.moved == 0
    if still:
        what = "label" if labels_alone else "image"
        raise Unmoved(f"after {updates} updates every {what} is as it was at the start: nothing was distilled; "
                      f"raise the {what}s' learning rate")
    tell("on_end")
    return history


def _frames(images: Tensor) -> int:
    """How many states of the images are kept: fewer of large ones, which stay in memory and in every checkpoint."""
    return max(FEWEST_FRAMES, min(FRAMES, FRAME_BYTES // (images.numel() * images.element_size())))


class _Run:
    """The state of a distillation after its last whole update, in memory and on disk."""

    def __init__(self, method, synthetic: SyntheticSet, history: History, checkpoint: Checkpoint | None):
        self.method, self.synthetic, self.history, self.checkpoint = method, synthetic, history, checkpoint
        self._unsaved = Stopwatch()
        self._state = self._capture()

    def remember(self) -> None:
        """Note the state after a whole update; write it to disk now and then."""
        self._state = self._capture()
        if self._unsaved.seconds > SAVE_EVERY:
            self.save()

    def save(self) -> None:
        if self.checkpoint:
            self.checkpoint.save(self._state)
        self._unsaved = Stopwatch()

    def telling_interrupts(self, most: int):
        """While the block runs, an interrupt says after how many updates the run is saved, where that is on disk."""
        if not self.checkpoint:
            return contextlib.nullcontext()
        return telling_interrupts(lambda: f"saved after {self._state['history']['updates']} of {most} updates")

    def resume(self) -> None:
        state = self.checkpoint and self.checkpoint.load()
        if not state:
            return
        with readable(self.checkpoint):
            self.history.__dict__.update(state["history"])
            self.method.load_state_dict(state["method"])
            self.synthetic.load_state_dict(state.get("form", {}))
            self._restore(state["parameters"])
        self._state = self._capture()

    def check(self, losses: dict[str, float]) -> None:
        """Raise Diverged, with the last good state saved and restored, if anything is NaN or infinite."""
        if all(map(math.isfinite, losses.values())) and all(p.isfinite().all() for p in self.synthetic.parameters()):
            return
        self._restore(self._state["parameters"])
        self.save()
        kept = f"saved in {self.checkpoint.path}" if self.checkpoint else "kept in the synthetic set"
        done = self.history.updates
        raise Diverged(f"update {done + 1} gave {losses}: the state after update {done} is {kept}; "
                       "lower the images' learning rate")

    def _capture(self) -> dict:
        parameters = [p.detach().cpu().clone() for p in self.synthetic.parameters()]
        history = {**self.history.__dict__, "losses": list(self.history.losses),
                   "validation": list(self.history.validation), "snapshots": dict(self.history.snapshots)}
        return {"history": history, "method": copy.deepcopy(self.method.state_dict()), "parameters": parameters,
                "form": self.synthetic.state_dict()}

    @torch.no_grad()
    def _restore(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self.synthetic.parameters(), values, strict=True):
            parameter.copy_(value)
