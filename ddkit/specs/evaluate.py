"""The spec of an evaluation: networks, or a kernel, trained on a source and scored on test data."""

from dataclasses import dataclass, replace
from typing import ClassVar

from ddkit import training
from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import one_of, require, whole
from ddkit.foundation.files import digest
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.networks import build_for, parse, sketch_for
from ddkit.networks.cost import measure
from ddkit.networks.precision import PRECISIONS
from ddkit.runs.jobs import PARTS, Job, Outcome
from ddkit.runs.spec import OfSource, Source, Spec, key
from ddkit.runs.workers import in_parallel
from ddkit.specs.sources import Full, RandomReal
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.budget import SIZE
from ddkit.training import Protocol, protocol, score
from ddkit.training.kernel_scores import KERNEL_PROTOCOLS, KernelProtocol
from ddkit.training.kernel_scores import score as kernel_score
from ddkit.training.kernels import InfiniteNetwork
from ddkit.training.protocols.linear import LinearProtocol
from ddkit.training.protocols.linear import score as linear_score
from ddkit.training.protocols.prescribed import Prescribed
from ddkit.training.protocols.prescribed import score as prescribed_score
from ddkit.training.scores import SCORED

PROTOCOLS = training.PROTOCOLS | KERNEL_PROTOCOLS | {"prescribed": Prescribed(), "linear": LinearProtocol()}
OF_THE_SET = ("learned", "prescribed")  # those whose numbers come with the set that is scored
WITHOUT_NETWORKS = (*KERNEL_PROTOCOLS, "linear")  # those that train no network to answer
How = Protocol | KernelProtocol | Prescribed | LinearProtocol


@dataclass(frozen=True)
class Evaluate(OfSource, Spec):
    """Names an evaluation: train ``network`` on ``of`` under ``protocol``, once for each of ``seeds`` seeds.

    They count from ``first_seed``: sets that are to be independent witnesses of a method need networks of their own.

    Under a kernel protocol (``kernel_scores``) the kernel of ``network``, which may then be ``NTK`` or ``NNGP``,
    predicts from ``of``, and ``network`` itself is not trained to answer; under protocol ``linear`` softmax regression
    does, whose ``network`` is called so. Under protocol ``prescribed`` it takes the very steps that belong to the set.
    """

    RESULT: ClassVar[dict] = {"runs": [SCORED], "protocol": dict, "?classes": [str], "chance": NUMBER,
                              "training_images": COUNT, "epochs": COUNT, "?size": SIZE,
                              "?networks_met": COUNT}

    of: Source
    protocol: str = "standard"
    network: str = "ConvNetD3"
    width: int = 128
    seeds: int = 5
    epochs: int | None = None  # replaces the protocol's own length
    precision: str = "float32"  # or bfloat16, as in networks.precision
    updates: int | None = None  # replaces it as well: as many for a set of any size
    first_seed: int = 0

    def decides(self) -> dict:
        return super().decides() | {"protocol": PROTOCOLS[self.protocol]}

    def check(self) -> None:
        super().check()
        one_of(self.protocol, PROTOCOLS, "protocol")
        whole(self.seeds, 1, "seeds")
        whole(self.first_seed, 0, "first_seed")
        require(self.epochs is None or self.updates is None, "an evaluation counts either epochs or updates, not both")
        for name in ("epochs", "updates"):
            if getattr(self, name) is not None:
                whole(getattr(self, name), 1, name)
        one_of(self.precision, PRECISIONS, "precision")
        self._check_network()
        require(self.protocol != "learned" or self.of.learns_rate,
                "the 'learned' protocol takes the learning rate that a distilled set has learned, and these images "
                "have none: use 'standard'")
        require(self.protocol != "prescribed" or self.of.prescribes,
                "the 'prescribed' protocol takes the order and the rates that belong to a set, and these images have "
                "none: use 'standard'")
        for name in ("epochs", "updates"):
            require(self.protocol != "prescribed" or getattr(self, name) is None,
                    f"protocol 'prescribed' takes the steps that belong to the set: leave the {name} out")
        self.of.check()

    def check_on(self, dataset: Dataset) -> None:
        self.of.check_on(dataset)
        if not self.fixed:
            sketch_for(dataset, self.network, self.width)

    @property
    def fixed(self) -> bool:
        """Whether nothing is drawn for the model that answers."""
        return self.protocol == "linear" or InfiniteNetwork.named(self.network) is not None

    def _check_network(self) -> None:
        if self.protocol in WITHOUT_NETWORKS:
            PROTOCOLS[self.protocol].check(self.network, self.width)
            for name in ("epochs", "updates"):
                require(getattr(self, name) is None, f"protocol '{self.protocol}' trains no network to answer: leave "
                                                     f"the {name} out")
            require(self.precision == "float32", f"protocol '{self.protocol}' computes in float32 and float64: leave "
                                                 "the precision out")
        else:
            require(InfiniteNetwork.named(self.network) is None,
                    f"{self.network} is infinitely wide and cannot be trained: take protocol 'kernel', or another "
                    "network")
            parse(self.network, self.width)

    @property
    def trials(self) -> int:
        """How many seeds are scored: one where no seed could change the score."""
        certain = self.fixed and not isinstance(self.of, RandomReal)
        return 1 if certain or (self.protocol == "prescribed" and self.of.fixes_start) else self.seeds

    def trials_by(self, how: How) -> int:
        """The same once the set is opened: of a file, too, one if it brings the weights to begin with."""
        return 1 if isinstance(how, Prescribed) and how.schedule.fixed else self.trials

    @property
    def name(self) -> str:
        what = f"{self.dataset}-{type(self.of).__name__.lower()}"
        network = self.network + f"-{self.precision}" * (self.precision != "float32")
        return f"evaluate-{what}-{self.protocol}-{network}-{key(self)}"

    def how(self, dataset: Dataset) -> How:
        """The protocol with its numbers, but for those that come with the set."""
        if self.protocol not in training.PROTOCOLS:
            return in_precision(PROTOCOLS[self.protocol], self.precision)
        found = in_precision(protocol(self.protocol, dataset), self.precision)
        if self.epochs is None and self.updates is None:
            return found
        return replace(found, epochs=self.epochs, updates=self.updates)

    def work(self, job: Job) -> Outcome:
        """Train and score every seed's network, side by side where joblib is told to, or reload those done."""
        dataset, how = job.dataset, self.how(job.dataset)
        if self.protocol in OF_THE_SET:
            how = with_numbers_of(self.of.synthetic(job), how)
        counted = self._counted(how, dataset)
        first, size, met = self.of.training_set(job, self.first_seed), self.of.takes(job), self.of.networks_met(job)
        counted |= ({"size": size} if size else {}) | ({} if met is None else {"networks_met": met})
        # By content: a set that was made again since the first seeds is another.
        given = {} if isinstance(self.of, Full) else {"set": digest([first.images, first.labels, first.squared])}
        given |= {"schedule": how.as_dict()} if self.protocol == "prescribed" else {}
        before, images = job.checkpoint("partial.pt", **given), len(first)  # where older versions kept scored seeds
        done = (before.load() or {"runs": []})["runs"]
        done += in_parallel(_scored, (
            (job.checkpoint(f"{PARTS}/seed-{seed}.pt", **given), job.checkpoint(f"checkpoint-{seed}.pt", **given),
             self, self.of.training_set(job, seed), dataset, how, seed, job.quiet)
            for seed in range(self.first_seed + len(done), self.first_seed + self.trials_by(how))))
        result = {"runs": done, "protocol": how.as_dict(), "classes": list(dataset.classes), "chance": dataset.chance,
                  "training_images": images, "epochs": how.epochs_for(images)} | counted
        return Outcome(sum(r["train_seconds"] + r["test_seconds"] for r in done), done[0]["updates"], result,
                       superseded=(before.path, job.parts))

    def _counted(self, how: How, dataset: Dataset) -> dict:
        """The kernel or the model in words, or what the network costs."""
        if isinstance(how, KernelProtocol):
            return {"kernel": how.kernel_of(self.network)}
        return {"model": how.model} if isinstance(how, LinearProtocol) else {"cost": self._cost(dataset)}

    def _cost(self, dataset: Dataset) -> dict[str, int]:
        network = build_for(dataset, self.network, self.width, stream(0, "cost")).cpu()
        return measure(network, tuple(dataset.train.images.shape[1:])).as_dict()


def _scored(kept: Checkpoint, so_far: Checkpoint, spec: Evaluate, training: Split, dataset: Dataset, how, seed: int,
            quiet: bool) -> dict:
    """The score of one seed, or what was kept of it; its fit goes on from ``so_far``."""
    found = kept.load()
    if found:
        return found
    number = seed - spec.first_seed + 1
    title = f"{spec.network} on {type(spec.of).__name__} data, {spec.protocol}, seed {number} of {spec.trials_by(how)}"
    found = scorer(how)(training, dataset, spec.network, how, seed, width=spec.width, title=title, checkpoint=so_far,
                        quiet=quiet)
    kept.save(found)
    return found


def in_precision(how: How, precision: str) -> How:
    """The protocol with networks of that precision; what trains none has its own."""
    return how if isinstance(how, KernelProtocol | LinearProtocol) else replace(how, precision=precision)


def scorer(how: How):
    """The function that scores by a protocol."""
    return {KernelProtocol: kernel_score, LinearProtocol: linear_score, Prescribed: prescribed_score,
            Protocol: score}[type(how)]


def with_numbers_of(synthetic: SyntheticSet, how: How) -> How:
    """One of the protocols ``OF_THE_SET`` with the numbers that come with a set.

    Raises:
        InputError: it has none.
    """
    if isinstance(how, Prescribed):
        require(synthetic.schedule is not None,
                "this set prescribes neither order nor rates: use the 'standard' protocol")
        return replace(how, schedule=synthetic.schedule)
    require(synthetic.learning_rate is not None, "this set has no learned learning rate: use the 'standard' protocol")
    return replace(how, lr=synthetic.learning_rate)
