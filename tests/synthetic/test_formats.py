"""The field's files: what a set means survives every door, or is asked for; what does not fit is refused."""

import json
import pickle
import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import ddkit
from ddkit import data, runs, training
from ddkit.__main__ import main
from ddkit.data import SOURCES, Split
from ddkit.foundation.errors import InputError
from ddkit.specs import Distill, File, Start
from ddkit.synthetic import SyntheticSet, formats, pixel_scales
from ddkit.training import Protocol, kernel_scores

REFERENCE = sorted(runs.REFERENCE.glob("*/synthetic.safetensors"))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def field_file(path, *entries, **more):
    torch.save({"data": [list(entry) for entry in entries], "accs_all_exps": {"ConvNet": [0.9]}} | more, path)
    return path


# What a set means survives every door.

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


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


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


def same(one, other):
    assert one.meaning == other.meaning and one.learning_rate == other.learning_rate
    assert (one.mean, one.std, one.classes) == (other.mean, other.std, other.classes)
    for name in ("images", "labels"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name


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
    assert ("scores otherwise" in said) == (before.soft or clipped)
    assert float((levels - before.pixels()).abs().max()) < 0.51 / 255
    if not said:
        after = replace(before, images=(levels - before.mean[0]) / before.std[0])
        assert scores(after, digits) == pytest.approx(scores(before, digits), abs=0.01)


@pytest.mark.parametrize(("kind", "told"), [("pad", "logits"), ("kip", "targets"), ("datadam", ""), ("coreset", "")])
def test_an_export_says_what_others_will_take_wrongly(kind, told, root, digits, tmp_path, capsys):
    formats.export_pt(made(kind, root, digits), tmp_path / "set.pt")
    said = capsys.readouterr().err
    assert (f"they are {told}" in said and "cannot score this set right" in said) if told else not said
    assert ("learning rate" in said) == (kind == "pad")


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


# What labels mean.

ROWS = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]]).repeat_interleave(4, 0)
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


# On which scale pixels are.

def stretched(images, dataset):
    mean, std = (torch.tensor(v)[:, None, None] for v in (dataset.mean, dataset.std))
    return images * std + mean


def whitened(images, dataset, epsilon=0.1):
    """ZCA, as the field's programs do it."""
    flat = dataset.train.images.flatten(1)
    centred = flat - flat.mean(0)
    vectors, values, _ = torch.linalg.svd(centred.T @ centred / (len(flat) - 1))
    matrix = vectors @ torch.diag((values + epsilon).rsqrt()) @ vectors.T
    return ((images.flatten(1) - flat.mean(0)) @ matrix).reshape(images.shape)


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.parent.name)
def test_shipped_sets_are_recognised_as_normalised_and_on_other_scales_are_not(path, request):
    shipped = SyntheticSet.load(path)
    images = shipped.images
    dataset = request.getfixturevalue("mnist" if shipped.origin["dataset"].startswith("mnist") else "polyps")
    assert pixel_scales.looks(images, dataset) == "normalised" and pixel_scales.resembles(images, dataset)
    pixels = stretched(images, dataset).clamp(0, 1)
    assert pixel_scales.looks(pixels, dataset) == "unit" and pixel_scales.looks(255 * pixels, dataset) == "bytes"


@pytest.fixture(scope="module")
def polyps():
    return data.load("mhist_like")


@pytest.mark.parametrize("ipc", [1, 2, 10])
@pytest.mark.parametrize("seed", range(3))
def test_real_images_and_noise_are_told_from_other_scales(digits, ipc, seed):
    real, noise = (SyntheticSet.begin(init, digits, ipc, seeded(seed)).images for init in ("real", "noise"))
    pixels = stretched(real, digits)
    for images, scale in ((real, "normalised"), (noise, "normalised"), (pixels, "unit"), (255 * pixels, "bytes"),
                          (2 * pixels - 1, "signed"), (whitened(real, digits), "whitened"), (1000 * noise, "unknown"),
                          (pixels + 0.02 * noise, "unit"), (255 * pixels + 4 * noise, "bytes")):
        assert pixel_scales.looks(images, digits) == scale


@pytest.mark.parametrize("pixels", ["unit", "bytes"])
@pytest.mark.parametrize("layout", ["pt", "datm"])
def test_other_scales_are_asked_for_and_converted_when_told(digits, tmp_path, pixels, layout):
    real = SyntheticSet.from_real(digits, 2, seeded())
    images = stretched(real.images, digits) * (255 if pixels == "bytes" else 1)
    if layout == "pt":
        path = field_file(tmp_path / "res.pt", (images, real.labels))
    else:
        path = tmp_path / "images_best.pt"
        torch.save(images, path)
        torch.save(real.labels, tmp_path / "labels_best.pt")
    with pytest.raises(InputError, match=f"--pixels {pixels}"):
        formats.open_set(path, digits)
    torch.testing.assert_close(formats.open_set(path, digits, pixels=pixels).images, real.images, atol=1e-5, rtol=0)
    assert torch.equal(formats.open_set(path, digits, pixels="normalised").images, images)
    with pytest.raises(InputError, match="unknown pixels"):
        formats.open_set(path, digits, pixels="inches")


@pytest.mark.parametrize(("change", "says"), [
    (lambda x, d: 2 * stretched(x, d) - 1, r"fill the range \[-1, 1\]"), (whitened, "look whitened"),
    (lambda x, d: 1e4 * x, "no scale known"), (lambda x, d: x.where(x < 1, float("nan")), "not finite")])
def test_scales_that_no_option_undoes_are_refused_by_name(digits, tmp_path, change, says):
    real = SyntheticSet.from_real(digits, 2, seeded())
    path = field_file(tmp_path / "res.pt", (change(real.images, digits), real.labels))
    with pytest.raises(InputError, match=says):
        formats.open_set(path, digits)


def test_images_without_the_data_sets_pattern_are_taken_and_said_to_be_without(digits, tmp_path, capsys):
    noise = SyntheticSet.from_noise(digits, 2, seeded())
    back = formats.open_set(field_file(tmp_path / "res.pt", (noise.images, noise.labels)), digits)
    assert torch.equal(back.images, noise.images) and "bright elsewhere" in capsys.readouterr().err


# Images in other types and orders.

@pytest.mark.parametrize("change", [
    pytest.param(lambda x: x.half(), id="half"), pytest.param(lambda x: x.double(), id="double"),
    pytest.param(lambda x: x.bfloat16(), id="bfloat16"), pytest.param(lambda x: nn.Parameter(x), id="parameter"),
    pytest.param(lambda x: x.tolist(), id="nested lists"), pytest.param(lambda x: list(x), id="list of tensors"),
    pytest.param(lambda x: x.numpy(), id="array"), pytest.param(lambda x: x[:, 0], id="no channel"),
    pytest.param(lambda x: x.flatten(1), id="flat"), pytest.param(lambda x: x.permute(0, 2, 3, 1), id="channel last"),
    pytest.param(lambda x: x.expand(12, 1, 8, 8), id="a view"),
])
def test_images_of_other_types_and_orders_are_read(real, tiny, tmp_path, change):
    path = field_file(tmp_path / "res.pt", (change(real.images), real.labels))
    back = formats.open_set(path, tiny)
    assert back.images.dtype == torch.float32 and back.images.is_leaf and not back.images.requires_grad
    torch.testing.assert_close(back.images, real.images, atol=0.02, rtol=0)


def test_colour_images_with_channels_last_are_read_and_flat_ones_refused(tiny, tmp_path, capsys):
    images = tiny.train.images.repeat(1, 3, 1, 1) + torch.arange(3)[:, None, None] / 10
    colour = replace(tiny, train=Split(images, tiny.train.labels), mean=(0.5,) * 3, std=(0.25,) * 3)
    back = formats.open_set(field_file(tmp_path / "a.pt", (images.permute(0, 2, 3, 1), colour.train.labels)), colour)
    assert torch.equal(back.images[0], images[0]) and "[N, H, W, C]" in capsys.readouterr().err
    with pytest.raises(InputError, match="channels may come first or last"):
        formats.open_set(field_file(tmp_path / "b.pt", (images.flatten(1), colour.train.labels)), colour)


@pytest.mark.parametrize("kind", ["hard", "float", "soft"])
def test_an_import_is_sorted_by_class_and_images_keep_their_labels(real, tiny, tmp_path, kind):
    order = torch.randperm(12, generator=seeded(5))
    labels = {"hard": real.labels, "float": real.labels.float(), "soft": torch.eye(3)[real.labels]}[kind]
    path = field_file(tmp_path / "res.pt", (real.images[order], labels[order]))
    back = SyntheticSet.import_pt(path, tiny)
    label_of = {image.numpy().tobytes(): int(label) for image, label in zip(real.images, real.labels, strict=True)}
    hard = back.predicted.tolist()
    assert hard == sorted(hard) == [label_of[image.numpy().tobytes()] for image in back.images]
    assert back.labels.dtype == (torch.float32 if kind == "soft" else torch.int64)


def test_an_import_takes_the_last_entry_unless_told_otherwise_and_says_so(real, tiny, tmp_path, capsys):
    path = field_file(tmp_path / "res.pt", (real.images, real.labels), (real.images + 1, real.labels))
    assert torch.equal(SyntheticSet.import_pt(path, tiny).images, real.images + 1)
    assert "holds 2 sets, of which the last is taken" in capsys.readouterr().err
    for entry in (0, -2):
        assert torch.equal(SyntheticSet.import_pt(path, tiny, entry=entry).images, real.images)
    assert not capsys.readouterr().err
    for entry in (2, -3):
        with pytest.raises(InputError, match=f"no entry {entry}: choose one from 0 to 1"):
            SyntheticSet.import_pt(path, tiny, entry=entry)


X = torch.randn(6, 1, 8, 8, generator=seeded())
Y = torch.arange(3).repeat_interleave(2)


@pytest.mark.parametrize(("content", "says"), [
    pytest.param({"data": [[torch.zeros(6, 1, 9, 9), Y]]}, "load the data set with that size", id="another size"),
    pytest.param({"data": [[X[:0], Y[:0]]]}, "equally many", id="no images"),
    pytest.param({"data": [[X]]}, "layout", id="no labels"),
    pytest.param({"data": []}, "layout", id="no entry"),
    pytest.param({"data": [X, Y]}, "layout", id="an entry too flat"),
    pytest.param({"images": X}, "layout", id="another layout"),
    pytest.param([X, Y], "layout", id="a list"),
    pytest.param(X, "layout", id="a tensor"),
    pytest.param({"data": [["images", "labels"]]}, "numbers", id="strings"),
])
def test_an_import_that_does_not_fit_is_refused(tiny, tmp_path, content, says):
    torch.save(content, tmp_path / "res.pt")
    for read in (SyntheticSet.import_pt, formats.open_set):
        with pytest.raises(InputError, match=says):
            read(tmp_path / "res.pt", tiny)


# Files: told by their content, and never run.

@pytest.mark.parametrize("number", [np.float64(0.9), np.float32(0.9), np.int64(3), np.bool_(True), np.array([0.9, 0.8]),
                                    np.zeros((2, 2), np.float32)], ids=lambda n: f"{type(n).__name__} {n.dtype}")
def test_accuracies_of_numpy_are_read(real, tiny, tmp_path, number):
    content = {"data": [[real.images, real.labels]], "accs_all_exps": {"ConvNet": [number, number]}}
    torch.save(content, tmp_path / "res.pt")
    assert torch.equal(formats.open_set(tmp_path / "res.pt", tiny).images, real.images)


@pytest.mark.parametrize("home", [b"numpy.core.multiarray", b"numpy._core.multiarray"], ids=["NumPy 1", "NumPy 2"])
def test_accuracies_that_either_numpy_saved_are_read_by_either(real, tiny, tmp_path, home):
    path = tmp_path / "res.pt"
    torch.save({"data": [[real.images, real.labels]], "accs_all_exps": [np.float64(0.5), np.ones(2)]}, path,
               _use_new_zipfile_serialization=False)
    content, places = re.subn(rb"numpy\._?core\.multiarray", home, path.read_bytes())
    assert places == 2
    path.write_bytes(content)
    assert torch.equal(formats.open_set(path, tiny).images, real.images)


class Touch:
    """Pickles to a call of os.system that makes a marker file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        import os

        return os.system, (f"touch '{self.marker}'",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5, None])
@pytest.mark.parametrize("suffix", ["pt", "pth", "pkl", "safetensors"])
def test_a_hostile_file_is_refused_and_its_code_not_run(tiny, tmp_path, protocol, suffix):
    marker, path = tmp_path / "marker", tmp_path / f"res.{suffix}"
    content = {"data": [[Touch(marker), Y]], "numpy": np.array([Touch(marker)])}
    torch.save(content, path) if protocol is None else path.write_bytes(pickle.dumps(content, protocol))
    with warnings.catch_warnings(), pytest.raises(InputError) as caught:
        warnings.simplefilter("error")
        formats.open_set(path, tiny)
    assert "refused" in str(caught.value) or "damaged" in str(caught.value)
    assert not marker.exists() and "\n" not in str(caught.value)
    pickle.loads(pickle.dumps(Touch(marker)))
    assert marker.exists(), "the attack itself works"


@pytest.mark.parametrize("suffix", ["pt", "pth", "pkl", "bin"])
@pytest.mark.parametrize("old", [False, True])
def test_torch_files_and_safetensors_are_known_by_their_content(real, tiny, tmp_path, suffix, old):
    path = tmp_path / f"res.{suffix}"
    torch.save({"data": [[real.images, real.labels]]}, path, _use_new_zipfile_serialization=not old)
    assert torch.equal(formats.open_set(path, tiny).images, real.images)
    real.save(path)
    assert torch.equal(formats.open_set(path, tiny).images, real.images)


@pytest.mark.parametrize("content", [b"", b"hello world, this is no set", b"\x00" * 100, b"\x80\x04",
                                     b"PK\x03\x04" + b"x" * 90])
@pytest.mark.parametrize("suffix", ["pt", "pkl", "safetensors"])
def test_what_is_no_set_is_refused_in_one_sentence(tiny, tmp_path, content, suffix):
    path = tmp_path / f"res.{suffix}"
    path.write_bytes(content)
    with warnings.catch_warnings(), pytest.raises(InputError) as caught:
        warnings.simplefilter("error")
        formats.open_set(path, tiny)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and "object at" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 1, 100, -30])
def test_a_truncated_export_is_refused_by_name(real, tiny, tmp_path, keep):
    path = tmp_path / "res.pt"
    real.export_pt(path)
    path.write_bytes(path.read_bytes()[:keep])
    for read in (SyntheticSet.import_pt, formats.open_set):
        with pytest.raises(InputError, match=r"res\.pt"):
            read(path, tiny)


def test_a_missing_file_is_refused_by_name(tiny, tmp_path):
    for read in (SyntheticSet.import_pt, formats.open_set, formats.import_datm):
        with pytest.raises(InputError, match="images_DC"):
            read(tmp_path / "images_DC.pt", tiny)
    with pytest.raises(InputError, match="no such file"):
        File.of(tmp_path / "res_DC.pt", "digits")


# Sets in several files.

def pair(folder, real, labels=None, rate=None, tag="best"):
    torch.save(real.images, folder / f"images_{tag}.pt")
    torch.save(real.labels if labels is None else labels, folder / f"labels_{tag}.pt")
    if rate is not None:
        torch.save(rate, folder / f"lr_{tag}.pt")
    return folder / f"images_{tag}.pt"


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


@pytest.mark.parametrize("part", ["images", "labels", "lr"])
def test_a_set_in_several_files_is_known_by_all_of_them(real, tmp_path, part):
    path = pair(tmp_path, real, rate=0.02)
    before = File.of(path, "digits")
    (tmp_path / "copy").mkdir()
    assert File.of(pair(tmp_path / "copy", real, rate=0.02), "digits").sha256 == before.sha256
    torch.save(torch.rand(12), path.with_name(f"{part}_best.pt"))
    assert File.of(path, "digits").sha256 != before.sha256


def test_single_files_keep_their_names_and_what_is_told_gives_another(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"content")
    plain = File.of(tmp_path / "x.pt", "digits")
    assert plain.sha256 == "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    assert ddkit.Evaluate(plain).name == "evaluate-digits-file-standard-ConvNetD3-735a0f0a"
    told = [File.of(tmp_path / "x.pt", "digits", **t) for t in ({"labels": "logits"}, {"pixels": "unit"}, {"entry": 0})]
    assert len({ddkit.Evaluate(file).name for file in (plain, *told)}) == 4


@pytest.mark.parametrize("wrap", [lambda file: file, Start], ids=["the set", "its start"])
def test_a_file_that_changed_since_it_was_named_is_refused(digits, tmp_path, wrap):
    real = SyntheticSet.from_real(digits, 1, seeded())
    path = field_file(tmp_path / "res.pt", (real.images, real.labels))
    spec = ddkit.Evaluate(wrap(File.of(path, "digits")), "kernel", "NTKD1")
    field_file(path, (real.images + 0.1, real.labels))
    with pytest.raises(InputError, match="changed since"):
        ddkit.run(spec, root=tmp_path / "runs", quiet=True)
    assert not list((tmp_path / "runs").glob("*/*"))


def test_what_is_told_in_a_file_spec_is_what_is_scored(digits, tmp_path):
    real = SyntheticSet.from_real(digits, 1, seeded())
    path = field_file(tmp_path / "res.pt", (stretched(real.images, digits), torch.eye(10) - 0.1), (real.images, ROWS))
    file = File.of(path, "digits", labels="targets", pixels="unit", entry=0)
    found = runs.training_set(file, digits, 0)
    assert found.squared and torch.allclose(found.images, real.images, atol=1e-5)


# Pictures.

@pytest.mark.parametrize("channels", [1, 3])
def test_pngs_hold_the_very_pixels(tiny, tmp_path, channels):
    levels = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8).repeat(1, channels, 1, 1)[[0, 1, 2, 3, 0, 1]]
    mean, std = (0.1307,) * channels, (0.3081,) * channels
    images = (levels / 255 - 0.1307) / 0.3081
    synthetic = SyntheticSet(images, Y, images.clone(), mean, std, tiny.classes)
    paths = formats.export_png(synthetic, tmp_path / "png")
    assert [str(p.relative_to(tmp_path / "png")) for p in paths] == [
        f"{name}/{i:03d}.png" for name in ("up", "mid-dle", "down") for i in range(2)]
    for path, level in zip(paths, levels, strict=True):
        read = np.atleast_3d(np.asarray(Image.open(path)))
        assert np.array_equal(read, level.permute(1, 2, 0).numpy())


@pytest.mark.parametrize("names", [("..", "../../x", "/etc"), ("", ".", "a\0b"), ("a/b", "a-b", "A-B"),
                                   ("x" * 300, "x" * 301, "y"), ("c:\\x", "con\n", " .hidden ")])
def test_pictures_stay_in_their_folder_whatever_the_classes_are_called(tmp_path, names):
    images = torch.zeros(6, 1, 8, 8)
    synthetic = SyntheticSet(images, Y, images.clone(), (0.5,), (0.25,), names)
    paths = formats.export_png(synthetic, tmp_path / "png")
    assert {path.parent.parent for path in paths} == {tmp_path / "png"} and len(set(paths)) == 6
    assert len({path.parent.name.casefold() for path in paths}) == 3
    assert not any(part in ("..", ".", "") for path in paths for part in path.parts[-2:])
    assert set(tmp_path.rglob("*.png")) == set(paths)


# The command line.

@pytest.fixture
def digit_set(digits):
    return SyntheticSet.from_real(digits, 2, seeded())


def evaluated(capsys, tmp_path, *arguments):
    code = main(["evaluate", *map(str, arguments), "--protocol", "kernel", "--network", "NTKD1", "--runs",
                 str(tmp_path / "runs")])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("door", ["safetensors", "pt"])
def test_our_own_file_needs_no_options_and_takes_those_that_agree(digit_set, tmp_path, capsys, door):
    path = tmp_path / f"x.{door}"
    digit_set.save(path) if door == "safetensors" else formats.export_pt(digit_set, path)
    code, text, _ = evaluated(capsys, tmp_path, path)
    assert code == 0 and text.startswith("data set: digits\n")
    agreeing = ("--dataset", "digits", "--size", "28", "--pixels", "normalised", "--entry", "0")
    assert evaluated(capsys, tmp_path, path, *agreeing)[1] == text
    for wrong in (("--dataset", "mnist"), ("--size", "32"), ("--labels", "logits"), ("--pixels", "unit"),
                  ("--entry", "1")):
        code, _, complaint = evaluated(capsys, tmp_path, path, *wrong)
        assert code == 2 and complaint.count("\n") == 1 and "leave" in complaint and str(path) in complaint


def test_no_data_set_is_resized_beyond_reason_because_a_file_says_so(digit_set, tmp_path, capsys):
    images = torch.zeros(1).expand(10, 1, 1000, 1000)
    huge = replace(digit_set, images=images, start=images, labels=torch.arange(10))
    formats.export_pt(huge, tmp_path / "x.pt")
    code, _, complaint = evaluated(capsys, tmp_path, tmp_path / "x.pt")
    assert code == 2 and "1000 pixels" in complaint and "--size" in complaint


def test_a_file_of_the_field_asks_whose_images_it_holds(digit_set, tmp_path, capsys):
    path = field_file(tmp_path / "x.pt", (digit_set.images, digit_set.labels))
    code, _, complaint = evaluated(capsys, tmp_path, path)
    assert code == 2 and "--dataset" in complaint and ", ".join(sorted(SOURCES)) in complaint
    code, text, _ = evaluated(capsys, tmp_path, path, "--dataset", "digits")
    assert code == 0 and text.startswith("data set: digits\n")


def test_a_folder_takes_no_other_options_than_its_own(root, digits, tmp_path, capsys):
    folder = ddkit.run(ddkit.Coreset("digits", 2), root=root, quiet=True).folder
    assert evaluated(capsys, tmp_path, folder, "--dataset", "digits", "--size", "28")[0] == 0
    for wrong in (("--dataset", "mnist"), ("--size", "32"), ("--labels", "logits"), ("--pixels", "unit"),
                  ("--entry", "1")):
        code, text, complaint = evaluated(capsys, tmp_path, folder, *wrong)
        assert code == 2 and not text and complaint.count("\n") == 1 and "leave" in complaint


@pytest.mark.parametrize("command", ["evaluate", "transfer", "search"])
@pytest.mark.parametrize("wrong", [("--labels", "guesses"), ("--pixels", "inches"), ("--entry", "2"), ("--size", "32"),
                                   ("--dataset", "nothing"), ()])
def test_what_is_wrong_with_a_file_comes_before_any_training(digit_set, digits, tmp_path, capsys, command, wrong):
    path = field_file(tmp_path / "x.pt", (stretched(digit_set.images, digits), digit_set.labels))
    code = main([command, str(path), "--dataset", "digits", *wrong, "--runs", str(tmp_path / "runs")])
    complaint = capsys.readouterr().err
    assert code == 2 and complaint.count("\n") == 1 and not (tmp_path / "runs").exists()


def test_options_say_what_a_file_does_not(digit_set, digits, tmp_path, capsys):
    targets = torch.eye(10)[digit_set.labels] - 0.1
    path = field_file(tmp_path / "x.pt", (stretched(digit_set.images, digits), targets), (digit_set.images, targets))
    told = ("--dataset", "digits", "--labels", "targets", "--json")
    code, text, said = evaluated(capsys, tmp_path, path, *told, "--pixels", "unit", "--entry", "0")
    assert code == 0 and not said
    first = json.loads(text)
    assert (first["spec"]["of"]["pixels"], first["spec"]["of"]["entry"]) == ("unit", 0)
    code, text, said = evaluated(capsys, tmp_path, path, *told)
    assert code == 0 and said.count("of which the last is taken") == 1
    assert json.loads(text)["accuracies"] == pytest.approx(first["accuracies"], abs=0.003)


def test_every_table_names_its_data_set(digit_set, tmp_path, capsys):
    digit_set.save(tmp_path / "x.safetensors")
    kept = ("--runs", str(tmp_path / "runs"), "--epochs", "1", "--seeds", "1")
    small = ("--depths", "1", "--widths", "2", "--norms", "none,instance", "--activations", "relu", "--poolings",
             "avg,max", "--no-full")
    for command in (("evaluate", "--network", "MLP"), ("transfer", "--networks", "MLP"), ("search", *small)):
        assert main([command[0], str(tmp_path / "x.safetensors"), *command[1:], *kept]) == 0
        assert capsys.readouterr().out.startswith("data set: digits\n")


def test_the_learned_protocol_needs_a_rate_that_two_files_have_not(digit_set, tmp_path, capsys):
    path = pair(tmp_path, digit_set)
    assert main(["evaluate", str(path), "--dataset", "digits", "--protocol", "learned", "--seeds", "1", "--runs",
                 str(tmp_path / "runs")]) == 2
    assert "no learned learning rate" in capsys.readouterr().err


@pytest.mark.parametrize("place", range(0, 1000, 97))
def test_a_flipped_byte_in_the_fields_files_is_told(digits, tmp_path, place):
    """torch.save stores a sum for every part, which torch.load does not compare."""
    path = tmp_path / "set.pt"
    images = digits.train.images[:20]
    torch.save({"data": [[images, torch.arange(20) % 10]]}, path)
    content, middle = bytearray(path.read_bytes()), path.read_bytes().find(images.numpy().tobytes()[:64])
    assert middle > 0
    content[middle + 40 * place] ^= 16
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="is damaged"):
        formats.import_pt(path, digits, quiet=True)
