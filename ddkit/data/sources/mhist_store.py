"""The image files of a copy of MHIST, in a folder or a zip, and what is wrong with how they lie there."""

import os
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ddkit.foundation.errors import InputError, require

LARGEST_FILE = 32 << 20  # bytes of an image file: far beyond any of MHIST
# What systems and programs leave behind: hidden files and folders, and some that are not hidden everywhere.
_LITTER = re.compile(r"\..*|(eh)?thumbs\.db|desktop\.ini|__MACOSX|@eaDir", re.IGNORECASE)


@dataclass(frozen=True)
class Store:
    """The image files of a copy: ``read(name)`` gives one's bytes, and ``marks[name]`` changes when they do."""

    marks: dict[str, tuple[int, int]]
    read: Callable[[str], bytes]
    close: Callable[[], None] = lambda: None


def note(problems: dict[str, list[str]], kind: str, *names: str) -> None:
    """Note names under a kind of problem, if there are any."""
    if names:
        problems.setdefault(kind, []).extend(names)


def folder_store(path: Path, problems: dict[str, list[str]]) -> Store:
    """The images in a folder, which may hold nothing else but what systems leave behind.

    Raises:
        InputError: they lie one folder deeper.
    """
    marks = {}
    with os.scandir(path) as entries:
        for entry in (entry for entry in entries if not _LITTER.fullmatch(entry.name)):
            if entry.is_file():
                marks[entry.name] = (entry.stat().st_size, entry.stat().st_mtime_ns)
            else:
                note(problems, "images/ holds more than image files", entry.name)
    deeper = path / path.name
    require(marks or not deeper.is_dir(), f"the images lie one folder too deep, in {deeper}: move them up into {path}")
    return Store(marks, lambda name: (path / name).read_bytes())


def archive_store(path: Path, problems: dict[str, list[str]]) -> Store:
    """The images in a zip, under ``images/`` or bare; names that lead elsewhere, links and giants are refused.

    Raises:
        InputError: they lie in another folder.
    """
    try:
        file = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        note(problems, "images.zip cannot be opened", str(error))
        return Store({}, lambda name: b"")
    members: dict[str, zipfile.ZipInfo] = {}
    outside: list[str] = []
    for member in file.infolist():
        place = PurePosixPath(member.filename)
        why = _objection(member, place)
        if why:
            note(problems, f"members of images.zip refused because {why}", repr(member.orig_filename))
        elif member.is_dir() or any(map(_LITTER.fullmatch, place.parts)):
            continue
        elif str(place.parent) not in (".", "images"):
            outside.append(member.filename)
        elif place.name in members:
            note(problems, "images twice in images.zip", place.name)
        else:
            members[place.name] = member
    if outside and not members:
        file.close()
        place = Counter(str(PurePosixPath(name).parent) for name in outside).most_common(1)[0][0]
        raise InputError(f"the images in {path} lie in {place}/, and are read from images/ or from no folder there: "
                         f"unpack it, and move the folder with the images to {path.parent / 'images'}")
    note(problems, "members of images.zip outside images/", *outside)
    marks = {name: (member.file_size, member.CRC) for name, member in members.items()}
    return Store(marks, lambda name: file.read(members[name]), file.close)


def _objection(member: zipfile.ZipInfo, place: PurePosixPath) -> str:
    """Why a member of an archive must not be read; empty if it may."""
    name = member.orig_filename
    if place.is_absolute() or not place.parts or set(name) & set("\\:\0") or ".." in place.parts:
        return "their paths lead out of the folder"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "they are links"
    return f"they unpack to more than {LARGEST_FILE >> 20} MiB" if member.file_size > LARGEST_FILE else ""
