"""Loading data: hand-written idx files, damage that is named, the fixed split, the fingerprint."""

import argparse
import dataclasses
import gzip
import hashlib
import json
import os
import pickle
import re
import struct
import tracemalloc
import urllib.error

import numpy as np
import pytest
import torch
import torchvision

from ddkit import data, specs
from ddkit.__main__ import main
from ddkit.cli.sets import sources
from ddkit.data import SOURCES, denormalise, idx, idx_sources, load, loading
from ddkit.data.sources import cifar10, mhist_like
from ddkit.foundation.errors import InputError
from ddkit.runs import run


def packed(array: np.ndarray, kind: int = 8) -> bytes:
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
        (folder / name).write_bytes(packed(array))
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
            (folder / name).write_bytes(packed(array))

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
        (raw / name).write_bytes(packed(array))
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
    with pytest.raises(InputError, match=", ".join(sorted(SOURCES))):
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
    assert dataclasses.replace(tiny, test=test).chance == 0.75


def test_loading_leaves_the_global_random_streams_alone(raw, untouched_randomness):
    load("mnist", raw.parents[1])
    load("digits", size=8)


def test_real_mnist_has_the_published_counts_and_statistics(mnist):
    assert (len(mnist.train), len(mnist.val), len(mnist.test)) == (54_000, 6_000, 10_000)
    assert torch.bincount(mnist.full_train.labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert abs(float(mnist.train.images.mean())) < 0.01 and abs(float(mnist.train.images.std()) - 1) < 0.01
    assert mnist.chance == pytest.approx(0.1135)


# what a copy can say that cannot be


def write(folder, name: str, array: np.ndarray, form: str = "plain") -> None:
    """A file in MNIST's format: ``plain``, ``gz`` or in ``both`` forms."""
    for suffix, content in (("", packed(array)), (".gz", gzip.compress(packed(array)))):
        if form in ("both", "gz" if suffix else "plain"):
            (folder / (name + suffix)).write_bytes(content)


def own_copy(root, dataset: str = "mnist", form: str = "plain", **changes):
    """A small copy in MNIST's format under ``root``, with other arrays for some: images, labels, test_images, ..."""
    folder = root / {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[dataset] / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    found = {"images": random.integers(0, 256, (100, 28, 28), np.uint8), "labels": np.arange(100, dtype=np.uint8) % 10,
             "test_images": random.integers(0, 256, (30, 28, 28), np.uint8),
             "test_labels": np.arange(30, dtype=np.uint8) % 10}
    for name, array in zip(idx.FILES, (found | changes).values(), strict=True):
        write(folder, name, array, form)
    return root


FORMATTED = pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
FORMS = pytest.mark.parametrize("form", ["plain", "gz", "both"])


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, shape, np.uint8)


@FORMATTED
@FORMS
def test_small_own_copies_are_read_in_every_form(tmp_path, dataset, form):
    own_copy(tmp_path / "plain", dataset)
    found = load(dataset, own_copy(tmp_path / form, dataset, form))
    assert found.fingerprint == load(dataset, tmp_path / "plain").fingerprint and not found.notes
    assert len(found.full_train) == 100 and len(found.test) == 30


@FORMATTED
@FORMS
def test_training_images_under_the_tests_names_are_refused(tmp_path, dataset, form):
    images, labels = noise(100, 28, 28), np.arange(100, dtype=np.uint8) % 10
    own_copy(tmp_path, dataset, form, images=images, labels=labels, test_images=images[::-1], test_labels=labels[::-1])
    with pytest.raises(InputError, match=r"all 100 test images of .* are also training images"):
        load(dataset, tmp_path)


@FORMATTED
@FORMS
@pytest.mark.parametrize(("under", "names"), [
    ("the other part's", idx.FILES[2:] + idx.FILES[:2]), ("the test's", idx.FILES[:2] * 2),
    ("the training's", idx.FILES[2:] * 2), ("the labels'", idx.FILES[1::-1] + idx.FILES[2:])])
def test_published_files_under_another_name_are_named(tmp_path, dataset, form, under, names, monkeypatch):
    kind = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[dataset]
    raw = own_copy(tmp_path, dataset, form) / kind / "raw"
    content = {name: idx.read(idx.find(raw, name), 3 if "images" in name else 1) for name in idx.FILES}
    monkeypatch.setattr(idx, "PUBLISHED", {digest: (kind, name) for name, (_, digest) in content.items()})
    load(dataset, tmp_path)
    for name, other in zip(idx.FILES, names, strict=True):
        write(raw, name, content[other][0], form)
    with pytest.raises(InputError, match="damaged" if under == "the labels'" else "published as") as caught:
        load(dataset, tmp_path)
    assert str(raw) in str(caught.value) and "\n" not in str(caught.value)


def test_one_data_sets_files_in_the_others_folder_are_named(tmp_path, monkeypatch):
    raw = own_copy(tmp_path, "fashion_mnist") / "FashionMNIST" / "raw"
    digest = idx.read(raw / idx.FILES[0], 3)[1]
    monkeypatch.setattr(idx, "PUBLISHED", {digest: ("MNIST", idx.FILES[0])})
    with pytest.raises(InputError, match="published as train-images-idx3-ubyte of MNIST"):
        load("fashion_mnist", tmp_path)


@pytest.mark.parametrize("kind", ["MNIST", "FashionMNIST"])
def test_the_published_files_are_known_by_their_content(real_data, kind):
    paths = [idx.find(real_data / kind / "raw", name) for name in idx.FILES]
    if None in paths:
        pytest.skip(f"needs real {kind} under {real_data.resolve()} (set DDKIT_DATA)")
    known = [idx.read(path, 3 if "images" in path.name else 1)[1] for path in paths]
    assert [idx.PUBLISHED[digest] for digest in known] == [(kind, name) for name in idx.FILES]


@FORMATTED
@pytest.mark.parametrize(("changes", "note"), [
    ({"test_images": noise(130, 28, 28), "test_labels": np.arange(130, dtype=np.uint8) % 10}, "more test images .130"),
    ({"test_images": noise(30, 32, 32)}, "of 28x28 pixels and test images of 32x32"),
    ({"test_labels": np.arange(30, dtype=np.uint8) % 9}, "no test images of (9|Ankle boot)"),
    ({"images": noise(100, 28, 28), "test_images": np.concatenate([noise(1, 28, 28), 255 - noise(29, 28, 28)])},
     "1 of 30 test images are also training images")])
def test_what_looks_odd_but_can_work_is_said(tmp_path, dataset, changes, note):
    (found,) = load(dataset, own_copy(tmp_path, dataset, **changes)).notes
    assert re.search(note, found)


ONE_OF_SEVEN = np.array([7] + [c for c in range(10) if c != 7] * 11, np.uint8)


@FORMATTED
@FORMS
@pytest.mark.parametrize(("changes", "sentence"), [
    ({"labels": ONE_OF_SEVEN}, "holds one image of class 7: at least 2"),
    ({"images": noise(50, 28, 28), "labels": np.arange(50, dtype=np.uint8) % 10}, "50 images of 10 classes.*least 91"),
    ({"labels": np.arange(100, dtype=np.uint8) % 9}, "training part of .* holds no images of (9|Ankle boot)"),
    ({"images": noise(100, 20, 28)}, "28x20 pixels, and only square"),
    ({"test_images": noise(30, 28, 20)}, "20x28 pixels, and only square")])
def test_copies_that_cannot_work_are_refused_in_words(tmp_path, dataset, form, changes, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        load(dataset, own_copy(tmp_path, dataset, form, **changes))
    assert "\n" not in str(caught.value)


def test_91_images_of_ten_classes_are_enough_and_those_of_some_classes_serve_by_name(tmp_path):
    few = {"images": noise(91, 28, 28), "labels": np.arange(91, dtype=np.uint8) % 10}
    assert len(load("mnist", own_copy(tmp_path / "few", **few)).val) == 10
    two = own_copy(tmp_path / "two", labels=np.arange(100, dtype=np.uint8) % 2,
                   test_labels=np.arange(30, dtype=np.uint8) % 2)
    assert len(load("mnist-0-1", two).full_train) == 100
    with pytest.raises(InputError, match="no images of 2, 3, 4"):
        load("mnist", two)


# files made to cost


def announce(*sizes: int) -> bytes:
    return struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes)


@FORMATTED
@pytest.mark.parametrize(("name", "content"), [
    pytest.param(IMAGES, announce(2**32 - 1, 2**16, 2**16) + bytes(99), id="more than a disk holds"),
    pytest.param(IMAGES, announce(30, 2**20, 2**20), id="tera-bytes"),
    pytest.param(IMAGES, announce(*[2] * 255), id="255 dimensions"),
    pytest.param(IMAGES, announce(100), id="one dimension"),
    pytest.param(LABELS, announce(100, 1) + bytes(100), id="two dimensions"),
    pytest.param(LABELS, announce(2**32 - 1) + bytes(99), id="too many labels"),
    pytest.param(LABELS, announce(100) + bytes(200 << 20), id="more than announced"),
])
def test_nothing_is_read_that_the_header_does_not_announce(tmp_path, dataset, name, content):
    root = own_copy(tmp_path, dataset)
    folder = next(root.glob("*/raw"))
    for form in ("plain", "gz"):
        path = folder / (name if form == "plain" else f"{name}.gz")
        (folder / name).unlink(missing_ok=True)
        path.write_bytes(content if form == "plain" else gzip.compress(content, 1))
        tracemalloc.start()
        with pytest.raises(InputError, match="damaged") as caught:
            load(dataset, root)
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
        tracemalloc.stop()
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


# fingerprints without loading


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """``ready(name)`` puts a small copy of that data set under the folder it returns."""
    monkeypatch.setattr(mhist_like, "NUMBER", 60)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def make(name: str):
        whole = name.split("-")[0]
        if whole == "mhist":
            mhist_like.make(tmp_path / "MHIST", 60, 16)
        elif whole == "cifar10":
            monkeypatch.setattr(torchvision.datasets.CIFAR10, "download", lambda self: None)
            small_cifar10(tmp_path, monkeypatch)
        elif "mnist" in whole:
            own_copy(tmp_path, whole)
        return tmp_path

    return make


def small_cifar10(root, monkeypatch) -> None:
    """120 training images in five batches and 20 test images, laid out as torchvision has them, checksums adapted."""
    kind, random = torchvision.datasets.CIFAR10, np.random.default_rng(3)
    folder = root / kind.base_folder
    folder.mkdir()

    def write_pickle(name: str, content: dict) -> str:
        (folder / name).write_bytes(pickle.dumps(content))
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    def batch(name: str, number: int) -> list[str]:
        images = random.integers(0, 256, (number, 3072), np.uint8)
        return [name, write_pickle(name, {"data": images, "labels": [i % 10 for i in range(number)]})]

    monkeypatch.setattr(kind, "train_list", [batch(name, 24) for name, _ in kind.train_list])
    monkeypatch.setattr(kind, "test_list", [batch("test_batch", 20)])
    names = {"label_names": ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]}
    monkeypatch.setattr(kind, "meta", {"filename": "batches.meta", "key": "label_names",
                                       "md5": write_pickle("batches.meta", names)})


NAMES = pytest.mark.parametrize("name", [
    "digits", "digits-4-9", "digits-9-4", "digits-04-9", "mnist", "mnist-1-0", "fashion_mnist", "fashion_mnist-2-3",
    "cifar10", "cifar10-7-2", "mhist", "mhist-1-0", "mhist_like", "mhist_like-1"])


@NAMES
@pytest.mark.parametrize("size", [None, 12])
def test_the_fingerprint_is_the_one_that_loading_gives(ready, name, size):
    root = ready(name)
    size = 16 if size is None and name.startswith("mhist") else size
    assert data.fingerprint(name, root, size) == load(name, root, size).fingerprint


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist-0-1", "cifar10", "mhist"])
def test_without_files_there_is_no_fingerprint_and_nothing_is_downloaded(tmp_path, name, monkeypatch):
    for module in (idx_sources, cifar10):
        monkeypatch.setattr(module, "download", lambda *_: pytest.fail("a download was tried"))
    assert data.fingerprint(name, tmp_path) is None and not list(tmp_path.iterdir())


@FORMATTED
@pytest.mark.parametrize("name", idx.FILES)
def test_without_one_of_the_files_there_is_no_fingerprint(tmp_path, dataset, name, monkeypatch):
    for module in (idx_sources, cifar10):
        monkeypatch.setattr(module, "download", lambda *_: pytest.fail("a download was tried"))
    next(own_copy(tmp_path, dataset).glob(f"*/raw/{name}")).unlink()
    assert data.fingerprint(dataset, tmp_path) is None


@FORMATTED
@FORMS
@pytest.mark.parametrize("keep_time", [False, True])
def test_the_fingerprint_follows_a_files_content_even_where_its_time_and_size_stay(tmp_path, dataset, form, keep_time):
    root = own_copy(tmp_path, dataset, form)
    first, changed = data.fingerprint(dataset, root), noise(100, 28, 28)
    seen = {path: path.stat() for path in root.glob("*/raw/train-images*")}
    for path, before in seen.items():
        content = packed(changed)
        path.unlink()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        if keep_time:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert data.fingerprint(dataset, root) == load(dataset, root).fingerprint != first


def test_the_fingerprint_of_an_mhist_copy_follows_its_content(tmp_path):
    mhist_like.make(tmp_path / "MHIST", 60, 16)
    first = data.fingerprint("mhist", tmp_path, 16)
    path = tmp_path / "MHIST" / "annotations.csv"
    path.write_text(path.read_text().replace("HP,1,", "HP,2,", 1))
    assert data.fingerprint("mhist", tmp_path, 16) == load("mhist", tmp_path, 16).fingerprint != first


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


# names and folders


@pytest.mark.parametrize("name", ["digits-4-4", "digits-04-4", "digits-11", "digits-", "digits-4-", "digits--4",
                                  "digits-²", "digits-٣", "digits-４", "digits- 4", "digits-+4", "digits-4.0",
                                  "digits-1_0", f"digits-{'9' * 5000}", "mhist-2", "mhist_like-0-0", "cifar10-10"])
def test_names_that_name_no_classes_are_refused_before_anything_is_loaded(name, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "_load_whole", lambda *_: pytest.fail("something was loaded"))
    for ask in (load, data.parse_name, data.fingerprint, lambda name: specs.Coreset(name, 1).check()):
        with pytest.raises(InputError, match="are different numbers from 0 to") as caught:
            ask(name)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", [None, 5, ["digits"], b"digits"])
def test_what_is_no_text_is_no_name(name):
    with pytest.raises(InputError, match="goes by its name"):
        load(name)


@pytest.mark.parametrize("spelt", ["digits-04-9", "digits-4-09", "digits-0000004-009"])
def test_one_data_set_has_one_name_and_so_have_its_runs(spelt):
    assert load(spelt).name == "digits-4-9" and load(spelt).fingerprint == load("digits-4-9").fingerprint

    def asked(name: str) -> list:
        sources = [specs.Full(name), specs.RandomReal(name, 2), specs.Coreset(name, 2), specs.Distill(name),
                   specs.Start(specs.Distill(name)), specs.File("x.pt", "0" * 64, name)]
        return [specs.Distill(name), specs.Coreset(name, 2), specs.Experts(name), *map(specs.Evaluate, sources)]

    assert asked(spelt) == asked("digits-4-9")
    assert [spec.name for spec in asked(spelt)] == [spec.name for spec in asked("digits-4-9")]
    for spec in asked(spelt):
        written = json.loads(json.dumps(specs.describe_spec(spec)).replace("digits-4-9", spelt))
        assert specs.restore_spec(written) == spec
    assert len({spec.name for spec in asked("digits-9-4") + asked("digits-4-9")}) == 2 * len(asked("digits-4-9"))


def test_a_sets_own_data_set_may_be_repeated_in_another_spelling(tmp_path):
    folder = run(specs.Coreset("digits-4-9", 1, "random"), root=tmp_path, quiet=True).folder
    for path in (folder, folder / "synthetic.safetensors"):
        options = argparse.Namespace(run=str(path), dataset="digits-04-9", size=None, labels=None, pixels=None,
                                     entry=None, data=None)
        assert {specs.origin(source).dataset for source in sources(options)[0].values()} == {"digits-4-9"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.mark.parametrize("by", ["argument", "environment"])
@pytest.mark.parametrize("name", ["mnist", "mhist", "mhist_like"])
def test_a_tilde_is_the_users_home(home, tmp_path, monkeypatch, by, name):
    monkeypatch.setattr(mhist_like, "NUMBER", 60)
    own_copy(home / "data")
    mhist_like.make(home / "data" / "MHIST", 60, 16)
    monkeypatch.setenv("DDKIT_DATA", "~/data" if by == "environment" else str(tmp_path))
    root = "~/data" if by == "argument" else None
    assert load(name, root, 16).fingerprint == data.fingerprint(name, root, 16) == \
        load(name, home / "data", 16).fingerprint
    assert not (tmp_path / "~").exists()


def test_a_tilde_in_the_data_commands_path_is_the_users_home(home, tmp_path, capsys):
    for what in (["--make", "--number", "50", "--size", "16"], ["--check"]):
        assert main(["data", "mhist_like", "~/made", *what]) == 0
    assert (home / "made" / "annotations.csv").exists() and not (tmp_path / "~").exists()


@pytest.mark.parametrize("name", ["mnist", "mhist", "mhist_like", "cifar10", "digits-0-1"])
@pytest.mark.parametrize("by", ["argument", "environment"])
def test_a_data_folder_that_is_none_is_one_sentence(tmp_path, monkeypatch, name, by):
    (tmp_path / "file").write_text("x")
    for path, what in ((tmp_path / "file", "a file"), (tmp_path / ("a" * 300), "longer than 255 bytes")):
        monkeypatch.setenv("DDKIT_DATA", str(path if by == "environment" else tmp_path))
        for ask in (load, data.fingerprint):
            with pytest.raises(InputError, match=what) as caught:
                ask(name, path if by == "argument" else None)
            assert "\n" not in str(caught.value)


@NAMES
@pytest.mark.parametrize("size", [10_000, 10**6, 10**12])
def test_sizes_beyond_the_memory_are_refused_before_anything_is_allocated(ready, name, size, monkeypatch):
    root = ready(name)
    monkeypatch.setattr("ddkit.data.loading._prepare", lambda *_: pytest.fail("images were resized"))
    monkeypatch.setattr("ddkit.foundation.memory.available", lambda: 8 << 30)
    for ask in (load, data.fingerprint):
        tracemalloc.start()
        with pytest.raises(InputError, match="memory") as caught:
            ask(name, root, size)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
        tracemalloc.stop()
        assert f"{size}x{size}" in str(caught.value) and "\n" not in str(caught.value)


@FORMATTED
@FORMS
def test_a_file_beyond_the_memory_is_refused_unread(tmp_path, dataset, form, monkeypatch):
    root = own_copy(tmp_path, dataset, form)
    monkeypatch.setattr("ddkit.foundation.memory.available", lambda: 1000)
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte\S* would take .* memory"):
        load(dataset, root)


@pytest.mark.parametrize("asked", [["--size", "20000"], ["--size", "1000000000"], ["--number", "1000000000"]])
def test_synthetic_images_beyond_the_memory_are_refused_before_a_file_is_written(tmp_path, monkeypatch, capsys, asked):
    monkeypatch.setattr("ddkit.foundation.memory.available", lambda: 8 << 30)
    assert main(["data", "mhist_like", str(tmp_path / "new"), "--make", *asked]) == 2
    assert "of memory" in capsys.readouterr().err and not (tmp_path / "new").exists()
