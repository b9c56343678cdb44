"""Attention lab: where random networks look, and what a distillation did about it (lesson 2; computed live)."""

from collections.abc import Mapping
from html import escape

import ipywidgets

from ddkit.data import Dataset
from ddkit.foundation.errors import require
from ddkit.plots.moving import Attending, attention_of_sides
from ddkit.plots.moving.attention import SIDES
from ddkit.plots.style import Picture
from ddkit.runs import Record
from ddkit.specs import restore_spec
from ddkit.widgets import controls
from ddkit.widgets.base import Dashboard, telling
from ddkit.widgets.pictures import Shown, enlarged

SEEDS = 20  # networks to choose from
POWERS = (1, 1.5, 2, 3, 4, 6, 8, 12, 16)


class AttentionLab(Dashboard):
    """Power, block, network and class: attention of real images, of the start and of the end, and the loss's terms.

    Args:
        records: of distillations, by the name to show.
        dataset: that they were made from.
        network, width: that looks (None: as the distillation's own).
    """

    def __init__(self, records: Mapping[str, Record], dataset: Dataset, network: str | None = None,
                 width: int | None = None):
        require(records, "the attention lab needs at least one distillation, as {'from real images': record}")
        for record in records.values():
            record.require_of(dataset)
        self._records, self._dataset, self._network = dict(records), dataset, (network, width)
        self._attending: dict[str, Attending] = {}
        self.of = controls.menu("distillation", "whose start and end are looked at", self._records)
        self.label = controls.menu("class", "the class whose images are shown",
                                   [(name, index) for index, name in enumerate(dataset.classes)])
        self.seed = controls.whole("network", "seed of the random network that looks", 0, SEEDS - 1, 0)
        self.block = controls.whole("block", "whose maps are looked at", 1, self.attending.blocks, 1)
        self.power = controls.steps("p", "power of the attention map: larger favours the most active places",
                                    [(f"{power:g}", power) for power in POWERS], 1)
        self.sheet, self.terms, self.says = Shown(), ipywidgets.HTML(), ipywidgets.HTML()
        self.of.observe(self._of_moved, "value")
        for control in (self.label, self.seed, self.block, self.power):
            control.observe(self._show, "value")
        self._of_moved()
        self.view = ipywidgets.VBox([self.of, self.label, self.seed, self.block, self.power, self.says,
                                     ipywidgets.HBox([self.sheet, self.terms])])

    @property
    def attending(self) -> Attending:
        """What is looked at."""
        name = self.of.value
        if name not in self._attending:
            record, (network, width) = self._records[name], self._network
            config = restore_spec(record.spec).config
            self._attending[name] = Attending(record.synthetic, self._dataset, network or config.network,
                                              width or config.width)
        return self._attending[name]

    @property
    def chosen(self) -> tuple[int, int, float, int]:
        """Seed of the network, block, power and class."""
        return self.seed.value, self.block.value, self.power.value, self.label.value

    def figure(self) -> Picture:
        """What is seen now, as a figure."""
        return attention_of_sides(self.attending, *self.chosen)

    @telling
    def _of_moved(self, _=None) -> None:
        """Offer the blocks that the distillation's network has."""
        blocks = self.attending.blocks
        with controls.unheard(self._show, self.block):
            self.block.max, self.block.disabled = blocks, blocks == 1  # a block beyond it becomes the last
        self._show()

    @telling
    def _show(self, _=None) -> None:
        seed, block, power, label = self.chosen
        losses = self.attending.losses(seed, power)
        name = self._dataset.classes[label]
        self.says.value = escape(f"Class {name} before random network {seed}: rows are {', '.join(SIDES)}; columns are "
                                 f"images, the attention of block {block} to them, and the class's mean attention.")
        self.sheet.show(enlarged(self.attending.sheet(*self.chosen), 640),
                        f"images of class {name} and the attention of block {block} to them, power {power:g}; rows: "
                        f"{', '.join(SIDES)}")
        told = [("", "start", "end", "change"), *((m.name, f"{m.start:.3g}", f"{m.end:.3g}", m.change) for m in losses)]
        rows = "".join("<tr>" + "".join(f"<td style='padding-left: 1em; text-align: right'>{word}</td>" for word in row)
                       + "</tr>" for row in told)
        self.terms.value = f"<table><caption>terms of the loss over all classes</caption>{rows}</table>"
