"""Passing a large batch through a network in chunks, so that peak memory does not grow with the batch."""

import contextlib
import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ddkit.networks import Network

_COPIES = 4  # arrays of the largest map's size alive at once: convolution in and out, its workspace, one more


@torch.inference_mode()
def images_per_chunk(network: Network, image: Tensor, budget_mib: int) -> int:
    """How many images like ``image`` [1, C, H, W] pass through together within ``budget_mib`` MiB (at least 1)."""
    largest = max(map_.numel() * map_.element_size() for map_ in _frozen(network).maps(image))
    return max(1, budget_mib * 2**20 // (_COPIES * largest))


def chunked_maps(network: Network, images: Tensor, budget_mib: int) -> Iterator[tuple[slice, Iterator[Tensor]]]:
    """Yield (slice of the batch, its maps as from ``network.maps``) for consecutive chunks of ``images``.

    Batch normalisation uses the statistics of the whole batch, as if there had been one pass; the
    network itself is left as it was. Run it under ``torch.inference_mode()``.
    """
    size = images_per_chunk(network, images[:1], budget_mib)
    slices = [slice(i, i + size) for i in range(0, len(images), size)]
    frozen = _frozen(network)
    for norm in [m for m in frozen.modules() if isinstance(m, nn.BatchNorm2d)]:
        _set_statistics(frozen, norm, (images[part] for part in slices))
    for part in slices:
        yield part, frozen.maps(images[part])


def _frozen(network: Network) -> Network:
    return copy.deepcopy(network).eval() if any(isinstance(m, nn.BatchNorm2d) for m in network.modules()) else network


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
