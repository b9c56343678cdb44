"""Letters to learn from before digits come: those that a program draws, and Omniglot's."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from ddkit import data
from ddkit.data import denormalise
from ddkit.data.sources import glyphs, omniglot
from ddkit.foundation.errors import InputError


@pytest.fixture(scope="module")
def drawn():
    return glyphs.draw(6, seed=1)


def test_glyphs_are_drawn_inside_their_image_and_never_twice_alike(drawn):
    assert drawn.shape == (6 * len(glyphs.LETTERS), 1, 28, 28) and drawn.dtype == np.uint8
    assert len(np.unique(drawn.reshape(len(drawn), -1), axis=0)) == len(drawn)
    ink = drawn.sum(axis=(1, 2, 3), dtype=int)
    edge = ink - drawn[:, :, 1:-1, 1:-1].sum(axis=(1, 2, 3), dtype=int)
    assert (ink > 0).all() and (edge < 0.05 * ink).mean() > 0.99


def test_glyphs_of_a_seed_are_the_same_and_of_another_seed_others(drawn):
    assert (glyphs.draw(6, seed=1) == drawn).all() and (glyphs.draw(6, seed=2) != drawn).any()


def test_no_digit_is_among_the_letters_and_no_letter_stands_twice():
    assert len(set(glyphs.LETTERS)) == len(glyphs.LETTERS) == glyphs.SOURCE.classes
    assert all(letter.isalpha() for letter in glyphs.LETTERS) and set(glyphs.LIKE_DIGITS) <= set(glyphs.LETTERS)


def test_letters_differ_more_than_drawings_of_one_do(drawn):
    """By plain pixels a drawing is nearest to the mean of its own letter's others ten times as often as by chance."""
    rows = drawn.reshape(len(glyphs.LETTERS), 6, -1) / 255
    means, asked = rows[:, :5].mean(1), rows[:, 5]
    nearest = ((asked[:, None] - means[None]) ** 2).sum(-1).argmin(1)
    assert (nearest == np.arange(len(means))).mean() > 10 / len(means)


def test_glyphs_load_with_the_statistics_that_their_source_names(monkeypatch, tmp_path):
    monkeypatch.setattr(glyphs, "TRAINED", 20)
    monkeypatch.setattr(glyphs, "TESTED", 2)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    dataset = data.load("glyphs", tmp_path)
    assert len(dataset.full_train) == 20 * len(glyphs.LETTERS) and len(dataset.test) == 2 * len(glyphs.LETTERS)
    pixels = denormalise(dataset.full_train.images, dataset.mean, dataset.std)
    assert abs(float(pixels.mean()) - dataset.mean[0]) < 0.005 and abs(float(pixels.std()) - dataset.std[0]) < 0.01
    assert not dataset.notes  # no image is in two parts
    assert data.fingerprint("glyphs", tmp_path) == dataset.fingerprint


def archive(path, names, size=105):
    """A zip with a drawing for each (alphabet, character, person): a line as long as the person's number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for alphabet, character, person in names:
            image = np.full((size, size), 255, np.uint8)
            image[character, :person] = 0
            buffer = io.BytesIO()
            Image.fromarray(image).convert("1").save(buffer, "PNG")
            file.writestr(f"{path.stem}/{alphabet}/character{character:02d}/0001_{person:02d}.png", buffer.getvalue())


def everything(root):
    """Both archives, one alphabet in both."""
    names = [(alphabet, character, person) for alphabet, count in (("Greek", 42), ("Latin", 50), ("Tagalog", 50))
             for character in range(1, count + 1) for person in range(1, 21)]
    archive(root / "omniglot" / "images_background_small1.zip", [n for n in names if n[0] != "Tagalog"])
    more = [("Korean", c, p) for c in range(1, 51) for p in range(1, 21)]
    more += [("Sanskrit", c, p) for c in range(1, 51) for p in range(1, 21)]
    archive(root / "omniglot" / "images_background_small2.zip", [n for n in names if n[0] != "Latin"] + more)
    return root


def test_omniglots_alphabets_in_both_archives_count_once_and_the_last_people_are_the_test_part(tmp_path):
    dataset = data.load("omniglot", everything(tmp_path), size=105)
    assert len(dataset.classes) == 242 and dataset.classes[0] == "Greek 1"
    assert (len(dataset.full_train), len(dataset.test)) == (242 * 16, 242 * 4)
    ink = (denormalise(dataset.test.images, dataset.mean, dataset.std) > 0.5).sum(dim=(1, 2, 3))
    assert ink.view(242, 4).tolist() == [[17, 18, 19, 20]] * 242  # white on black, by person
    assert data.fingerprint("omniglot", tmp_path, 105) == dataset.fingerprint


def refuse(*_):
    raise OSError("no network in tests")


@pytest.mark.parametrize("missing", [1, 2])
def test_a_missing_archive_of_omniglot_is_one_sentence(tmp_path, monkeypatch, missing):
    everything(tmp_path)
    (tmp_path / "omniglot" / f"images_background_small{missing}.zip").unlink()
    monkeypatch.setattr("torchvision.datasets.utils.download_url", refuse)
    assert data.fingerprint("omniglot", tmp_path) is None
    with pytest.raises(InputError, match=f"small{missing}.zip is missing and could not be downloaded") as caught:
        data.load("omniglot", tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("harm", ["cut", "small images", "a character less"])
def test_a_damaged_archive_of_omniglot_is_one_sentence(tmp_path, harm):
    path = everything(tmp_path) / "omniglot" / "images_background_small2.zip"
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-5000])
    else:
        archive(path, [("Tagalog", c, p) for c in range(1, 50) for p in range(1, 21)], 50 if "small" in harm else 105)
    said = {"cut": "is damaged", "small images": "is damaged", "a character less": "141 characters instead of 242"}
    with pytest.raises(InputError, match=said[harm]) as caught:
        data.load("omniglot", tmp_path)
    assert "\n" not in str(caught.value)


def test_the_real_omniglot_has_242_characters_and_the_statistics_that_its_source_names(real_data):
    if not all((real_data / "omniglot" / f"{name}.zip").is_file() for name in omniglot.ARCHIVES):
        pytest.skip(f"needs Omniglot's small archives under {real_data / 'omniglot'}")
    dataset = data.load("omniglot", real_data)
    pixels = denormalise(dataset.full_train.images, dataset.mean, dataset.std)
    assert len({name.split()[0] for name in dataset.classes}) == 8
    assert abs(float(pixels.mean()) - dataset.mean[0]) < 5e-4 and abs(float(pixels.std()) - dataset.std[0]) < 5e-4
