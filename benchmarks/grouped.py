"""Do an evaluation's networks train faster as one grouped convolution? ``python benchmarks/grouped.py [--out FILE]``.

Five networks that see 100 images each pass forwards and backwards through every convolution of a ConvNet-3: one
network after another, and all of them in one call with a group for each. Either is done in both memory formats, and
times are medians of trials taken in turn. The backward pass gives gradients of weights and, but for the first
convolution, of what comes in, as in training. Leave the machine alone meanwhile.
"""

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import ddkit  # noqa: F401 (before torch, so that its threads share the processor)

# isort: split
import torch
import torch.nn.functional as F

from ddkit.foundation.device import default_device, describe
from ddkit.foundation.files import write_json

NETWORKS, IMAGES, TRIALS = 5, 100, 7
WIDTHS, PRECISIONS = (32, 128), (torch.float32, torch.bfloat16)
SIDES = (28, 14, 7)  # of what comes into the three convolutions
FORMATS = {"": torch.contiguous_format, ", channels last": torch.channels_last}
ALONE, GROUPED = "one after another", "grouped"


def passes(width: int, channels: int, side: int, precision: torch.dtype) -> dict[str, Callable[[], None]]:
    """Every way of passing all networks through one convolution, forwards and backwards, by its name."""
    first = side == SIDES[0]
    found = {}
    for name, memory in FORMATS.items():
        alone = [_convolution(channels, width, side, precision, memory, first) for _ in range(NETWORKS)]
        found[ALONE + name] = lambda alone=alone: [_there_and_back(*one) for one in alone]
        both = _convolution(channels, width, side, precision, memory, first, NETWORKS)
        found[GROUPED + name] = lambda both=both: _there_and_back(*both)
    return found


def _convolution(channels: int, width: int, side: int, precision: torch.dtype, memory: torch.memory_format,
                 first: bool, groups: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]:
    """Images [N, G*C, H, W], weights [G*W, C, 3, 3], the gradient of what comes out, and the number of groups."""
    shapes = ((IMAGES, groups * channels, side, side), (groups * width, channels, 3, 3),
              (IMAGES, groups * width, side, side))
    images, weights, gradient = (torch.randn(shape).to(precision).to(memory_format=memory) for shape in shapes)
    return images.requires_grad_(not first), weights.requires_grad_(), gradient, groups


def _there_and_back(images: torch.Tensor, weights: torch.Tensor, gradient: torch.Tensor, groups: int) -> None:
    out = F.conv2d(images, weights, padding=1, groups=groups)
    torch.autograd.grad(out, [one for one in (images, weights) if one.requires_grad], gradient)


def milliseconds(ways: dict[str, Callable[[], None]], trials: int) -> dict[str, float]:
    """The median time of each way, in trials taken in turn, after two that do not count."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(trials + 2):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            times[name].append(1000 * (time.perf_counter() - begun))
    return {name: round(statistics.median(found[2:]), 2) for name, found in times.items()}


def measured(width: int, precision: torch.dtype, trials: int) -> dict[str, dict[str, float]]:
    """The times of all three convolutions, and of all together."""
    rows = {f"{channels} to {width} at {side}x{side}": milliseconds(passes(width, channels, side, precision), trials)
            for channels, side in zip((1, width, width), SIDES, strict=True)}
    ways = next(iter(rows.values()))
    return rows | {"together": {way: round(sum(row[way] for row in rows.values()), 2) for way in ways}}


def best(row: dict[str, float], way: str) -> float:
    """The time of a way in the memory format that suits it."""
    return min(row[way + name] for name in FORMATS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--trials", type=int, default=TRIALS, help="of each way")
    options = parser.parse_args()
    found = {}
    for width, precision in itertools.product(WIDTHS, PRECISIONS):
        name = f"width {width}, {str(precision).removeprefix('torch.')}"
        found[name] = measured(width, precision, options.trials)
        print(f"{name:<24}" + "".join(f"{way:>35}" for way in found[name]["together"]))
        for place, row in found[name].items():
            print(f"  {place:<22}" + "".join(f"{value:>32.2f} ms" for value in row.values())
                  + f"   grouped takes {best(row, GROUPED) / best(row, ALONE):.2f} times as long", flush=True)
    if options.out:
        write_json(Path(options.out), {
            "milliseconds": found, "networks": NETWORKS, "images": IMAGES, "trials": options.trials,
            "threads": torch.get_num_threads(), "processors": os.cpu_count(), "device": describe(default_device()),
            "torch": torch.__version__, "made": datetime.now(timezone.utc).isoformat(timespec="seconds")})


if __name__ == "__main__":
    main()
