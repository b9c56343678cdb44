"""One seed per run, split into named streams, so that no part of a run disturbs another's draws."""

import torch

from ddkit.files import sha256


def stream(seed: int, name: str) -> torch.Generator:
    """A CPU generator for the part ``name`` of the run ``seed``: the same pair, the same numbers."""
    digest = sha256(f"ddkit/{seed}/{name}".encode())
    return torch.Generator().manual_seed(int(digest[:15], 16))
