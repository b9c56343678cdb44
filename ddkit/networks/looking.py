"""Looking at a network without changing it."""

import contextlib
from collections.abc import Iterator

from torch import nn

from ddkit.foundation.errors import Diverged

STATISTICS = (nn.modules.batchnorm._NormBase,)  # layers that keep running statistics of what they have seen


@contextlib.contextmanager
def looking_at(network: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while: every layer then gets its own mode back."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextlib.contextmanager
def keeping_statistics(network: nn.Module) -> Iterator[None]:
    """Let the network compute in its own mode, batch norm's statistics of a batch included, but remember none of it."""
    kept = [(module, dict(module._buffers)) for module in network.modules() if isinstance(module, STATISTICS)]
    try:
        for module, buffers in kept:
            module._buffers.update({name: b if b is None else b.clone() for name, b in buffers.items()})
        yield
    finally:
        for module, buffers in kept:
            module._buffers.update(buffers)


def has_statistics(network: nn.Module) -> bool:
    """Whether the network's answers depend on running statistics, which are no weights."""
    return any(isinstance(module, STATISTICS) and module.track_running_stats for module in network.modules())


def require_sound(network: nn.Module, what: str) -> None:
    """Raise Diverged unless every weight and statistic of the network is finite."""
    values = [*network.named_parameters(), *network.named_buffers()]
    lost = [name for name, value in values if value.is_floating_point() and not bool(value.isfinite().all())]
    if lost:
        raise Diverged(f"{what}: {lost[0]} is no longer finite after training, so that nothing can be scored; lower "
                       "the learning rate")

