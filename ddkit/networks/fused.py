"""Instance norm, ReLU and 2x2 mean pooling in as few passes over memory as possible, forward and backward.

What follows a block's convolution reads and writes the whole map from memory, operation by operation. Here a few
images at a time go through all of them, small enough to stay in the cache. With the map's places i of one image and
channel, ``x_i`` the convolution's output, m its mean, v its variance, r = (v + eps)^(-1/2),

    n_i = r (x_i - m),   z_i = max(0, w n_i + b),   pooled = mean of four neighbouring z_i,

and, with G_i the gradient of the output in w n_i + b (zero where z_i is; a quarter of the pooled one's at each of its
four places), over P places,

    db = sum_i G_i,   dw = sum_i G_i n_i,   dx_i = w r (G_i - db / P - n_i dw / P).

Only x is kept for the backward pass; n is computed again. What a convolution adds to all places alike, its bias, the
mean takes away again: it is not added, and its gradient is zero. Sums are taken in float32 (float64 of float64).
"""

import torch
from torch import Tensor, nn

from ddkit.networks.precision import exact

CACHED = 2 << 20  # bytes of a map that are worked on at a time
_masked = torch.ops.aten.threshold_backward  # (gradient, z, 0): the gradient where z is positive, else 0


def suits(norm: nn.Module, activation: nn.Module) -> bool:
    """Whether these two are what ``norm_relu`` computes."""
    return (isinstance(norm, nn.GroupNorm) and norm.num_groups == norm.num_channels and norm.affine
            and isinstance(activation, nn.ReLU))


def norm_relu(x: Tensor, unused_bias: Tensor | None, norm: nn.GroupNorm, pooled: bool) -> Tensor:
    """ReLU of the instance norm of a convolution's output, and then its 2x2 mean if ``pooled``.

    Args:
        x: [N, C, H, W] without the convolution's bias, fastest in channels-last format; float64, float32 or bfloat16.
        unused_bias: of the convolution, [C], which then has a gradient of zero; None if it has none.
        norm: gives weight, bias and eps.

    Returns:
        [N, C, H, W], or [N, C, H // 2, W // 2] if pooled, in channels-last format and the type of x.
    """
    return _NormReLU.apply(x, unused_bias, norm.weight, norm.bias, norm.eps, pooled)


class _NormReLU(torch.autograd.Function):
    generate_vmap_rule = True  # so that per-image gradients can be taken

    @staticmethod
    def forward(x, unused_bias, weight, bias, eps: float, pooled: bool) -> Tensor:
        n, channels, height, width = x.shape
        small = (height // 2, width // 2) if pooled else (height, width)
        rows, out = x.permute(0, 2, 3, 1).flatten(1, 2), x.new_empty(n, *small, channels)
        for part in _parts(rows):
            normal, _ = _normal(exact(rows[part]), eps)
            z = torch.addcmul(bias, normal, weight).clamp(min=0).unflatten(1, (height, width))
            out[part] = _mean_of_four(z) if pooled else z
        return out.permute(0, 3, 1, 2)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        x, unused_bias, weight, bias, ctx.eps, ctx.pooled = inputs
        ctx.save_for_backward(x, unused_bias, weight, bias)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        x, unused_bias, weight, bias = ctx.saved_tensors
        height, width = x.shape[2:]
        rows, gradient = x.permute(0, 2, 3, 1).flatten(1, 2), gradient.permute(0, 2, 3, 1)  # [N, places, C]
        dx, dw, db = torch.empty_like(rows), torch.zeros_like(weight), torch.zeros_like(bias)
        for part in _parts(rows):
            normal, scale = _normal(exact(rows[part]), ctx.eps)
            after = exact(gradient[part]).contiguous()
            after = _spread(after, height, width) if ctx.pooled else after
            g = _masked(after.flatten(1, 2), torch.addcmul(bias, normal, weight), 0)
            of_bias, of_weight, slope = _mean(g), _mean(g * normal), weight * scale
            rest = torch.addcmul(-of_bias * slope, normal, -of_weight * slope)
            dx[part] = torch.addcmul(rest, g, slope)
            dw, db = dw + of_weight.sum((0, 1)), db + of_bias.sum((0, 1))
        dx = dx.unflatten(1, (height, width)).permute(0, 3, 1, 2)
        none = None if unused_bias is None else torch.zeros_like(unused_bias)
        return dx, none, height * width * dw, height * width * db, None, None


def _parts(rows: Tensor) -> list[slice]:
    """The images cut into parts of which ``CACHED`` bytes of rows [N, P, C], as float32, are in work at a time."""
    images = max(1, CACHED // (4 * rows.shape[1:].numel()))
    return [slice(start, start + images) for start in range(0, len(rows), images)]


def _normal(rows: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The rows [n, P, C] normalised over their places, and by what they were multiplied [n, 1, C]."""
    centred = rows - _mean(rows)
    scale = (_mean(centred * centred) + eps).rsqrt()
    return centred * scale, scale


def _mean(rows: Tensor) -> Tensor:
    """Mean over places, [n, P, C] to [n, 1, C]."""
    return rows.mean(1, keepdim=True)


def _mean_of_four(z: Tensor) -> Tensor:
    """[n, H, W, C] to [n, H // 2, W // 2, C]; an odd last row or column is left out."""
    height, width = z.shape[1] // 2, z.shape[2] // 2
    pairs = z[:, : 2 * height, : 2 * width].unflatten(1, (height, 2)).unflatten(3, (width, 2))
    rows = pairs[:, :, 0] + pairs[:, :, 1]
    return (rows[:, :, :, 0] + rows[:, :, :, 1]) * 0.25


def _spread(gradient: Tensor, height: int, width: int) -> Tensor:
    """The gradient of ``_mean_of_four``: [n, H // 2, W // 2, C] to [n, H, W, C]."""
    whole = (gradient * 0.25).repeat_interleave(2, 2).repeat_interleave(2, 1)
    odd = (height % 2, width % 2)
    return nn.functional.pad(whole, (0, 0, 0, odd[1], 0, odd[0])) if any(odd) else whole
