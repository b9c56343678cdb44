"""Long series of numbers apart from the plain data that they stand in, so that a person can read the rest.

``split`` leaves ``{"series": shape}`` in the place of a series and, of a table with a row for each update, the names of
its columns: ``{"series": [rows], "of": columns}``. A series that every one of several rows has, such as the losses of
each seed, is one tensor. ``join`` puts all back, every number as it was.
"""

import numpy as np
import torch
from torch import Tensor

LONG, TALL = 16, 48  # numbers, and rows, that are a long series
_DECIMALS = 6  # at most, of numbers that were rounded


def split(value, path: str = "") -> tuple[object, dict[str, Tensor]]:
    """Plain data without its long series, and these by where they stood."""
    if isinstance(value, dict):
        parts = {key: split(part, f"{path}{key}.") for key, part in value.items()}
        return {key: part for key, (part, _) in parts.items()}, {n: t for _, found in parts.values()
                                                                  for n, t in found.items()}
    if not isinstance(value, list | tuple):
        return value, {}
    whole = _array(value)
    if whole is not None and whole.size >= LONG:
        return {"series": list(whole.shape)}, _stored(path, whole)
    names = _columns(value)
    arrays = {name: _array([row[name] for row in value]) for name in names}
    if len(value) >= TALL and names and all(a is not None and a.ndim == 1 for a in arrays.values()):
        found = [_stored(f"{path}{name}.", array) for name, array in arrays.items()]
        return {"series": [len(value)], "of": names}, {n: t for part in found for n, t in part.items()}
    long = {name: a for name, a in arrays.items() if isinstance(name, str) and a is not None and a[0].size >= LONG}
    if not long:
        return value, {}
    rows = [{name: {"series": list(long[name].shape[1:])} if name in long else part for name, part in row.items()}
            for row in value]
    found = [_stored(f"{path}{name}.", array) for name, array in long.items()]
    return rows, {n: t for part in found for n, t in part.items()}


def join(value, series: dict[str, Tensor], path: str = "", row: int | None = None):
    """What ``split`` was given.

    Raises:
        KeyError, IndexError, TypeError, ValueError: the series are not those of these data.
    """
    if isinstance(value, list):
        return [join(part, series, path, index) if isinstance(part, dict) else part for index, part in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"series", "of"}:
        columns = [_numbers(series, f"{path}{name}.", value["series"]) for name in value["of"]]
        rows = zip(*columns, strict=True)
        keyed = isinstance(value["of"][0], str)
        return [dict(zip(value["of"], numbers, strict=True)) if keyed else list(numbers) for numbers in rows]
    if value.keys() == {"series"}:
        return _numbers(series, path, value["series"], row)
    return {key: join(part, series, f"{path}{key}.", row if isinstance(part, dict) else None)
            for key, part in value.items()}


def _columns(rows: list | tuple) -> list:
    """The names that all rows have, if they are dicts, or places, if they are lists; none if they are anything else."""
    for kind, names in ((dict, list), (list | tuple, lambda row: list(range(len(row))))):
        if rows and all(isinstance(row, kind) for row in rows):
            return names(rows[0]) if all(names(row) == names(rows[0]) for row in rows) else []
    return []


def _array(values: list | tuple) -> np.ndarray | None:
    """Numbers of one type in rows of one length as an array; None if they are not that."""
    try:
        found = np.array(values)
    except ValueError:
        return None
    if found.dtype not in (np.int64, np.float64) or not found.size:
        return None
    kinds = set(map(type, np.array(values, dtype=object).ravel()))
    return found if kinds in ({int}, {float}) else None


def _stored(path: str, array: np.ndarray) -> dict[str, Tensor]:
    """The array in the fewest bytes that say the same: named by its place and, if it was rounded, by its decimals."""
    if array.dtype == np.int64:
        return {path: torch.from_numpy(array.astype(np.int32) if abs(array).max() < 2**31 else array)}
    with np.errstate(all="ignore"):
        if _same(array.astype(np.float32).astype(float), array):
            return {path: torch.from_numpy(array.astype(np.float32))}
        for decimals in range(1, _DECIMALS + 1):
            rounded = (array * 10**decimals).round().astype(np.int32)
            if _same(rounded / 10**decimals, array):
                return {f"{path}/{10 ** decimals}": torch.from_numpy(rounded)}
    return {path: torch.from_numpy(array)}


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.tobytes() == other.tobytes()


def _numbers(series: dict[str, Tensor], path: str, shape: list[int], row: int | None = None):
    """The series that ``_stored`` kept for a place, or its part for a row, as lists."""
    name = next(name for name in (path, *(f"{path}/{10 ** d}" for d in range(1, _DECIMALS + 1))) if name in series)
    found = series[name].numpy() if row is None else series[name].numpy()[row]
    if list(found.shape) != shape:
        raise ValueError(f"{path} is {list(found.shape)} and not {shape}")
    return (found / int(name.partition("/")[2]) if "/" in name else found).tolist()
