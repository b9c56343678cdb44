"""Learning rates that fall to zero over a run."""

import math

from torch.optim import Optimizer


def fall_as_cosine(optimiser: Optimizer, done: int, updates: int) -> None:
    """Let each group's learning rate be its ``rate`` times a cosine that falls to zero over ``updates``."""
    fall = (1 + math.cos(math.pi * min(1.0, done / updates))) / 2
    for group in optimiser.param_groups:
        group["lr"] = group["rate"] * fall
