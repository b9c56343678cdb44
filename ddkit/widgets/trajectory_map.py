"""Trajectory map: how far students follow experts through the space of weights (lesson 6; computed live)."""

from collections.abc import Mapping
from html import escape

import ipywidgets

from ddkit.data import Dataset
from ddkit.foundation.errors import require
from ddkit.plots.moving.paths import SIDES, trajectory_map
from ddkit.plots.style import Picture
from ddkit.runs import Record
from ddkit.stored.following import ALL, EXPERT, SEGMENT, Following, Place
from ddkit.widgets import controls
from ddkit.widgets.base import Dashboard, telling
from ddkit.widgets.pictures import Shown, drawn

DRAWS, MOST_STEPS = 20, 100


class TrajectoryMap(Dashboard):
    """Expert, start epoch, span and steps: where students on distilled images and on their start get to, how near that
    is to the target, and which images the expert saw meanwhile.

    Args:
        distillations: records of distillations that matched the experts, by the name to show.
        experts: the record of the experts.
        dataset: that all were made from.

    Raises:
        InputError: there is no distillation, or one of other experts or other data.
    """

    def __init__(self, distillations: Mapping[str, Record], experts: Record, dataset: Dataset):
        require(distillations, "the trajectory map needs at least one distillation, as {'PAD': record}")
        following = {name: Following(experts, record, dataset) for name, record in distillations.items()}
        plan, config = next(iter(following.values())).plan, next(iter(following.values())).config
        self._epochs = plan.epochs
        self.of = controls.menu("distillation", "whose images the student trains on", following.items())
        self.plane = controls.menu("plane", "of the weights, from above which they are seen", (EXPERT, ALL, SEGMENT))
        self.expert = controls.whole("expert", "that the student follows", 1, plan.experts, 1)
        self.span = controls.whole("span M", "epochs of the expert that the student should cover", 1, plan.epochs,
                                   config.expert_span)
        self.epoch = controls.whole("start epoch t", "of the expert, whose weights the student starts from", 0,
                                    plan.epochs - config.expert_span, config.last_start)
        self.steps = controls.whole("student steps N", "of SGD on the synthetic images", 1,
                                    max(MOST_STEPS, config.student_steps), config.student_steps)
        self.draw = controls.whole("draw", "another order of the student's batches, augmented otherwise", 0, DRAWS - 1,
                                   0)
        self.map, self.says = Shown(), ipywidgets.HTML()
        for slider in (self.expert, self.span, self.epoch, self.steps, self.draw):
            slider.continuous_update = False  # every place on the way would be computed
        for control in (self.of, self.plane, self.expert, self.epoch, self.steps, self.draw):
            control.observe(self._show, "value")
        self.span.observe(self._span_moved, "value")
        self._show()
        self.view = ipywidgets.VBox([self.of, self.plane, self.expert, self.epoch, self.span, self.steps, self.draw,
                                     self.says, self.map])

    @property
    def following(self) -> Following:
        """The students that are looked at."""
        return self.of.value

    @property
    def place(self) -> Place:
        """Where they begin, and what they are to do."""
        return Place(self.expert.value - 1, self.epoch.value, self.span.value, self.steps.value, self.draw.value)

    def figure(self) -> Picture:
        """The map as it is shown, at rest."""
        return trajectory_map(self.following, self.plane.value, self.place)

    def _span_moved(self, _) -> None:
        """A longer span must begin earlier."""
        with controls.unheard(self._show, self.epoch):
            self.epoch.max = self._epochs - self.span.value
        self._show()

    @telling
    def _show(self, _=None) -> None:
        following, place = self.following, self.place
        paths = {name: following.path(side, place) for side, name in SIDES.items()}
        ends = [following.accuracies[place.expert][epoch] for epoch in (place.epoch, place.epoch + place.span)]
        arrived = " and ".join(f"{path.losses[-1]:.3f} on {name}" for name, path in paths.items())
        took = sum(path.seconds for path in paths.values())
        sentences = [
            f"From epoch {place.epoch} to {place.epoch + place.span} the expert went from {100 * ends[0]:.1f} % to "
            f"{100 * ends[1]:.1f} % on validation data.",
            f"After {place.steps} steps at learning rate {following.rate:.4g} the trajectory loss is {arrived}; 1 is "
            "where it began, 0 the target.",
            following.told(self.plane.value, place),
            f"The steps took {took:.2g} s." if took else "These steps were made before."]
        self.says.value = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
        self.map.show(drawn(self.figure()), " ".join(sentences[:2]))
