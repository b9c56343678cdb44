"""Where tensors live, how exactly they are computed there, and how the processor's memory is kept."""

import contextlib
import ctypes
import sys

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # glibc's malloc.h
_KEEP = 1 << 30  # bytes


def default_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe(device: torch.device) -> str:
    """A device in words, for records."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)}"


def without_tf32() -> contextlib.AbstractContextManager:
    """While the block runs, float32 is float32 on a GPU too: torch computes convolutions in TF32 by default."""
    if not torch.cuda.is_available():
        return contextlib.nullcontext()
    cudnn = torch.backends.cudnn
    return cudnn.flags(cudnn.enabled, cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False)


def keep_freed_memory() -> None:
    """Ask glibc to reuse freed activations rather than return them to the system page by page.

    Every training step frees and takes the same tens of megabytes; without this each fresh page
    costs a fault, which on a CPU can take longer than the arithmetic. Elsewhere it does nothing.
    """
    _ask_malloc({_M_MMAP_THRESHOLD: _KEEP, _M_TRIM_THRESHOLD: _KEEP})


def keep_freed_memory_in_threads() -> None:
    """The same for work in a thread of its own, which glibc would otherwise give an arena that keeps little.

    To be called before that thread first allocates, from the one that starts it.
    """
    keep_freed_memory()
    _ask_malloc({_M_ARENA_MAX: 1})


def _ask_malloc(wanted: dict[int, int]) -> None:
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            for parameter, value in wanted.items():
                libc.mallopt(parameter, value)
