"""The memory of a continual learner: the sets kept of its steps, brought together.

A set knows only the classes of its own step. Here classes are numbered in the order of their arrival: those of the
first step come first, whatever their labels in the data set.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.data import Split
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.widening import widened
from ddkit.training.kernels import regression_targets


def union(kept: Sequence[SyntheticSet], classes: tuple[str, ...]) -> SyntheticSet:
    """The sets of the first steps, all made by one method, as one set.

    Args:
        classes: names of all classes that are to be told apart, in the order of arrival; there may be more than the
            sets have.
    """
    one, counts = kept[0], [len(part.classes) for part in kept]
    firsts = [sum(counts[:i]) for i in range(len(kept))]

    def labels(parts: Sequence[SyntheticSet]) -> Tensor:
        return torch.cat([widened(part, range(first, first + count), len(classes))
                          for part, first, count in zip(parts, firsts, counts, strict=True)])

    learned = one.start_labels is not None
    return SyntheticSet(torch.cat([part.images for part in kept]), labels(kept),
                        torch.cat([part.start for part in kept]), one.mean, one.std, classes,
                        origin={"notes": list(one.notes)}, meaning=_MEANING.get(one.meaning, one.meaning),
                        start_labels=labels([part.undistilled() for part in kept]) if learned else None)


_MEANING = {"logits": "probabilities"}  # of other classes logits say nothing, their softmax does


def beside(new: Split, old: Split, classes: int) -> Split:
    """New images and then remembered ones, with labels of one kind: where they differ, hard ones become soft, and all
    are regressed on if some are."""
    images = torch.cat([new.images, old.images])
    if old.squared:
        return Split(images, torch.cat([regression_targets(part, classes).float() for part in (new, old)]),
                     squared=True)
    soft = old.labels.ndim == 2
    return Split(images, torch.cat([F.one_hot(new.labels, classes).float() if soft else new.labels, old.labels]))
