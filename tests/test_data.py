"""Loading data: hand-written idx files, damage that is named, the fixed split, the fingerprint."""

import gzip
import struct
import urllib.error

import numpy as np
import pytest
import torch
import torchvision

from ddkit import data
from ddkit.data import denormalise, load
from ddkit.errors import InputError


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def arrays():
    """100 training and 30 test images of 28x28, ten classes in turn, by the names of MNIST's files."""
    random = np.random.default_rng(0)
    found = {}
    for part, count in (("train", 100), ("t10k", 30)):
        found[f"{part}-images-idx3-ubyte"] = random.integers(0, 256, (count, 28, 28), np.uint8)
        found[f"{part}-labels-idx1-ubyte"] = (np.arange(count) % 10).astype(np.uint8)
    return found


@pytest.fixture
def raw(tmp_path, arrays):
    """A folder with the four files, plain."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        (folder / name).write_bytes(idx(array))
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network in tests")

    for kind in (torchvision.datasets.MNIST, torchvision.datasets.CIFAR10):
        monkeypatch.setattr(kind, "download", refuse)


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


def test_the_folder_is_the_argument_then_the_environments_then_data(raw, monkeypatch, tmp_path):
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path))
    assert len(load("mnist").test) == 30
    with pytest.raises(InputError, match="elsewhere"):
        load("mnist", tmp_path / "elsewhere")
    monkeypatch.delenv("DDKIT_DATA")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="data"):
        load("mnist")


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
            (folder / name).write_bytes(idx(array))

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", download)
    assert len(load("mnist", tmp_path).test) == 30


LABELS, IMAGES = "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"


@pytest.mark.parametrize(("name", "damage"), [
    pytest.param(IMAGES, lambda content: content[:-1], id="truncated"),
    pytest.param(IMAGES, lambda content: content[:3], id="header cut"),
    pytest.param(IMAGES, lambda content: b"", id="empty"),
    pytest.param(IMAGES, lambda content: content + b"\0", id="too long"),
    pytest.param(IMAGES, lambda content: b"\0\0\x0d" + content[3:], id="wrong kind of number"),
    pytest.param(IMAGES, lambda content: b"PK" + content[2:], id="wrong magic"),
    pytest.param(LABELS, lambda content: b"\0\0\x08\x00\x01", id="no dimensions"),
    pytest.param(LABELS, lambda content: idx(np.zeros(0, np.uint8)), id="no labels"),
    pytest.param(LABELS, lambda content: idx(np.zeros(99, np.uint8)), id="one label too few"),
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


def test_the_validation_split_is_a_fixed_disjoint_tenth_of_each_class(digits):
    again = data.load("digits")
    assert torch.equal(again.val.images, digits.val.images) and torch.equal(again.train.labels, digits.train.labels)
    train, val = ({image.numpy().tobytes() for image in split.images} for split in (digits.train, digits.val))
    assert not train & val
    kept, held = (torch.bincount(split.labels, minlength=10) for split in (digits.train, digits.val))
    assert ((held - (kept + held) / 10).abs() <= 1).all()


def test_digits_of_the_test_part_are_never_trained_on(digits):
    test = {image.numpy().tobytes() for image in digits.test.images}
    assert not test & {image.numpy().tobytes() for image in digits.full_train.images}
    assert len(digits.full_train) + len(digits.test) == 1797


def test_the_fingerprint_changes_with_one_pixel_one_label_and_the_size(raw, arrays):
    def written(name, array):
        (raw / name).write_bytes(idx(array))
        return load("mnist", raw.parents[1]).fingerprint

    root, first = raw.parents[1], load("mnist", raw.parents[1]).fingerprint
    assert load("mnist", root).fingerprint == first
    images, labels = arrays["train-images-idx3-ubyte"].copy(), arrays["train-labels-idx1-ubyte"].copy()
    images[7, 3, 3] ^= 1
    changed = written("train-images-idx3-ubyte", images)
    labels[[3, 4]] = labels[[4, 3]]
    assert len({first, load("mnist", root, size=16).fingerprint, changed, written(LABELS, labels)}) == 4


def test_denormalising_undoes_the_normalisation_and_clips():
    pixels = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    mean, std = (0.1, 0.5, 0.9), (0.2, 0.3, 0.4)
    normalised = torch.stack([(pixels[:, c] - mean[c]) / std[c] for c in range(3)], 1)
    torch.testing.assert_close(denormalise(normalised, mean, std), pixels)
    assert denormalise(torch.full((3, 1, 1), 99.0), mean, std).tolist() == [[[1.0]]] * 3


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match="cifar10, digits, fashion_mnist, mhist, mhist_like, mnist"):
        load("minst")


def test_sizes_below_eight_are_refused():
    with pytest.raises(InputError, match="8 pixels"):
        load("digits", size=7)


def test_resizing_keeps_the_mean_brightness(digits):
    small = load("digits", size=14)
    assert small.size == 14 and small.train.images.shape[-2:] == (14, 14)
    assert abs(float(small.train.images.mean() - digits.train.images.mean())) < 0.02


def test_digits_have_a_mean_of_zero_and_a_deviation_of_one(digits):
    images = digits.full_train.images
    assert abs(float(images.mean())) < 0.02 and abs(float(images.std()) - 1) < 0.02


def test_chance_is_the_share_of_the_most_frequent_test_class(tiny):
    test = data.Split(tiny.test.images[:4], torch.tensor([0, 2, 2, 2]))
    assert data.replace(tiny, test=test).chance == 0.75


def test_loading_leaves_the_global_random_streams_alone(raw, untouched_randomness):
    load("mnist", raw.parents[1])
    load("digits", size=8)


def test_real_mnist_has_the_published_counts_and_statistics(mnist):
    assert (len(mnist.train), len(mnist.val), len(mnist.test)) == (54_000, 6_000, 10_000)
    assert torch.bincount(mnist.full_train.labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert abs(float(mnist.train.images.mean())) < 0.01 and abs(float(mnist.train.images.std()) - 1) < 0.01
    assert mnist.chance == pytest.approx(0.1135)
