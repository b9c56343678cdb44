"""Folders as a command leaves them, at its end or when it is killed with some file just written."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from trials.commands import Command, Store
from trials.process import command, finished

ATTEMPTS, LONGEST = 10, 60.0  # seconds
ALWAYS = -1.0  # seconds between two checkpoints


@dataclass(frozen=True)
class State:
    """What ``made`` leaves (None: nothing but the inputs of ``inputs``).

    Attributes:
        killed_with: the file, as a pattern, with which it is killed; None lets it end.
    """

    made: Command | None
    killed_with: str | None = None
    inputs: tuple[str, ...] = ()

    def make(self, store: Store, name: str) -> Path:
        """A new folder in this state."""
        asked = (self.made or Command("inputs", "")).also(*self.inputs)
        for _ in range(ATTEMPTS):
            folder = store.folder(name, asked)
            if self.made is None or self._reached(folder):
                return folder
        raise RuntimeError(f"'{self.made.text}' was never seen with {self.killed_with}")

    def _reached(self, folder: Path) -> bool:
        if self.killed_with is None:
            ended = finished(self.made.arguments, folder)
            if ended.code:
                raise RuntimeError(f"'{self.made.text}' fails by itself: {ended}")
            return True
        running, begun = command(self.made.arguments, folder, save_every=ALWAYS), time.monotonic()
        while not any(folder.glob(self.killed_with)) and time.monotonic() < begun + LONGEST and not running.wait(0):
            time.sleep(0.001)
        running.end()
        return any(folder.glob(self.killed_with))


def copied(folder: Path, name: str) -> Path:
    """A copy of a state, to be damaged."""
    copy = folder.with_name(name)
    shutil.rmtree(copy, ignore_errors=True)
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, copy, symlinks=True)
    return copy
