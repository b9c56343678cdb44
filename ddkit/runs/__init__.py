"""Every number is a run: what a spec is, what its record says, and how a run is reloaded, resumed or made.

What lives here knows no kind of spec by name, no method and no picture; the kinds stand in ``ddkit.specs`` and
``ddkit.applications``.
"""

from ddkit.runs.makers import maker, sign
from ddkit.runs.record import EVOLUTION, SERIES, SYNTHETIC, WEIGHTS, Record, set_of
from ddkit.runs.runner import find, run, runs_root, starting_set, training_set
from ddkit.runs.shipped import RECORD, REFERENCE, makes_runs, reloads_shipped, shelves

__all__ = ["EVOLUTION", "RECORD", "REFERENCE", "SERIES", "SYNTHETIC", "WEIGHTS", "Record", "find", "maker",
           "makes_runs", "reloads_shipped", "run", "runs_root", "set_of", "shelves", "sign", "starting_set",
           "training_set"]
