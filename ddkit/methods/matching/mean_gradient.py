"""The gradient of many images' mean loss in a network's weights, and what each image does to it, in chunks."""

import torch
from torch import Tensor

from ddkit.methods.matching.student import Batch, Student, along

TWICE = 3  # times as much a graph holds that is differentiated twice


def mean_gradient(student: Student, weights: Tensor, images: Tensor, labels: Tensor, batch: Batch,
                  chunk: int) -> Tensor:
    """Gradient [P] of the batch's mean cross-entropy in the weights, without a graph.

    Args:
        weights: flat, [P].
        images: [N, C, H, W], of which the batch has some.
        labels: int64 [N].
        chunk: images that are passed forward and backward together.
    """
    weights = weights.clone().requires_grad_()
    return sum(len(part) / len(batch.indices)
               * student.gradient(weights, images, labels, Batch(part, batch.draw), graph=False)
               for part in batch.indices.split(chunk))


def mean_along(student: Student, weights: Tensor, images: Tensor, labels: Tensor, batch: Batch, direction: Tensor,
               chunk: int) -> Tensor:
    """What the batch's images do to ``mean_gradient`` along a direction [P]: the derivative of their product in them.

    Args: as for ``mean_gradient``.

    Returns:
        [n, C, H, W], of the images that the batch has, in its order.
    """
    found = []
    for part in batch.indices.split(max(1, chunk // TWICE)):
        own = images[part].detach().requires_grad_()  # of these alone, so that no gradient is as large as the set
        alone = Batch(torch.arange(len(part), device=part.device), batch.draw)
        _, (slope,) = along(student, weights, [own], labels[part], alone, direction, in_weights=False)
        found.append(len(part) / len(batch.indices) * slope)
    return torch.cat(found)
