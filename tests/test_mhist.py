"""MHIST: reading a copy, naming what is wrong with it, caching."""

import csv
import json
import shutil
import stat
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ddkit import mhist, mhist_like
from ddkit.__main__ import main
from ddkit.data import Split, load
from ddkit.errors import InputError
from ddkit.mhist_store import LARGEST_FILE

NUMBER, SIZE = 60, 24
NAME, LABEL, VOTES, PART = range(4)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "MHIST"
    mhist_like.make(folder, NUMBER, SIZE)
    return folder


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "MHIST"
    mhist_like.make(folder, NUMBER, SIZE, zipped=True)
    return folder


@pytest.fixture
def copied(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "MHIST", ignore=shutil.ignore_patterns(".ddkit")))


@pytest.fixture(autouse=True)
def users_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def table(folder: Path) -> list[list[str]]:
    with (folder / "annotations.csv").open(newline="") as file:
        return list(csv.reader(file))


def rewrite(folder: Path, rows: list[list[str]]) -> None:
    with (folder / "annotations.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def cell(row: int, column: int, value: str):
    """A damage: another value in annotations.csv (row 1 is the first image)."""
    def damage(folder: Path) -> None:
        rows = table(folder)
        rows[row][column] = value
        rewrite(folder, rows)
    return damage


def repacked(folder: Path, place: str = "images/{}") -> zipfile.ZipFile:
    """images/ packed anew as images.zip, open for more members."""
    archive = zipfile.ZipFile(folder / "images.zip", "w")
    for path in sorted((folder / "images").iterdir()):
        archive.write(path, place.format(path.name))
    shutil.rmtree(folder / "images")
    return archive


def member(name: str, mode: int = stat.S_IFREG | 0o644, content: bytes = b"x"):
    """A damage: one more member in images.zip."""
    def damage(folder: Path) -> None:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        with repacked(folder) as archive:
            archive.writestr(info, content)
    return damage


def same(one, other) -> bool:
    return all(torch.equal(getattr(getattr(one, part), what), getattr(getattr(other, part), what))
               for part in ("train", "val", "test") for what in ("images", "labels", "votes"))


# reading


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


# damage


def drop_column(folder: Path) -> None:
    rewrite(folder, [row[:PART] for row in table(folder)])


def extra_column(folder: Path) -> None:
    rewrite(folder, [[*row, "Notes"] for row in table(folder)])


def drop_image(folder: Path) -> None:
    (folder / "images" / table(folder)[1][NAME]).unlink()


def extra_image(folder: Path) -> None:
    shutil.copy(folder / "images" / table(folder)[1][NAME], folder / "images" / "stray.png")


def cut_image(folder: Path) -> None:
    path = folder / "images" / table(folder)[1][NAME]
    path.write_bytes(path.read_bytes()[:-200])


def giant_image(folder: Path) -> None:
    Image.new("1", (5000, 8)).save(folder / "images" / table(folder)[1][NAME])


def duplicate(folder: Path) -> None:
    rewrite(folder, [*table(folder), table(folder)[1]])


def wrong_sum(folder: Path) -> None:
    """A zip whose content does not fit its checksum."""
    with repacked(folder) as archive:
        place = archive.infolist()[0].header_offset
    content = bytearray((folder / "images.zip").read_bytes())
    content[place + 200] ^= 1
    (folder / "images.zip").write_bytes(content)


def twice(folder: Path) -> None:
    name = table(folder)[1][NAME]
    with warnings.catch_warnings(), repacked(folder) as archive:
        archive.writestr(name, b"another")


def no_zip(folder: Path) -> None:
    repacked(folder).close()
    (folder / "images.zip").write_bytes(b"no zip")


def one_class(folder: Path) -> None:
    rows = [row for row in table(folder) if row[LABEL] != "SSA" or row[PART] != "train"]
    for row in table(folder):
        if row not in rows:
            (folder / "images" / row[NAME]).unlink()
    rewrite(folder, rows)


LINK = stat.S_IFLNK | 0o777
DAMAGES = {
    "missing column": (drop_column, r"missing columns \(1\): 'Partition'"),
    "extra column": (extra_column, r"unknown or repeated columns \(1\): 'Notes'"),
    "unknown label": (cell(1, LABEL, "TA"), r"unknown labels \(1\): 'TA' of mhist_like_01.png"),
    "unknown partition": (cell(1, PART, "val"), r"unknown partitions \(1\): 'val' of mhist_like_01.png"),
    "vote out of range": (cell(1, VOTES, "8"), r"no whole number from 0 to 7 \(1\): '8' of mhist_like_01.png"),
    "vote no number": (cell(1, VOTES, "many"), r"no whole number from 0 to 7 \(1\): 'many' of mhist_like_01.png"),
    "missing image": (drop_image, r"missing images \(1\): mhist_like_01.png"),
    "extra image": (extra_image, r"does not list \(1\): stray.png"),
    "unreadable image": (cut_image, r"unreadable images \(1\): mhist_like_01.png \("),
    "giant image": (giant_image, r"unreadable images \(1\): mhist_like_01.png \(5000x8 pixels"),
    "duplicate name": (duplicate, r"names listed twice \(1\): mhist_like_01.png"),
    "name that is a path": (cell(1, NAME, "../x.png"), r"no plain file name \(1\): '../x.png' in row 2"),
    "short row": (lambda folder: rewrite(folder, [*table(folder), ["x.png"]]), r"exactly 4 fields \(1\): row 62"),
    "empty list": (lambda folder: rewrite(folder, []), r"missing columns \(4\)"),
    "no text": (lambda folder: (folder / "annotations.csv").write_bytes(b"\xff\xfe\x00"), "is no table"),
    "one class": (one_class, r"too few images \(1\): 0 SSA in train"),
    "../ in the zip": (member("../evil.png"), r"lead out of the folder \(1\): '../evil.png'"),
    "absolute path in the zip": (member("/etc/evil.png"), r"lead out of the folder \(1\): '/etc/evil.png'"),
    "backslash in the zip": (member("..\\evil.png"), r"lead out of the folder \(1\): '..\\\\evil.png'"),
    "symlink in the zip": (member("images/link.png", LINK, b"/etc/passwd"), r"they are links \(1\): 'images/link.png'"),
    "giant in the zip": (member("images/big.png", content=bytes(LARGEST_FILE + 1)), r"more than 32 MiB \(1\)"),
    "another folder in the zip": (member("more/x.png"), r"outside images/ \(1\): more/x.png"),
    "damaged zip": (wrong_sum, r"unreadable images \(1\): mhist_like_01.png \(Bad CRC-32"),
    "image twice in the zip": (twice, r"twice in images.zip \(1\): mhist_like_01.png"),
    "no zip": (no_zip, r"images.zip cannot be opened \(1\)"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_each_damage_is_named_in_one_sentence_and_nothing_is_cached(copied, users_cache, damage, message):
    damage(copied)
    with pytest.raises(InputError, match=message) as caught:
        load("mhist", copied, SIZE)
    assert str(copied) in str(caught.value) and "\n" not in str(caught.value)
    assert not (copied / ".ddkit").exists() and not users_cache.exists()
    assert not list(copied.parent.rglob("evil.png"))


@pytest.mark.parametrize(("label", "votes"), [("HP", "4"), ("SSA", "3")])
def test_votes_that_contradict_the_label_are_named(copied, label, votes):
    cell(1, LABEL, label)(copied)
    cell(1, VOTES, votes)(copied)
    with pytest.raises(InputError, match=rf"contradict the votes \(1\): {label} of \S+01.png with {votes} of 7"):
        load("mhist", copied, SIZE)


def test_one_message_lists_everything_up_to_ten_names_each(copied):
    for i in range(1, 14):
        cell(i, PART, "val")(copied)
    cell(20, LABEL, "hp")(copied)
    extra_image(copied)
    with pytest.raises(InputError) as caught:
        load("mhist", copied, SIZE)
    message = str(caught.value)
    assert "unknown partitions (13)" in message and "mhist_like_10.png and 3 more" in message
    assert "mhist_like_11.png" not in message and "'hp'" in message and "stray.png" in message


# the cache


def cache_of(folder: Path, size: int = SIZE) -> Path:
    return folder / ".ddkit" / f"mhist-{size}.safetensors"


def test_the_second_load_reads_the_cache_and_gives_the_same(copied, monkeypatch):
    first = load("mhist", copied, SIZE)
    monkeypatch.setattr(mhist, "_decode", lambda copy, size: pytest.fail("the images were decoded again"))
    again = load("mhist", copied, SIZE)
    assert same(first, again) and (first.fingerprint, first.notes) == (again.fingerprint, again.notes)


@pytest.mark.parametrize("spoil", [
    pytest.param(lambda content: content[: len(content) // 2], id="cut off"),
    pytest.param(lambda content: content[:-100] + bytes(100), id="zeros at the end"),
    pytest.param(lambda content: b"", id="empty"),
    pytest.param(lambda content: b"\xff" * 64, id="no safetensors"),
])
def test_a_damaged_cache_is_rebuilt(copied, spoil, monkeypatch):
    first, path = load("mhist", copied, SIZE), cache_of(copied)
    path.write_bytes(spoil(path.read_bytes()))
    assert same(load("mhist", copied, SIZE), first)
    monkeypatch.setattr(mhist, "_decode", lambda copy, size: pytest.fail("the images were decoded again"))
    assert same(load("mhist", copied, SIZE), first)


def change_a_pixel(folder: Path) -> None:
    path = folder / "images" / table(folder)[1][NAME]
    image = Image.open(path)
    image.putpixel((3, 3), (1, 2, 3))
    image.save(path)


def swap_labels(folder: Path) -> None:
    rows = table(folder)
    rows[1][LABEL : PART], rows[2][LABEL : PART] = rows[2][LABEL : PART], rows[1][LABEL : PART]
    rewrite(folder, rows)


@pytest.mark.parametrize("change", [change_a_pixel, swap_labels])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_stale_cache_is_rebuilt(copied, change, zipped):
    kept = shutil.copytree(copied / "images", copied.parent / "kept")
    if zipped:
        repacked(copied).close()
    first = load("mhist", copied, SIZE)
    if zipped:
        shutil.copytree(kept, copied / "images")
    change(copied)
    if zipped:
        repacked(copied).close()
    changed = load("mhist", copied, SIZE)
    assert changed.fingerprint != first.fingerprint
    shutil.rmtree(copied / ".ddkit")
    assert same(load("mhist", copied, SIZE), changed)


def test_sizes_have_caches_of_their_own(copied):
    load("mhist", copied, SIZE)
    assert load("mhist", copied, 16).size == 16 and load("mhist", copied, SIZE).size == SIZE
    assert cache_of(copied).exists() and cache_of(copied, 16).exists()


def test_where_the_folder_cannot_be_written_the_users_cache_serves_or_none(copied, users_cache):
    (copied / ".ddkit").write_text("in the way")
    first = load("mhist", copied, SIZE)
    (kept,) = users_cache.rglob("*.safetensors")
    assert kept.name == "mhist-24.safetensors" and same(load("mhist", copied, SIZE), first)
    shutil.rmtree(users_cache)
    users_cache.write_text("in the way")
    assert same(load("mhist", copied, SIZE), first)


# the command


def test_check_says_whether_the_copy_is_whole(copied, capsys):
    assert main(["data", "mhist", str(copied), "--check"]) == 0
    assert "synthetic stand-in laid out like MHIST, whole" in capsys.readouterr().out
    assert main(["data", "mhist", str(copied), "--check", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["whole"] and report["synthetic"] and not report["published_counts"]
    assert sum(report["votes"]) == NUMBER and report["sizes"] == {"24x24": NUMBER}
    assert not (copied / ".ddkit").exists()


def test_check_says_what_is_wrong(copied, capsys, tmp_path):
    drop_image(copied)
    cut = table(copied)[2][NAME]
    (copied / "images" / cut).write_bytes(b"no image")
    assert main(["data", "mhist", str(copied), "--check", "--json"]) == 2
    captured = capsys.readouterr()
    problems = json.loads(captured.out)["problems"]
    assert problems["missing images"] == ["mhist_like_01.png"] and cut in problems["unreadable images"][0]
    assert captured.err.startswith("ddkit: ") and captured.err.count("\n") == 1
    assert main(["data", "mhist", str(tmp_path / "nowhere"), "--check"]) == 2
