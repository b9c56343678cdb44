"""The bi-level way (paper, algorithm 1), as a reference: learn the one network itself, through the distillation in it.

    S_0 = real images,   S_t = S_t-1 - alpha grad_S L(S_t-1; theta),   theta <- theta - eta grad_theta L(S_T; theta'),

L the loss of ``regression`` and theta' a fresh network. The gradient in theta goes back through all T updates, whose
graphs are therefore kept, and differentiates each update's own gradient once more: memory grows with T, which is why
the paper can afford 16 of them, and why the translator, whose gradient needs none of it, may have any number.
"""

import weakref
from collections.abc import Callable

import torch
from torch import Tensor

from ddkit.methods.translation.regression import batch_loss, squared_error, weights_of
from ddkit.networks import Network
from ddkit.training.kernels import FeatureKernel


def distilled(network: Network, images: Tensor, targets: Tensor, real: Tensor, wanted: Tensor, updates: int, lr: float,
              keep: bool = True) -> tuple[Tensor, Tensor]:
    """S_T: images [n, C, H, W] and targets [n, classes] after so many plain gradient steps on the loss in ``network``
    on real images [m, C, H, W] with targets [m, classes]; differentiable in the network's weights if ``keep``."""
    with torch.set_grad_enabled(keep):
        rows = FeatureKernel([network]).features(real).double()
    for _ in range(updates):
        images, targets = (part if keep and part.requires_grad else part.detach().requires_grad_()
                           for part in (images, targets))
        loss = squared_error(rows, weights_of(network, images, targets), wanted)
        slopes = torch.autograd.grad(loss, [images, targets], create_graph=keep)
        images, targets = (part - lr * slope for part, slope in zip((images, targets), slopes, strict=True))
    return (images, targets) if keep else (images.detach(), targets.detach())


def slope(network: Network, fresh: Network, images: Tensor, targets: Tensor, real: Tensor, wanted: Tensor, updates: int,
          lr: float) -> list[Tensor]:
    """grad_theta L(S_T; theta'): one tensor for each weight that the features of ``network`` depend on."""
    made = distilled(network, images, targets, real, wanted, updates, lr)
    weights = [weight for name, weight in network.named_parameters() if not name.startswith("classifier")]
    return list(torch.autograd.grad(batch_loss(fresh, *made, real, wanted), weights))


class _Held:
    """A tensor that autograd keeps for its way back."""

    def __init__(self, tensor: Tensor):
        self.tensor = tensor


def bytes_held(work: Callable[[], Tensor]) -> int:
    """Bytes of all tensors that autograd keeps for the way back from what ``work`` computes, each counted once."""
    held: weakref.WeakSet[_Held] = weakref.WeakSet()

    def keep(tensor: Tensor) -> _Held:
        held.add(one := _Held(tensor))
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one.tensor):
        result = work()
    storages = {one.tensor.untyped_storage().data_ptr(): one.tensor.untyped_storage().nbytes() for one in held}
    del result
    return sum(storages.values())
