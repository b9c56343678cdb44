"""A graph's labelled nodes condensed to a few synthetic ones, by matching a simple graph convolution's gradients."""

import math
from dataclasses import dataclass, fields
from typing import ClassVar

from ddkit.applications.graphs.condensing import Condensation, CondensePlan
from ddkit.data import Dataset
from ddkit.foundation.checkpoints import readable
from ddkit.foundation.errors import Diverged, one_of, require, whole
from ddkit.foundation.memory import require_memory
from ddkit.foundation.progress import bar
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import NUMBER
from ddkit.methods import coresets
from ddkit.networks.cost import Stopwatch
from ddkit.runs.jobs import Job, Outcome
from ddkit.runs.spec import Spec, key
from ddkit.specs.sources import MadeSet
from ddkit.synthetic import SyntheticSet, check_ipc

SAVE_EVERY = 50  # updates
INITS = ("real", *coresets.STARTS)
_DECIMALS = 3  # that records keep of an edge


@dataclass(frozen=True)
class Condense(MadeSet, Spec):
    """Names a condensation of a graph whose rows have their neighbours' shares already, and is the source it makes.

    The record's result has ``losses``, one for each update, and the ``edges`` of the synthetic nodes [n][n] before
    the weak ones are cut (none of nodes without). The set's images are rows as a network sees them: S'^2 X'.

    Attributes:
        dataset: a graph, as for ``data.load``.
        ipc: synthetic nodes of each class.
        plan: the knobs.
        init: what nodes begin from: ``real`` (random labelled ones), ``herding`` or ``k-centre``.
        seed: of everything random.
    """

    RESULT: ClassVar[dict] = {"moved": NUMBER, "losses": [NUMBER], "edges": [[NUMBER]]}

    dataset: str = "cora"
    ipc: int = 5
    plan: CondensePlan = CondensePlan()  # noqa: RUF009 (frozen)
    init: str = "real"
    seed: int = 0
    size: int | None = None

    def check(self) -> None:
        super().check()
        whole(self.ipc, 1, "synthetic nodes per class (ipc)")
        one_of(self.init, INITS, "init")

    def check_on(self, dataset: Dataset) -> None:
        require(not dataset.pictures, f"a graph is condensed, or other rows of numbers, and {dataset.name} are "
                                      "pictures: take cora, citeseer or digits_graph, or another method")
        check_ipc(self.ipc, dataset)
        nodes, numbers = self.ipc * len(dataset.classes), dataset.train.images[0].numel()
        require_memory(4 * (12 * nodes * numbers + 40 * 128 * nodes**2), f"{nodes:,} nodes and all their pairs",
                       "ask for fewer")

    @property
    def name(self) -> str:
        return f"condense-{self.dataset}-ipc{self.ipc}-{self.init}-{key(self)}"

    @property
    def method(self) -> str:
        """What the condensation is called, in the words of its paper: with the nodes' edges, or without."""
        return "gcond" if self.plan.graph else "gcond-x"

    @property
    def options(self) -> tuple[tuple[str, object], ...]:
        """The knobs that are not as they come, by name."""
        usual = CondensePlan()
        return tuple((f.name, getattr(self.plan, f.name)) for f in fields(self.plan)
                     if f.name != "graph" and getattr(self.plan, f.name) != getattr(usual, f.name))

    def synthetic(self, job: Job) -> SyntheticSet:
        return job.run(self).synthetic

    def starting_set(self, dataset: Dataset) -> SyntheticSet:
        """The real nodes that it begins from."""
        if self.init in coresets.STARTS:
            return coresets.select(dataset, self.ipc, self.init, seed=self.seed)
        return SyntheticSet.from_real(dataset, self.ipc, stream(self.seed, "init"))

    def work(self, job: Job) -> Outcome:
        """Make all updates, or go on with them."""
        dataset, kept, start = job.dataset, job.checkpoint("checkpoint.pt"), self.starting_set(job.dataset)
        made = Condensation(self.plan, dataset.train, start.images.flatten(1), start.labels, self.seed)
        seconds, state = 0.0, kept.load()
        if state:
            with readable(kept):
                made.load_state_dict(state)
                seconds = state["seconds"]
        watch = Stopwatch(seconds)
        with bar(self.plan.updates, f"condensing {self.dataset}", "update", job.quiet, made.done) as progress:
            while made.done < self.plan.updates:
                if not math.isfinite(made.update()):
                    raise Diverged("the condensation's loss is no longer a number: lower row_lr or edge_lr")
                if made.done % SAVE_EVERY == 0:
                    kept.save(made.state_dict() | {"seconds": watch.seconds})
                progress.step()
        found = made.adjacency()
        edges = [] if found is None else [[round(e, _DECIMALS) for e in row] for row in found.tolist()]
        start.images = made.seen().view_as(start.start)
        start.origin |= {"method": self.method, "seed": self.seed, "updates": made.done}
        result = {"moved": start.moved, "losses": made.losses, "edges": edges}
        return Outcome(watch.seconds, made.done, result, start, superseded=(kept.path,))
