"""Distillation methods, one file each, behind one set of verbs.

A method is a class with a dataclass ``Config`` (every knob), made from such a config, and with

* ``start(dataset, synthetic, rng)``: prepare; ``rng(name)`` gives the run's random streams;
* ``update() -> dict[str, float]``: one update of the synthetic set, the named losses;
* ``state_dict()`` and ``load_state_dict(state)``: what resuming needs;
* ``validation``: the protocol that a run's validation scores by.

A method that chooses its own images to begin with has ``chooses_start = True``; one whose config has a ``plan`` of
experts is given their ``trajectories`` before ``start``.
"""

from ddkit.errors import one_of
from ddkit.methods.datadam import DataDAM
from ddkit.methods.frepo import FRePo
from ddkit.methods.kip import KIP
from ddkit.methods.rfad import RFAD
from ddkit.methods.trajectory import TrajectoryMatching

METHODS = {"datadam": DataDAM, "trajectory": TrajectoryMatching, "kip": KIP, "rfad": RFAD, "frepo": FRePo}


def get(name: str) -> type:
    """The method of that name.

    Raises:
        InputError: there is none.
    """
    return METHODS[one_of(name, METHODS, "method")]


def chooses_start(name: str) -> bool:
    """Whether the method of that name replaces the images it is given to begin with."""
    return getattr(get(name), "chooses_start", False)
