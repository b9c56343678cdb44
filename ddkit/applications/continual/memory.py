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
        return torch.cat([_widened(part, first, len(classes)) for part, first in zip(parts, firsts, strict=True)])

    learned = one.start_labels is not None
    return SyntheticSet(torch.cat([part.images for part in kept]), labels(kept),
                        torch.cat([part.start for part in kept]), one.mean, one.std, classes,
                        origin={"notes": list(one.notes)}, meaning=_MEANING.get(one.meaning, one.meaning),
                        start_labels=labels([part.undistilled() for part in kept]) if learned else None)


_MEANING = {"logits": "probabilities"}  # of other classes logits say nothing, their softmax does


def _widened(part: SyntheticSet, first: int, classes: int) -> Tensor:
    """Labels of a step's set in terms of all classes, of which its own k are ``first`` to ``first + k - 1``.

    Hard labels are numbered anew. A distribution gives the other classes none of its probability. Values regressed on
    are probabilities less their mean, 1 / k: with that added, widened like a distribution and less 1 / ``classes`` they
    mean the same, so that one-hot - 1 / k becomes one-hot - 1 / classes.
    """
    split, own = part.training_split(), len(part.classes)
    if not part.soft:
        return split.labels + first
    centred = 1.0 if split.squared else 0.0
    return F.pad(split.labels + centred / own, (first, classes - first - own)) - centred / classes


def beside(new: Split, old: Split, classes: int) -> Split:
    """New images and then remembered ones, with labels of one kind: where they differ, hard ones become soft, and all
    are regressed on if some are."""
    images = torch.cat([new.images, old.images])
    if old.squared:
        return Split(images, torch.cat([regression_targets(part, classes).float() for part in (new, old)]),
                     squared=True)
    soft = old.labels.ndim == 2
    return Split(images, torch.cat([F.one_hot(new.labels, classes).float() if soft else new.labels, old.labels]))
