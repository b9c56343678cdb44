"""Images of the field's files in other types and orders, sorted by class, of one entry; other layouts are refused."""

from dataclasses import replace

import pytest
import torch
from field_files import Y, field_file, seeded
from torch import nn

from ddkit.data import Split, load
from ddkit.foundation.errors import InputError
from ddkit.synthetic import SyntheticSet, formats


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


def of_whole(kind, tmp_path, labels, name="digits-3-8"):
    """A file of two images of each class, labelled as they say."""
    some = load(name)
    images = SyntheticSet.from_real(some, 2, seeded()).images
    return field_file(tmp_path / "res.pt", (images, kind(labels))), some, images


@pytest.mark.parametrize("kind", [torch.tensor, lambda labels: torch.tensor(labels).float()[:, None]],
                         ids=["whole", "column of reals"])
@pytest.mark.parametrize(("name", "labels"), [("digits-3-8", [3, 3, 8, 8]), ("digits-8-3", [8, 8, 3, 3]),
                                              ("digits-0-3", [0, 0, 3, 3]), ("digits-1-2", [1, 1, 2, 2])])
def test_some_classes_may_keep_the_numbers_of_the_whole(tmp_path, capsys, kind, name, labels):
    path, some, images = of_whole(kind, tmp_path, labels, name)
    back = formats.open_set(path, some)
    assert back.labels.tolist() == [0, 0, 1, 1] and back.images.equal(images) and back.labels.dtype == torch.int64
    assert f"labels {', '.join(map(str, sorted(set(labels))))}, which are read as the numbers of {name}" in (
        capsys.readouterr().err)


@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0]])
def test_what_can_be_a_place_among_some_classes_is_one(tmp_path, labels):
    path, some, _ = of_whole(torch.tensor, tmp_path, labels, "digits-1-0")
    assert formats.open_set(path, some, quiet=True).labels.tolist() == sorted(labels)


@pytest.mark.parametrize("labels", [[3, 3, 7, 7], [0, 0, 8, 8], [3, 3, -1, 8], [3, 3, 8, 10]])
def test_labels_that_are_neither_are_refused(tmp_path, labels):
    path, some, _ = of_whole(torch.tensor, tmp_path, labels)
    with pytest.raises(InputError, match=r"labels outside 0\.\.1"):
        formats.open_set(path, some)


@pytest.mark.parametrize("shape", [(4, 1, 16, 16), (4, 16, 16), (4, 16, 16, 1)])
def test_images_of_another_size_say_which(digits, tmp_path, shape):
    small = load("digits", size=16)
    path = field_file(tmp_path / "res.pt", (small.train.images[:4].reshape(shape), small.train.labels[:4]))
    with pytest.raises(InputError, match=r"\(size=16, or --size 16\)"):
        formats.open_set(path, digits)
    assert len(formats.open_set(path, small, quiet=True).images) == 4  # as it says


@pytest.mark.parametrize("shape", [(4, 1, 16, 12), (4, 3, 16, 16), (4, 1, 4, 4), (4, 2, 5, 6, 7)])
def test_what_no_size_would_make_fit_is_not_sent_for_one(digits, tmp_path, shape):
    path = field_file(tmp_path / "res.pt", (torch.randn(shape), torch.arange(4)))
    with pytest.raises(InputError, match="name the data set that they belong to"):
        formats.open_set(path, digits)


def test_a_data_set_may_be_named(digits, tmp_path):
    path = field_file(tmp_path / "images_best.pt", (digits.train.images[:4], digits.train.labels[:4]))
    for read in (SyntheticSet.import_pt, formats.import_pt, formats.open_set):
        one, other = read(path, "digits", quiet=True), read(path, digits, quiet=True)
        assert one.images.equal(other.images) and one.labels.equal(other.labels) and one.origin == other.origin
    torch.save(digits.train.images[:4], path)
    torch.save(digits.train.labels[:4], tmp_path / "labels_best.pt")
    assert formats.import_datm(path, "digits", quiet=True).images.equal(other.images)
    with pytest.raises(InputError, match="unknown dataset 'digit'"):
        formats.import_pt(path, "digit")
