"""A run beside a notebook: it works in a thread, the kernel stays free, and what is seen of it costs it little."""

import asyncio
import atexit
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

from ddkit.foundation.device import keep_freed_memory_in_threads
from ddkit.foundation.errors import Diverged, InputError, Stopped, Unmoved, require
from ddkit.methods.loop import Callback
from ddkit.runs import Record, run
from ddkit.runs.spec import Spec
from ddkit.synthetic import SyntheticSet

EVERY = 0.1  # seconds between two looks, at least
PICTURE_EVERY = 0.25  # and between two pictures
SHARE = 0.04  # of the time that pictures may take,
AHEAD = 0.15  # and seconds of it that they may take before they are due
PATIENCE = 60.0  # seconds that a run is given to save itself when its dashboard, or the kernel, goes


@dataclass(frozen=True)
class Seen:
    """How far a run is.

    Attributes:
        state: ``running``, ``stopping``, ``stopped``, ``failed`` or ``done``.
        title, done, most: what is being worked on, and how many of its steps are made.
        seconds_left: estimate for these steps; None before there is one.
        synthetic: a copy of the set, where a picture of it is due; else None.
        losses: the loss of every update so far.
        validation: pairs of updates and score.
        says: why it stopped or failed, in words.
        record: of a run that is done.
    """

    state: str = "running"
    title: str = "starting"
    done: int = 0
    most: int = 0
    seconds_left: float | None = None
    synthetic: SyntheticSet | None = None
    losses: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    says: str = ""
    record: Record | None = None


class LiveRun(Callback):
    """The run of a spec, in a thread of its own; it ends in the same bits as any other, and can be resumed as any.

    One works at a time in a process. What is seen is told from the kernel's event loop, at most ten times a second;
    where there is no such loop, from ``wait``. Pictures come as seldom as what is told takes, so that they cost a run
    no more than ``SHARE`` of its time. When the kernel ends, the run is stopped and saved.

    Args:
        spec: names the run.
        told: is given what is ``Seen``; in the thread that started the run.
        options: of ``runs.run``: root, data, validate_every.
    """

    _working: ClassVar[threading.Lock] = threading.Lock()
    _latest: ClassVar["LiveRun | None"] = None

    def __init__(self, spec: Spec, told: Callable[[Seen], None], **options):
        self.spec, self.seen, self._told, self._options = spec, Seen(), told, options
        self._stop, self._picture_wanted = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self._record: Record | None = None
        self._synthetic = self._copy = None
        self._losses: list[float] = []
        self._validation: list[tuple[int, float]] = []
        self._step, self._began = ("starting", 0, 0), (0.0, 0)
        self._next_picture, self._owed, self._owed_at, self._over = 0.0, 0.0, time.monotonic(), False
        self._thread = threading.Thread(target=self._work, name="ddkit live run", daemon=True)

    def start(self) -> "LiveRun":
        """Begin, or go on where the same run was stopped.

        Raises:
            InputError: another run is going, or the spec cannot work.
        """
        self.spec.check()
        require(self._working.acquire(blocking=False), "a run is going already: stop it first, or wait for its end")
        LiveRun._latest = self
        keep_freed_memory_in_threads()
        atexit.register(self.end)
        self._picture_wanted.set()
        try:
            self._thread.start()
        except RuntimeError:  # no more threads
            self._working.release()
            raise
        with contextlib.suppress(RuntimeError):  # no event loop: whoever waits is told
            self._look_again(asyncio.get_running_loop())
        return self

    @property
    def going(self) -> bool:
        """Whether it is at work, or has not told its end."""
        return self._thread.is_alive() or (self._thread.ident is not None and not self._over)

    def stop(self) -> None:
        """Ask it to stop at its next step; it is saved."""
        self._stop.set()

    def wait(self, timeout: float | None = None) -> Record | None:
        """Wait for its end; returns the record, or None if it was stopped or the time is over.

        Raises:
            Exception: that the run ended with.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self._thread.is_alive() and (until is None or time.monotonic() < until):
            self._thread.join(EVERY)
            self._look()
        self._look()
        if self._error and not isinstance(self._error, Stopped):
            raise self._error
        return self.seen.record

    def end(self) -> None:
        """Stop it and wait until it is saved, ``PATIENCE`` at most: its dashboard, or the kernel, goes."""
        self._stop.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(PATIENCE)

    @classmethod
    def end_latest(cls) -> None:
        """End whatever run is going: its dashboard was made anew, and nobody could stop it any more."""
        if cls._latest:
            cls._latest.end()
            cls._latest._look()

    # What the loop calls, in the run's thread: it notes, and draws nothing.

    def on_start(self, synthetic, history) -> None:
        self._synthetic = synthetic
        self._note(synthetic, history)

    def on_update(self, synthetic, history) -> None:
        self._note(synthetic, history)

    def on_validation(self, synthetic, history) -> None:
        self._validation = list(history.validation)

    def on_step(self, title: str, done: int, most: int) -> None:
        if title != self._step[0] or done < self._step[1]:
            self._began = (time.monotonic(), done)
        self._step = (title, done, most)

    def _note(self, synthetic, history) -> None:
        self._losses += [losses["loss"] for losses in history.losses[len(self._losses):]]
        self._validation = list(history.validation)
        if self._picture_wanted.is_set():
            self._copy = synthetic.copy()
            self._picture_wanted.clear()

    def _work(self) -> None:
        try:
            self._record = run(self.spec, callbacks=(self,), stop=self._stop, quiet=True, **self._options)
        except BaseException as error:  # told, and raised by ``wait``
            self._error = error
        finally:
            atexit.unregister(self.end)
            self._working.release()

    # What is told, in the thread that started the run.

    def _look_again(self, loop) -> None:
        try:
            self._look()
        finally:  # even where what is told could not be drawn: the next may be
            if not self._over:
                loop.call_later(EVERY, self._look_again, loop)

    def _look(self) -> None:
        if self._over:
            return
        working = self._thread.is_alive()
        seen = self._now() if working else self._last()
        self._over, self.seen = not working, seen
        begun = time.monotonic()
        self._told(seen)
        if seen.synthetic is not None:
            self._pay(begun, time.monotonic())

    def _pay(self, begun: float, now: float) -> None:
        """A picture was drawn: the next may come when the time that all of them took is paid, but for ``AHEAD``."""
        self._owed = max(0.0, self._owed - SHARE * (begun - self._owed_at)) + now - begun
        self._owed_at = now
        self._next_picture = now + max(PICTURE_EVERY, (self._owed - AHEAD) / SHARE)

    def _now(self) -> Seen:
        title, done, most = self._step
        copy, self._copy = self._copy, None
        if copy is None and time.monotonic() >= self._next_picture:
            self._picture_wanted.set()
        state = "stopping" if self._stop.is_set() else "running"
        return Seen(state, title, done, most, self._left(), copy, list(self._losses), list(self._validation))

    def _left(self) -> float | None:
        (_, done, most), (since, before) = self._step, self._began
        return (time.monotonic() - since) * (most - done) / (done - before) if done > before else None

    def _last(self) -> Seen:
        record, error = self._record, self._error
        seen = replace(self._now(), seconds_left=None)
        if record is not None:
            return replace(seen, state="done", done=seen.most, record=record, **_of(record))
        if self._synthetic is not None:
            seen = replace(seen, synthetic=self._synthetic.copy())  # as it was saved
        if isinstance(error, Stopped):
            return replace(seen, state="stopped", says=str(error))
        expected = isinstance(error, InputError | Diverged | Unmoved)
        return replace(seen, state="failed", says=str(error) if expected else f"{type(error).__name__}: {error}")


def _of(record: Record) -> dict:
    """What there is to see of a distillation that is done."""
    if "validation" not in record.result:  # another kind of run
        return {}
    return {"synthetic": record.synthetic, "losses": [losses["loss"] for losses in record.result["losses"]],
            "validation": list(map(tuple, record.result["validation"]))}
