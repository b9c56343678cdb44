"""Numbers in lines of text: found, told from times, versions and names, and compared."""

import itertools
import re

_NUMBER = re.compile(r"[-+±~]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_WORDS = re.compile(r"[^\s|,;:()\[\]{}'\"=*%]+|%")
_CHANGING = {"s", "second", "seconds", "minute", "minutes", "min", "hour", "hours", "h", "ms", "MB", "MiB", "GB", "GiB",
             "kB", "thread", "threads"}  # what is measured in these units is another each time
_SCORED = re.compile(r"±|%|\bpoints\b|accuracy")
Line = tuple[tuple[str, ...], tuple[str, ...]]  # a line's words with a # for each number, and the numbers


def read(line: str) -> Line:
    """A line's words with a ``#`` for every number, and the numbers; times and sizes of memory are ``#`` alone.

    Versions, dates, paths and names with digits in them are words.
    """
    words = [word.rstrip(".") or word for word in _WORDS.findall(_THOUSANDS.sub("", line))]
    pairs = list(itertools.zip_longest(words, words[1:], fillvalue=""))
    numbers = tuple(word for word, unit in pairs if _NUMBER.fullmatch(word) and unit not in _CHANGING)
    return tuple("#" if _NUMBER.fullmatch(word) else word for word in words), numbers


def scored(line: str) -> bool:
    """Whether a line speaks of scores."""
    return bool(_SCORED.search(line))


def same(stated: str, given: str) -> bool:
    """Whether two numbers agree: whole ones exactly, decimals within one unit of the last digit that is shown.

    Sums of float32 come out otherwise on other machines, in their last digits.
    """
    if stated == given:
        return True
    digits = [len(number.partition("e")[0].partition(".")[2]) for number in (stated, given)]
    if digits[0] != digits[1] or not digits[0]:
        return False
    one, other = (number.strip("±~") for number in (stated, given))
    try:
        unit = 10.0 ** (int(one.partition("e")[2] or 0) - digits[0])
    except (OverflowError, ValueError):  # an exponent that no float has
        return False
    return abs(float(one) - float(other)) <= 1.01 * unit
