"""MHIST: what is wrong with a copy is named, by reading it and by the command."""

import json
import shutil
import stat
import warnings
from pathlib import Path

import pytest
from copies import LABEL, NAME, NUMBER, PART, SIZE, VOTES, cell, drop_image, member, repacked, rewrite, table
from PIL import Image

from ddkit.__main__ import main
from ddkit.data import load
from ddkit.data.sources.mhist_store import LARGEST_FILE
from ddkit.foundation.errors import InputError


def drop_column(folder: Path) -> None:
    rewrite(folder, [row[:PART] for row in table(folder)])


def extra_column(folder: Path) -> None:
    rewrite(folder, [[*row, "Notes"] for row in table(folder)])


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


def test_check_says_whether_the_copy_is_whole(copied, capsys):
    assert main(["data", "mhist", str(copied), "--check"]) == 0
    assert "synthetic stand-in laid out like MHIST, whole" in capsys.readouterr().out
    assert main(["data", "mhist", str(copied), "--check", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["whole"] and report["synthetic"] and not report["published_counts"]
    assert sum(report["votes"]) == NUMBER and report["sizes"] == {"24x24": NUMBER}
    assert not (copied / ".ddkit").exists()


@pytest.mark.parametrize("given", [["--number", "7"], ["--size", "99"], ["--seed", "0"], ["--zip"]])
def test_check_takes_nothing_that_says_what_to_make(copied, capsys, given):
    assert main(["data", "mhist", str(copied), "--check", *given]) == 2
    told = capsys.readouterr()
    assert told.out == "" and "leave them out" in told.err and told.err.count("\n") == 1


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
