"""Characteristic functions of embeddings (NCFM, Wang et al., CVPR 2025), and who picks the frequencies.

The characteristic function of embeddings f at a frequency t is the mean of exp(i <t, f / |f|>). Two distributions that
agree at all frequencies are the same. The frequencies are drawn at random, or by a network psi that is trained to find
those at which real and synthetic images are told apart, while the images are trained so that they are not:

    min over images, max over psi, of sum over classes c of the distance of Phi_real,c and Phi_synthetic,c at t ~ psi.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddkit.methods.matching.classes import View
from ddkit.networks.names import initialise

SMALLEST = 1e-12  # of a squared distance whose root is taken
ROWS = 256  # embeddings whose products with all frequencies are in memory at once
LEAK = 0.2  # slope of psi's activations below zero


def characteristic_rows(features: Tensor, frequencies: Tensor) -> Tensor:
    """Real and imaginary parts of exp(i <t, f / |f|>) of embeddings [n, D] at frequencies t [m, D]: [n, 2 m].

    Their mean over images is the characteristic function of the embeddings' distribution.
    """
    angles = F.normalize(features, dim=1) @ frequencies.T
    return torch.cat([angles.cos(), angles.sin()], 1)


def characteristic_distance(real: Tensor, synthetic: Tensor, amplitude: float = 0.5) -> Tensor:
    """Distance of characteristic functions (NCFM's), summed over classes, mean over frequencies:

        sqrt(a (|R| - |S|)^2 + (1 - a) 2 (|R| |S| - Re R Re S - Im R Im S)).

    The first term compares how scattered a class is, the second where it lies; with a = 1/2 it is |R - S| / sqrt(2).

    Args:
        real, synthetic: [classes, 2 m], as the class means of ``characteristic_rows``.
        amplitude: a, from 0 to 1.
    """
    (real_re, real_im), (re, im) = real.chunk(2, 1), synthetic.chunk(2, 1)
    size_real, size = (torch.sqrt(x.square() + y.square() + SMALLEST) for x, y in ((real_re, real_im), (re, im)))
    apart, sizes = (real_re - re).square() + (real_im - im).square(), (size_real - size).square()
    # The second term is |R - S|^2 - (|R| - |S|)^2: so no nearly equal numbers are subtracted where a is 1/2.
    squared = (1 - amplitude) * apart + (2 * amplitude - 1) * sizes
    return torch.sqrt(squared.clamp_min(0) + SMALLEST).mean(1).sum()


def characteristic(frequencies: Tensor, amplitude: float) -> tuple[View, Callable]:
    """What of a network's features is compared at frequencies [m, D], and the distance of lists of its class means."""
    view = View(lambda f: characteristic_rows(f, frequencies) if f.ndim == 2 else None, lambda features: features[-1:])
    return view, lambda real, synthetic: characteristic_distance(real[0], synthetic[0], amplitude)


def slope_in_frequencies(real: Tensor, synthetic: Tensor, frequencies: Tensor, amplitude: float = 0.5) -> Tensor:
    """The derivative [m, D] of ``characteristic_distance`` in the frequencies [m, D].

    The distance's slope in the means comes first; then, a few embeddings at a time, how the means change with the
    frequencies, so that memory does not grow with the number of images.

    Args:
        real, synthetic: embeddings, each [classes, n, D]; n may differ between the two.
    """
    leaf = frequencies.detach().requires_grad_()
    means = [characteristic_means(side, leaf).requires_grad_() for side in (real, synthetic)]
    slopes = torch.autograd.grad(characteristic_distance(*means, amplitude), means)
    for side, slope in zip((real, synthetic), slopes, strict=True):
        for members, of_class in zip(side, slope, strict=True):
            for part in members.split(ROWS):
                (characteristic_rows(part, leaf).sum(0) @ of_class / len(members)).backward()
    return leaf.grad


@torch.no_grad()
def characteristic_means(embeddings: Tensor, frequencies: Tensor) -> Tensor:
    """The characteristic function [classes, 2 m] of each class's embeddings [classes, n, D] at frequencies [m, D]."""
    return torch.stack([sum(characteristic_rows(part, frequencies).sum(0) for part in members.split(ROWS))
                        / len(members) for members in embeddings])


class SamplingNetwork(nn.Sequential):
    """psi: makes frequencies [m, D] of noise [m, D], every number of them between -1 and 1.

    As in NCFM's code: three linear layers as wide as the embedding, each with batch norm, and tanh at the end.
    """

    def __init__(self, dimension: int, generator: torch.Generator):
        layers = []
        for activation in (nn.LeakyReLU(LEAK), nn.LeakyReLU(LEAK), nn.Tanh()):
            linear = nn.utils.skip_init(nn.Linear, dimension, dimension)  # whose own draws would not be the run's
            layers += [linear, nn.BatchNorm1d(dimension), activation]
        super().__init__(*layers)
        initialise(self, generator)


class Adversary:
    """The trained source of frequencies.

    Args:
        count, dimension: m and D.
        rate: learning rate of the Adam that trains psi.
        generator: of psi's start and of the noise.
        device: that the frequencies are to be on.
    """

    def __init__(self, count: int, dimension: int, rate: float, generator: torch.Generator, device: torch.device):
        self._shape, self._generator, self._device = (count, dimension), generator, device
        self.network = SamplingNetwork(dimension, generator).to(device)
        self.optimiser = torch.optim.Adam(self.network.parameters(), rate)

    def draw(self) -> Tensor:
        """New frequencies [m, D], without a graph."""
        noise = torch.randn(self._shape, generator=self._generator).to(self._device)
        self._drawn = self.network(noise)
        return self._drawn.detach()

    def climb(self, slope: Tensor) -> None:
        """Train psi by one step that moves the frequencies drawn last along a slope [m, D], upwards."""
        self.optimiser.zero_grad(set_to_none=True)
        self._drawn.backward(-slope)
        self.optimiser.step()

    def state_dict(self) -> dict:
        """Of psi and its optimiser; the random stream is the method's."""
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
