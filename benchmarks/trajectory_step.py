"""One update of trajectory matching, both gradients: ``python benchmarks/trajectory_step.py``.

100 synthetic images of 1x28x28, all of them in every step of a ConvNet-3 student. Each measurement runs in a fresh
process. Memory is the process's peak above what it held before; time is the processor's, the median of the updates
after the first, and does not count what other processes did.
"""

import argparse
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psutil
import torch
from torch.nn.utils import parameters_to_vector

from ddkit.data import augment
from ddkit.foundation.device import describe, keep_freed_memory
from ddkit.foundation.files import write_json
from ddkit.foundation.randomness import stream
from ddkit.methods.matching.student import GRADIENTS, Batch, Student
from ddkit.methods.matching.trajectory import Segment
from ddkit.networks import build
from ddkit.networks.cost import peak_memory_mib

IMAGES, CPU = 100, torch.device("cpu")
FEW, SOME, MANY = 10, 20, 80  # steps of the student


def measure(gradient: str, steps: int, width: int, updates: int) -> dict:
    """Processor seconds of an update and peak MiB above idle."""
    keep_freed_memory()
    rng = stream(0, "benchmark")
    network = build("ConvNetD3", 1, 10, 28, width=width, generator=rng)
    start = parameters_to_vector(network.parameters()).detach()
    segment = Segment(start, start + 0.01 * torch.randn(len(start), generator=rng))
    images, labels = (torch.randn(IMAGES, *shape, generator=rng) for shape in ((1, 28, 28), (10,)))
    batches = [Batch(torch.randperm(IMAGES, generator=rng), augment.draw("crop_scale_rotate", IMAGES, rng))
               for _ in range(steps)]
    idle, seconds = psutil.Process().memory_info().rss / 2**20, []
    for _ in range(updates):
        begun = time.process_time()
        GRADIENTS[gradient](Student(network), images, labels, torch.tensor(0.01), batches, segment)
        seconds.append(time.process_time() - begun)
    return {"gradient": gradient, "steps": steps, "seconds": statistics.median(seconds[1:] or seconds),
            "peak_mib": peak_memory_mib(CPU) - idle}


def in_fresh_process(*arguments) -> dict:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--updates", type=int, default=3, help="updates with 20 steps, the first of which is not timed")
    parser.add_argument("--record", metavar="FILE", help="also write the figures as JSON")
    options = parser.parse_args()
    wanted = [("stepwise", FEW, 1), ("stepwise", MANY, 1), ("unrolled", FEW, 1), ("stepwise", SOME, options.updates),
              ("unrolled", SOME, options.updates)]
    found = [in_fresh_process(gradient, steps, options.width, updates) for gradient, steps, updates in wanted]
    for one in found:
        print(f"{one['gradient']:9} {one['steps']:3} steps {one['seconds']:8.2f} s {one['peak_mib']:8.0f} MiB above "
              "idle")
    few, many, _, stepwise, unrolled = found
    ratios = {"memory_ratio": many["peak_mib"] / few["peak_mib"],
              "time_ratio": stepwise["seconds"] / unrolled["seconds"]}
    print(f"step by step, {MANY} steps take {ratios['memory_ratio']:.2f} of the memory of {FEW}; "
          f"{SOME} steps take {ratios['time_ratio']:.2f} of the unrolled gradient's time")
    if options.record:
        write_json(Path(options.record), {"width": options.width, "device": describe(CPU), "torch": torch.__version__,
                                          "measured": found, **ratios})


if __name__ == "__main__":
    main()
