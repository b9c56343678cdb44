"""Files of data sets: read pixel for pixel, downloaded where they are missing, and named where they are damaged."""

import gzip

import numpy as np
import pytest
import torch
import torchvision
from small_copies import IMAGES, LABELS, packed

from ddkit import data
from ddkit.data import denormalise, load
from ddkit.foundation.errors import InputError


def whole_pixels(dataset, split):
    return (denormalise(split.images, dataset.mean, dataset.std) * 255).round().to(torch.uint8).numpy()[:, 0]


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files_are_read_pixel_for_pixel_plain_or_gzipped(raw, arrays, zipped):
    for path in list(raw.iterdir()) if zipped else []:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    dataset = load("mnist", raw.parents[1])
    assert (len(dataset.train), len(dataset.val), len(dataset.test)) == (90, 10, 30)
    assert np.array_equal(whole_pixels(dataset, dataset.test), arrays["t10k-images-idx3-ubyte"])
    assert dataset.test.labels.tolist() == arrays["t10k-labels-idx1-ubyte"].tolist()
    published = {(x.tobytes(), int(y)) for x, y in zip(arrays["train-images-idx3-ubyte"],
                                                      arrays["train-labels-idx1-ubyte"], strict=True)}
    learnt = {(x.tobytes(), int(y)) for x, y in zip(whole_pixels(dataset, dataset.full_train),
                                                   dataset.full_train.labels, strict=True)}
    assert learnt == published


def test_images_are_normalised_by_hand_computed_values(raw, arrays):
    dataset = load("mnist", raw.parents[1])
    expected = (arrays["t10k-images-idx3-ubyte"] / 255 - 0.1307) / 0.3081
    assert np.allclose(dataset.test.images[:, 0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_a_missing_file_is_named_with_its_folder(raw, name):
    (raw / name).unlink()
    with pytest.raises(InputError) as caught:
        load("mnist", raw.parents[1])
    assert str(raw / name) in str(caught.value) and "DDKIT_DATA" in str(caught.value)


def test_missing_cifar10_is_named_with_its_folder(tmp_path):
    with pytest.raises(InputError, match="data_batch_1") as caught:
        load("cifar10", tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_missing_files_are_downloaded_into_the_folder(tmp_path, arrays, monkeypatch):
    def download(self):
        folder = tmp_path / "MNIST" / "raw"
        folder.mkdir(parents=True)
        for name, array in arrays.items():
            (folder / name).write_bytes(packed(array))

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", download)
    assert len(load("mnist", tmp_path).test) == 30


@pytest.mark.parametrize(("name", "damage"), [
    pytest.param(IMAGES, lambda content: content[:-1], id="truncated"),
    pytest.param(IMAGES, lambda content: content[:3], id="header cut"),
    pytest.param(IMAGES, lambda content: b"", id="empty"),
    pytest.param(IMAGES, lambda content: content + b"\0", id="too long"),
    pytest.param(IMAGES, lambda content: b"\0\0\x0d" + content[3:], id="wrong kind of number"),
    pytest.param(IMAGES, lambda content: b"PK" + content[2:], id="wrong magic"),
    pytest.param(LABELS, lambda content: b"\0\0\x08\x00\x01", id="no dimensions"),
    pytest.param(LABELS, lambda content: packed(np.zeros(0, np.uint8)), id="no labels"),
    pytest.param(LABELS, lambda content: packed(np.zeros(99, np.uint8)), id="one label too few"),
    pytest.param(LABELS, lambda content: content[:-1] + b"\x0a", id="label 10"),
])
def test_a_damaged_file_is_named(raw, name, damage):
    (raw / name).write_bytes(damage((raw / name).read_bytes()))
    with pytest.raises(InputError, match="damaged") as caught:
        load("mnist", raw.parents[1])
    assert str(raw / name) in str(caught.value)


@pytest.mark.parametrize("damage", [
    pytest.param(lambda content: content[:-20], id="truncated"),
    pytest.param(lambda content: content[:10] + b"\xff" * 8 + content[18:], id="a few bytes wrong"),
    pytest.param(lambda content: b"no gzip at all", id="no gzip"),
])
def test_a_damaged_gzip_file_is_named(raw, damage):
    path = raw / f"{IMAGES}.gz"
    path.write_bytes(damage(gzip.compress((raw / IMAGES).read_bytes())))
    (raw / IMAGES).unlink()
    with pytest.raises(InputError, match="damaged") as caught:
        load("mnist", raw.parents[1])
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("lost", ["batches.meta", "data_batch_3", "test_batch"])
def test_what_cifar10_lacks_or_has_damaged_is_named(ready, tmp_path, lost):
    path = ready("cifar10") / torchvision.datasets.CIFAR10.base_folder / lost
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    with pytest.raises(InputError, match=f"{lost} is damaged"):
        load("cifar10", tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=f"{lost} is missing"):
        load("cifar10", tmp_path)
    assert data.fingerprint("cifar10", tmp_path) is None
