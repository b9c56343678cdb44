"""Peak memory of an update of gradient and distribution matching: ``python benchmarks/class_matching.py``.

Random images of 1x28x28 in 10 classes, ConvNet-3, for several numbers of images per class and of real images of a
class in an update. Activations go in chunks that fit a budget, so that the peak should grow by the images alone: a
set's images, their start, gradient and momentum are each as large. Each measurement runs in a fresh process; memory is
the process's peak above what it held before the synthetic set was made, time the processor's, the median of the
updates after the first.
"""

import argparse
import math
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psutil
import torch
from datadam_update import CPU, random_dataset

from ddkit import methods
from ddkit.foundation.device import describe, keep_freed_memory
from ddkit.foundation.files import write_json
from ddkit.foundation.randomness import stream
from ddkit.methods import presets
from ddkit.networks.cost import peak_memory_mib
from ddkit.synthetic import SyntheticSet

CLASSES, SHAPE, BUDGET_MIB = 10, (1, 28, 28), 64  # the last for the activations of a pass, in every measurement
IPC, REAL = (1, 10, 50, 200, 500), (64, 256, 1024)
SOME_IPC, SOME_REAL = 10, 64  # while the other one varies
PRESETS = {"gradient": "dsa", "distribution": "dm"}
BUDGETS = ("memory_mib", "synthetic_memory_mib")  # the knobs of it, as far as a method has them


def measure(method: str, ipc: int, real: int, width: int, updates: int) -> dict:
    """Processor seconds of an update and peak MiB above idle, beside the MiB of the synthetic images."""
    keep_freed_memory()
    dataset = random_dataset(CLASSES, max(IPC + REAL), SHAPE)
    kind = methods.get(method)
    knobs = {name: BUDGET_MIB for name in BUDGETS if hasattr(kind.Config, name)}
    config = presets.configure(method, PRESETS[method], {"real_batch": real, "width": width, **knobs})
    idle, seconds = psutil.Process().memory_info().rss / 2**20, []
    synthetic = SyntheticSet.from_noise(dataset, ipc, stream(0, "images"))
    for parameter in synthetic.parameters():
        parameter.requires_grad_()
    made = kind(config)
    made.start(dataset, synthetic, lambda name: stream(0, name))
    for _ in range(updates):
        begun = time.process_time()
        made.update()
        made.done = 0  # the next one is the first on a network, too, which was not trained
        seconds.append(time.process_time() - begun)
    return {"method": method, "ipc": ipc, "real": real, "seconds": statistics.median(seconds[1:] or seconds),
            "peak_mib": peak_memory_mib(CPU) - idle,
            "set_mib": synthetic.images.numel() * synthetic.images.element_size() / 2**20}


def in_fresh_process(*arguments) -> dict:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def growth(found: list[dict], of: str) -> dict:
    """From the last but one value of ``of`` to the last, where chunks are full: MiB more at the peak, and of images."""
    few, many = found[-2:]
    real = CLASSES * (many["real"] - few["real"]) * math.prod(SHAPE) * 4 / 2**20
    images = many["set_mib"] - few["set_mib"] + real
    more = many["peak_mib"] - few["peak_mib"]
    return {"from": few[of], "to": many[of], "peak_mib": more, "images_mib": images, "copies": more / images}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--updates", type=int, default=3, help="of each measurement, the first of which is not timed")
    parser.add_argument("--out", metavar="FILE", help="also write the figures as JSON")
    options = parser.parse_args()
    print(f"{'method':12} {'images per class':>16} {'real in an update':>17} {'s, processor':>12} "
          f"{'MiB above idle':>14} {'MiB of the set':>14}")
    found, grown = [], {}
    for method in PRESETS:
        for of, wanted in (("ipc", [(ipc, SOME_REAL) for ipc in IPC]), ("real", [(SOME_IPC, real) for real in REAL])):
            rows = [in_fresh_process(method, ipc, real, options.width, options.updates) for ipc, real in wanted]
            for one in rows:
                print(f"{method:12} {one['ipc']:16} {one['real']:17} {one['seconds']:12.2f} {one['peak_mib']:14.0f} "
                      f"{one['set_mib']:14.1f}")
            found += rows
            grown[f"{method} by {of}"] = growth(rows, of)
    for name, one in grown.items():
        print(f"{name}, from {one['from']} to {one['to']}: {one['peak_mib']:.0f} MiB more at the peak, "
              f"{one['images_mib']:.0f} MiB more of images: {one['copies']:.1f} of each")
    if options.out:
        write_json(Path(options.out), {"width": options.width, "budget_mib": BUDGET_MIB, "device": describe(CPU),
                                       "torch": torch.__version__, "measured": found, "growth": grown})


if __name__ == "__main__":
    main()
