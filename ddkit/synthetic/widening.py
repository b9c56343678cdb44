"""The labels of a set that knows some classes only, in terms of all classes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ddkit.synthetic.synthetic_set import SyntheticSet


def widened(part: SyntheticSet, places: Sequence[int], classes: int) -> Tensor:
    """Labels of a set in terms of ``classes`` classes, of which its own k are those at ``places``.

    Hard labels are numbered anew. A distribution gives the other classes none of its probability. Values regressed on
    are probabilities less their mean, 1 / k: with that added, widened like a distribution and less 1 / ``classes`` they
    mean the same, so that one-hot - 1 / k becomes one-hot - 1 / classes.
    """
    split, at = part.training_split(), torch.as_tensor(list(places), device=part.labels.device)
    if not part.soft:
        return at[split.labels]
    centred = 1.0 if split.squared else 0.0
    wide = split.labels.new_zeros(len(split), classes)
    wide[:, at] = split.labels + centred / len(at)
    return wide - centred / classes
