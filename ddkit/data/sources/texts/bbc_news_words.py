"""``bbc_news_words``: the articles of ``bbc_news`` as their first 64 words in order, a word vector each, [1, 64, 50].

Of the 20,000 most frequent words, without the commonest, so that every row is one of them; rows of zeros fill up what
is shorter. The parts are those of ``bbc_news``, article by article.
"""

from pathlib import Path

from ddkit.data.source import Source
from ddkit.data.sources.texts.bbc_news import CLASSES, marks, read_as
from ddkit.data.sources.texts.words import NUMBERS, in_order

LENGTH = 64  # words of a text


def read(root: Path, size: int):
    return read_as(lambda texts, known: in_order(texts, LENGTH, known)[:, None])


# Nothing is subtracted, so that rows of zeros stay zeros.
SOURCE = Source(read, marks, NUMBERS, (0.0,), (0.724,), strategy="none", classes=len(CLASSES), pictures=False)
