"""The spec of a distillation."""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import ClassVar

from ddkit import methods
from ddkit.data import Dataset
from ddkit.foundation.errors import one_of, require, whole
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import NUMBER
from ddkit.methods import coresets, presets
from ddkit.methods.loop import distill
from ddkit.networks import parse, sketch_for
from ddkit.networks.precision import tell_if_slow
from ddkit.runs.jobs import Job, Outcome
from ddkit.runs.spec import Spec, key, pairs
from ddkit.specs.evaluate import PROTOCOLS, in_precision, scorer, with_numbers_of
from ddkit.specs.experts import Experts
from ddkit.specs.sources import MadeSet
from ddkit.synthetic import INITS, SyntheticSet, check_ipc
from ddkit.training.kernels import InfiniteNetwork
from ddkit.training.scores import Scores

_IN_CONFIG = ("preset", "network", "width", "precision", "options")  # fields that come to count by the config alone


@dataclass(frozen=True)
class Distill(MadeSet, Spec):
    """Names a distillation.

    Attributes:
        dataset, size: as for ``data.load``.
        method, preset: as in ``ddkit.methods``.
        ipc: images per class.
        init: ``real`` (random images), ``herding`` or ``k-centre`` (chosen ones, see ``coresets``), or ``noise``.
        network, width: matched on; None takes the preset's.
        updates: of the synthetic set; None takes the preset's.
        seed: of everything random in the run.
        options: that replace the preset's, by name: a dict or pairs, kept as pairs.
        precision: ``float32`` or ``bfloat16``, as in ``networks.precision``; None takes the preset's.
    """

    RESULT: ClassVar[dict] = {"moved": NUMBER, "losses": [{...: NUMBER}], "validation": [[NUMBER]],
                              "departures": [str], "?privacy": dict}

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
    precision: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "options", pairs(self.options))

    @cached_property
    def config(self):
        """The method's configuration with the preset and the options in place."""
        named = {"network": self.network, "width": self.width, "precision": self.precision}
        chosen = {name: value for name, value in named.items() if value is not None}
        if self.updates is not None and any(f.name == "updates" for f in fields(methods.get(self.method).Config)):
            chosen["updates"] = self.updates  # a knob of methods whose schedule depends on it
        return presets.configure(self.method, self.preset, {**dict(self.options), **chosen}, self.dataset)

    @property
    def learns_rate(self) -> bool:
        return methods.get(self.method).learns_rate

    @property
    def draws_start(self) -> bool:
        """Whether the seed alone decides what it starts from."""
        return not getattr(self.config, "chooses_start", methods.get(self.method).chooses_start)

    @property
    def prescribes(self) -> bool:
        return getattr(self.config, "prescribes", False)

    @property
    def fixes_start(self) -> bool:
        return getattr(self.config, "fixes_start", False)

    @property
    def experts(self) -> Experts | None:
        """The expert trajectories that the method matches, if it matches any."""
        plan = getattr(self.config, "plan", None)
        return plan and Experts(self.dataset, plan, size=self.size)

    @property
    def total_updates(self) -> int:
        return self.config.updates if self.updates is None else self.updates

    def decides(self) -> dict:
        named = {n: v for n, v in super().decides().items() if n not in _IN_CONFIG}
        return named | {"config": self.config, "updates": self.total_updates}

    def check(self) -> None:
        super().check()
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

    def starting_set(self, dataset: Dataset) -> SyntheticSet:
        """The synthetic set that the run starts from."""
        if self.init in coresets.STARTS:
            return coresets.select(dataset, self.ipc, self.init, seed=self.seed)
        return SyntheticSet.begin(self.init, dataset, self.ipc, stream(self.seed, "init"))

    def synthetic(self, job: Job) -> SyntheticSet:
        return job.run(self).synthetic

    @property
    def _precision(self) -> str:
        return getattr(self.config, "precision", "float32")  # a method need not know any other

    def work(self, job: Job) -> Outcome:
        tell_if_slow(self._precision, job.dataset.train.images.device, job.quiet)
        dataset, synthetic = job.dataset, self.starting_set(job.dataset)
        method = methods.get(self.method)(self.config)
        if self.experts:
            method.trajectories = job.run(self.experts).trajectories
        kept = job.checkpoint("checkpoint.pt")
        history = distill(
            method, synthetic, dataset, updates=self.total_updates, seed=self.seed, checkpoint=kept,
            validate=lambda s: self._validation_score(s, dataset), quiet=job.quiet, **job.watching)
        synthetic.origin |= {"method": self.method, "preset": self.preset, "seed": self.seed,
                             "updates": history.updates}
        return Outcome(history.seconds, history.updates, {
            "moved": synthetic.moved, "cpu_seconds": history.cpu_seconds, "losses": history.losses,
            "validation": history.validation, "departures": presets.departures(self.method, self.preset, self.dataset),
            **{name: said for name, said in synthetic.origin.items() if name == "privacy"}},
            synthetic, history.snapshots, (kept.path,))

    def _validation_score(self, synthetic: SyntheticSet, dataset: Dataset) -> float:
        """Headline score of the set on validation data, by the protocol that the method names, or as it prescribes."""
        config = self.config
        how = PROTOCOLS["prescribed" if self.prescribes else methods.get(self.method).validation]
        how = in_precision(how, self._precision)
        how = with_numbers_of(synthetic, how) if self.prescribes else how
        return Scores((scorer(how)(synthetic.training_split(), dataset, config.network, how, self.seed,
                                   width=config.width, split="val", quiet=True),)).headline.mean
