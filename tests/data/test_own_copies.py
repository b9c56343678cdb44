"""Copies of one's own in MNIST's format: what they say that cannot be is refused, what looks odd is said."""

import re

import numpy as np
import pytest
from small_copies import FORMATTED, FORMS, noise, own_copy, write

from ddkit.data import idx, load
from ddkit.foundation.errors import InputError


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
