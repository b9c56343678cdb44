"""Passing a large batch through a network in chunks, so that peak memory does not grow with the batch."""

import contextlib
import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddkit.foundation.device import without_tf32
from ddkit.networks import winograd
from ddkit.networks.blocks import Block, Network
from ddkit.networks.looking import looking_at

_COPIES = 4  # arrays of the largest map's size alive at once: convolution in and out, its workspace, one more
_KEPT = 3  # arrays of each map's size that a backward pass holds: convolution's output, activation, gradient
_FEW = 4  # input channels up to which a convolution is faster as a product with patches


@torch.inference_mode()
def images_per_chunk(network: Network, image: Tensor, budget_mib: int) -> int:
    """How many images like ``image`` [1, C, H, W] pass through together within ``budget_mib`` MiB (at least 1)."""
    with looking_at(network):
        largest = max(map_.numel() * map_.element_size() for map_ in network.maps(image))
    return max(1, budget_mib * 2**20 // (_COPIES * largest))


@torch.inference_mode()
def images_per_backward(network: Network, image: Tensor, budget_mib: int) -> int:
    """How many images like ``image`` [1, C, H, W] can be passed forward and backward within ``budget_mib`` MiB."""
    total = sum(map_.numel() * map_.element_size() for map_ in _frozen(network).maps(image))
    return max(1, budget_mib * 2**20 // (_KEPT * total))


def loss_backward(network: Network, images: Tensor, labels: Tensor, chunk: int, loss_of=F.cross_entropy) -> float:
    """Add the gradient of the batch's mean loss to the network's, ``chunk`` images at a time.

    Batch normalisation sees a chunk at a time. Returns the loss.
    """
    total = 0.0
    for part, targets in zip(images.split(chunk), labels.split(chunk), strict=True):
        loss = loss_of(network(part), targets) * (len(part) / len(images))
        loss.backward()
        total += loss.item()
    return total


def chunked_maps(network: Network, images: Tensor, budget_mib: int) -> Iterator[tuple[slice, Iterator[Tensor]]]:
    """Yield (slice of the batch, its maps as from ``network.maps``) for consecutive chunks of ``images``.

    Batch normalisation uses the statistics of the whole batch, as if there had been one pass; the
    network itself is left as it was. Run it under ``torch.inference_mode()``.
    """
    frozen = _frozen(network)
    size = images_per_chunk(frozen, images[:1], budget_mib)
    slices = [slice(i, i + size) for i in range(0, len(images), size)]
    if next(frozen.parameters()).device.type == "cpu":
        images = images.contiguous(memory_format=torch.channels_last)
    for norm in [m for m in frozen.modules() if isinstance(m, nn.BatchNorm2d)]:
        _set_statistics(frozen, norm, (images[part] for part in slices))
    for part in slices:
        yield part, frozen.maps(images[part])


def embeddings(network: Network, images: Tensor, budget_mib: int) -> Tensor:
    """The embeddings [N, D] of many images without gradients, in chunks whose activations fit ``budget_mib`` MiB."""
    parts = []
    with torch.inference_mode(), without_tf32():
        for _, maps in chunked_maps(network, images, budget_mib):
            for latest in maps:  # noqa: B007 (the last one is wanted)
                pass
            parts.append(latest)
    return torch.cat(parts).clone()  # inference tensors cannot take part in a backward pass


def _frozen(network: Network) -> Network:
    """A copy in evaluation mode that computes the same and, on a CPU, in the memory format its convolutions prefer."""
    frozen = copy.deepcopy(network).eval()
    if next(frozen.parameters()).device.type == "cpu":
        # In bfloat16 the convolutions have units of their own, and blocks are fused.
        for parent in list(frozen.modules()) if network.precision == "float32" else ():
            if isinstance(parent, Block) and _is_instance_norm(parent.norm) and parent.conv.in_channels <= _FEW:
                parent.conv, parent.norm = _NormalisedConvolution(parent.conv, parent.norm), nn.Identity()
            for name, child in parent.named_children():
                if _is_instance_norm(child):
                    setattr(parent, name, _ChannelsLastInstanceNorm(child))
                elif winograd.suits(child):
                    setattr(parent, name, winograd.Winograd(child))
        frozen.to(memory_format=torch.channels_last)
    return frozen


def _is_instance_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.GroupNorm) and module.num_groups == module.num_channels


class _NormalisedConvolution(nn.Module):
    """Convolution and instance norm of an image of few channels, as one product of patches with weights.

    The statistics of ``y = w p + b`` over all patches p of an image follow from those of the patches: its mean is
    ``w mean(p) + b`` and its variance ``w cov(p) w``, so the map itself is written once and never read.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.GroupNorm):
        super().__init__()
        self.conv, self.scale, self.shift, self.eps = conv, norm.weight, norm.bias, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        patches = F.unfold(x, conv.kernel_size, padding=conv.padding, stride=conv.stride)  # [N, C * k * k, places]
        patches -= patches.mean(2, keepdim=True)
        covariance = torch.bmm(patches, patches.mT) / patches.shape[2]
        weight = conv.weight.flatten(1)  # [channels, C * k * k]
        variance = ((weight @ covariance) * weight).sum(2)  # [N, channels]
        scaled = weight * (self.scale * (variance + self.eps).rsqrt())[:, :, None]
        rows = torch.baddbmm(self.shift.expand(len(x), 1, -1), patches.mT, scaled.mT)  # [N, places, channels]
        height = (x.shape[2] + 2 * conv.padding[0] - conv.kernel_size[0]) // conv.stride[0] + 1
        return rows.unflatten(1, (height, -1)).permute(0, 3, 1, 2)


class _ChannelsLastInstanceNorm(nn.Module):
    """Instance norm of channels-last maps: torch's own is slow in that format."""

    def __init__(self, norm: nn.GroupNorm):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        rows = x.permute(0, 2, 3, 1).flatten(1, 2)  # [N, H * W, C], without a copy
        average = rows.new_full((1, 1, rows.shape[1]), 1 / rows.shape[1]).expand(len(x), -1, -1)
        mean = torch.bmm(average, rows)[:, 0]
        variance = (torch.bmm(average, rows * rows)[:, 0] - mean.square()).clamp(min=0)
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return torch.addcmul(shift[:, :, None, None], x, scale[:, :, None, None], out=x)


class _Reached(Exception):
    """Ends a pass at the layer whose input was wanted."""


def _set_statistics(network: Network, norm: nn.BatchNorm2d, chunks: Iterator[Tensor]) -> None:
    """Give ``norm`` the mean and variance of its input over all chunks; the norms before it have theirs."""
    count, total, squares = 0, 0.0, 0.0

    def collect(_, inputs):
        nonlocal count, total, squares
        x = inputs[0].double()
        count += x.numel() // x.shape[1]
        total = total + x.sum((0, 2, 3))
        squares = squares + x.square().sum((0, 2, 3))
        raise _Reached

    hook = norm.register_forward_pre_hook(collect)
    for chunk in chunks:
        with contextlib.suppress(_Reached):
            network(chunk)
    hook.remove()
    norm.running_mean = (total / count).to(norm.running_mean.dtype)
    norm.running_var = (squares / count - (total / count) ** 2).clamp(min=0).to(norm.running_var.dtype)
