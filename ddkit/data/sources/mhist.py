"""MHIST: colorectal polyps, hyperplastic (HP) against sessile serrated (SSA), read from the student's own copy.

    J. Wei et al., "A Petri Dish for Histopathology Image Analysis", AIME 2021.

Seven pathologists voted on each of 3,152 images of 224 x 224 pixels; the majority is the label. The authors send the
files after an agreement is signed, and they may not be passed on, so nothing here downloads them. A copy is a folder
with ``annotations.csv`` and ``images/`` or ``images.zip`` (``images/`` is read where both are, and a note says so).

**Checked before use.** ``read`` names all that is wrong with a copy in one message. An archive is never extracted, and
members that a careless program would write or unpack outside the folder are refused by name.

**The cache.** Images are resized once; the pixels are kept in ``.ddkit/`` beside the copy, else, if that cannot be
written, in the user's cache folder (``XDG_CACHE_HOME``, ``LOCALAPPDATA`` or ``~/.cache``), else nowhere. A cache
belongs to the content of annotations.csv and, for every image, its name, size and time of change in a folder, or its
name, size and CRC-32 in an archive: an archive's table of contents tells of every change of content, and a folder's is
read in milliseconds where reading 3,152 files takes minutes on a mounted drive. Copying a folder at most costs a
rebuild; only a change that keeps an image's size and its time to the nanosecond would be missed. The cached pixels
carry a checksum of their own, so that a cache that was cut off or damaged is rebuilt as well.
"""

import csv
import io
import json
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ddkit.data.cache import cached
from ddkit.data.image_files import pixels
from ddkit.data.source import MIRRORED, Source
from ddkit.data.sources.mhist_store import Store, archive_store, folder_store, note
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import expanded, sha256
from ddkit.foundation.memory import require_memory
from ddkit.foundation.progress import bar

COLUMNS = ("Image Name", "Majority Vote Label", "Number of Annotators who Selected SSA (Out of 7)", "Partition")
CLASSES, SYNTHETIC_CLASSES, PARTS = ("HP", "SSA"), ("HP (synthetic)", "SSA (synthetic)"), ("train", "test")
PUBLISHED = {"train": (1545, 630), "test": (617, 360)}  # images of (HP, SSA)
SIDE = 224  # pixels
MEAN, STD = (0.738, 0.649, 0.775), (0.197, 0.244, 0.170)  # of red, green and blue in [0, 1]
ANNOTATORS, MAJORITY = 7, 4
SYNTHETIC = "mhist_like_"  # how the names of generated images begin
SYNTHETIC_NOTE = "the images are synthetic, drawn by mhist_like: what is measured on them says nothing about polyps"
FEWEST = {"train": 10, "test": 1}  # images of a class: the tenth cut off for validation holds one
UNREAD = "is not read, as images/ lies beside it"
NAMED = 10  # names shown of each kind of problem
_CACHE_VERSION = "2"  # of the decoding, the resizing and of the file's layout


@dataclass
class Copy:
    """A copy of MHIST as far as its lists tell.

    Attributes:
        folder: where it lies.
        names, labels, votes, test: of every image, in the order of annotations.csv: file names, int64 [N]
            (HP 0, SSA 1), int64 [N] (votes for SSA, 0..7) and bool [N] (in the test part).
        store: the image files.
        key: changes whenever the copy does.
        problems: names by kind of problem; empty if nothing is wrong.
        sizes: images of each (width, height), once decoded.
        unread: the archive that lies beside the images and is not read, if there is one.
    """

    folder: Path
    names: list[str]
    labels: np.ndarray
    votes: np.ndarray
    test: np.ndarray
    store: Store
    key: str
    problems: dict[str, list[str]]
    sizes: Counter = field(default_factory=Counter)
    unread: str = ""

    @property
    def synthetic(self) -> bool:
        """Whether ``mhist_like`` drew the images (any of them)."""
        return any(name.startswith(SYNTHETIC) for name in self.names)

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Images of (HP, SSA) in each part."""
        return {part: tuple(np.bincount(self.labels[self.test == (part == "test")], minlength=2).tolist())
                for part in PARTS}

    @property
    def notes(self) -> list[str]:
        """What a reader of results should know."""
        found, others = [], sum(count for side, count in self.sizes.items() if side != (SIDE, SIDE))
        if self.synthetic:
            found.append(SYNTHETIC_NOTE)
        elif self.counts != PUBLISHED:
            found.append(f"the copy holds {_in_words(self.counts)}, the published data set {_in_words(PUBLISHED)}")
        if others:
            found.append(f"{others:,} images were not of {SIDE}x{SIDE} pixels and have been resized")
        if self.unread:
            found.append(f"{self.unread} {UNREAD}")
        return found

    def require_whole(self) -> None:
        """Raise InputError with all problems in one sentence, if there are any."""
        found = [f"{kind} ({len(names):,}): {', '.join(names[:NAMED])}" + f" and {len(names) - NAMED:,} more" *
                 (len(names) > NAMED) for kind, names in self.problems.items()]
        require(not found, f"{self.folder} is no whole copy of MHIST: {'; '.join(found)}; copy annotations.csv and "
                           "the images again as their authors sent them")


def read(root: Path, size: int):
    """The source behind ``data.load("mhist")``: (images uint8 [N, 3, size, size], labels, votes) of the training part,
    the same of the test part, class names and notes.

    Raises:
        InputError: there is no copy at ``root``, ``root``/MHIST or ``root``/mhist, or it is damaged.
    """
    copy = survey(root)
    require_room(len(copy.names), size)

    def make() -> dict[str, np.ndarray]:
        images = _decode(copy, size)
        copy.require_whole()
        return {"images": images, "sizes": np.array([(*side, n) for side, n in copy.sizes.items()], np.int64)}

    try:
        copy.require_whole()
        found = cached(copy.folder, f"mhist-{size}", copy.key, make)
    finally:
        copy.store.close()
    classes = SYNTHETIC_CLASSES if copy.synthetic else CLASSES
    copy.sizes = Counter({(width, height): n for width, height, n in found["sizes"].tolist()})
    return *split(found["images"], copy.labels, copy.votes, copy.test), classes, *copy.notes


def require_room(number: int, size: int) -> None:
    """Raise InputError unless the memory holds ``number`` images at a size, as bytes and as normalised floats."""
    require_memory((1 + 4) * 3 * number * size**2, f"{number:,} images of {size}x{size} pixels")


def marks(root: Path) -> str | None:
    """What changes whenever the copy at ``root`` does; None where there is none."""
    if locate(root) is None:
        return None
    copy = survey(root)
    copy.store.close()
    return copy.key


def split(images, labels, votes, test) -> tuple[tuple, tuple]:
    """The training and the test part of arrays [N, ...]."""
    return tuple(tuple(array[test == part] for array in (images, labels, votes)) for part in (False, True))


def majority(votes: np.ndarray) -> np.ndarray:
    """Labels int64 [N] (1: SSA) of votes for SSA [N]."""
    return (votes >= MAJORITY).astype(np.int64)


def check(root: Path) -> tuple[Copy, dict]:
    """Survey a copy and decode its images: the copy, with its problems, and what there is to say as plain data."""
    copy = survey(root)
    try:
        _decode(copy, 1)
    finally:
        copy.store.close()
    if not copy.synthetic and not copy.problems and copy.counts != PUBLISHED:
        note(copy.problems, "other counts than the published ones", _in_words(copy.counts))
    return copy, {
        "folder": str(copy.folder), "whole": not copy.problems, "synthetic": copy.synthetic,
        "counts": {part: dict(zip(CLASSES, numbers, strict=True)) for part, numbers in copy.counts.items()},
        "published_counts": copy.counts == PUBLISHED, "problems": copy.problems, "unread": copy.unread,
        "votes": np.bincount(copy.votes, minlength=ANNOTATORS + 1).tolist(),
        "sizes": {f"{w}x{h}": n for (w, h), n in copy.sizes.most_common()}}


def describe(report: dict) -> str:
    """The report of ``check`` in words."""
    counts = {part: tuple(numbers.values()) for part, numbers in report["counts"].items()}
    same = "as published" if report["published_counts"] else f"published: {_in_words(PUBLISHED)}"
    what = "a synthetic stand-in laid out like MHIST" if report["synthetic"] else "MHIST"
    sizes = [f"{n:,} of {size}" for size, n in report["sizes"].items()]
    return "\n".join([
        f"{report['folder']}: {what}, {'whole' if report['whole'] else 'not whole'}",
        f"  images   {_in_words(counts)} ({same})",
        "  votes    " + ", ".join(f"{n:,} with {v}" for v, n in enumerate(report["votes"])) + " of 7 for SSA",
        "  pixels   " + (", ".join(sizes[:NAMED]) or "no image was read"),
        *[f"  archive  {report['unread']} {UNREAD}"] * bool(report["unread"])])


def _in_words(counts: dict[str, tuple[int, int]]) -> str:
    return ", ".join(f"{part} {counts[part][0]:,} HP and {counts[part][1]:,} SSA" for part in PARTS)


def survey(root: Path) -> Copy:
    """Read the lists of a copy: annotations.csv and the names of the images; nothing is decoded."""
    root = expanded(root)
    try:
        return _survey(root)
    except OSError as error:
        raise InputError(f"cannot read {error.filename or root} ({error.strerror or error}): see to it that you may "
                         "read the folder and its files") from error


def places(root: Path) -> list[Path]:
    """Where a copy of MHIST is looked for."""
    return [root, root / "MHIST", root / "mhist"]


def locate(root: Path) -> Path | None:
    """The folder of the copy of MHIST at ``root``, if there is one."""
    return next((place for place in places(root) if os.path.isfile(place / "annotations.csv")), None)


def _survey(root: Path) -> Copy:
    folder = locate(root)
    require(folder is not None, f"no MHIST: looked for annotations.csv in {', '.join(map(str, places(root)))}; sign "
            "the agreement of its authors to get the files and put them there, or use the synthetic stand-in "
            "'mhist_like'")
    problems: dict[str, list[str]] = {}
    content = (folder / "annotations.csv").read_bytes()
    listed, rows = _rows(content, problems)
    loose, packed = folder / "images", folder / "images.zip"
    require(loose.is_dir() or packed.is_file(), f"no images of MHIST: looked for images/ and images.zip in {folder}, "
            "which has annotations.csv; copy there what its authors sent you, or use the stand-in 'mhist_like'")
    store = folder_store(loose, problems) if loose.is_dir() else archive_store(packed, problems)
    key = sha256(_CACHE_VERSION.encode(), content, json.dumps(sorted(store.marks.items())).encode())
    names, labels, votes, test = zip(*rows, strict=True) if rows else ((), (), (), ())
    copy = Copy(folder, list(names), np.array(labels, np.int64), np.array(votes, np.int64), np.array(test, bool), store,
                key, problems, unread=packed.name if loose.is_dir() and packed.is_file() else "")
    if listed:
        note(problems, "missing images", *sorted(listed - set(store.marks)))
        note(problems, "images that annotations.csv does not list", *sorted(set(store.marks) - listed))
    if copy.unread and problems:
        note(problems, "an archive that " + UNREAD, copy.unread)
    if not problems:
        note(problems, "too few images", *(
            f"{copy.counts[part][label]} {name} in {part}, at least {fewest} are needed"
            for part, fewest in FEWEST.items() for label, name in enumerate(CLASSES)
            if copy.counts[part][label] < fewest))
    return copy


def _rows(content: bytes, problems: dict[str, list[str]]) -> tuple[set[str], list[tuple[str, int, int, bool]]]:
    """The names that annotations.csv lists; and name, label, votes and "is a test image" of every sound row."""
    try:
        table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        note(problems, "annotations.csv is no table", str(error))
        return set(), []
    header = [name.strip() for name in table[0]] if table else []
    note(problems, "missing columns", *(f"'{name}'" for name in COLUMNS if name not in header))
    note(problems, "unknown or repeated columns",
         *(f"'{name}'" for name in (Counter(header) - Counter(COLUMNS)).elements()))
    if sorted(header) != sorted(COLUMNS):
        return set(), []
    listed, rows, order = set(), [], [header.index(column) for column in COLUMNS]
    for line, row in enumerate(table[1:], 2):
        if len(row) == len(COLUMNS):
            name, label, votes, part = (row[i].strip() for i in order)
            faults = _faults(name, label, votes, part, line)
            if name in listed:
                faults["names listed twice"] = name
            for kind, shown in faults.items():
                note(problems, kind, shown)
            if not faults:
                rows.append((name, CLASSES.index(label), int(votes), part == "test"))
            listed.add(name)
        elif row:
            note(problems, f"rows without exactly {len(COLUMNS)} fields", f"row {line}")
    return listed, rows


def _faults(name: str, label: str, votes: str, part: str, line: int) -> dict[str, str]:
    """What is wrong with one row: kinds of problem, and how to show each."""
    faults, countable = {}, re.fullmatch(f"[0-{ANNOTATORS}]", votes)
    if not _plain(name):
        faults["image names that are no plain file name"] = f"'{name}' in row {line}"
    if label not in CLASSES:
        faults["unknown labels"] = f"'{label}' of {name}"
    if part not in PARTS:
        faults["unknown partitions"] = f"'{part}' of {name}"
    if not countable:
        faults[f"votes that are no whole number from 0 to {ANNOTATORS}"] = f"'{votes}' of {name}"
    elif label in CLASSES and (int(votes) >= MAJORITY) != (label == "SSA"):
        faults["labels that contradict the votes"] = f"{label} of {name} with {votes} of {ANNOTATORS} for SSA"
    return faults


def _plain(name: str) -> bool:
    return bool(name) and name not in (".", "..") and not set(name) & set("/\\:\0")


def _decode(copy: Copy, size: int) -> np.ndarray:
    """Images uint8 [N, 3, size, size], in the order of ``copy.names``; counts sizes and reports unreadable files."""
    images = np.empty((len(copy.names), 3, size, size), np.uint8)
    with bar(len(copy.names), "reading images", "image") as progress:
        for i, name in enumerate(copy.names):
            if name in copy.store.marks:
                try:
                    images[i], side = pixels(copy.store.read(name), size)
                    copy.sizes[side] += 1
                except Exception as error:  # a damaged file can make a decoder raise anything
                    reason = (str(error) or type(error).__name__).splitlines()[0][:80]
                    note(copy.problems, "unreadable images", f"{name} ({reason})")
            progress.step()
    return images


SOURCE = Source(read, marks, SIDE, MEAN, STD, MIRRORED, classes=2)
