"""Pickles that others wrote, read without letting them run anything.

A pickle is a program: ``pickle.load`` of a stranger's file may do whatever its author wants. Here a file may name five
things only, the numbers and lists that graphs are made of; whatever else it names is an error before it is called. A
sparse matrix comes as a plain ``Sparse``, so that none of scipy's own code meets what the file says.
"""

import collections
import io
import pickle
from pathlib import Path

import numpy as np

from ddkit.foundation.errors import InputError


class Sparse:
    """What a pickled matrix of scipy's says of itself, as attributes: ``data``, ``indices``, ``indptr``, ``_shape``."""

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)


_ARRAY = np.empty(0).__reduce__()[0]  # by which numpy begins an array, whatever its module is called by now
ALLOWED = {
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy.core.multiarray", "_reconstruct"): _ARRAY,
    ("numpy._core.multiarray", "_reconstruct"): _ARRAY,
    ("scipy.sparse.csr", "csr_matrix"): Sparse,
    ("collections", "defaultdict"): collections.defaultdict,
    ("__builtin__", "list"): list,
    ("builtins", "list"): list,
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no graph needs") from None


def unpickled(path: Path, home: str):
    """What a file holds.

    Args:
        home: where it can be had, for whoever has a damaged one.

    Raises:
        InputError: it names anything but what is ``ALLOWED``, or is damaged.
    """
    try:
        return _Restricted(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except Exception as error:  # a damaged pickle can make the machine that reads it raise anything
        raise damaged(path, str(error) or type(error).__name__, home) from error


def damaged(path: Path, reason: str, home: str) -> InputError:
    return InputError(f"{path} is damaged ({reason.splitlines()[0][:100]}): copy it again from {home}")
