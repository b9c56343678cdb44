"""The precision that convolutions and matrix products are computed in; everything else stays float32."""

import contextlib
import functools
import platform
from typing import Annotated, Literal

import torch
from torch import Tensor

from ddkit.foundation.knobs import Knob
from ddkit.foundation.progress import say

PRECISIONS = ("float32", "bfloat16")
Precision = Annotated[Literal[PRECISIONS], Knob("of convolutions and matrix products; bfloat16 may be faster where the "
                                                "processor has units for it")]


def computing(precision: str, device: torch.device) -> contextlib.AbstractContextManager:
    """While the block runs, convolutions and matrix products on the device are of that precision."""
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def exact(x: Tensor) -> Tensor:
    """What sums are taken in: float32 of shorter numbers, any other as it is."""
    return x.float() if x.dtype in (torch.bfloat16, torch.half) else x


def tell_if_slow(precision: str, device: torch.device, quiet: bool = False) -> None:
    """Say so, once, where bfloat16 is asked for and the processor has no units for it: it works, but takes longer."""
    if precision == "bfloat16" and device.type == "cpu" and not quiet and not _has_units():
        _tell()


@functools.cache
def _tell() -> None:
    say("this processor shows no units for bfloat16: it works, but is slower than float32 here")


@functools.cache
def _has_units() -> bool:
    """Whether torch finds instructions for bfloat16: AMX or AVX-512 of x86, oneDNN's of ARM."""
    if platform.machine() in ("aarch64", "arm64"):
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return any(getattr(torch.cpu, name)() for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
