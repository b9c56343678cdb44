"""The throw-away folders of one submission: a home, copies of what it may use, and the kernel's sockets."""

import contextlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path

INSIDE = Path("/home/student")  # where a sandbox shows the home


class Room:
    """Folders that live as long as one notebook is executed; a context manager.

    Attributes:
        token: in the environment of everything that the kernel starts.
        home: its home and working folder, kept when the kernel is started again.
        words: the file of what the kernel says on stderr, out of its reach.
    """

    def __init__(self):
        self.base = Path(tempfile.mkdtemp(prefix="ddkit-"))  # short: a socket's address has about a hundred letters
        self.token = secrets.token_hex(8)
        self.home = self.base / "home"
        self.words = self.base / "stderr"
        self._kernels = 0
        self.home.mkdir()

    def __enter__(self) -> "Room":
        return self

    def __exit__(self, *_) -> None:
        _remove(self.base)

    def emptied(self) -> None:
        """Throw away what was written to the home."""
        _remove(self.home)
        self.home.mkdir()

    def wires(self) -> Path:
        """An empty folder for the sockets of the next kernel, in place of the last one's."""
        _remove(self.base / f"wires-{self._kernels}")
        self._kernels += 1
        folder = self.base / f"wires-{self._kernels}"
        folder.mkdir()
        return folder

    def copies(self, binds: list[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
        """The same (source, place inside) with copies of the sources, so that nobody's own files are written to."""
        made = []
        for number, (source, place) in enumerate(binds):
            copy = self.base / f"copy-{number}"
            if not copy.exists():
                _copy(Path(source), copy)
            made.append((copy, Path(place)))
        return made


def _remove(folder: Path) -> None:
    """Remove a folder, also one whose parts were locked by who wrote them."""
    def unlock(function, path, _):
        with contextlib.suppress(OSError):
            for one in (os.path.dirname(path), path):
                if not os.path.islink(one):
                    os.chmod(one, 0o700)
            function(path)

    shutil.rmtree(folder, onerror=unlock)
    shutil.rmtree(folder, ignore_errors=True)  # what lay in a folder that could not be listed before


def _copy(source: Path, copy: Path) -> None:
    """A file or folder; links in it are left out: they may lead anywhere."""
    if source.is_dir():
        shutil.copytree(source, copy, ignore=lambda at, names: [name for name in names if Path(at, name).is_symlink()])
    elif source.exists():
        shutil.copyfile(source, copy)
    else:
        copy.mkdir()
