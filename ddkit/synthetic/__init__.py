"""The synthetic set: what a distillation changes and leaves behind, and the field's files, in and out.

What lives here knows the data set that a set stands for, but no network and no method.
"""

from ddkit.synthetic.foreign import MEANINGS, origin_of
from ddkit.synthetic.synthetic_set import INITS, SyntheticSet, check_ipc

__all__ = ["INITS", "MEANINGS", "SyntheticSet", "check_ipc", "origin_of"]
