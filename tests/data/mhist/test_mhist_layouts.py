"""MHIST: layouts that people have."""

import shutil
import zipfile
from pathlib import Path

import pytest
from copies import NAME, SIZE, drop_image, repacked, rewrite, same, table
from PIL import Image

from ddkit.__main__ import main
from ddkit.data import load
from ddkit.foundation.errors import InputError


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
