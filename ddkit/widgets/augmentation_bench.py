"""Augmentation bench: what siamese augmentation does to real and synthetic images alike (lesson 2; computed live)."""

import dataclasses
from html import escape

import ipywidgets
import torch

from ddkit.data import Dataset, augment
from ddkit.foundation.randomness import stream
from ddkit.plots.moving import Augmenting, augmentation_of_both
from ddkit.plots.moving.augmented import ROWS
from ddkit.plots.style import Picture
from ddkit.runs import Record
from ddkit.synthetic import SyntheticSet
from ddkit.widgets import controls
from ddkit.widgets.base import Dashboard, telling
from ddkit.widgets.pictures import Shown, enlarged

DRAWS = 30
# Of operations that have other ranges than one of their own name.
_RANGES = {"color": ("brightness", "saturation", "contrast"), "slide": ("crop",), "stretch": ("scale",)}
# How far each range may be pulled, its step, and what it says.
_REACH = {"scale": (1, 2, 0.05, "each side is stretched by 1 / scale to scale"),
          "rotate": (0, 90, 1, "degrees to either side"), "crop": (0, 0.5, 0.025, "share of the side shifted at most"),
          "cutout": (0, 1, 0.05, "side of the square cut out, as a share of the image's"),
          "flip": (0, 1, 0.05, "probability of mirroring"), "brightness": (0, 3, 0.1, "half of it is added at most"),
          "saturation": (0, 4, 0.1, "factor on the colours at most; grey images stay as they are"),
          "contrast": (0, 2, 0.05, "the factor goes from it to it plus one")}


class AugmentationBench(Dashboard):
    """One operation, one draw, and how far it may go: the same happens to real and to synthetic images.

    Args:
        synthetic: a set, or the record of one, whose images stand below the real ones.
        dataset: that it was made from.
    """

    def __init__(self, synthetic: SyntheticSet | Record, dataset: Dataset):
        self.augmenting = Augmenting(synthetic, dataset)
        usual = augment.parse(dataset.strategy)
        self.operation = controls.menu("operation", "of the strategies; the data set's own come first", [
            (name + " (not of this data set's strategy)" * (name not in usual), name)
            for name in (*usual, *(name for name in augment.OPERATIONS if name not in usual))])
        self.label = controls.menu("class", "the class whose images are shown",
                                   [(name, index) for index, name in enumerate(dataset.classes)])
        self.draw = controls.whole("draw", "another draw of the operation's parameters", 0, DRAWS - 1, 0)
        self.ranges = {name: controls.number(name, words, low, high, getattr(augment.FIELD, name), step)
                       for name, (low, high, step, words) in _REACH.items()}
        self.sheet, self.says, self._reach = Shown(), ipywidgets.HTML(), ipywidgets.VBox()
        for control in (self.operation, self.label, self.draw, *self.ranges.values()):
            control.observe(self._show, "value")
        self._show()
        self.view = ipywidgets.VBox([self.operation, self.label, self.draw, self._reach, self.says, self.sheet])

    @property
    def chosen(self) -> tuple[augment.Draw, augment.Ranges, int]:
        """The draw, how far it may go, and the class."""
        values = torch.rand(1, 4, generator=stream(self.draw.value, "augmentation bench"))
        ranges = augment.Ranges(**{name: control.value for name, control in self.ranges.items()})
        return augment.Draw(self.operation.value, values), ranges, self.label.value

    @property
    def acting(self) -> tuple[str, ...]:
        """The ranges that the operation has."""
        return _RANGES.get(self.operation.value, (self.operation.value,))

    def figure(self) -> Picture:
        """What is seen now, as a figure."""
        return augmentation_of_both(self.augmenting, *self.chosen)

    @telling
    def _show(self, _=None) -> None:
        shown = tuple(self.ranges[name] for name in self.acting)
        if self._reach.children != shown:
            self._reach.children = shown
        changed = [name for name, value in dataclasses.asdict(self.chosen[1]).items()
                   if name in self.acting and value != getattr(augment.FIELD, name)]
        rows = f"Rows: {', '.join(ROWS)}. The same draw for both sides: that is siamese."
        self.says.value = escape(rows + f" Not the field's own: {', '.join(changed)}." * bool(changed))
        name = self.augmenting.dataset.classes[self.label.value]
        self.sheet.show(enlarged(self.augmenting.sheet(*self.chosen), 560),
                        f"real and synthetic images of class {name}, each above itself under {self.operation.value}")
