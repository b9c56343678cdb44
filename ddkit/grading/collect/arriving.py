"""What lies in a folder or a zip that arrived: its files, one by one, none of them believed.

Nothing is unpacked here. A file is refused in words if it is no regular one (a link, a device), if its name leads out
of the folder, if a password locks it, or if it grows by more than ``Limits.ratio`` when it is unpacked. Zips within are
opened by ``unpacked``, down to ``Limits.depth``.
"""

import contextlib
import os
import re
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import first_line

UNREADABLE = (OSError, EOFError, RuntimeError, NotImplementedError, ValueError, zipfile.BadZipFile, zlib.error)
"""What reading from a zip or a folder may raise."""
_JUNK = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", "__pycache__", ".git"}  # nobody's work
_DEEPEST, _LONGEST = 40, 120  # folders in each other; bytes of a name
_DRIVE = re.compile(r"[A-Za-z]:")  # of Windows
_LIST = 64 << 20  # bytes of a zip's list of files
_MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one student may hand in.

    Attributes:
        mib: of all files together, unpacked.
        files: of them.
        ratio: times that a packed file may grow, if it is larger than 10 MiB then.
        depth: of zips within zips.
    """

    mib: int = 2000
    files: int = 20_000
    ratio: int = 200
    depth: int = 3


@dataclass(frozen=True)
class Entry:
    """A file that arrived.

    Attributes:
        parts: of its path below what it arrived in; each can be a file's name.
        size: in bytes, unpacked; no more are read.
        when: seconds since 1970.
        opened: opens it for reading.
        refused: why it is not taken; "" if it is.
    """

    parts: tuple[str, ...]
    size: int = 0
    when: float = 0.0
    opened: Callable[[], BinaryIO] | None = None
    refused: str = ""

    def at(self, *parts: str) -> "Entry":
        return replace(self, parts=parts)

    @property
    def name(self) -> str:
        return "/".join(self.parts)

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(*self.parts)

    @property
    def is_zip(self) -> bool:
        return self.parts[-1].lower().endswith(".zip") and not self.refused

    def pieces(self) -> Iterator[bytes]:
        """Its content, at most ``size`` bytes.

        Raises:
            one of UNREADABLE.
        """
        left = self.size
        with self.opened() as stream:
            while left and (piece := stream.read(min(left, _MIB))):
                left -= len(piece)
                yield piece


def entries(source: Path, stack: contextlib.ExitStack, limits: Limits) -> list[Entry]:
    """The files of a folder or a zip, or a single file; ``stack`` closes what was opened for them.

    Raises:
        InputError: there is no such file or folder, or it is no zip.
    """
    require(source.exists(), f"there is no {source}: name a folder, a zip or a notebook")
    if source.is_dir():
        return list(_in_folder(source))
    if source.suffix.lower() != ".zip":
        return [_file(source, (source.name,))]
    try:
        file = stack.enter_context(source.open("rb"))
        return list(_in_zip(stack.enter_context(zipfile.ZipFile(_Sparing(file))), limits))
    except UNREADABLE as error:
        raise InputError(f"{source} is no zip that can be read ({told(error)}): download it again") from error


def empty_folders(source: Path) -> list[str]:
    """The names of folders at the top of a folder, or of the only one there if it holds nothing but folders, in which
    there is no file at all."""
    if not source.is_dir():
        return []
    with contextlib.suppress(OSError):  # what cannot be read is told otherwise
        paths = [path for path in sorted(source.iterdir()) if path.name not in _JUNK]
        folders = [path for path in paths if path.is_dir() and not path.is_symlink()]
        if len(paths) == len(folders) == 1:
            below = list(paths[0].iterdir())
            if len(below) > 1 and all(map(Path.is_dir, below)):
                return [f"{paths[0].name}/{name}" for name in empty_folders(paths[0])]
        return [_as_name(path.name) for path in folders if next(_in_folder(path), None) is None]
    return []


def inside(entry: Entry, limits: Limits, folder: Path, stack: contextlib.ExitStack) -> list[Entry]:
    """The files of a zip that arrived; until ``stack`` is closed a copy of the zip lies in ``folder``.

    Raises:
        InputError: it is too large or cannot be read.
    """
    require(entry.size <= limits.mib * _MIB, f"it is larger than {limits.mib} MiB")
    try:
        copy = stack.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 (the stack closes it)
        for piece in entry.pieces():
            copy.write(piece)
        return list(_in_zip(stack.enter_context(zipfile.ZipFile(_Sparing(copy))), limits))
    except UNREADABLE as error:
        raise InputError(told(error)) from error


def unpacked(arrived: list[Entry], limits: Limits, folder: Path, stack: contextlib.ExitStack) -> list[Entry]:
    """What arrived of one student, and in place of each zip what is in it and in the zips in it, below its name.

    A zip that cannot be read, or is too much with the others, is a file like others, and a word on why it was not
    opened.
    """
    found: list[Entry] = []
    todo = [(entry, 1) for entry in reversed(arrived)]
    room = limits.mib * _MIB  # for the zips themselves
    while todo:
        entry, depth = todo.pop()
        if not entry.is_zip:
            found.append(entry)
            continue
        try:
            require(depth <= limits.depth, f"there are more than {limits.depth} zips in each other")
            require(entry.size <= room, f"the zips are larger than {limits.mib} MiB together")
            require(len(found) + len(todo) <= 2 * limits.files, f"there are more than {2 * limits.files:,} files")
            room -= entry.size
            todo += [(one.at(*entry.parts, *one.parts), depth + 1)
                     for one in reversed(inside(entry, limits, folder, stack))]
        except InputError as error:
            found += [entry, Entry(entry.parts, refused=f"this zip was not opened ({error})")]
    return found


class _Sparing:
    """A file of which only pieces are read, so that no zip's list of files can fill the memory."""

    def __init__(self, file: BinaryIO):
        self._file = file

    def __getattr__(self, name: str):
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        require(size <= _LIST, "its list of files is too long")
        return self._file.read(size)


def told(error: Exception) -> str:
    """What an error says, in characters that can be printed: part of it may come from a stranger's file."""
    words = getattr(error, "strerror", None) or first_line(error)
    return "".join(char if char.isprintable() else "_" for char in words)


def _in_folder(folder: Path) -> Iterator[Entry]:
    refused: list[OSError] = []
    for where, folders, names in os.walk(folder, onerror=refused.append):
        links = [name for name in folders if os.path.islink(os.path.join(where, name))]
        folders[:] = sorted(set(folders) - _JUNK - set(links))
        for name in sorted({*names, *links} - _JUNK):
            path = Path(where, name)
            yield _file(path, tuple(map(_as_name, path.relative_to(folder).parts)))
    for error in refused:
        parts = Path(error.filename).relative_to(folder).parts or (folder.name,)
        yield Entry(tuple(map(_as_name, parts)), refused=f"this folder cannot be read ({told(error)})")


def _file(path: Path, parts: tuple[str, ...]) -> Entry:
    told = path.lstat()
    if not stat.S_ISREG(told.st_mode):
        return Entry(parts, refused="it is no file but a link or a device")
    return Entry(parts, told.st_size, told.st_mtime, lambda: path.open("rb"))


def _in_zip(archive: zipfile.ZipFile, limits: Limits) -> Iterator[Entry]:
    for info in archive.infolist():
        parts = [part for part in info.filename.replace("\\", "/").split("/") if part not in ("", ".")]
        if info.is_dir() or not parts or _JUNK & set(parts):
            continue
        why = _why_not(info, parts, limits)
        named = tuple(_as_name(part) for part in parts[:_DEEPEST] if part != ".." and not _DRIVE.match(part)) or ("_",)
        yield Entry(named, refused=why) if why else Entry(
            named, info.file_size, _time(info), lambda info=info: archive.open(info))


def _why_not(info: zipfile.ZipInfo, parts: list[str], limits: Limits) -> str:
    if ".." in parts or info.filename.startswith(("/", "\\")) or _DRIVE.match(parts[0]):
        return "its name leads out of the zip"
    if len(parts) > _DEEPEST:
        return f"it lies more than {_DEEPEST} folders deep"
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "it is no file but a link or a device"
    if info.flag_bits & 1:
        return "a password locks it"
    if info.file_size > 10 * _MIB and info.file_size > limits.ratio * info.compress_size:
        return f"it would grow more than {limits.ratio} times, to {info.file_size >> 20:,} MiB"
    return ""


def _time(info: zipfile.ZipInfo) -> float:
    try:
        return time.mktime((*info.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0.0


def _as_name(part: str) -> str:
    """A part of a path as every file system takes it."""
    plain = part.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    plain = "".join("_" if char in '<>:"|?*\\' or not char.isprintable() else char for char in plain)
    stem, dot, ending = plain.rpartition(".")
    ending = dot + ending if stem and len(ending) < 12 else ""
    room = _LONGEST - len(ending.encode())
    short = plain.removesuffix(ending).encode()[:room].decode("utf-8", "ignore") + ending
    return "_" if short.strip(". ") == "" else short
