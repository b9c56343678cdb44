"""The spec of a distillation."""

from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

from ddkit import methods
from ddkit.data import Dataset
from ddkit.foundation.errors import one_of, require, whole
from ddkit.foundation.knobs import Knobs
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import NUMBER
from ddkit.methods import coresets, presets
from ddkit.methods.loop import distill
from ddkit.networks import parse, sketch_for
from ddkit.networks.precision import tell_if_slow
from ddkit.runs.jobs import Job, Outcome
from ddkit.runs.spec import Spec, key, pairs
from ddkit.specs.evaluate import PROTOCOLS, How, in_precision, scorer, with_numbers_of
from ddkit.specs.experts import Experts
from ddkit.specs.pretrain import Pretrain
from ddkit.specs.sources import MadeSet
from ddkit.synthetic import INITS, SyntheticSet, check_ipc, forms
from ddkit.synthetic.budget import SIZE, described
from ddkit.synthetic.forms import Canvas
from ddkit.training.kernel_scores import KernelProtocol
from ddkit.training.kernels import InfiniteNetwork
from ddkit.training.scores import Scores

_IN_CONFIG = ("preset", "network", "width", "precision", "options", "form", "form_options")
"""Fields that come to count by the configs alone."""


@dataclass(frozen=True)
class Distill(MadeSet, Spec):
    """Names a distillation.

    Attributes:
        dataset, size: as for ``data.load``.
        method, preset: as in ``ddkit.methods``.
        ipc: images per class; of another form than pixels as many bytes as these take in float32.
        init: ``real`` (random images), ``herding`` or ``k-centre`` (chosen ones, see ``coresets``), or ``noise``.
        network, width: matched on; None takes the preset's.
        updates: of the synthetic set; None takes the preset's.
        seed: of everything random in the run.
        options: that replace the preset's, by name: a dict or pairs, kept as pairs.
        precision: ``float32`` or ``bfloat16``, as in ``networks.precision``; None takes the preset's.
        form: how the images are made of what is stored, as in ``synthetic.forms``; None takes the preset's, with its
            options where none are given here, and is then known by name.
        form_options: of the form, by name: a dict or pairs, kept as pairs.
        budget: bytes that the images of the whole set may take, in place of those of ``ipc``, which then says nothing.
    """

    RESULT: ClassVar[dict] = {"moved": NUMBER, "losses": [{...: NUMBER}], "validation": [[NUMBER]],
                              "departures": [str], "?privacy": dict, "?size": SIZE}

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
    form: str | None = None
    form_options: tuple[tuple[str, object], ...] = ()
    budget: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("options", "form_options"):
            object.__setattr__(self, name, pairs(getattr(self, name)))
        if self.form is None:
            name, own = presets.form(self.method, self.preset)
            object.__setattr__(self, "form", name)
            object.__setattr__(self, "form_options", pairs({**own, **dict(self.form_options)}))

    @cached_property
    def config(self):
        """The method's configuration with the preset and the options in place."""
        named = {"network": self.network, "width": self.width, "precision": self.precision}
        chosen = {name: value for name, value in named.items() if value is not None}
        if self.updates is not None and any(f.name == "updates" for f in fields(methods.get(self.method).Config)):
            chosen["updates"] = self.updates  # a knob of methods whose schedule depends on it
        return presets.configure(self.method, self.preset, {**dict(self.options), **chosen}, self.dataset)

    @cached_property
    def form_config(self) -> Knobs:
        """The form's configuration with its options in place."""
        return forms.configure(self.form, dict(self.form_options))

    @property
    def formed(self) -> dict:
        """What decides of which form the set is, and what it may take, besides ``ipc``; empty of that many pixels."""
        of_form = {} if self.form == "pixels" else {"form": self.form, "form_config": self.form_config}
        return of_form | ({} if self.budget is None else {"budget": self.budget})

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
    def pretraining(self) -> Pretrain | None:
        """The pre-training whose weights the method begins with, if it wants any."""
        wanted = getattr(self.config, "pretraining", None)
        if wanted is None:
            return None
        dataset, plan, seed, size = wanted
        return Pretrain(dataset, plan, seed, self.size if size is None else size)

    @property
    def total_updates(self) -> int:
        return self.config.updates if self.updates is None else self.updates

    def decides(self) -> dict:
        unsaid = _IN_CONFIG if self.budget is None else (*_IN_CONFIG, "ipc")
        named = {n: v for n, v in super().decides().items() if n not in unsaid}
        return named | self.formed | {"config": self.config, "updates": self.total_updates}

    @property
    def able(self) -> "Distill":
        """The same from what its method can only begin with, where it could not begin from ``init``."""
        inits = getattr(self.config, "inits", None)
        return self if inits is None or self.init in inits else replace(self, init=inits[0])

    def check(self) -> None:
        super().check()
        one_of(self.init, (*INITS, *coresets.STARTS), "init")
        whole(self.ipc, 1, "images per class (ipc)")
        if self.budget is not None:
            whole(self.budget, 1, "the budget in bytes")
        methods.get(self.method).check_form(self.form)
        if InfiniteNetwork.named(self.config.network) is None:
            parse(self.config.network, self.config.width)
        whole(self.total_updates, 1, "updates")
        if self.pretraining:
            self.pretraining.check()
        inits = getattr(self.config, "inits", None)
        require(inits is None or self.init in inits,
                f"with these options {self.method} begins from {' or '.join(inits or ())} images, not from "
                f"'{self.init}': choose another init, or other options")

    def check_on(self, dataset: Dataset) -> None:
        forms.get(self.form).check_on(self.form_config, dataset)
        images = self.images_per_class(dataset)
        if self.form == "pixels" or self.init in coresets.STARTS:  # others show a real image twice, if there are few
            check_ipc(images, dataset)
        weights = 0
        if InfiniteNetwork.named(self.config.network) is None:
            network = sketch_for(dataset, self.config.network, self.config.width)
            weights = sum(p.numel() for p in network.parameters())
        pixels = dataset.train.images[0].numel()
        if self.pretraining:
            self.pretraining.check_for(dataset)
        methods.get(self.method).check_memory(self.config, images * len(dataset.classes), pixels, weights)

    @property
    def name(self) -> str:
        size = f"ipc{self.ipc}" if self.budget is None else f"bytes{self.budget}"
        form = "" if self.form == "pixels" else f"{self.form}-"
        return f"distill-{self.dataset}-{self.method}-{self.preset}-{form}{size}-{self.init}-{key(self)}"

    def images_per_class(self, dataset: Dataset) -> int:
        """Images of each class that the set decodes.

        Raises:
            InputError: the budget is too small for one, or the images' size does not fit the form.
        """
        return forms.get(self.form).count(self.form_config, Canvas.of(dataset), self._ipc(dataset))

    def _ipc(self, dataset: Dataset) -> int | Fraction:
        """The budget, in float32 images of each class."""
        return self.ipc if self.budget is None else Fraction(self.budget, Canvas.of(dataset).budget(1))

    def starting_set(self, dataset: Dataset) -> SyntheticSet:
        """The synthetic set that the run starts from."""
        images, random = self.images_per_class(dataset), stream(self.seed, "init")
        chosen = coresets.select(dataset, images, self.init, seed=self.seed) if self.init in coresets.STARTS else None
        if self.form == "pixels":
            return chosen or SyntheticSet.begin(self.init, dataset, images, random)
        init = chosen.images if chosen else self.init
        form = forms.begin(self.form, self.form_config, dataset, self._ipc(dataset), init, random)
        return SyntheticSet.of_form(form, dataset, self.init)

    def synthetic(self, job: Job) -> SyntheticSet:
        return job.run(self).synthetic

    @property
    def _precision(self) -> str:
        return getattr(self.config, "precision", "float32")  # a method need not know any other

    def method_for(self, job: Job) -> methods.Method:
        """The method, with what other runs have to give it before it starts."""
        method = methods.get(self.method)(self.config)
        if self.experts:
            method.trajectories = job.run(self.experts).trajectories
        if self.pretraining:
            method.pretrained = job.run(self.pretraining).weights
        return method

    def work(self, job: Job) -> Outcome:
        tell_if_slow(self._precision, job.dataset.train.images.device, job.quiet)
        if job.watching.get("validate_every") and isinstance(self._judge, KernelProtocol):
            self._judge.check(self.config.network, self.config.width)
        dataset, synthetic = job.dataset, self.starting_set(job.dataset)
        method, learned_on = self.method_for(job), {}
        if self.pretraining:
            pretrained = job.run(self.pretraining)
            learned_on = {"pretraining": {"run": pretrained.name, "fingerprint": pretrained.fingerprint}}
        synthetic.origin |= learned_on
        kept = job.checkpoint("checkpoint.pt", **learned_on)
        history = distill(
            method, synthetic, dataset, updates=self.total_updates, seed=self.seed, checkpoint=kept,
            validate=lambda s: self._validation_score(s, dataset), quiet=job.quiet, **job.watching)
        synthetic.origin |= {"method": self.method, "preset": self.preset, "seed": self.seed,
                             "updates": history.updates}
        return Outcome(history.seconds, history.updates, {
            "moved": synthetic.moved, "cpu_seconds": history.cpu_seconds, "losses": history.losses,
            "validation": history.validation, "departures": presets.departures(self.method, self.preset, self.dataset),
            "size": described(synthetic),
            **{name: said for name, said in synthetic.origin.items() if name == "privacy"}},
            synthetic, history.snapshots, (kept.path,))

    @property
    def _judge(self) -> How:
        """The protocol of validation: that which the method names, or as the set prescribes."""
        return PROTOCOLS["prescribed" if self.prescribes else methods.get(self.method).validation]

    def _validation_score(self, synthetic: SyntheticSet, dataset: Dataset) -> float:
        """Headline score of the set on validation data."""
        config, how = self.config, in_precision(self._judge, self._precision)
        how = with_numbers_of(synthetic, how) if self.prescribes else how
        return Scores((scorer(how)(synthetic.training_split(), dataset, config.network, how, self.seed,
                                   width=config.width, split="val", quiet=True),)).headline.mean
