"""The spec of a translator's pre-training."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from ddkit.data import SOURCES, Dataset, own_size, parse_name
from ddkit.foundation.errors import require
from ddkit.foundation.schema import NUMBER
from ddkit.methods.translation.plan import TranslatorPlan
from ddkit.methods.translation.pretraining import Pretraining, Subset, distil_subset
from ddkit.methods.translation.trying import fit_tone, trial
from ddkit.networks import sketch_for
from ddkit.runs.jobs import PARTS, Job, Outcome
from ddkit.runs.spec import OfDataset, Spec, key
from ddkit.runs.workers import in_parallel


@dataclass(frozen=True)
class Pretrain(OfDataset, Spec):
    """Names the pre-training of a translator on a data set, as ``plan`` says."""

    RESULT: ClassVar[dict] = {"losses": [NUMBER], "trials": [{...: NUMBER}], "?tone": {...: NUMBER}, "classes": [str],
                              "held_out": [str], "subset_seconds": NUMBER, "training_seconds": NUMBER,
                              "?cpu_seconds": NUMBER}  # of both; older records have none

    dataset: str = "glyphs"
    plan: TranslatorPlan = TranslatorPlan()  # noqa: RUF009 (frozen)
    seed: int = 0
    size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size == own_size(self.dataset):  # which needs no saying
            object.__setattr__(self, "size", None)

    def check_on(self, dataset: Dataset) -> None:
        sketch_for(dataset, self.plan.network, self.plan.width)
        self.plan.check_memory(dataset)
        self.plan.classes(dataset, self.seed)

    def check_for(self, dataset: Dataset) -> None:
        """Refuse a data set whose images have other channels than those that the translator learns from."""
        learned = len(SOURCES[parse_name(self.dataset)[0]].mean)
        require(learned == dataset.channels, f"a translator that learns from {self.dataset}, whose images have "
                f"{learned} channels, cannot translate those of {dataset.name}, which have {dataset.channels}: "
                "pre-train it on others, or begin it as the identity")

    def as_knobs(self, begun_with: Callable[..., dict], size: int | None) -> dict:
        """The knobs of a method that name it, for a distillation of images of that side length (None: their own).

        Args:
            begun_with: of the method's ``Config``.
        """
        here = replace(self, size=size) == self
        return begun_with(self.dataset, self.plan, self.seed, None if here else self.size or own_size(self.dataset))

    @property
    def name(self) -> str:
        return f"pretrain-{self.dataset}-{self.plan.network}-{key(self)}"

    def work(self, job: Job) -> Outcome:
        """Distil every subset, side by side where joblib is told to, or reload those done; train the translator on
        them, and try it on classes that it has not seen."""
        plan, dataset = self.plan, job.dataset
        learned, held = plan.classes(dataset, self.seed)
        subsets = self._subsets(job, "subset", range(plan.subsets), learned)
        training = Pretraining(plan, dataset, subsets, self.seed)
        training.run(job.checkpoint(f"{PARTS}/translator.pt"), job.quiet)
        seconds = {"subset_seconds": sum(s.seconds for s in subsets), "training_seconds": training.watch.seconds}
        tried = self._subsets(job, "trial", range(plan.subsets, plan.subsets + plan.trials) if held else (), held)
        tone = fit_tone(subsets, plan, dataset, self.seed)
        trials = [trial(training.translator, tone, subset, plan, dataset, self.seed, number)
                  for number, subset in enumerate(tried)]
        result = {"losses": training.losses, "trials": trials, "tone": tone._asdict(),
                  "classes": [dataset.classes[c] for c in learned], "held_out": [dataset.classes[c] for c in held],
                  "cpu_seconds": sum(s.cpu_seconds for s in subsets) + training.work.seconds}
        return Outcome(sum(seconds.values()), plan.steps, result | seconds, superseded=(job.parts,),
                       weights=training.translator.state_dict())

    def _subsets(self, job: Job, kind: str, numbers: Iterable[int], classes: list[int]) -> list[Subset]:
        return in_parallel(distil_subset, (
            (job.checkpoint(f"{PARTS}/{kind}-{number:04d}.pt"), number, self.plan, classes, job.dataset, self.seed,
             job.quiet) for number in numbers))
