"""What came of a run: a record of one screen, and beside it sets, long series and pictures between updates."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import torch

from ddkit.data import Dataset
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import expanded, read_json, read_tensors, sha256, write_json, write_tensors
from ddkit.foundation.schema import COUNT, NUMBER, require_fit
from ddkit.runs import evolution, series
from ddkit.runs.card import card, line
from ddkit.runs.shipped import RECORD, shipped
from ddkit.runs.spec import kind_of, restore_spec
from ddkit.synthetic import SyntheticSet
from ddkit.training.experts import Trajectories
from ddkit.training.scores import Scores

SYNTHETIC, EVOLUTION, WEIGHTS = "synthetic.safetensors", "evolution.safetensors", "weights.safetensors"
SERIES = "series.safetensors"  # the long ones of the result
_SCHEMA = {"spec": {"type": str}, "made": str, "fingerprint": str, "device": str, "versions": {...: str},
           "seconds": NUMBER, "peak_memory_mib": NUMBER, "updates": COUNT, "result": dict, "?notes": [str],
           "?files": {...: str}, "?maker": str, "?made_as": str,
           "?other_data": [{"dataset": str, "size": (None, COUNT), "fingerprint": str}]}
_UNSAID = ("maker", "made_as", "other_data")  # what older records lack, left out where there is nothing to say


@dataclass(repr=False)
class Record:
    """What came of a run.

    Attributes:
        spec: as plain data.
        made: when it ended, ISO 8601, UTC.
        fingerprint: of the data set.
        device: what it ran on, one after the other if it was resumed elsewhere.
        versions: of the software, one after the other if it was resumed with another.
        seconds: what it took, interruptions left out.
        peak_memory_mib: the most memory of its process until it ended, whatever else that did before.
        updates: of the synthetic set, or of each evaluation's network.
        result: of a distillation ``moved``, ``cpu_seconds`` (of all cores), ``losses``, ``validation``, ``departures``;
            of an evaluation ``runs`` (one dict per seed), ``classes``, ``chance``, and ``cost`` of the network or, if
            one predicted, the ``kernel``; of both the ``size`` of the set (see ``synthetic.budget``; older records have
            none); of an application what its module says.
        notes: the data set's, which belong beside results: that the images are synthetic, say.
        files: sha256 of the files beside it, by name (older records name none).
        maker: who made it; "" where nobody gave a name, as in older records.
        made_as: the name that its spec had then, of which another ddkit, with other presets, makes another one; older
            records do not say.
        other_data: data sets, by ``dataset``, ``size`` and ``fingerprint``, that runs which it began with have learned
            from; older records do not say.
        folder: where it lies.
    """

    spec: dict
    made: str
    fingerprint: str
    device: str
    versions: dict[str, str]
    seconds: float
    peak_memory_mib: float
    updates: int
    result: dict
    notes: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    maker: str = ""
    made_as: str = ""
    other_data: list[dict] = field(default_factory=list)
    folder: Path = field(default=Path(), compare=False)

    @classmethod
    def load(cls, folder: str | Path) -> "Record":
        """Read the record in ``folder``.

        Raises:
            InputError: there is none, or it is damaged.
        """
        path = expanded(folder) / RECORD
        require(path.exists(), f"no record in {folder}: name the folder of a finished run")
        content, wrong = read_json(path), f"{path} holds no record of ddkit: delete its folder to make the run again"
        require_fit(content, _SCHEMA, wrong)
        if SERIES in content.get("files", {}):
            long = read_tensors(_verified(path.parent / SERIES, content["files"]))[0]
            try:
                content["result"] = series.join(content["result"], long)
            except (KeyError, IndexError, TypeError, ValueError, StopIteration) as error:
                raise InputError(wrong) from error
        kind = kind_of(content["spec"]["type"])
        require_fit(content["result"], getattr(kind, "RESULT", {}), wrong)
        require(content["result"].get("runs", [1]) != [], wrong)
        try:
            return cls(**content, folder=path.parent)
        except TypeError as error:
            raise InputError(wrong) from error

    @property
    def asked(self):
        """The spec that it came of.

        Raises:
            InputError: it is none that this version of ddkit knows.
        """
        return restore_spec(self.spec)

    @property
    def name(self) -> str:
        """The name that it was made under; of older records, which do not say, that of their spec now.

        Raises:
            InputError: the spec is none that this version of ddkit knows.
        """
        try:
            named = self.asked.name
            return self.made_as or named
        except InputError:
            raise
        except Exception as error:  # whatever a strange spec leads to
            raise InputError(f"{self.folder / RECORD} names no run that this version of ddkit knows: delete its folder "
                             "to make the run again") from error

    def is_of(self, spec) -> bool:
        """Whether it is the record of a spec: by the name that it was made under, and by that of its own spec now."""
        return {self.name, self.asked.name} == {spec.name}

    def save(self, *, packed: bool = False) -> None:
        """Write it into its folder, long series into a file of their own; ``packed`` as for ``write_tensors``."""
        result, long = series.split(self.result)
        if long:
            write_tensors(self.folder / SERIES, long, packed=packed)
            self.files[SERIES] = sha256((self.folder / SERIES).read_bytes())
        elif self.files.pop(SERIES, None):
            (self.folder / SERIES).unlink(missing_ok=True)
        write_json(self.folder / RECORD, self.as_dict() | {"result": result})

    def as_dict(self) -> dict:
        return {k: v for k, v in asdict(self).items() if k != "folder" and (v or k not in _UNSAID)}

    @cached_property
    def synthetic(self) -> SyntheticSet:
        """The distilled or chosen set (of a record that has one)."""
        require((self.folder / SYNTHETIC).exists(), f"{self.folder} holds no set: give the record of a distillation or "
                                                    "a coreset; if its file was deleted, delete the folder to make "
                                                    "the run again")
        return SyntheticSet.load(self._own(SYNTHETIC))

    @cached_property
    def evolution(self) -> dict[int, torch.Tensor]:
        """The images after some of the updates (of a distillation's record), normalised.

        Those between the start and the end are kept as pictures: in 8 bits, between black and white. Empty where none
        were kept, as of the larger sets in ``data/reference``.
        """
        path = self._own(EVOLUTION)
        return evolution.read(path, self.synthetic) if path.exists() else {}

    @cached_property
    def weights(self) -> dict[str, torch.Tensor]:
        """Those of the network that was trained (of a record of pre-training), by name."""
        require((self.folder / WEIGHTS).exists(), f"{self.folder} holds no weights: give the record of a pre-training; "
                                                  "if its file was deleted, delete the folder to make the run again")
        return read_tensors(self._own(WEIGHTS))[0]

    def _own(self, name: str) -> Path:
        """The file of that name beside the record, if it is still the one that was written with it."""
        return _verified(self.folder / name, self.files)

    @cached_property
    def trajectories(self) -> Trajectories:
        """The snapshots (of a record of experts)."""
        whose = {"run": self.name, "fingerprint": self.fingerprint}
        return Trajectories(self.folder, self.asked.plan, whose)

    def require_of(self, dataset: Dataset) -> None:
        """Refuse data that the run is not of, by their content."""
        _require_same(self.name, self.fingerprint, dataset)

    @property
    def shipped(self) -> bool:
        """Whether it came with the repository, wherever it was copied to; else it was made by somebody."""
        try:
            return shipped(self.folder, self.name, vars(self))
        except InputError:  # a run that this version does not know was shipped by none
            return False

    @property
    def whose(self) -> str:
        """``shipped`` or ``yours``, and who made it if that is known."""
        return ("shipped" if self.shipped else "yours") + f", made by {self.maker}" * bool(self.maker)

    @property
    def scores(self) -> Scores:
        """The test scores (of a record that has any)."""
        return Scores(tuple(self.result["runs"]), notes=tuple(self.notes), spec=self.spec)

    def __repr__(self) -> str:
        return line(self)

    def _repr_html_(self) -> str:
        return card(self)

    def __str__(self) -> str:
        device = self.device.replace(", 1 threads", ", 1 thread")  # as older records have it
        told = f"{self.folder.name}: made {self.made[:10]} in {self.seconds:.0f} s on {device}, {self.whose}"
        if self.spec.get("precision") not in (None, "float32"):
            told += f", {self.spec['precision']}"
        return "\n".join([told, *(f"({note})" for note in self.notes)])


def set_of(given: SyntheticSet | Record, dataset: Dataset | None = None) -> SyntheticSet:
    """A set, or that of a record.

    Args:
        dataset: that it has to be of, if it knows (None: whatever it is of).

    Raises:
        InputError: it is neither, or the record's run has none, or it is of other data.
    """
    found = given.synthetic if isinstance(given, Record) else given
    require(isinstance(found, SyntheticSet), f"a set or a record of one is wanted, got {type(found).__name__}")
    if dataset is not None:
        _require_same("the set", found.origin.get("fingerprint", dataset.fingerprint), dataset)
    return found


def _require_same(what: str, fingerprint: str, dataset: Dataset) -> None:
    require(fingerprint == dataset.fingerprint,
            f"{what} is of other data (fingerprint {fingerprint[:12]}) than {dataset.name} as given "
            f"({dataset.fingerprint[:12]}): give the data set that it was made from")


def _verified(path: Path, files: dict[str, str]) -> Path:
    require(path.name not in files or not path.exists() or sha256(path.read_bytes()) == files[path.name],
            f"{path} is not the file that was written with its record: delete the folder to make the run again")
    return path
