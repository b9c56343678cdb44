"""What a network and a run cost: three numbers with three names.

* MACs: multiply-accumulates of one forward pass of one image.
* FLOPs: floating-point operations; a multiply-accumulate is two.
* FLOP/s: operations per second, measured on this machine.
"""

import contextlib
import copy
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import torch
from torch import nn

from ddkit.networks.blocks import AveragePool


@dataclass(frozen=True)
class Cost:
    """Cost of one forward pass of one image.

    Attributes:
        parameters: learnable numbers, counted from the module.
        macs: multiply-accumulates as thop counts them (it adds pooling outputs and misses GroupNorm).
        flops: floating-point operations as torch's counter sees them (convolutions and linear layers).
    """

    parameters: int
    macs: int
    flops: int

    def training_flops(self, images: int) -> int:
        """FLOPs to train on ``images`` images: a backward pass costs about two forward passes."""
        return 3 * self.flops * images

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def measure(network: nn.Module, shape: tuple[int, int, int]) -> Cost:
    """Count parameters, MACs and FLOPs of ``network`` for one image of ``shape`` (C, H, W), which it is not shown.

    A copy in evaluation mode is: batch norm learns nothing from the image, and networks that train on two images or
    more can be measured.
    """
    from thop import profile
    from thop.vision.basic_hooks import count_avgpool
    from torch.utils.flop_counter import FlopCounterMode

    image = torch.zeros(1, *shape, device=next(network.parameters()).device)
    parameters = sum(p.numel() for p in network.parameters())
    shown = copy.deepcopy(network).eval()
    with FlopCounterMode(display=False) as counter:  # with gradients: without, transformers take ways it cannot count
        shown(image)
    macs, _ = profile(shown, inputs=(image,), custom_ops={AveragePool: count_avgpool}, verbose=False)
    return Cost(parameters, int(macs), counter.get_total_flops())


class Stopwatch:
    """Seconds since it was made, with those of earlier, interrupted parts added.

    ``clock`` may be ``time.process_time``, which counts the processor's work for this process only.
    """

    def __init__(self, before: float = 0.0, clock: Callable[[], float] = time.perf_counter):
        self._clock, self._start = clock, clock() - before

    @property
    def seconds(self) -> float:
        return self._clock() - self._start

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """What the block takes is not counted."""
        before = self._clock()
        try:
            yield
        finally:
            self._start += self._clock() - before


def peak_memory_mib(device: torch.device) -> float:
    """The process's peak memory so far, whatever it was for: of the GPU if it runs there, else resident; in MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 2**20
    import resource

    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
