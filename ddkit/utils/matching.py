"""The hand-out's gradient matching.

Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", ICLR 2021.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ddkit.foundation.errors import one_of, require

METRICS = ("ours", "mse", "cos")


def distance_wb(gwr: Tensor, gws: Tensor) -> Tensor:
    """Distance of one layer's gradients (paper, eq. 10): 1 - cosine for each output, summed.

    A weight [outputs, ...] counts with one row for each output; biases and other vectors do not count.
    """
    require(gwr.shape == gws.shape, f"gradients of one layer have one shape, got {list(gwr.shape)}, {list(gws.shape)}")
    if gwr.ndim < 2:
        return gwr.new_zeros(())
    real, synthetic = (g.reshape(g.shape[0], -1) for g in (gwr, gws))
    lengths = real.norm(dim=1) * synthetic.norm(dim=1)
    return (1 - (real * synthetic).sum(1) / (lengths + 1e-6)).sum()


def match_loss(gw_syn: Sequence[Tensor], gw_real: Sequence[Tensor], args) -> Tensor:
    """The distance of two lists of gradients by ``args.dis_metric``.

    ``ours`` is ``distance_wb`` over all layers; ``mse`` (the squared distance) and ``cos`` (1 - cosine) are of all
    gradients as one vector.
    """
    metric = one_of(getattr(args, "dis_metric", "ours"), METRICS, "dis_metric")
    require(all(isinstance(g, Tensor) for g in (*gw_syn, *gw_real)),
            "gradients to match are tensors: some weight has none")
    require(len(gw_syn) == len(gw_real) > 0, f"{len(gw_syn)} and {len(gw_real)} gradients cannot be matched")
    if metric == "ours":
        return torch.stack([distance_wb(real, fake) for real, fake in zip(gw_real, gw_syn, strict=True)]).sum()
    require(all(a.shape == b.shape for a, b in zip(gw_syn, gw_real, strict=True)),
            "gradients to match have one shape for each weight")
    synthetic, real = (torch.cat([g.reshape(-1) for g in part]) for part in (gw_syn, gw_real))
    if metric == "mse":
        return (synthetic - real).square().sum()
    return 1 - (real * synthetic).sum() / (real.norm() * synthetic.norm() + 1e-6)
