"""What an unfinished piece of work is gone on from: whose it is stands in the file, and another's is refused."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import DIGEST, digest, first_line, load_state, save_state, verified


@dataclass(frozen=True)
class Checkpoint:
    """Where an unfinished piece of work is kept, and whose it is.

    Attributes:
        path: of the file; there is none until something is saved.
        identity: what the work belongs to: the ``run`` (the name of its spec), the ``fingerprint`` of its data, and
            whatever else decides what comes of it. Another's file is refused.
    """

    path: Path
    identity: dict = field(default_factory=dict)

    def save(self, state: dict) -> None:
        """Save nested dicts, lists, numbers and tensors."""
        content = {"identity": self.identity, **state}
        save_state(self.path, content | {DIGEST: digest(content)})

    def load(self) -> dict | None:
        """What was saved, or None if nothing was.

        Raises:
            InputError: the file is damaged, or belongs to something else; the sentence says to what.
        """
        if not self.path.exists():
            return None
        content = load_state(self.path)
        require(isinstance(content, dict), f"{self.path} is no checkpoint of ddkit: delete it or choose another folder")
        content = verified(self.path, content, digest)
        same_identity(self.path, content.pop("identity", None), self.identity)
        return content

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


@contextlib.contextmanager
def readable(checkpoint: Checkpoint):
    """While the block takes what it needs from a loaded checkpoint: what is missing or does not fit is one sentence.

    Raises:
        InputError: the checkpoint has another layout, as that of another version has.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
        raise InputError(f"{checkpoint.path} cannot be gone on from ({type(error).__name__}: {first_line(error)}): "
                         "it was left by another version of ddkit; delete it to begin anew") from error


def same_identity(path: Path, found: object, wanted: dict) -> None:
    """Raise InputError unless what lies at ``path`` belongs to the run, and to the data, that ``wanted`` names."""
    if found == wanted:
        return
    found = found if isinstance(found, dict) else {}
    differs = [name for name in wanted if found.get(name) != wanted[name]]
    told = ", ".join(f"{name} {_short(found.get(name))} instead of {_short(wanted[name])}" for name in differs)
    raise InputError(f"{path} is the checkpoint of another run ({told or 'it says more than this one'}): delete it or "
                     "choose another folder")


def _short(value: object) -> str:
    text = "unknown" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
