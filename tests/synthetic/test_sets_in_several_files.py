"""Sets in several files, DATM's and MTT's: images, labels and a learned rate that have to go together."""

import numpy as np
import pytest
import torch
from field_files import ROWS, pair, same, seeded
from torch import nn

from ddkit.foundation.errors import InputError
from ddkit.synthetic import formats


def test_datms_files_come_back_with_logits_and_rate(tiny, real, tmp_path):
    real.learn_labels(torch.eye(3)[real.labels] * 5 + torch.randn(12, 3, generator=seeded()), "logits")
    real.learning_rate = 0.02
    formats.export_datm(real, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images_best.pt", "labels_best.pt", "lr_best.pt"]
    back = formats.import_datm(tmp_path / "images_best.pt", tiny)
    order = real.labels.argmax(1).argsort(stable=True)
    assert torch.equal(back.images, real.images[order]) and torch.equal(back.labels, real.labels[order])
    assert back.meaning == "logits" and back.learning_rate == 0.02


def test_mtts_two_files_are_read_and_have_no_rate(real, tiny, tmp_path):
    back = formats.open_set(pair(tmp_path, real), tiny)
    same(back, real)
    assert back.learning_rate is None


@pytest.mark.parametrize("rate", [torch.tensor(0.02), torch.tensor([0.02]), 0.02, np.float64(0.02),
                                  nn.Parameter(torch.tensor(0.02))])
def test_a_learned_rate_is_read_in_every_form(real, tiny, tmp_path, rate):
    assert formats.open_set(pair(tmp_path, real, rate=rate), tiny).learning_rate == pytest.approx(0.02)


@pytest.mark.parametrize(("labels", "rate", "says"), [
    (None, torch.tensor([0.1, 0.2]), "one positive learning rate"), (None, -0.1, "one positive learning rate"),
    (None, float("nan"), "one positive learning rate"), (ROWS, 0.1, "probabilities, where DATM's are logits"),
    (5 * ROWS[:11], 0.1, "equally many"), ({"labels": ROWS}, 0.1, "numbers")])
def test_files_that_do_not_go_together_are_refused(real, tiny, tmp_path, labels, rate, says):
    with pytest.raises(InputError, match=says):
        formats.open_set(pair(tmp_path, real, labels, rate), tiny)


def test_datms_files_that_are_incomplete_are_refused(tiny, real, tmp_path):
    with pytest.raises(InputError, match="learned learning rate"):
        formats.export_datm(real, tmp_path)
    torch.save(real.images, tmp_path / "images_best.pt")
    with pytest.raises(InputError, match=r"labels_best.pt"):
        formats.open_set(tmp_path / "images_best.pt", tiny)
    with pytest.raises(InputError, match="of a set in several files name that of the images"):
        formats.import_datm(pair(tmp_path, real).with_name("labels_best.pt"), tiny)
