"""What a set means survives every door, or is asked for; what does not fit is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from field_files import field_file, same, seeded
from PIL import Image

import ddkit
from ddkit import training
from ddkit.foundation.errors import InputError
from ddkit.specs import Distill
from ddkit.synthetic import SyntheticSet, formats
from ddkit.training import Protocol, kernel_scores

EXPERTS = {"experts": 1, "expert_epochs": 4, "expert_lr": 0.1, "expert_batch": 64, "expert_span": 1, "last_start": 1,
           "final_start": 1, "student_steps": 1, "network": "ConvNetD1", "width": 2}
OPTIONS = {
    "datadam": ("datadam", "course", {"network": "ConvNetD1", "width": 2, "network_steps": 1}),
    "mtt": ("trajectory", "mtt", EXPERTS),
    "datm": ("trajectory", "datm", EXPERTS),
    "pad": ("trajectory", "pad", EXPERTS),
    "kip": ("kip", "course", {"network": "NTKD1", "real_batch": 50}),
    "rfad": ("rfad", "course", {"networks": 1, "width": 2, "real_batch": 50}),
    "frepo": ("frepo", "course", {"pool": 1, "networks": 1, "most_steps": 1, "width": 2, "real_batch": 50}),
}
MADE = [*OPTIONS, "coreset", "probabilities"]


def made(kind, root, digits):
    """A set of every kind that ddkit makes, as small as can be; runs are made once."""
    if kind == "probabilities":
        logits = torch.randn(20, 10, generator=seeded())
        return replace(SyntheticSet.from_real(digits, 2, seeded()), labels=(2 * logits).softmax(1),
                       meaning="probabilities")
    if kind == "coreset":
        return ddkit.run(ddkit.Coreset("digits", 2), root=root, quiet=True).synthetic
    method, preset, options = OPTIONS[kind]
    spec = Distill("digits", method, preset, ipc=2, updates=2, options=tuple(sorted(options.items())))
    return ddkit.run(spec, root=root, quiet=True).synthetic


def scores(synthetic, digits):
    """By the kernel in closed form, and by a network that is trained for a moment at the set's own rate."""
    split = synthetic.training_split()
    how = Protocol("short", epochs=3, lr=synthetic.learning_rate or 0.01)
    kernel = kernel_scores.score(split, digits, "NTKD1", kernel_scores.KERNEL_PROTOCOLS["kernel"], 0, quiet=True)
    return kernel["accuracy"], training.score(split, digits, "MLP", how, 0, quiet=True)["accuracy"]


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("door", ["safetensors", "pt"])
def test_our_own_files_bring_back_everything(kind, door, root, digits, tmp_path, one_thread):
    before = made(kind, root, digits)
    path = tmp_path / f"set.{door}"
    before.save(path) if door == "safetensors" else formats.export_pt(before, path)
    after = formats.open_set(path, digits)
    same(before, after)
    assert torch.equal(before.start, after.start) and before.origin == after.origin
    assert (before.start_labels is None) == (after.start_labels is None)
    same(before.undistilled(), after.undistilled())
    assert scores(before, digits) == scores(after, digits)


@pytest.mark.parametrize("kind", MADE)
def test_tensors_alone_score_the_same_or_what_they_mean_is_asked(kind, root, digits, tmp_path, one_thread):
    before = made(kind, root, digits)
    order = before.predicted.argsort(stable=True)
    before = replace(before, images=before.images[order], labels=before.labels[order], start=before.start[order],
                     start_labels=None, learning_rate=None)
    path = field_file(tmp_path / "set.pt", (before.images, before.labels))
    if before.meaning in ("logits", "targets"):
        with pytest.raises(InputError, match=r"no probabilities.*--labels"):
            formats.open_set(path, digits)
    after = formats.open_set(path, digits, labels=before.meaning if before.soft else None)
    same(before, after)
    assert scores(before, digits) == scores(after, digits)


@pytest.mark.parametrize("kind", MADE)
def test_datms_files_score_the_same_or_are_refused(kind, root, digits, tmp_path, one_thread):
    before = replace(made(kind, root, digits), start_labels=None)
    before.learning_rate = before.learning_rate or 0.02
    if before.meaning in ("targets", "probabilities"):
        with pytest.raises(InputError, match=f"{before.meaning}: export it with export_pt"):
            formats.export_datm(before, tmp_path)
        assert not list(tmp_path.iterdir())
        return
    formats.export_datm(before, tmp_path)
    after = formats.open_set(tmp_path / "images_best.pt", digits)
    order = before.predicted.argsort(stable=True)
    before = replace(before, images=before.images[order], labels=before.labels[order])
    same(before, after)
    assert scores(before, digits) == scores(after, digits)


@pytest.mark.parametrize("kind", MADE)
def test_pictures_hold_the_set_or_it_is_said_that_they_do_not(kind, root, digits, tmp_path, capsys, one_thread):
    before = made(kind, root, digits)
    paths = formats.export_png(before, tmp_path)
    clipped = bool(((before.pixels() - before.mean[0]) / before.std[0] - before.images).abs().max() > 1e-3)
    said = capsys.readouterr().err
    levels = torch.stack([torch.from_numpy(np.array(Image.open(path)))[None] for path in paths]) / 255
    assert [path.parent.name for path in paths] == [str(label) for label in before.predicted.tolist()]
    assert ("labels other than classes" in said) == before.soft and ("pixels darker" in said) == clipped
    assert ("learning rate" in said) == (before.learning_rate is not None)
    assert ("scores otherwise" in said) == (before.soft or clipped or before.learning_rate is not None)
    assert float((levels - before.pixels()).abs().max()) < 0.51 / 255
    if not said:
        after = replace(before, images=(levels - before.mean[0]) / before.std[0])
        assert scores(after, digits) == pytest.approx(scores(before, digits), abs=0.01)


@pytest.mark.parametrize(("kind", "told"), [("pad", "logits"), ("kip", "targets"), ("mtt", ""), ("datadam", ""),
                                            ("coreset", "")])
def test_an_export_says_what_others_will_take_wrongly(kind, told, root, digits, tmp_path, capsys):
    formats.export_pt(made(kind, root, digits), tmp_path / "set.pt")
    said = capsys.readouterr().err
    assert f"they are {told}" in said and "cannot score this set right" in said if told else "they are" not in said
    assert ("learning rate" in said) == (kind in ("pad", "mtt"))
    assert bool(said) == (kind not in ("datadam", "coreset"))


@pytest.mark.parametrize("kind", ["real", "soft"])
def test_an_export_is_the_fields_layout_and_comes_back(request, tiny, tmp_path, kind):
    made = request.getfixturevalue(kind)
    made.export_pt(tmp_path / "res.pt")
    content = torch.load(tmp_path / "res.pt", weights_only=True)
    assert list(content) == ["data", "accs_all_exps", "ddkit"] and content["accs_all_exps"] == {}
    [[images, labels]] = content["data"]
    assert torch.equal(images, made.images) and torch.equal(labels, made.labels)
    back = SyntheticSet.import_pt(tmp_path / "res.pt", tiny)
    same(back, made)
    assert back.moved == made.moved


@pytest.mark.parametrize("change", [
    lambda c: c["data"].append(c["data"][0]), lambda c: c["ddkit"].pop("meaning"), lambda c: c.update(ddkit=3),
    lambda c: c["ddkit"].update(start=c["ddkit"]["start"][:2]), lambda c: c["ddkit"].update(meaning="logits")],
    ids=["a second entry", "no meaning", "no description", "another start", "another meaning"])
def test_our_export_that_was_changed_since_is_refused(real, tiny, tmp_path, change):
    formats.export_pt(real, tmp_path / "res.pt")
    content = torch.load(tmp_path / "res.pt", weights_only=True)
    change(content)
    torch.save(content, tmp_path / "res.pt")
    with pytest.raises(InputError, match=r"res\.pt is damaged or was changed"):
        formats.open_set(tmp_path / "res.pt", tiny)


@pytest.mark.parametrize("door", ["safetensors", "pt"])
def test_our_own_files_are_not_taken_for_another_data_sets_nor_told_what_they_know(real, tiny, tmp_path, door):
    path = tmp_path / f"set.{door}"
    real.save(path) if door == "safetensors" else formats.export_pt(real, path)
    with pytest.raises(InputError, match="was not distilled from tiny"):
        formats.open_set(path, replace(tiny, fingerprint="0" * 64))
    for told in ({"labels": "logits"}, {"pixels": "unit"}, {"entry": 1}):
        with pytest.raises(InputError, match="leave"):
            formats.open_set(path, tiny, **told)
    formats.open_set(path, tiny, pixels="normalised", entry=0)
