"""The names of data sets, such as ``mnist-4-9``, and the sources that they name."""

import re
from collections.abc import Sequence

from ddkit.data import sources
from ddkit.data.source import Source
from ddkit.foundation.errors import InputError, one_of, require
from ddkit.foundation.finding import modules_in

SOURCES: dict[str, Source] = {module.__name__.rsplit(".", 1)[1]: module.SOURCE
                              for module in modules_in(sources, deep=True) if hasattr(module, "SOURCE")}
PICTURES = tuple(name for name, source in SOURCES.items() if source.pictures)


def parse_name(name: str) -> tuple[str, tuple[int, ...]]:
    """The data set and the classes that a name such as ``mnist-4-9`` stands for; no classes are all of them.

    Raises:
        InputError: there is no such data set, or what follows are not different numbers of its classes.
    """
    require(isinstance(name, str), f"a data set goes by its name, as mnist, got {name!r}")
    whole, *classes = name.split("-")
    known = range(SOURCES[one_of(whole, SOURCES, "dataset")].classes)
    numbers = [int(c) if re.fullmatch("[0-9]{1,9}", c) else -1 for c in classes]
    require(set(numbers) <= set(known) and len(set(numbers)) == len(numbers),
            f"classes of {whole} are different numbers from 0 to {known[-1]}, got '{name[:80]}': "
            f"give their numbers, as in {whole}-0-1")
    return whole, tuple(numbers)


def canonical(name: str) -> str:
    """The one name of what ``parse_name`` makes of it: digits-04-9 is digits-4-9; an unknown one is left as it is."""
    try:
        return name_of(*parse_name(name))
    except InputError:
        return name


def whole_of(name: str) -> str | None:
    """The whole data set that a name is of, known or not, as mnist of mnist-4-9; None of what is no name."""
    return name.split("-")[0] if isinstance(name, str) else None


def own_size(name: str) -> int | None:
    """The side length that a data set has where no other is asked for; None of an unknown one."""
    whole = whole_of(name)
    return SOURCES[whole].size if whole in SOURCES else None


def name_of(dataset: str, classes: Sequence[int]) -> str:
    """The name of some classes, by their labels, of a data set that may itself be some classes of another."""
    whole, own = parse_name(dataset)
    return "-".join([whole, *(str(own[c] if own else c) for c in classes)])
