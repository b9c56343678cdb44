"""Copies of MHIST for tests, and what may be wrong with them."""

import csv
import shutil
import stat
import zipfile
from pathlib import Path

import torch

NUMBER, SIZE = 60, 24
NAME, LABEL, VOTES, PART = range(4)


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


def drop_image(folder: Path) -> None:
    (folder / "images" / table(folder)[1][NAME]).unlink()


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
