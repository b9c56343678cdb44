"""One seed per run, split into named streams, so that no part of a run disturbs another's draws."""

import os

import torch

from ddkit.foundation.files import sha256


def stream(seed: int, name: str) -> torch.Generator:
    """A CPU generator for the part ``name`` of the run ``seed``: the same pair, the same numbers."""
    digest = sha256(f"ddkit/{seed}/{name}".encode())
    return torch.Generator().manual_seed(int(digest[:15], 16))


def secret() -> torch.Generator:
    """A CPU generator that begins where the operating system says: nobody can make it again from a run's seed."""
    return torch.Generator().manual_seed(int.from_bytes(os.urandom(8), "big") >> 1)


def states(streams: dict[str, torch.Generator]) -> dict[str, torch.Tensor]:
    """Where every stream stands, for a checkpoint."""
    return {name: generator.get_state() for name, generator in streams.items()}


def restore(streams: dict[str, torch.Generator], found: dict[str, torch.Tensor]) -> None:
    """Let every stream go on from where ``states`` found it."""
    for name, generator in streams.items():
        generator.set_state(found[name])
