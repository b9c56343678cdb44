"""Grids: one distillation with some of its knobs at several values each, every combination judged on validation data.

They are made by ``benchmarks/grid.py`` and come with the repository, to be predicted and revealed.
"""

import statistics
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from itertools import product
from pathlib import Path

from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import read_json, write_json
from ddkit.foundation.schema import COUNT, NUMBER, require_fit
from ddkit.runs import REFERENCE
from ddkit.specs import Distill, describe_spec, restore_spec

GRIDS = REFERENCE / "grids"
_CELL = {"values": [NUMBER], "run": str, "accuracies": [NUMBER], "losses": [NUMBER], "moved": NUMBER,
         "seconds": NUMBER}
_SCHEMA = {"spec": {"type": str}, "fingerprint": str, "made": str, "device": str, "versions": {...: str},
           "protocol": str, "network": str, "width": COUNT, "axes": {...: [NUMBER]}, "cells": [_CELL]}


@dataclass(frozen=True)
class Cell:
    """One combination.

    Attributes:
        values: of the axes, in their order.
        run: name of the distillation.
        accuracies: on validation data, in [0, 1], one for each network that was trained on the set.
        losses: of some of the updates, the first and the last among them.
        moved, seconds: of the distillation.
    """

    values: tuple[float, ...]
    run: str
    accuracies: tuple[float, ...]
    losses: tuple[float, ...]
    moved: float
    seconds: float

    @property
    def mean(self) -> float:
        return statistics.fmean(self.accuracies)

    @property
    def error(self) -> float:
        """Standard error of the mean, over the networks."""
        return statistics.stdev(self.accuracies) / len(self.accuracies) ** 0.5


@dataclass(frozen=True, eq=False)
class Grid:
    """What is varied, and what came of it.

    Attributes:
        spec: the distillation whose fields and options are varied.
        axes: the values of each, by the name of a field of the spec, or of a knob of its method.
        cells: one for each combination.
        protocol, network, width: what validated it.
        fingerprint, made, device, versions: as of a record.
    """

    spec: Distill
    axes: dict[str, tuple[float, ...]]
    cells: tuple[Cell, ...]
    protocol: str
    network: str
    width: int
    fingerprint: str
    made: str
    device: str
    versions: dict[str, str]

    @property
    def name(self) -> str:
        """It in words."""
        spec = self.spec
        return f"{spec.dataset}: {spec.method} from {spec.init}, {spec.total_updates} updates"

    @cached_property
    def _by_values(self) -> dict[tuple[float, ...], Cell]:
        return {cell.values: cell for cell in self.cells}

    def at(self, **values: float) -> Cell:
        """The cell with a value on every axis."""
        return self._by_values[tuple(values[name] for name in self.axes)]

    def along(self, axis: str, **values: float) -> list[Cell]:
        """The cells with all values of one axis, and these on the others."""
        return [self.at(**values | {axis: value}) for value in self.axes[axis]]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        content = {name: value for name, value in self.__dict__.items() if name in _SCHEMA}
        write_json(path, content | {"spec": describe_spec(self.spec), "cells": [asdict(cell) for cell in self.cells]})

    @classmethod
    def load(cls, path: Path) -> "Grid":
        """Read what was saved.

        Raises:
            InputError: the file is no whole grid.
        """
        content = read_json(path)
        require_fit(content, _SCHEMA, f"{path} is no whole grid: fetch it again")
        axes = {name: tuple(values) for name, values in content["axes"].items()}
        cells = tuple(Cell(*(tuple(v) if isinstance(v, list) else v for v in (cell[f] for f in _CELL)))
                      for cell in content["cells"])
        require({cell.values for cell in cells} == set(product(*axes.values())),
                f"{path} lacks combinations of its axes: fetch it again")
        return cls(**{name: content[name] for name in _SCHEMA} | {
            "spec": restore_spec(content["spec"]), "axes": axes, "cells": cells})


def combination(spec: Distill, values: dict[str, float]) -> Distill:
    """The distillation with these values of its fields, and of its method's knobs."""
    own = {field.name for field in fields(spec)}
    options = dict(spec.options) | {name: value for name, value in values.items() if name not in own}
    return replace(spec, **{n: v for n, v in values.items() if n in own}, options=tuple(sorted(options.items())))


def grids(folder: Path = GRIDS) -> list[Grid]:
    """All grids that came with the repository, by name; what is damaged is left out."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(Grid.load(path))
        except InputError:
            continue
    return found
