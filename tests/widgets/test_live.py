"""A live run is an ordinary run: the same bits, stopped and gone on with, one at a time, never lost."""

import asyncio
import itertools
import math
import subprocess
import sys
import threading
import time

import pytest
import torch

import ddkit
from ddkit.foundation.errors import Diverged, InputError
from ddkit.methods.matching.datadam import DataDAM
from ddkit.runs import run
from ddkit.specs import Coreset, Experts
from ddkit.training.experts import Plan
from ddkit.widgets.live import LiveRun
from ddkit.widgets.live.running import AHEAD, PICTURE_EVERY, SHARE

SPEC = ddkit.Distill("digits-0-1", ipc=2, network="ConvNetD1", width=4, updates=30, options=(("network_steps", 1),))


@pytest.fixture
def slow(monkeypatch):
    """Updates that leave time to press a button."""
    update = DataDAM.update
    monkeypatch.setattr(DataDAM, "update", lambda self: time.sleep(0.02) or update(self))


def stopped_after(spec, updates: int, root):
    """A live run that was stopped once so many updates were seen, and all that was seen of it."""
    seen = []
    live = LiveRun(spec, lambda now: seen.append(now) or (now.done >= updates and live.stop()), root=root).start()
    assert live.wait(60) is None
    return seen


def test_a_live_run_is_the_ordinary_run(tmp_path):
    plain, seen = run(SPEC, root=tmp_path / "plain", validate_every=10, quiet=True), []
    live = LiveRun(SPEC, seen.append, root=tmp_path / "live", validate_every=10).start()
    record = live.wait(60)
    assert record.name == plain.name and record.synthetic.images.equal(plain.synthetic.images)
    assert record.result["losses"] == plain.result["losses"]
    last = seen[-1]
    assert last.state == "done" and last.record == record and last.synthetic.images.equal(record.synthetic.images)
    assert last.losses == [losses["loss"] for losses in plain.result["losses"]]
    assert [at for at, _ in last.validation] == [10, 20, 30] and not live.going


def test_stopped_it_is_saved_and_goes_on_to_the_same_bits(tmp_path, slow):
    whole = run(SPEC, root=tmp_path / "whole", quiet=True)
    seen = stopped_after(SPEC, 5, tmp_path / "live")
    assert seen[-1].state == "stopped" and "the same call goes on" in seen[-1].says
    assert 5 <= seen[-1].done < 30 and len(seen[-1].losses) == seen[-1].done
    more = []
    record = LiveRun(SPEC, more.append, root=tmp_path / "live").start().wait(60)
    assert record.synthetic.images.equal(whole.synthetic.images)
    assert more[-1].losses[: seen[-1].done] == seen[-1].losses and len(more[-1].losses) == 30


def test_a_run_that_is_found_shows_what_came_of_it_at_once(tmp_path):
    made, seen = run(SPEC, root=tmp_path, quiet=True), []
    LiveRun(SPEC, seen.append, root=tmp_path).start().wait(60)
    assert seen[-1].state == "done" and len(seen[-1].losses) == 30
    assert seen[-1].synthetic.images.equal(made.synthetic.images)


def test_a_second_run_is_refused_in_words_and_the_first_goes_on(tmp_path, slow):
    first = LiveRun(SPEC, lambda now: None, root=tmp_path).start()
    with pytest.raises(InputError, match="a run is going already"):
        LiveRun(SPEC, lambda now: None, root=tmp_path / "other").start()
    assert first.wait(60) is not None


def test_a_run_that_diverges_says_so_and_keeps_its_last_good_state(tmp_path, monkeypatch):
    update, seen = DataDAM.update, []

    def fifth_diverges(self):
        losses = update(self)
        if len(updated) == 4:
            self.synthetic.images.data.fill_(math.nan)
        updated.append(1)
        return losses

    updated = []
    monkeypatch.setattr(DataDAM, "update", fifth_diverges)
    live = LiveRun(SPEC, seen.append, root=tmp_path).start()
    with pytest.raises(Diverged):
        live.wait(60)
    assert seen[-1].state == "failed" and "lower the images' learning rate" in seen[-1].says
    assert bool(seen[-1].synthetic.images.isfinite().all()) and len(seen[-1].losses) == 4


def test_an_unexpected_error_is_shown_and_raised(tmp_path, monkeypatch):
    def broken(self):
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(DataDAM, "update", broken)
    seen = []
    live = LiveRun(SPEC, seen.append, root=tmp_path).start()
    with pytest.raises(ZeroDivisionError):
        live.wait(60)
    assert seen[-1].state == "failed" and seen[-1].says == "ZeroDivisionError: of ours"
    assert LiveRun(SPEC, seen.append, root=tmp_path / "next").spec is SPEC  # and the next may begin
    assert LiveRun._working.acquire(blocking=False)
    LiveRun._working.release()


def test_a_bad_spec_is_refused_before_anything_is_started(tmp_path):
    with pytest.raises(InputError, match="images per class"):
        LiveRun(ddkit.Distill("digits", ipc=0), lambda now: None, root=tmp_path).start()
    assert LiveRun._working.acquire(blocking=False)
    LiveRun._working.release()


@pytest.mark.parametrize("spec", [
    ddkit.Evaluate(ddkit.RandomReal("digits-0-1", 2), "assignment", "MLP", seeds=2, epochs=3),
    Experts("digits-0-1", Plan("MLP", experts=1, epochs=3)),
    Coreset("digits-0-1", 2, "forgetting", on="MLP", epochs=3)],
    ids=lambda spec: type(spec).__name__)
def test_other_kinds_of_run_live_too(tmp_path, spec):
    seen = []
    record = LiveRun(spec, seen.append, root=tmp_path).start().wait(60)
    assert record.name == spec.name and seen[-1].state == "done" and seen[-1].most == 3


def test_it_tells_from_the_event_loop_at_most_ten_times_a_second(tmp_path, slow):
    told = []

    async def kernel():
        live = LiveRun(SPEC, lambda now: told.append((time.monotonic(), threading.current_thread(), now)),
                       root=tmp_path).start()
        ticks = 0
        while live.going:
            await asyncio.sleep(0.01)  # the kernel is free
            ticks += 1
        return ticks

    assert asyncio.run(kernel()) > 10
    assert {thread for _, thread, _ in told} == {threading.main_thread()}
    gaps = [after - before for (before, *_), (after, *_) in itertools.pairwise(told)]
    assert min(gaps) > 0.09 and told[-1][2].state == "done"
    pictures = [at for at, _, now in told[:-1] if now.synthetic is not None]
    assert all(after - before > 0.24 for before, after in itertools.pairwise(pictures))


def test_a_picture_that_cannot_be_drawn_stops_neither_the_run_nor_the_next_look(tmp_path, slow):
    told = []

    def draw(now):
        told.append(now)
        if len(told) == 2:
            raise OSError("no such font")

    async def kernel():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        live = LiveRun(SPEC, draw, root=tmp_path).start()
        while live.going:
            await asyncio.sleep(0.01)
        return live.wait(1)

    assert asyncio.run(kernel()) is not None and told[-1].state == "done" and len(told) > 3


@pytest.mark.parametrize("costs", [[0.05], [0.002], [0.2, 0.002, 0.002], [0.002] * 30 + [1.0]], ids=str)
def test_pictures_cost_little_however_long_they_take(tmp_path, costs):
    live, spent = LiveRun(SPEC, lambda now: None, root=tmp_path), 0.0
    now = start = live._owed_at
    for cost in itertools.islice(itertools.cycle(costs), 200):
        # Before each picture, all those before it are paid for, but for AHEAD.
        assert spent <= SHARE * (now - start) + AHEAD + 1e-6
        spent += cost
        live._pay(now, now + cost)
        assert live._next_picture >= now + cost + PICTURE_EVERY - 1e-6
        now = live._next_picture


def test_pictures_are_paid_for_in_a_run(tmp_path, slow):
    spent, began = [], []

    def draw(now):
        if now.synthetic is not None and now.state == "running":
            began.append(time.monotonic())
            time.sleep(0.1)
            spent.append(time.monotonic() - began[-1])

    start = time.monotonic()
    LiveRun(SPEC, draw, root=tmp_path).start().wait(60)
    for index, begun in enumerate(began):
        assert sum(spent[:index]) <= SHARE * (begun - start) + AHEAD + 1e-3


def test_a_quick_picture_need_not_wait_long_for_a_slow_one(tmp_path):
    live = LiveRun(SPEC, lambda now: None, root=tmp_path)
    start = live._owed_at
    live._pay(start, start + 0.1)
    assert live._next_picture - start == pytest.approx(0.1 + PICTURE_EVERY)
    live._pay(start + 0.4, start + 0.5)
    assert live._next_picture - start == pytest.approx(0.5 + (0.2 - SHARE * 0.3 - AHEAD) / SHARE)
    live._pay(start + 100, start + 100.1)  # the others were paid long ago
    assert live._next_picture - start == pytest.approx(100.1 + PICTURE_EVERY)


def test_the_kernel_ends_and_the_run_is_saved(tmp_path):
    code = f"""
import time, ddkit
from ddkit.widgets.live import LiveRun
from ddkit.widgets.live.running import AHEAD, PICTURE_EVERY, SHARE
spec = ddkit.Distill("digits-0-1", ipc=2, network="ConvNetD1", width=4, updates=100000,
                     options=(("network_steps", 1),))
live = LiveRun(spec, print, root={str(tmp_path)!r}).start()
while live._step[1] < 3:
    time.sleep(0.05)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr
    assert list(tmp_path.glob("*/checkpoint.pt")) and not list(tmp_path.glob("**/*.tmp"))


def test_torch_computes_the_same_in_a_thread(tmp_path):
    before = torch.get_num_threads()
    LiveRun(SPEC, lambda now: None, root=tmp_path).start().wait(60)
    assert torch.get_num_threads() == before
