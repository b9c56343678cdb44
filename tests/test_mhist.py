"""MHIST: reading a copy, naming what is wrong with it, caching."""

import csv
import io
import json
import shutil
import stat
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ddkit.__main__ import main
from ddkit.data import Split, load
from ddkit.data.image_files import as_rgb, pixels
from ddkit.data.sources import mhist, mhist_like
from ddkit.data.sources.mhist_store import LARGEST_FILE
from ddkit.foundation.errors import InputError

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


# kinds of pixels, each written by hand and compared with what the format says they are

GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6  # PNG's colour types
CHANNELS = {GREY: 1, COLOUR: 3, PALETTE: 1, GREY_ALPHA: 2, COLOUR_ALPHA: 4}


def png(kind: int, depth: int, values: np.ndarray, **chunks: bytes) -> bytes:
    """A PNG file of samples [H, W, channels] of ``depth`` bits, with the chunks PLTE and tRNS."""
    height, width, _ = values.shape
    rows = values.reshape(height, -1)
    if depth == 16:
        lines = rows.astype(">u2").view(np.uint8)
    else:
        bits = (rows[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
        lines = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    data = b"".join(b"\0" + line.tobytes() for line in lines)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = {b"IHDR": header, **{name.encode(): c for name, c in chunks.items()}, b"IDAT": zlib.compress(data),
             b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts.items())


def samples(kind: int, depth: int) -> np.ndarray:
    """Samples [24, 24, channels] from 0 to the largest, which all occur where there are few."""
    count = SIZE * SIZE * CHANNELS[kind]
    return (np.arange(count) * (2**depth - 1) // (count - 1)).reshape(SIZE, SIZE, -1)


def on_white(colour: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    return colour * opacity + 255 * (1 - opacity)


@pytest.mark.parametrize(("kind", "depth"), [(GREY, 1), (GREY, 2), (GREY, 4), (GREY, 8), (GREY, 16), (COLOUR, 8),
                                             (COLOUR, 16), (GREY_ALPHA, 8), (GREY_ALPHA, 16), (COLOUR_ALPHA, 8),
                                             (COLOUR_ALPHA, 16)])
@pytest.mark.parametrize("opaque", [True, False])
def test_every_kind_of_png_is_read_at_its_scale_on_white(kind, depth, opaque):
    values, largest = samples(kind, depth), 2**depth - 1
    if kind in (GREY_ALPHA, COLOUR_ALPHA):
        values[..., -1] = largest if opaque else values[::-1, ::-1, -1]
    scaled, chunks = values * 255 / largest, {}
    colour = scaled[..., :-1] if kind in (GREY_ALPHA, COLOUR_ALPHA) else scaled
    opacity = scaled[..., -1:] / 255 if kind in (GREY_ALPHA, COLOUR_ALPHA) else np.ones((SIZE, SIZE, 1))
    if kind == GREY and depth in (1, 8, 16) and not opaque:  # one value is transparent
        chunks["tRNS"] = struct.pack(">H", int(values[3, 3, 0]))
        opacity = (values != values[3, 3]).astype(float)
    expected = np.broadcast_to(on_white(colour, opacity), (SIZE, SIZE, 3))
    found, side = pixels(png(kind, depth, values, **chunks), SIZE)
    assert side == (SIZE, SIZE) and np.abs(found.transpose(1, 2, 0) - expected).max() <= (1 if opaque else 2.1)
    if depth <= 8 and opaque:
        assert np.array_equal(found.transpose(1, 2, 0), expected.round())


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("opaque", [True, False])
def test_palettes_are_read_as_their_colours_on_white(depth, opaque):
    values = samples(PALETTE, depth)
    palette = np.random.default_rng(0).integers(0, 256, (2**depth, 3)).astype(np.uint8)
    opacity = np.linspace(0, 255, 2**depth).astype(np.uint8)
    chunks = {"PLTE": palette.tobytes()} | ({} if opaque else {"tRNS": opacity.tobytes()})
    expected = palette[values[..., 0]].astype(float)
    if not opaque:
        expected = on_white(expected, opacity[values[..., 0]][..., None] / 255)
    found = pixels(png(PALETTE, depth, values, **chunks), SIZE)[0].transpose(1, 2, 0)
    assert np.abs(found - expected).max() <= (0 if opaque else 1)


@pytest.mark.parametrize(("mode", "value", "colour"), [
    ("L", 90, (90, 90, 90)), ("RGB", (90, 160, 230), (90, 160, 230)), ("CMYK", (0, 0, 0, 0), (255, 255, 255)),
    ("CMYK", (255, 0, 0, 0), (0, 255, 255)), ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
    ("CMYK", (51, 102, 0, 51), (163, 122, 204))])
def test_jpegs_of_every_kind_have_their_colours(mode, value, colour):
    stream = io.BytesIO()
    Image.new(mode, (SIZE, SIZE), value).save(stream, "JPEG", quality=100)
    found = pixels(stream.getvalue(), SIZE)[0]
    assert np.abs(found.astype(int) - np.array(colour)[:, None, None]).max() <= 2


@pytest.mark.parametrize("mode", ["F", "LAB", "HSV", "YCbCr"])
def test_pixels_without_a_known_scale_are_refused(mode):
    with pytest.raises(InputError, match=f"pixels of kind '{mode}'"):
        as_rgb(Image.new(mode, (8, 8)))


def test_whole_numbers_are_16_bit_grey_or_refused():
    """Older versions of Pillow open a 16-bit PNG file so."""
    values = np.array([[0, 257, 32896, 65535]], np.int32)
    assert np.array_equal(np.asarray(as_rgb(Image.fromarray(values)))[0, :, 0], [0, 1, 128, 255])
    for wrong in (-1, 65536):
        with pytest.raises(InputError, match="grey values"):
            as_rgb(Image.fromarray(np.full((8, 8), wrong, np.int32)))


@pytest.mark.parametrize("zipped", [False, True])
def test_a_16_bit_image_of_a_copy_is_not_white(copied, zipped):
    name = next(row[NAME] for row in table(copied)[1:] if row[PART] == "test")
    values = samples(GREY, 16)
    (copied / "images" / name).write_bytes(png(GREY, 16, values))
    if zipped:
        repacked(copied).close()
    dataset = load("mhist", copied, SIZE)
    mean, std = (torch.tensor(v)[:, None, None] for v in (dataset.mean, dataset.std))
    found = (dataset.test.images[0] * std + mean) * 65535
    assert np.abs(found.numpy() - values[None, ..., 0]).max() <= 130


@pytest.mark.parametrize("format", ["TIFF", "BMP", "GIF"])
def test_another_format_under_a_pngs_name_is_named(copied, format):
    Image.new("L", (SIZE, SIZE)).save(copied / "images" / table(copied)[1][NAME], format)
    with pytest.raises(InputError, match=r"mhist_like_01.png \(no PNG or JPEG file\)") as caught:
        load("mhist", copied, SIZE)
    assert "BytesIO" not in str(caught.value)


def test_a_giant_image_is_one_sentence_without_a_warning_before(copied):
    Image.new("1", (12000, 12000)).save(copied / "images" / table(copied)[1][NAME])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(InputError, match=r"mhist_like_01.png \(12000x12000 pixels, at most 4096"):
            load("mhist", copied, SIZE)
    assert not caught


# layouts that people have


def names_in(folder: Path, change) -> None:
    """Rename every image, in the list and in the folder."""
    rows = table(folder)
    for row in rows[1:]:
        (folder / "images" / row[NAME]).rename(folder / "images" / change(row[NAME]))
        row[NAME] = change(row[NAME])
    rewrite(folder, rows)


def text(change):
    """A layout: annotations.csv with its bytes changed."""
    def lay(folder: Path) -> None:
        path = folder / "annotations.csv"
        path.write_bytes(change(path.read_bytes().replace(b"\r\n", b"\n")))
    return lay


def as_mode(mode: str, **options):
    """A layout: every image saved anew in another mode that shows the same."""
    def lay(folder: Path) -> None:
        for path in (folder / "images").iterdir():
            with Image.open(path) as image:
                image.convert(mode).save(path, **options)
    return lay


def litter(*names: str):
    """A layout: files and, where a name ends in a slash, folders with a file, in images/ and beside it."""
    def lay(folder: Path) -> None:
        for place in (folder, folder / "images"):
            for name in names:
                path = place / name / "x.png" if name.endswith("/") else place / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(b"x")
    return lay


LITTER = (".ipynb_checkpoints/", "Thumbs.db", "thumbs.db", "ehthumbs.db", ".DS_Store", "__MACOSX/", "desktop.ini",
          "Desktop.ini", ".picasa.ini", ".hidden.png", ".git/", "._mhist_like_01.png", "@eaDir/")
LAYOUTS = {
    "BOM": text(lambda content: b"\xef\xbb\xbf" + content),
    "CRLF": text(lambda content: content.replace(b"\n", b"\r\n")),
    "CR": text(lambda content: content.replace(b"\n", b"\r")),
    "BOM and CRLF": text(lambda content: b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n")),
    "no newline at the end": text(bytes.rstrip),
    "empty lines": text(lambda content: content.replace(b"\n", b"\n\n")),
    "quotes": text(lambda content: b'"' + content.strip().replace(b",", b'","').replace(b"\n", b'"\n"') + b'"\n'),
    "spaces": text(lambda content: content.replace(b",", b" , ")),
    "other column order": lambda folder: rewrite(folder, [row[::-1] for row in table(folder)]),
    ".PNG": lambda folder: names_in(folder, lambda name: name.replace(".png", ".PNG")),
    "RGBA": as_mode("RGBA"),
    **{f"{name} left behind": litter(name) for name in LITTER},
    "all of it left behind": litter(*LITTER),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("lay", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_that_people_have_are_read_as_the_copy_they_are(copied, made, lay, zipped):
    lay(copied)
    if zipped:
        with zipfile.ZipFile(copied / "images.zip", "w") as archive:
            for path in sorted(path for path in (copied / "images").rglob("*") if path.is_file()):
                archive.write(path, str(path.relative_to(copied)))
            archive.writestr("__MACOSX/images/._x.png", b"x")
        shutil.rmtree(copied / "images")
    assert same(load("mhist", copied, SIZE), load("mhist", made, SIZE))


@pytest.mark.parametrize("more", [(), (".DS_Store",), ("__MACOSX/", "Thumbs.db")])
def test_images_one_folder_too_deep_are_named_with_what_to_do(copied, capsys, more):
    (copied / "images").rename(copied / "kept")
    (copied / "images").mkdir()
    (copied / "kept").rename(copied / "images" / "images")
    litter(*more)(copied)
    with pytest.raises(InputError, match=r"one folder too deep, in .*images/images: move them up into") as caught:
        load("mhist", copied, SIZE)
    assert str(copied / "images" / "images") in str(caught.value)
    assert main(["data", "mhist", str(copied), "--check"]) == 2 and "too deep" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["images/images/{}", "MHIST/images/{}", "pictures/{}"])
def test_images_of_a_zip_in_another_folder_are_named_with_what_to_do(copied, place):
    repacked(copied, place).close()
    with pytest.raises(InputError, match=f"lie in {place[:-3]}/, and are read from images/") as caught:
        load("mhist", copied, SIZE)
    assert str(copied / "images") in str(caught.value) and "\n" not in str(caught.value)


def test_a_zip_that_is_not_read_is_said(copied, made, capsys):
    (copied / "images.zip").write_bytes(b"whatever it holds")
    dataset = load("mhist", copied, SIZE)
    assert same(dataset, load("mhist", made, SIZE)) and "images.zip is not read" in dataset.notes[-1]
    assert main(["data", "mhist", str(copied), "--check"]) == 0 and "images.zip is not read" in capsys.readouterr().out
    drop_image(copied)
    with pytest.raises(InputError, match=r"missing images.*not read, as images/ lies beside it .*images.zip"):
        load("mhist", copied, SIZE)
    assert "not read" not in " ".join(load("mhist", made, SIZE).notes)
