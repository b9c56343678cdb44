"""What is found by being there: sources, methods, applications and commands are the modules of a package."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType


def modules_in(package: ModuleType, deep: bool = False) -> Iterator[ModuleType]:
    """Every module and package in a package, in the order of their names; ``deep`` also those in the packages."""
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        yield module
        if deep and found.ispkg:
            yield from modules_in(module, deep)
