"""How fast the images of a form move when a part does, where no formula says it."""

from collections.abc import Callable

import torch
from torch import Tensor

ROUNDS = 10  # of Lanczos' method, which finds the largest eigenvalue within some per cent


Parts = dict[str, Tensor]


def even_rates(decode: Callable[[Parts], Tensor], parts: Parts, rate: float, signed: bool = False) -> dict[str, float]:
    """The rate of each part at which a step in it moves the images, in its steepest direction, as one of ``rate`` in
    pixels does; ``decode`` makes images of parts.

    Args:
        signed: of steps of one length in every number, up or down, as Adam's first are: the rate at which they move
            pixels by ``rate`` in root mean square.
    """
    def alone(name: str) -> Callable[[Tensor], Tensor]:
        return lambda part: decode(parts | {name: part})

    speed = spread if signed else steepness
    return {name: rate / speed(alone(name), part) for name, part in parts.items()}


def _derivative(decode: Callable[[Tensor], Tensor], part: Tensor) -> tuple[Callable[[Tensor], Tensor], ...]:
    """u -> J u and v -> J^T v, with J the derivative of decoded images in a part."""
    part = part.detach().requires_grad_(True)
    with torch.enable_grad():
        images = decode(part)
        slope = torch.zeros_like(images, requires_grad=True)
        [pulled] = torch.autograd.grad(images, part, slope, create_graph=True)  # J^T slope, whose derivative is J^T
    return (lambda u: torch.autograd.grad(pulled, slope, u.view_as(part), retain_graph=True)[0],
            lambda v: torch.autograd.grad(images, part, v, retain_graph=True)[0])


def spread(decode: Callable[[Tensor], Tensor], part: Tensor) -> float:
    """How far pixels move, in root mean square, when every number of a part moves by 1, up or down by chance; 1 if that
    moves nothing. The expected square is the mean of the squares of J's rows; one draw estimates it."""
    forward, _ = _derivative(decode, part)
    signs = torch.randint(0, 2, part.shape, generator=torch.Generator().manual_seed(0)).to(part) * 2 - 1
    return float(forward(signs).square().mean().sqrt()) or 1.0


def steepness(decode: Callable[[Tensor], Tensor], part: Tensor) -> float:
    """The largest eigenvalue of J^T J, with J the derivative of decoded images in a part; 1 if that moves nothing.

    A gradient step of rate r in the part moves the images by r J J^T times their slope, where pixels move by r times
    it: so with rate r / steepness no direction is faster than in pixels.
    """
    forward, back = _derivative(decode, part)
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
        direction = back(forward(found[-1])).flatten()
        squared.append(direction)
    small = torch.stack(found) @ torch.stack(squared).T
    return float(torch.linalg.eigvalsh((small + small.T) / 2)[-1]) or 1.0
