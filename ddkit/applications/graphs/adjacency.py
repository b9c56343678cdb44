"""Edges between synthetic nodes, as GCond learns them (Jin et al., "Graph Condensation for Graph Neural Networks", ICLR
2022, eq. 8).

An edge is a function of what its two nodes are, so that any number of nodes has few weights:

    A'_ij = sigmoid((f([x_i; x_j]) + f([x_j; x_i])) / 2),   A'_ii = 0,

f a network of two hidden layers with batch normalisation over all pairs. Nodes then see their neighbours as in the real
graph: by S'^2 X', S' = D^-1/2 (A' + I) D^-1/2.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

HIDDEN = 128  # of each of the two layers
_EPSILON = 1e-5  # of the batch normalisation


def draw_weights(numbers: int, start: float, generator: torch.Generator, hidden: int = HIDDEN) -> list[Tensor]:
    """Those of f for nodes of so many numbers: uniform as torch's linear layers are, normalisation 1 and 0, and a last
    bias by which edges are about ``start``."""
    found = []
    for inputs, outputs in ((2 * numbers, hidden), (hidden, hidden), (hidden, 1)):
        bound = 1 / math.sqrt(inputs)
        found.append(bound * (2 * torch.rand(inputs, outputs, generator=generator) - 1))
        found += [torch.ones(outputs), torch.zeros(outputs)] if outputs > 1 else [torch.tensor([start]).logit()]
    return found


def edges(nodes: Tensor, weights: list[Tensor]) -> Tensor:
    """A' [n, n] of nodes [n, d]: symmetric, in [0, 1], zero on the diagonal, differentiable in both."""
    first, *middle, last, shift = weights
    (gain, offset, second, *others), half = middle, nodes.shape[1]
    pairs = (nodes @ first[:half])[:, None] + nodes @ first[half:]  # of [x_i; x_j], without writing them down
    pairs = _normalised(pairs.flatten(0, 1), gain, offset)
    scores = (_normalised(pairs @ second, *others) @ last + shift).view(len(nodes), len(nodes))
    found = torch.sigmoid((scores + scores.T) / 2)
    return found * (1 - torch.eye(len(nodes), dtype=found.dtype, device=found.device))


def _normalised(values: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    return F.relu(F.batch_norm(values, None, None, gain, offset, training=True, eps=_EPSILON))


def spread(rows: Tensor, adjacency: Tensor | None, hops: int = 2) -> Tensor:
    """S'^hops X' of rows X' [n, d]; without an adjacency there are no neighbours, and rows stay as they are."""
    if adjacency is None:
        return rows
    looped = adjacency + torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
    scale = looped.sum(1).rsqrt()
    near = scale[:, None] * looped * scale
    for _ in range(hops):
        rows = near @ rows
    return rows


def cut(adjacency: Tensor, least: float) -> Tensor:
    """The adjacency without edges below ``least``."""
    return torch.where(adjacency >= least, adjacency, 0)
