"""Is it real? Two sets before one judge, and whether so many seeds tell them apart."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

import ipywidgets

from ddkit.foundation.errors import require
from ddkit.plots.moving import Comparison, Stage, comparison
from ddkit.plots.style import Picture
from ddkit.stored import RANDOM, Sample, judged, shelf
from ddkit.stored.narrowing import Narrowing, judge_words
from ddkit.training.leads import Lead
from ddkit.widgets import controls
from ddkit.widgets.base import Dashboard, telling
from ddkit.widgets.pictures import Shown

NOTHING = ("No evaluation is at hand: score a set first, as with ddkit.run(ddkit.Evaluate(...)), and open this "
           "dashboard again.")
_SET = {"set": lambda sample: sample.name, "epochs": lambda sample: sample.epochs}
_MEANS = {"set": lambda sample: sample.means}


class IsItReal(Dashboard):
    """Two sets, the number of seeds, the length of training: the lead in standard errors, and its verdict.

    Every evaluation in the folder of runs, and among those that came with the repository, can be chosen.

    Args:
        root: the folder of runs, as of ``runs.run``.
        chosen: words to begin with, of ``data``, ``protocol``, ``network``, ``set`` and ``epochs``.
        against: those of the second set, of ``set`` and ``epochs``.
    """

    def __init__(self, root: str | Path | None = None, chosen: Mapping[str, object] | None = None,
                 against: Mapping[str, object] | None = None):
        found = shelf(root)
        self._left_out = ipywidgets.HTML(escape(found.left_out))
        # The judge that has most to tell comes first.
        sets = sorted(judged(found).values(), key=lambda of: -sum(len(sample.by_seed) > 1 for sample in of))
        self._samples = [sample for of in sets for sample in of]
        self._drawn: dict[tuple[Sample, Sample], tuple[Comparison, Stage]] = {}
        if self._samples:
            self._build(chosen or {}, against)
        else:
            self.view = ipywidgets.HTML(escape(f"{NOTHING} {found.left_out}"))

    def _build(self, chosen: Mapping[str, object], against: Mapping[str, object] | None) -> None:
        self.seeds = controls.whole("seeds", "how many of the seeds are counted", 1, 1, 1)
        self.picture, self.says = Shown(), ipywidgets.HTML()
        words = judge_words(self._samples) | _SET
        self.first = controls.Narrowed(Narrowing(self._samples, words, _MEANS), {
            "data": controls.menu("data set", "the images that the sets are about, and the test images"),
            "protocol": controls.menu("protocol", "how networks were trained, or kernels solved, on either set"),
            "network": controls.menu("network", "which network was trained anew for every seed"),
            "set": controls.menu("first set", "the set that may lead"),
            "epochs": controls.menu("epochs, first", "how long networks were trained on the first set"),
        }, self._first_moved)
        self.first.begin(chosen)
        self.second = controls.Narrowed(self._before_same_judge(), {
            "set": controls.menu("second set", "the set that it is held against"),
            "epochs": controls.menu("epochs, second", "how long networks were trained on the second set"),
        }, self._count_all)
        self.second.begin(against or {"set": self._baseline()})
        self.seeds.observe(self._show, "value")
        self._count_all()
        judge, sets = list(self.first.menus.values())[:3], list(self.first.menus.values())[3:]
        sets += self.second.menus.values()
        for menu in sets:
            menu.layout.width = "500px"  # names of sets are long
        self.view = ipywidgets.VBox([controls.beside([*judge, self.seeds], sets), self.picture, self.says,
                                     self._left_out])

    @property
    def samples(self) -> tuple[Sample, Sample]:
        """The two that are compared."""
        return self.first.found[0], self.second.found[0]

    @property
    def lead(self) -> Lead:
        """Of the first over the second, by the seeds that are counted."""
        return self._comparison()[0].leads[self.seeds.value]

    def figure(self) -> Picture:
        """The comparison as it is shown, at rest."""
        require(self._samples, NOTHING)
        return comparison(*self.samples, self.seeds.value)

    def _first_moved(self) -> None:
        before = self.second.found[0]
        self.second.offer(self._before_same_judge())
        if self.second.found[0].means != before.means:
            self.second.settle({"set": self._baseline()})
        self._count_all()

    def _before_same_judge(self) -> Narrowing:
        judge = self.first.found[0].judge
        return Narrowing([sample for sample in self._samples if sample.judge == judge], _SET, _MEANS)

    def _baseline(self) -> str:
        """What the first set is held against at first: as many random real images, else what names as many, or names
        none as it does, else whatever there is."""
        first = self.first.found[0]
        others = [sample for sample in self._samples if sample.judge == first.judge and sample.name != first.name]
        alike = [sample for sample in others if sample.ipc == first.ipc]
        random = [sample for sample in alike if sample.meaning == RANDOM]
        return (random or alike or others or [first])[0].name

    @telling
    def _count_all(self) -> None:
        """Count all the seeds of what was newly chosen."""
        most = self._comparison()[0].most
        with controls.unheard(self._show, self.seeds):
            self.seeds.max, self.seeds.value, self.seeds.disabled = most, most, most == 1
        self._show()

    def _comparison(self) -> tuple[Comparison, Stage]:
        if self.samples not in self._drawn:
            drawn = Comparison(*self.samples)
            self._drawn[self.samples] = drawn, Stage(drawn.figure, drawn.moving)
        return self._drawn[self.samples]

    @telling
    def _show(self, _=None) -> None:
        drawn, stage = self._comparison()
        drawn.show(self.seeds.value)
        sentences = self._sentences()
        self.picture.show(stage.png(), " ".join(sentences))
        self.says.value = controls.sentences(sentences)

    def _sentences(self) -> list[str]:
        """All that is to be said of the comparison, the verdict first."""
        found, (one, other) = self.lead, self.samples
        if one is other:
            return ["This is the same set twice: choose another one to hold it against.", *one.notes]
        gap = f"{one.name} {'leads' if found.gap >= 0 else 'trails'} {other.name} by {100 * abs(found.gap):.2f} points"
        error = f", ± {100 * found.error:.2f} ({found.formula})" if found.error is not None else ""
        return [found.verdict, f"{gap}{error}.", *self._cautions(), *dict.fromkeys([*one.notes, *other.notes])]

    def _cautions(self) -> list[str]:
        one, other = self.samples
        told = []
        if one.epochs != other.epochs:
            told.append(f"The first was trained on for {one.epochs:,} epochs, the second for {other.epochs:,}: more "
                        "than the images differs.")
        told += [f"{sample.name} is at chance." for sample in self.samples if sample.scores.at_chance]
        if RANDOM in (one.meaning, other.meaning):
            told.append("Random real images are drawn anew for every seed.")
        if one.sets == other.sets == 1 and not one.runs[0].spec.fixed:
            told.append("Each seed is another network; another distillation may differ by more.")
        return told
