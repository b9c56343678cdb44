"""MHIST: reading a copy."""

import shutil

import numpy as np
import pytest
import torch
from copies import LABEL, NAME, NUMBER, PART, SIZE, VOTES, repacked, rewrite, same, table
from PIL import Image

from ddkit.__main__ import main
from ddkit.data import Split, load
from ddkit.data.sources import mhist, mhist_like
from ddkit.foundation.errors import InputError


def test_a_folder_a_zip_and_the_generator_give_identical_tensors(made, packed, tmp_path, monkeypatch):
    monkeypatch.setattr(mhist_like, "NUMBER", NUMBER)
    folder, archive, drawn = load("mhist", made, SIZE), load("mhist", packed, SIZE), load("mhist_like", tmp_path, SIZE)
    assert same(folder, archive) and folder.fingerprint == archive.fingerprint
    mean, std = (torch.tensor(v)[:, None, None] for v in (folder.mean, folder.std))
    own_mean, own_std = (torch.tensor(v)[:, None, None] for v in (drawn.mean, drawn.std))
    torch.testing.assert_close(folder.test.images * std + mean, drawn.test.images * own_std + own_mean)
    assert torch.equal(folder.test.votes, drawn.test.votes)


def test_bare_files_in_a_zip_and_what_systems_leave_there(copied, made):
    with repacked(copied, "{}") as archive:
        for litter in ("__MACOSX/._mhist_like_01.png", ".DS_Store", "images/._x.png"):
            archive.writestr(litter, b"x")
    assert same(load("mhist", copied, SIZE), load("mhist", made, SIZE))


@pytest.mark.parametrize("name", ["MHIST", "mhist"])
def test_the_copy_is_the_root_itself_or_a_folder_in_it(made, tmp_path, name):
    shutil.copytree(made, tmp_path / "root" / name)
    assert len(load("mhist", tmp_path / "root", SIZE).test) == len(load("mhist", made, SIZE).test)


def test_the_published_parts_classes_and_votes_are_kept(made):
    dataset = load("mhist", made, SIZE)
    rows = table(made)[1:]
    for part, split in (("train", dataset.full_train), ("test", dataset.test)):
        listed = [("HP", "SSA").index(row[LABEL]) for row in rows if row[PART] == part]
        assert sorted(split.labels.tolist()) == sorted(listed)
        assert sorted(split.votes.tolist()) == sorted(int(row[VOTES]) for row in rows if row[PART] == part)
        assert torch.equal(split.labels, (split.votes >= 4).long())
    assert dataset.test.votes.tolist() == [int(row[VOTES]) for row in rows if row[PART] == "test"]
    assert dataset.mean == (0.738, 0.649, 0.775) and dataset.std == (0.197, 0.244, 0.170) and dataset.flips
    assert torch.equal(dataset.to("cpu").val.votes, dataset.val.votes) and set(dataset.val.labels.tolist()) == {0, 1}
    assert Split(torch.zeros(1, 3, 8, 8), torch.zeros(1)).to("cpu").votes is None


def test_pixels_and_rows_belong_together(made):
    dataset, row = load("mhist", made, SIZE), next(r for r in table(made)[1:] if r[PART] == "test")
    pixels = torch.from_numpy(np.array(Image.open(made / "images" / row[NAME]))).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(v)[:, None, None] for v in (dataset.mean, dataset.std))
    torch.testing.assert_close(dataset.test.images[0], (pixels - mean) / std)


def test_images_of_another_size_are_resized_and_counted(copied):
    name = table(copied)[1][NAME]
    Image.new("RGB", (40, 30), (90, 60, 120)).save(copied / "images" / name)
    dataset = load("mhist", copied, 16)
    assert dataset.size == 16 and f"{NUMBER} images were not of 224x224 pixels and have been resized" in dataset.notes
    assert mhist.check(copied)[1]["sizes"] == {"24x24": NUMBER - 1, "40x30": 1}
    flat = torch.cat([dataset.full_train.images, dataset.test.images]).flatten(2).std(2).sum(1)
    assert int((flat < 1e-6).sum()) == 1


def test_a_copy_without_synthetic_names_says_that_its_counts_differ(copied):
    rows = table(copied)
    for row in rows[1:]:
        (copied / "images" / row[NAME]).rename(copied / "images" / row[NAME].replace("mhist_like", "MHIST"))
        row[NAME] = row[NAME].replace("mhist_like", "MHIST")
    rewrite(copied, rows)
    dataset = load("mhist", copied, SIZE)
    assert dataset.classes == ("HP", "SSA") and any("1,545 HP" in note for note in dataset.notes)
    assert main(["data", "mhist", str(copied), "--check"]) == 2


@pytest.mark.parametrize("zipped", [False, True])
def test_test_images_that_are_training_images_under_other_names_are_refused_or_counted(copied, zipped):
    names = {part: [row[NAME] for row in table(copied)[1:] if row[PART] == part] for part in ("train", "test")}
    for name, other in zip(names["test"][1:], names["train"], strict=False):
        shutil.copy(copied / "images" / other, copied / "images" / name)
    number = len(names["test"])
    assert f"{number - 1} of {number} test images are also training images" in load("mhist", copied, SIZE).notes
    shutil.copy(copied / "images" / names["train"][-1], copied / "images" / names["test"][0])
    if zipped:
        repacked(copied).close()
    with pytest.raises(InputError, match=f"all {number} test images of mhist are also training images"):
        load("mhist", copied, SIZE)


def test_synthetic_images_are_called_so_wherever_they_lie(made):
    dataset = load("mhist", made, SIZE)
    assert dataset.classes == ("HP (synthetic)", "SSA (synthetic)") and "synthetic" in dataset.notes[0]
    assert "SYNTHETIC" in (made / "README.txt").read_text()
    with Image.open(made / "images" / table(made)[1][NAME]) as image:
        assert "synthetic" in image.info["Comment"]


def test_a_missing_data_set_says_where_it_was_sought_and_what_to_do(tmp_path):
    with pytest.raises(InputError) as caught:
        load("mhist", tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "MHIST") in message and "agreement" in message and "mhist_like" in message
    assert "http" not in message and "\n" not in message
    (tmp_path / "annotations.csv").write_text("x")
    with pytest.raises(InputError, match=r"images/ and images\.zip"):
        load("mhist", tmp_path)
