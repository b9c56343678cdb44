"""The spec of a choice of real images."""

from dataclasses import dataclass
from typing import ClassVar

from ddkit.data import Dataset
from ddkit.foundation.errors import whole
from ddkit.foundation.schema import NUMBER
from ddkit.methods import coresets
from ddkit.networks import parse, sketch_for
from ddkit.networks.cost import Stopwatch
from ddkit.runs.jobs import Job, Outcome
from ddkit.runs.spec import Spec, key
from ddkit.specs.sources import MadeSet
from ddkit.synthetic import SyntheticSet, check_ipc


@dataclass(frozen=True)
class Coreset(MadeSet, Spec):
    """Names a choice of real images, and is the source that they make.

    Attributes:
        dataset, size: as for ``data.load``.
        ipc: images per class.
        method, on, width, epochs: as for ``coresets.select``.
        seed: of everything random in the choice.
    """

    RESULT: ClassVar[dict] = {"moved": NUMBER}

    dataset: str
    ipc: int
    method: str = "herding"
    on: str = coresets.PIXELS
    width: int = 128
    epochs: int = 5
    seed: int = 0
    size: int | None = None

    def check(self) -> None:
        super().check()
        whole(self.ipc, 1, "images per class (ipc)")
        coresets.check(self.method, self.on, self.epochs)
        if self.on != coresets.PIXELS:
            parse(self.on, self.width)

    def check_on(self, dataset: Dataset) -> None:
        check_ipc(self.ipc, dataset)
        if self.on != coresets.PIXELS:
            sketch_for(dataset, self.on, self.width)

    @property
    def seeded(self) -> bool:
        return coresets.draws(self.method, self.on)

    def decides(self) -> dict:
        trains = self.on != coresets.PIXELS and self.epochs
        return super().decides() | ({"training": coresets.training_of(self.epochs)} if trains else {})

    @property
    def name(self) -> str:
        return f"coreset-{self.dataset}-{self.method}-ipc{self.ipc}-{key(self)}"

    def synthetic(self, job: Job) -> SyntheticSet:
        return job.run(self).synthetic

    def work(self, job: Job) -> Outcome:
        watch = Stopwatch()
        synthetic = coresets.select(job.dataset, self.ipc, self.method, on=self.on, width=self.width,
                                    epochs=self.epochs, seed=self.seed, checkpoint=job.checkpoint, quiet=job.quiet)
        synthetic.origin |= {"on": self.on, "seed": self.seed}
        return Outcome(watch.seconds, 0, {"moved": synthetic.moved}, synthetic)
