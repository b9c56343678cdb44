"""ddkit: learn dataset distillation by doing it.

``import ddkit`` is light; the names below load their modules when first used.
"""

import importlib
import os
import sys

# Torch's threads spin while they wait for one another; of two programs on the same cores each then waits for threads
# that the other's spinning keeps from running. A short spin costs one program little and lets two share the processor.
if "torch" not in sys.modules and not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = "1000"  # benchmarks/two_at_once.py

__version__ = "0.1.0"

_HOMES = {
    "load": "data",
    "SyntheticSet": "synthetic",
    "Coreset": "specs",
    "Distill": "specs",
    "Evaluate": "specs",
    "Experts": "specs",
    "Full": "specs",
    "RandomReal": "specs",
    "Start": "specs",
    "File": "specs",
    "Grid": "applications.search",
    "Search": "applications.search",
    "Record": "runs",
    "Continual": "applications.continual",
    "run": "runs",
    "find": "runs",
    "errors": "foundation",
    "profile": "course.profiles",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'ddkit' has no attribute '{name}'")
    return getattr(importlib.import_module(f"ddkit.{_HOMES[name]}"), name)


def __dir__():
    return [*__all__, "__version__"]
