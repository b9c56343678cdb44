"""The throw-away folders of one submission: a home, copies of what it may use, and the kernel's sockets."""

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
        shutil.rmtree(self.base, ignore_errors=True)

    def wires(self) -> Path:
        """An empty folder for the sockets of the next kernel."""
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


def _copy(source: Path, copy: Path) -> None:
    """A file or folder; links in it are left out: they may lead anywhere."""
    if source.is_dir():
        shutil.copytree(source, copy, ignore=lambda at, names: [name for name in names if Path(at, name).is_symlink()])
    elif source.exists():
        shutil.copyfile(source, copy)
    else:
        copy.mkdir()
