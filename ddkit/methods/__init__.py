"""Distillation methods, one file each, behind one set of verbs.

A method is a class with a dataclass ``Config`` (every knob), made from such a config, and with

* ``start(dataset, synthetic, rng)``: prepare; ``rng(name)`` gives the run's random streams;
* ``update() -> dict[str, float]``: one update of the synthetic set, the named losses;
* ``state_dict()`` and ``load_state_dict(state)``: what resuming needs.
"""

from ddkit.errors import one_of
from ddkit.methods.datadam import DataDAM

METHODS = {"datadam": DataDAM}


def get(name: str) -> type:
    """The method of that name.

    Raises:
        InputError: there is none.
    """
    return METHODS[one_of(name, METHODS, "method")]
