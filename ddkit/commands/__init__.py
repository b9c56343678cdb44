"""The commands of ``python -m ddkit``, a file for what belongs together; those of applications stand with them.

Every such file has ``add_to(add)``, which adds its commands by ``add(name, work, text)``; nothing imports these files.
"""

import argparse
import importlib.util
from collections.abc import Iterator
from types import ModuleType

from ddkit import applications
from ddkit.cli.commands import parser_of
from ddkit.commands import choose, course, data, distill, evaluate, explore, look, pretrain, report, train
from ddkit.foundation.finding import modules_in

EPILOG = """examples:
  python -m ddkit course
      the whole of Task 1 on scikit-learn's digits, in a few minutes, nothing downloaded
  python -m ddkit distill --dataset mnist --preset course --ipc 10 --init real --out runs/real
      distil ten images per class; the same command resumes a run that was stopped
  python -m ddkit evaluate runs/real --protocol standard --seeds 5
      train five networks on them, beside random real images and the undistilled start
  python -m ddkit continual --dataset mnist --memory random,datadam --ipc 10
      learn two classes at a time, with ten images of each kept
  python -m ddkit league --dataset mnist --methods dm,dsa,rfad --ipc 1,10
      let methods distil for three minutes each and score their sets alike, beside published numbers
"""
# In the order in which --help lists them.
CORE = (course, train, pretrain, distill, choose, evaluate, look, data, explore, report)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands, those of the applications among them, which are found by being there."""
    return parser_of((*CORE, *_of_applications()), "python -m ddkit", "Learn dataset distillation by doing it.", EPILOG)


def _of_applications() -> Iterator[ModuleType]:
    """The ``command`` of every application that has one."""
    for home in modules_in(applications):
        if hasattr(home, "__path__") and importlib.util.find_spec(f"{home.__name__}.command"):
            yield importlib.import_module(f"{home.__name__}.command")
