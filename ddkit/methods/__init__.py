"""Distillation methods, one file each, behind one set of verbs.

A method is a class with a dataclass ``Config`` (every knob), made from such a config, and with

* ``start(dataset, synthetic, rng)``: prepare; ``rng(name)`` gives the run's random streams;
* ``update() -> dict[str, float]``: one update of the synthetic set, the named losses;
* ``state_dict()`` and ``load_state_dict(state)``: what resuming needs;
* ``validation``: the protocol that a run's validation scores by;
* ``check_memory(config, images, pixels, weights)``: refuse what cannot fit, by the numbers of synthetic images, of
  pixels in each, and of a network's weights.

A method that chooses its own images to begin with has ``chooses_start = True``, one that learns a learning rate has
``learns_rate = True``; a config that can only begin from some images lists them as ``inits``. A method whose config has
a ``plan`` of experts is given their ``trajectories`` before ``start``.
"""

from ddkit.foundation.errors import one_of
from ddkit.methods.kernel.frepo import FRePo
from ddkit.methods.kernel.kip import KIP
from ddkit.methods.kernel.rfad import RFAD
from ddkit.methods.matching.datadam import DataDAM
from ddkit.methods.matching.trajectory import TrajectoryMatching

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


def learns_rate(name: str) -> bool:
    """Whether the method of that name learns the learning rate that its set is to be trained on with."""
    return getattr(get(name), "learns_rate", False)
