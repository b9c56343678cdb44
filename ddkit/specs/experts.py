"""The spec of expert trajectories."""

from dataclasses import dataclass
from typing import ClassVar

from ddkit.data import Dataset
from ddkit.foundation.progress import say
from ddkit.foundation.schema import NUMBER
from ddkit.networks import sketch_for
from ddkit.runs.jobs import Job, Outcome
from ddkit.runs.spec import OfDataset, Spec, key
from ddkit.runs.workers import in_parallel
from ddkit.training.experts import Plan, check_space, difficulty_order, train_expert


@dataclass(frozen=True)
class Experts(OfDataset, Spec):
    """Names a set of expert trajectories: networks trained on the full data as ``plan`` says."""

    RESULT: ClassVar[dict] = {"losses": [[NUMBER]], "seconds": [NUMBER], "accuracies": [[NUMBER]]}

    dataset: str = "mnist"
    plan: Plan = Plan()  # noqa: RUF009 (frozen)
    seed: int = 0
    size: int | None = None

    def check_on(self, dataset: Dataset) -> None:
        sketch_for(dataset, self.plan.network, self.plan.width)

    @property
    def name(self) -> str:
        return f"experts-{self.dataset}-{self.plan.network}-{key(self)}"

    def work(self, job: Job) -> Outcome:
        """Train every expert, side by side where joblib is told to, or reload those done."""
        place, dataset, plan = job.place, job.dataset, self.plan
        say(check_space(place, plan, dataset), job.quiet)
        order = difficulty_order(place, plan, dataset, self.seed, job.identity, job.quiet)
        done = in_parallel(train_expert, ((place, i, plan, dataset, self.seed, order, job.identity, job.quiet)
                                          for i in range(plan.experts)))
        result = {name: [expert[name] for expert in done] for name in done[0]} | {"bytes": plan.bytes(dataset)}
        return Outcome(sum(result["seconds"]), plan.epochs, result)
