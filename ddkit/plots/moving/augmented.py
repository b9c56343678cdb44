"""Real and synthetic images under one and the same draw of an augmentation."""

import numpy as np
import torch

from ddkit.data import Dataset, augment, denormalise
from ddkit.plots.moving.moments import mosaic
from ddkit.plots.style import Picture, bare, picture
from ddkit.runs import Record, set_of
from ddkit.synthetic import SyntheticSet

ROWS = ("real", "augmented", "synthetic", "augmented")
SHOWN = 8  # images of a class, at most
_WIDE = 6.6  # inches of a sheet of eight


class Augmenting:
    """Images of a class, to be augmented.

    Args:
        synthetic: its images stand below the real ones.
        dataset: whose training images these are.
    """

    def __init__(self, synthetic: SyntheticSet | Record, dataset: Dataset):
        self.synthetic, self.dataset = set_of(synthetic, dataset), dataset
        self.shown = min(SHOWN, self.synthetic.ipc)

    def sheet(self, augmentation: augment.Draw, ranges: augment.Ranges, label: int) -> np.ndarray:
        """A row for each of ``ROWS``, of one class, uint8 [h, w] or [h, w, 3]."""
        real = self.dataset.train.of_class(label)[: self.shown]
        made = self.synthetic.images[self.synthetic.started_as == label][: self.shown]
        both = [side for images in (real, made) for side in (images, augment.apply(images, augmentation, ranges))]
        pixels = denormalise(torch.cat(both), self.dataset.mean, self.dataset.std).clamp(0, 1)
        whole = (255 * pixels).round().byte().permute(0, 2, 3, 1).numpy()
        return mosaic(whole[..., 0] if whole.shape[-1] == 1 else whole, len(real))


@picture
def augmentation_of_both(augmenting: Augmenting, augmentation: augment.Draw, ranges: augment.Ranges,
                         label: int) -> Picture:
    """Real and synthetic images of a class, each row above the same images augmented."""
    sheet = augmenting.sheet(augmentation, ranges, label)
    wide = _WIDE * augmenting.shown / SHOWN
    high = wide * sheet.shape[0] / sheet.shape[1]
    figure = Picture(figsize=(wide + 1, high + 0.6))
    axes = figure.add_axes((0.9 / (wide + 1), 0.05, wide / (wide + 1), high / (high + 0.6)))
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255)
    bare(axes)
    axes.set_xticks([])
    axes.set_yticks((np.arange(len(ROWS)) + 0.5) * sheet.shape[0] / len(ROWS), ROWS)
    axes.set_title(f"{augmentation.operation}, one draw for all, class {augmenting.dataset.classes[label]}")
    return figure
