"""How good recommendations are: what of the held-out events stands among the first items of a user's list."""

import math

import torch
from torch import Tensor

CUT, LONG = 10, 100  # lengths of the lists
MEASURES = {"ndcg": f"nDCG@{CUT}", "hits": f"HR@{CUT}", "hits_long": f"HR@{LONG}"}  # in words


def measured(scores: Tensor, seen: Tensor, wanted: Tensor) -> dict[str, float]:
    """The ``MEASURES``, each the mean over the users of whom something is wanted, in [0, 1].

    HR@k is the share of the first k items that are wanted, of as many as could be: k, or all that are. nDCG@k counts
    a hit at rank r (from 1) as 1 / log2(r + 1), over the sum if all hits came first.

    Args:
        scores: [users, items], the higher the earlier in the list.
        seen: bool, items that a user knows and that are left out of the list.
        wanted: bool, held-out events.
    """
    asked = wanted.any(1)
    scores, seen, wanted = scores[asked].masked_fill(seen[asked], -math.inf), seen[asked], wanted[asked]
    first = scores.topk(min(LONG, scores.shape[1]), 1).indices
    hits, number = (wanted & ~seen).gather(1, first).double(), wanted.sum(1)
    weights = 1 / torch.arange(2, CUT + 2, dtype=torch.float64, device=hits.device).log2()
    best = weights.cumsum(0)[number.clamp(max=CUT) - 1]
    found = {"ndcg": (hits[:, :CUT] * weights[: hits.shape[1]]).sum(1) / best}
    for name, length in (("hits", CUT), ("hits_long", LONG)):
        found[name] = hits[:, :length].sum(1) / number.clamp(max=length)
    return {name: float(each.mean()) for name, each in found.items()}
