"""The last cells of lesson 11, in which a newcomer adds a method: run as they stand in its source, on digits, up to the
scores, which the lesson itself takes as a test."""

import threading
from pathlib import Path

import jupytext
import pytest
import torch

from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import Stopped
from ddkit.foundation.randomness import stream
from ddkit.methods.loop import Callback, distill
from ddkit.synthetic import SyntheticSet

SOURCE = Path(__file__).parents[2] / "notebooks" / "src" / "11_the_league.py"
FIRST, LAST = "From here on the lesson needs none of the cells above", "Now it is judged like every other"


@pytest.fixture(scope="module")
def lesson() -> dict:
    """What the cells between these two texts leave behind, and they need nothing else."""
    cells = jupytext.reads(SOURCE.read_text(encoding="utf-8"), fmt="py:percent").cells
    begin, end = (next(place for place, cell in enumerate(cells) if words in cell.source) for words in (FIRST, LAST))
    names: dict = {}
    for cell in cells[begin:end]:
        if cell.cell_type == "code":
            exec(compile(cell.source, "lesson 11", "exec"), names)
    return names


def test_the_new_method_moves_its_sets_and_ends_where_its_loss_is_zero(lesson):
    digits = lesson["digits"]
    wanted = torch.stack([digits.train.of_class(c).mean(0) for c in range(10)])
    for ipc, synthetic in lesson["mine"].items():
        losses = [step["loss"] for step in lesson["histories"][ipc].losses]
        assert losses[-1] < 1e-6 * losses[0] and synthetic.moved > 1
        found = synthetic.images.detach().unflatten(0, (10, ipc)).mean(1)
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


def test_every_image_of_a_class_gets_the_same_change(lesson):
    two = lesson["mine"][2]
    change = (two.images.detach() - two.start).unflatten(0, (10, 2))
    torch.testing.assert_close(change[:, 0], change[:, 1], atol=1e-4, rtol=0)


class StopsAfter(Callback):
    """Asks a distillation to stop after so many updates."""

    def __init__(self, updates: int):
        self.updates, self.stop = updates, threading.Event()

    def on_update(self, synthetic, history) -> None:
        if history.updates == self.updates:
            self.stop.set()


def test_it_resumes_to_the_same_bits(lesson, tmp_path):
    def go(**how):
        synthetic = SyntheticSet.from_real(lesson["digits"], 2, stream(0, "init"))
        distill(lesson["MeanImages"]({"image_lr": 0.2}), synthetic, lesson["digits"], updates=10, seed=0,
                quiet=True, **how)
        return synthetic.images

    kept, stopping = Checkpoint(tmp_path / "checkpoint.pt"), StopsAfter(4)
    with pytest.raises(Stopped):
        go(checkpoint=kept, callbacks=[stopping], stop=stopping.stop)
    assert kept.load()["history"]["updates"] == 4
    assert torch.equal(go(checkpoint=kept), go())
