"""Distill-CF: a few fake users, learned so that an autoencoder fitted to them recommends well to real ones.

Sachdeva et al., "Infinite Recommendation Networks: A Data-Centric Approach" (NeurIPS 2022, section 4). A fake user has
a logit for every item; its events are drawn by Gumbel's trick, as often as there are draws, without deciding between
them, so that a gradient goes through:

    R_S = min(1, sum_g softmax((logits + Gumbel_g) / tau))

A sum of many draws would keep all of them in memory for its gradient. Here the backward pass draws the same noise again
and keeps one draw at a time.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.applications.recommenders.models import infinite
from ddkit.foundation.randomness import stream

Noise = tuple[int, str]  # a seed and a name, of which the same numbers come whenever they are asked for


def events(logits: Tensor, draws: int, tau: float, noise: Noise) -> Tensor:
    """Rows R_S [m, items] in [0, 1] of fake users, differentiable in their logits [m, items]."""
    return _Draws.apply(logits, draws, tau, noise).clamp(max=1)


def each_draw(logits: Tensor, draws: int, tau: float, noise: Noise):
    """One after the other: the softmax of a draw, [m, items]."""
    generator = stream(*noise)
    for _ in range(draws):
        gumbel = -(-torch.rand(logits.shape, generator=generator).log()).log()
        yield ((logits + gumbel.to(logits)) / tau).softmax(1)


class _Draws(torch.autograd.Function):
    """The sum over all draws."""

    @staticmethod
    def forward(ctx, logits: Tensor, draws: int, tau: float, noise: Noise) -> Tensor:
        ctx.save_for_backward(logits)
        ctx.how = draws, tau, noise
        return sum(each_draw(logits, draws, tau, noise))

    @staticmethod
    def backward(ctx, gradient: Tensor):
        [logits], (draws, tau, noise) = ctx.saved_tensors, ctx.how
        pulled = sum(shares * (gradient - (gradient * shares).sum(1, keepdim=True))
                     for shares in each_draw(logits, draws, tau, noise))
        return pulled / tau, None, None, None


def loss(rows: Tensor, real: Tensor, ridge: float, sparsity: float) -> Tensor:
    """What fake users' rows [m, items] are worth to real users, rows [n, items]:

        -mean_u sum_i R_ui log softmax(infinite(R_S, R, lambda)_u)_i + c * mean row sum of R_S / mean row sum of R
    """
    predicted = infinite(rows, real, ridge)
    told = -(real * F.log_softmax(predicted, 1)).sum(1).mean()
    return told + sparsity * rows.sum(1).mean() / real.sum(1).mean()
