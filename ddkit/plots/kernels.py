"""Pictures of kernel ridge regression; see ``plots`` for the habits they share."""

import numpy as np
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.plots.style import SIGNED, Picture, bare, picture
from ddkit.runs import Record, set_of
from ddkit.synthetic import SyntheticSet


@picture
def kernel_matrix(kernel: Tensor, synthetic: SyntheticSet | Record, title: str = "") -> Picture:
    """How alike a kernel finds the images of a set: the cosine of every pair, sorted by class.

    Args:
        kernel: [N, N], of the set's N images.
    """
    kernel, synthetic = kernel.detach().cpu(), set_of(synthetic)
    cosine = kernel / (kernel.diagonal()[:, None] * kernel.diagonal()).sqrt()
    figure = Picture(figsize=(5.6, 4.8), layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(cosine.numpy(), cmap="magma")
    _name_classes(axes.set_xticks, synthetic)
    _name_classes(axes.set_yticks, synthetic)
    bare(axes)
    figure.colorbar(shown, label="cosine of a pair (1: the same to this kernel)", shrink=0.9)
    axes.set(title=title or "The kernel of the set with itself", ylabel="class of the other image",
             xlabel=f"class of one image (n = {len(cosine)} images)")
    return figure


@picture
def label_heatmap(synthetic: SyntheticSet | Record, title: str = "") -> Picture:
    """Soft labels: a column for each image, sorted by class, a row for what it says about each class."""
    synthetic = set_of(synthetic)
    require(synthetic.soft, "hard labels have nothing to show: give a set whose labels were learned")
    labels = synthetic.labels.detach().cpu().numpy().T
    limit = np.abs(labels).max()
    figure = Picture(figsize=(8.5, 2.8), layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(labels, cmap=SIGNED, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    _name_classes(axes.set_xticks, synthetic)
    axes.set_yticks(range(len(synthetic.classes)), synthetic.classes)
    bare(axes)
    figure.colorbar(shown, label="label (grey is 0)")
    axes.set(title=title or "Learned labels", xlabel=f"images, by the class they started as (n = {labels.shape[1]})",
             ylabel="label for class")
    return figure


def _name_classes(set_ticks, synthetic: SyntheticSet) -> None:
    """Write each class's name at the middle of its images."""
    classes = len(synthetic.classes)
    set_ticks((np.arange(classes) + 0.5) * len(synthetic.images) / classes - 0.5, synthetic.classes)
