"""What labels in the field's files mean: what they say themselves, what is told, and what cannot be meant."""

import pytest
import torch
from field_files import ROWS, field_file
from torch import nn

from ddkit.foundation.errors import InputError
from ddkit.synthetic import formats

ONES = torch.eye(3).repeat_interleave(4, 0)
CLASSES = torch.arange(3).repeat_interleave(4)


@pytest.mark.parametrize(("labels", "told", "meaning"), [
    pytest.param(CLASSES, None, "classes", id="int"),
    pytest.param(CLASSES.int(), None, "classes", id="int32"),
    pytest.param(CLASSES.to(torch.uint8), None, "classes", id="uint8"),
    pytest.param(CLASSES.double(), None, "classes", id="whole double"),
    pytest.param(CLASSES[:, None], None, "classes", id="a column"),
    pytest.param(CLASSES.tolist(), None, "classes", id="list"),
    pytest.param(CLASSES.numpy(), None, "classes", id="array"),
    pytest.param(ONES.long(), None, "classes", id="one-hot int"),
    pytest.param(ONES.bool(), None, "classes", id="one-hot bool"),
    pytest.param(ONES.long(), "targets", "targets", id="one-hot int as targets"),
    pytest.param(ONES, None, "probabilities", id="one-hot float"),
    pytest.param(ROWS, None, "probabilities", id="probabilities"),
    pytest.param(ROWS.half(), None, "probabilities", id="half"),
    pytest.param(ROWS.double(), "probabilities", "probabilities", id="probabilities told"),
    pytest.param(ROWS, "logits", "logits", id="logits told"),
    pytest.param(ROWS - 1 / 3, "targets", "targets", id="targets told"),
    pytest.param(nn.Parameter(5 * ROWS - 1), "logits", "logits", id="parameter"),
    pytest.param(ROWS.tolist(), None, "probabilities", id="nested lists"),
])
def test_labels_mean_what_they_say_or_what_is_told(real, tiny, tmp_path, labels, told, meaning):
    path = field_file(tmp_path / "res.pt", (real.images, labels))
    back = formats.open_set(path, tiny, labels=told)
    assert back.meaning == meaning and back.predicted.tolist() == CLASSES.tolist()
    assert back.labels.dtype == (torch.int64 if meaning == "classes" else torch.float32)
    if meaning != "classes":
        assert torch.allclose(back.labels, torch.as_tensor(labels).float())


@pytest.mark.parametrize(("labels", "told", "says"), [
    pytest.param(ROWS - 1 / 3, None, "--labels", id="negative rows"),
    pytest.param(2 * ROWS, None, "--labels", id="rows of sum two"),
    pytest.param(ROWS - 1 / 3, "probabilities", "no probabilities", id="negative rows told probabilities"),
    pytest.param(1.02 * ROWS, "probabilities", "no probabilities", id="rows near one"),
    pytest.param(CLASSES, "logits", "cannot be logits", id="classes told logits"),
    pytest.param(ROWS, "guesses", "unknown meaning", id="unknown meaning"),
    pytest.param(CLASSES + 0.5, None, "fractions", id="fractions"),
    pytest.param(CLASSES + 1, None, "outside 0..2", id="out of range"),
    pytest.param(CLASSES - 1, None, "outside 0..2", id="negative"),
    pytest.param(torch.zeros(12, 4), None, "another data set", id="four classes"),
    pytest.param(torch.zeros(12, 3, 1), None, "another data set", id="three dimensions"),
    pytest.param(ROWS.where(ROWS != 0.8, float("nan")), None, "not finite", id="nan"),
    pytest.param(ROWS.where(ROWS != 0.8, float("inf")), "logits", "not finite", id="infinite"),
    pytest.param(CLASSES.double() + float("nan"), None, "not finite", id="nan classes"),
    pytest.param(ROWS.to(torch.complex64), None, "real numbers", id="complex"),
    pytest.param(ROWS.to_sparse(), None, "plain array", id="sparse"),
    pytest.param(["one"] * 12, None, "numbers", id="texts"),
    pytest.param(CLASSES[:11], None, "equally many", id="too few"),
    pytest.param(torch.tensor(1), None, "equally many", id="one number"),
    pytest.param(torch.zeros(1).expand(1 << 40), None, "bytes of a tensor", id="larger than its file"),
])
def test_labels_that_cannot_be_meant_are_refused(real, tiny, tmp_path, labels, told, says):
    path = field_file(tmp_path / "res.pt", (real.images, labels))
    with pytest.raises(InputError, match=says) as caught:
        formats.open_set(path, tiny, labels=told)
    assert "\n" not in str(caught.value) and (str(path) in str(caught.value) or says == "unknown meaning")


def test_classes_that_no_label_speaks_of_are_named(real, tiny, tmp_path, capsys):
    keep = real.labels > 0
    for labels in (real.labels, ONES):
        formats.open_set(field_file(tmp_path / "res.pt", (real.images[keep], labels[keep])), tiny)
        assert "no image of up, but all 3 classes" in capsys.readouterr().err
    formats.open_set(field_file(tmp_path / "res.pt", (real.images, real.labels)), tiny)
    assert not capsys.readouterr().err
