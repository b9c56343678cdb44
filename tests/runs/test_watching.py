"""Every kind of run is watched and stopped step by step, and ends in the same bits however often it was stopped."""

import threading
import time

import pytest

import ddkit
from ddkit.applications.continual import Continual
from ddkit.applications.search import Grid, Search
from ddkit.foundation.errors import Stopped
from ddkit.foundation.progress import attended, bar
from ddkit.methods.loop import Callback
from ddkit.methods.translation.plan import TranslatorPlan
from ddkit.runs import run
from ddkit.specs import Coreset, Distill, Evaluate, Experts, Pretrain, RandomReal
from ddkit.training.experts import Plan

PAD = (("batch", 5), ("expert_batch", 64), ("expert_epochs", 3), ("expert_lr", 0.1), ("expert_span", 1), ("experts", 1),
       ("final_start", 1), ("last_start", 1), ("learned_labels", False), ("student_steps", 2))
DIGITS, SMALL = "digits-0-1", {"network": "ConvNetD1", "width": 4, "ipc": 2, "updates": 3}
SPECS = {
    "evaluation": Evaluate(RandomReal(DIGITS, 2), "assignment", "MLP", seeds=2, epochs=3),
    "forgetting": Coreset(DIGITS, 2, "forgetting", on="MLP", epochs=3),
    "experts": Experts(DIGITS, Plan("MLP", experts=2, epochs=2, difficulty="el2n", judges=1)),
    "pretraining": Pretrain("digits-0-1-2-3-4", TranslatorPlan(
        "ConvNetD1", 4, subsets=2, fewest_classes=2, most_ipc=1, real=9, inner_updates=2, steps=3, networks=1,
        held_out=2, trials=1, channels=4)),
    "datadam": Distill(DIGITS, options=(("network_steps", 1),), **SMALL),
    "pad": Distill(DIGITS, "trajectory", "pad", options=PAD, **SMALL),
    "kip": Distill(DIGITS, "kip", ipc=2, updates=3, options=(("real_batch", 20),)),
    "continual": Continual(Coreset("digits-0-1-2-3", 2, "herding"), ((0, 1), (2, 3)), "gdumb", "MLP", seeds=1,
                           epochs=2),
    "search": Search(RandomReal(DIGITS, 2), Grid((1,), (4, 8), ("none",), ("relu",), ("avg",)), epochs=2),
}


def untimed(found):
    """A result without what a clock says."""
    if isinstance(found, dict):
        return {name: untimed(value) for name, value in found.items() if "seconds" not in name}
    return [untimed(value) for value in found] if isinstance(found, list) else found


class Steps(Callback):
    """Notes all steps and, told to, stops at the next."""

    def __init__(self, stop: threading.Event | None = None):
        self.seen, self.stop = [], stop

    def on_step(self, title, done, most):
        self.seen.append((title, done, most))
        if self.stop:
            self.stop.set()


@pytest.mark.parametrize("kind", SPECS)
def test_a_run_that_is_stopped_at_every_step_ends_in_the_same_bits(kind, tmp_path):
    watched = Steps()
    whole = run(SPECS[kind], root=tmp_path / "whole", callbacks=(watched,), quiet=True)
    stops = 0
    while stops < 100:
        stop = threading.Event()
        try:
            record = run(SPECS[kind], root=tmp_path / "stopped", callbacks=(Steps(stop),), stop=stop, quiet=True)
            break
        except Stopped as told:
            stops += 1
            assert "the same call goes on" in str(told)
    between = sum(done < most for _, done, most in watched.seen)  # after its last step work is done, not stopped
    assert stops == between > 0
    assert untimed(record.result) == untimed(whole.result)
    if (whole.folder / "synthetic.safetensors").exists():
        assert record.synthetic.images.equal(whole.synthetic.images)


def test_steps_are_told_with_their_title_and_number(tmp_path):
    watched = Steps()
    run(SPECS["evaluation"], root=tmp_path, callbacks=(watched,), quiet=True)
    assert [step[1:] for step in watched.seen] == [(1, 3), (2, 3), (3, 3)] * 2
    assert "seed 1 of 2" in watched.seen[0][0] and "seed 2 of 2" in watched.seen[-1][0]
    again = Steps()
    run(SPECS["evaluation"], root=tmp_path, callbacks=(again,), quiet=True)
    assert not again.seen  # it was found


def test_a_stop_in_a_validation_stops_the_distillation_before_its_update(tmp_path):
    stop, spec = threading.Event(), SPECS["datadam"]
    whole = run(spec, root=tmp_path / "whole", validate_every=2, quiet=True)

    class InValidation(Callback):
        def on_step(self, title, done, most):
            if title != "distilling":
                stop.set()

    with pytest.raises(Stopped):
        run(spec, root=tmp_path / "stopped", callbacks=(InValidation(),), stop=stop, validate_every=2, quiet=True)
    again = run(spec, root=tmp_path / "stopped", validate_every=2, quiet=True)
    assert again.synthetic.images.equal(whole.synthetic.images)
    assert again.result["validation"] == whole.result["validation"] and again.result["losses"] == whole.result["losses"]


def test_what_a_watcher_draws_is_no_part_of_the_seconds(tmp_path):
    class Slow(Callback):
        def on_update(self, synthetic, history):
            time.sleep(0.3)

    record = ddkit.run(SPECS["datadam"], root=tmp_path, callbacks=(Slow(),), quiet=True)
    assert record.seconds < 0.8  # of 0.9 slept


def test_attention_is_of_the_block_and_of_the_thread():
    heard = []

    def two_steps():
        with bar(2, "work", quiet=True) as progress:
            progress.step()
            progress.step()

    with attended(lambda *step: heard.append(step)):
        two_steps()
        thread = threading.Thread(target=two_steps)
        thread.start()
        thread.join()
        with attended(stop=threading.Event()):  # which leaves the listener
            two_steps()
    two_steps()
    assert heard == [("work", 1, 2), ("work", 2, 2)] * 2


def test_a_silent_bar_is_stopped_too_and_says_how_far_it_was():
    stop = threading.Event()
    stop.set()
    with attended(stop=stop), pytest.raises(Stopped, match="stopped after 4 of 9 epochs"), \
            bar(9, "training", "epoch", done=3, quiet=True) as progress:
        progress.step()
