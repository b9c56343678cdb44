"""What a run is asked for: specs name runs, and sources name what networks are trained on.

There are four kinds of spec here. ``Distill`` makes a synthetic set and ``Coreset`` chooses one; ``Experts`` trains the
trajectories that some methods match; ``Evaluate`` trains networks on a source and scores them on test data. A source is
the full data, random real images, a coreset, the start of a distillation, its result, or a file. Further kinds stand
with their work in ``ddkit.applications``. All are plain frozen values that can be written down as JSON and read back.

A data set's name may end in some of its classes, as in ``mnist-4-9``: the run then sees no others.
"""

import hashlib
import importlib
import json
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from pathlib import Path

from ddkit import coresets, methods, presets
from ddkit.data import Dataset, canonical, parse_name
from ddkit.errors import InputError, one_of, require, whole
from ddkit.experts import Plan
from ddkit.formats import digest, open_set
from ddkit.kernel_scores import KERNEL_PROTOCOLS, KernelProtocol
from ddkit.kernels import InfiniteNetwork
from ddkit.networks import parse, sketch_for
from ddkit.synthetic import INITS, SyntheticSet, check_ipc
from ddkit.training import PROTOCOLS, Protocol, protocol


class _OfDataset:
    """What names a data set, by one name however it was spelt: digits-04-9 is digits-4-9."""

    dataset: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "dataset", canonical(self.dataset))


@dataclass(frozen=True)
class Full(_OfDataset):
    """All training images of a data set (the validation part is left out)."""

    dataset: str
    size: int | None = None


@dataclass(frozen=True)
class RandomReal(_OfDataset):
    """Random real images, ``ipc`` of each class, drawn anew for every evaluation seed."""

    dataset: str
    ipc: int
    size: int | None = None


@dataclass(frozen=True)
class Coreset(_OfDataset):
    """Names a choice of real images, and is the source that they make.

    Attributes:
        dataset, size: as for ``data.load``.
        ipc: images per class.
        method, on, width, epochs: as for ``coresets.select``.
        seed: of everything random in the choice.
    """

    dataset: str
    ipc: int
    method: str = "herding"
    on: str = coresets.PIXELS
    width: int = 128
    epochs: int = 5
    seed: int = 0
    size: int | None = None

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        parse_name(self.dataset)
        whole(self.ipc, 1, "images per class (ipc)")
        coresets.check(self.method, self.on, self.epochs)
        if self.on != coresets.PIXELS:
            parse(self.on, self.width)

    def check_on(self, dataset: Dataset) -> None:
        """Raise InputError for whatever can be seen to be wrong once the data set is loaded, before any work."""
        check_ipc(self.ipc, dataset)
        if self.on != coresets.PIXELS:
            sketch_for(dataset, self.on, self.width)

    @property
    def numbers(self) -> dict:
        """What decides the outcome beside the fields: how the network is trained, if there is one."""
        trains = self.on != coresets.PIXELS and self.epochs
        return {"training": coresets.training_of(self.epochs)} if trains else {}

    @property
    def name(self) -> str:
        return f"coreset-{self.dataset}-{self.method}-ipc{self.ipc}-{key(self)}"


@dataclass(frozen=True)
class Experts(_OfDataset):
    """Names a set of expert trajectories: networks trained on the full data as ``plan`` says."""

    dataset: str = "mnist"
    plan: Plan = Plan()  # noqa: RUF009 (frozen)
    seed: int = 0
    size: int | None = None

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        parse_name(self.dataset)

    def check_on(self, dataset: Dataset) -> None:
        """Raise InputError for whatever can be seen to be wrong once the data set is loaded, before any work."""
        sketch_for(dataset, self.plan.network, self.plan.width)

    @property
    def name(self) -> str:
        return f"experts-{self.dataset}-{self.plan.network}-{key(self)}"


@dataclass(frozen=True)
class Distill(_OfDataset):
    """Names a distillation.

    Attributes:
        dataset, size: as for ``data.load``.
        method, preset: as in ``ddkit.methods`` and ``ddkit.presets``.
        ipc: images per class.
        init: ``real`` (random images), ``herding`` or ``k-centre`` (chosen ones, see ``coresets``), or ``noise``.
        network, width: matched on; None takes the preset's.
        updates: of the synthetic set; None takes the preset's.
        seed: of everything random in the run.
        options: (name, value) pairs that replace the preset's.
    """

    dataset: str = "mnist"
    method: str = "datadam"
    preset: str = "course"
    ipc: int = 10
    init: str = "real"
    network: str | None = None
    width: int | None = None
    updates: int | None = None
    seed: int = 0
    size: int | None = None
    options: tuple[tuple[str, object], ...] = ()

    @cached_property
    def config(self):
        """The method's configuration with the preset and the options in place."""
        chosen = {k: v for k, v in (("network", self.network), ("width", self.width)) if v is not None}
        if self.updates is not None and any(f.name == "updates" for f in fields(methods.get(self.method).Config)):
            chosen["updates"] = self.updates  # a knob of methods whose schedule depends on it
        return presets.configure(self.method, self.preset, {**dict(self.options), **chosen}, self.dataset)

    @property
    def experts(self) -> Experts | None:
        """The expert trajectories that the method matches, if it matches any."""
        plan = getattr(self.config, "plan", None)
        return plan and Experts(self.dataset, plan, size=self.size)

    @property
    def total_updates(self) -> int:
        return self.config.updates if self.updates is None else self.updates

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        parse_name(self.dataset)
        one_of(self.init, (*INITS, *coresets.STARTS), "init")
        whole(self.ipc, 1, "images per class (ipc)")
        if InfiniteNetwork.named(self.config.network) is None:
            parse(self.config.network, self.config.width)
        whole(self.total_updates, 1, "updates")
        inits = getattr(self.config, "inits", None)
        require(inits is None or self.init in inits,
                f"with these options {self.method} begins from {' or '.join(inits or ())} images, not from "
                f"'{self.init}': choose another init, or other options")

    def check_on(self, dataset: Dataset) -> None:
        """Raise InputError for whatever can be seen to be wrong once the data set is loaded, before any work."""
        check_ipc(self.ipc, dataset)
        weights = 0
        if InfiniteNetwork.named(self.config.network) is None:
            network = sketch_for(dataset, self.config.network, self.config.width)
            weights = sum(p.numel() for p in network.parameters())
        pixels = dataset.train.images[0].numel()
        methods.get(self.method).check_memory(self.config, self.ipc * len(dataset.classes), pixels, weights)

    @property
    def name(self) -> str:
        return f"distill-{self.dataset}-{self.method}-{self.preset}-ipc{self.ipc}-{self.init}-{key(self)}"


@dataclass(frozen=True)
class Start:
    """The synthetic set of a distillation, or of a file that one left, before its first update."""

    of: "Distill | File"

    @property
    def drawn(self) -> bool:
        """Whether the seed alone decides it, so that nothing need be distilled to have it."""
        return isinstance(self.of, Distill) and not methods.chooses_start(self.of.method)


@dataclass(frozen=True)
class File(_OfDataset):
    """A saved synthetic set, known by the digest of its file or files.

    Attributes:
        path: of the file; of a set in several, of the images'.
        sha256: as ``formats.digest`` has it.
        dataset, size: as for ``data.load``.
        labels, pixels, entry: as for ``formats.open_set``, of a file that does not say.
    """

    path: str
    sha256: str
    dataset: str
    size: int | None = None
    labels: str | None = None
    pixels: str | None = None
    entry: int | None = None

    @classmethod
    def of(cls, path: str | Path, dataset: str, size: int | None = None, *, labels: str | None = None,
           pixels: str | None = None, entry: int | None = None) -> "File":
        """The file as it is now."""
        return cls(str(path), digest(path), dataset, size, labels, pixels, entry)

    def open(self, dataset: Dataset) -> SyntheticSet:
        """The set, if the file is still the one that was named.

        Raises:
            InputError: it has changed since, or as of ``formats.open_set``.
        """
        require(digest(self.path) == self.sha256, f"{self.path} has changed since this run was named: ask for it anew, "
                                                  "by File.of or by the same command")
        return open_set(self.path, dataset, labels=self.labels, pixels=self.pixels, entry=self.entry, quiet=True)


Source = Full | RandomReal | Coreset | Distill | Start | File


@dataclass(frozen=True)
class Evaluate:
    """Names an evaluation: train ``network`` on ``of`` under ``protocol``, once for each of ``seeds`` seeds.

    Under a kernel protocol (``kernel_scores``) the kernel of ``network``, which may then be ``NTK`` or ``NNGP``,
    predicts from ``of``, and ``network`` itself is not trained to answer.
    """

    of: Source
    protocol: str = "standard"
    network: str = "ConvNetD3"
    width: int = 128
    seeds: int = 5
    epochs: int | None = None  # replaces the protocol's own length

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        parse_name(origin(self.of).dataset)
        one_of(self.protocol, PROTOCOLS | KERNEL_PROTOCOLS, "protocol")
        whole(self.seeds, 1, "seeds")
        if self.epochs is not None:
            whole(self.epochs, 1, "epochs")
        self._check_network()
        require(self.protocol != "learned" or isinstance(self.of, Distill | File),
                "the 'learned' protocol takes the learning rate that a distilled set has learned, and these images "
                "have none: use 'standard'")
        if isinstance(origin(self.of), Distill | Coreset):
            origin(self.of).check()
        require(self.protocol != "learned" or not isinstance(self.of, Distill) or methods.learns_rate(self.of.method),
                f"{getattr(self.of, 'method', '')} learns no learning rate: use the 'standard' protocol")
        if isinstance(self.of, RandomReal):
            whole(self.of.ipc, 1, "images per class (ipc)")

    def check_on(self, dataset: Dataset) -> None:
        """Raise InputError for whatever can be seen to be wrong once the data set is loaded, before any work."""
        check_source(self.of, dataset)
        if InfiniteNetwork.named(self.network) is None:
            sketch_for(dataset, self.network, self.width)

    def _check_network(self) -> None:
        if self.protocol in KERNEL_PROTOCOLS:
            KERNEL_PROTOCOLS[self.protocol].check(self.network, self.width)
            require(self.epochs is None, f"protocol '{self.protocol}' trains no classifier: leave the epochs out")
        else:
            require(InfiniteNetwork.named(self.network) is None,
                    f"{self.network} is infinitely wide and cannot be trained: take protocol 'kernel', or another "
                    "network")
            parse(self.network, self.width)

    @property
    def trials(self) -> int:
        """How many seeds are scored: one where no seed could change the score."""
        fixed = InfiniteNetwork.named(self.network) is not None and not isinstance(self.of, RandomReal)
        return 1 if fixed else self.seeds

    @property
    def name(self) -> str:
        what = f"{origin(self.of).dataset}-{type(self.of).__name__.lower()}"
        return f"evaluate-{what}-{self.protocol}-{self.network}-{key(self)}"

    def how(self, dataset: Dataset) -> Protocol | KernelProtocol:
        """The protocol with its numbers."""
        if self.protocol in KERNEL_PROTOCOLS:
            return KERNEL_PROTOCOLS[self.protocol]
        found = protocol(self.protocol, dataset)
        return found if self.epochs is None else replace(found, epochs=self.epochs, updates=None)


Spec = Distill | Coreset | Evaluate | Experts
# Further specs and the values in them, and the module of ddkit.applications that has each.
APPLICATIONS = {"Continual": "continual", "Grid": "search", "Search": "search"}


def origin(source: Source):
    """Where a source's data set and size are written: the source itself, or the distillation it is the start of."""
    return source.of if isinstance(source, Start) else source


def check_source(source: Source, dataset: Dataset) -> None:
    """Raise InputError for whatever can be seen to be wrong with a source once its data set is loaded."""
    made = origin(source)
    if isinstance(made, Distill | Coreset):
        made.check_on(dataset)
    elif isinstance(made, RandomReal):
        check_ipc(made.ipc, dataset)


def describe_spec(spec) -> dict:
    """A spec or source as plain data, with its type's name."""
    values = {f.name: getattr(spec, f.name) for f in fields(spec)}
    return {"type": type(spec).__name__,
            **{name: describe_spec(value) if is_dataclass(value) else value for name, value in values.items()}}


def restore_spec(content: dict):
    """The inverse of ``describe_spec``, from JSON."""
    try:
        values = {k: restore_spec(v) if isinstance(v, dict) else _frozen(v) for k, v in content.items() if k != "type"}
        return _kind(content["type"])(**values)
    except (KeyError, TypeError, AttributeError, StopIteration, RecursionError) as error:
        raise InputError("the spec is none that this version of ddkit knows: delete its record to make the run "
                         "again") from error


def _kind(name: str) -> type:
    if name in APPLICATIONS:
        return getattr(importlib.import_module(f"ddkit.applications.{APPLICATIONS[name]}"), name)
    kinds = (Full, RandomReal, Coreset, Distill, Start, File, Evaluate, Experts, Plan)
    return next(kind for kind in kinds if kind.__name__ == name)


def _frozen(value):
    """The value with tuples for lists, which is what JSON makes of them."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def key(spec) -> str:
    """Eight characters that differ between specs that ask for different work."""
    return hashlib.sha256(json.dumps(_work(spec), sort_keys=True).encode()).hexdigest()[:8]


def _work(spec) -> dict:
    """All that decides a run's outcome: presets and protocols by their numbers, files by their content.

    Fields that have their default are left out, so that a field added later does not rename old runs.
    """
    values = {f.name: getattr(spec, f.name) for f in fields(spec) if getattr(spec, f.name) != f.default}
    if isinstance(spec, Distill):
        for name in ("preset", "network", "width", "options"):
            values.pop(name, None)
        values |= {"config": spec.config, "updates": spec.total_updates}
    elif isinstance(spec, Start) and spec.drawn:  # whatever the method does afterwards
        values = {name: getattr(spec.of, name) for name in ("dataset", "size", "ipc", "init", "seed")}
    elif isinstance(spec, Evaluate):
        values["protocol"] = (PROTOCOLS | KERNEL_PROTOCOLS)[spec.protocol]
    elif isinstance(spec, File):
        values.pop("path")
    else:
        values |= getattr(spec, "numbers", {})
    return {"type": type(spec).__name__, **{k: _work(v) if is_dataclass(v) else v for k, v in values.items()}}
