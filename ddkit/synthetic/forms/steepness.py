"""How fast the images of a form move when a part does, where no formula says it."""

from collections.abc import Callable

import torch
from torch import Tensor

ROUNDS = 10  # of Lanczos' method, which finds the largest eigenvalue within some per cent


Parts = dict[str, Tensor]


def even_rates(decode: Callable[[Parts], Tensor], parts: Parts, rate: float) -> dict[str, float]:
    """The rate of each part at which a step in it moves the images, in its steepest direction, as one of ``rate`` in
    pixels does; ``decode`` makes images of parts."""
    def alone(name: str) -> Callable[[Tensor], Tensor]:
        return lambda part: decode(parts | {name: part})

    return {name: rate / steepness(alone(name), part) for name, part in parts.items()}


def steepness(decode: Callable[[Tensor], Tensor], part: Tensor) -> float:
    """The largest eigenvalue of J^T J, with J the derivative of decoded images in a part; 1 if that moves nothing.

    A gradient step of rate r in the part moves the images by r J J^T times their slope, where pixels move by r times
    it: so with rate r / steepness no direction is faster than in pixels.
    """
    part = part.detach().requires_grad_(True)
    with torch.enable_grad():
        images = decode(part)
        slope = torch.zeros_like(images, requires_grad=True)
        [pulled] = torch.autograd.grad(images, part, slope, create_graph=True)  # J^T slope, whose derivative is J^T
    found: list[Tensor] = []  # orthonormal directions of the part, and J^T J times each
    squared: list[Tensor] = []
    direction = torch.randn(part.shape, generator=torch.Generator().manual_seed(0)).to(part).flatten()
    for _ in range(min(ROUNDS, part.numel())):
        for _twice in range(2):  # once leaves what rounding left
            for other in found:
                direction = direction - (direction @ other) * other
        if not direction.any():
            break
        found.append(direction / direction.norm())
        [along] = torch.autograd.grad(pulled, slope, found[-1].view_as(part), retain_graph=True)
        [direction] = torch.autograd.grad(images, part, along, retain_graph=True)
        direction = direction.flatten()
        squared.append(direction)
    small = torch.stack(found) @ torch.stack(squared).T
    return float(torch.linalg.eigvalsh((small + small.T) / 2)[-1]) or 1.0
