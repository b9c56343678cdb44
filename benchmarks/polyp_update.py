"""Memory of DataDAM updates at MHIST's full scale on a CPU: ``python benchmarks/polyp_update.py``.

As many random images as MHIST has, 3x224x224; 2 x 128 of them are matched with 2 x 50 synthetic ones on ConvNet-7, and
one step of network training comes before every update but the first. What counts is the peak of the whole process:
Python, torch and all images included. ``TARGET_MIB`` is what it must stay under.
"""

import argparse
from pathlib import Path

import torch
from datadam_update import CPU, measure, random_dataset

from ddkit.data.sources import mhist
from ddkit.foundation.device import describe
from ddkit.foundation.files import write_json
from ddkit.methods import presets
from ddkit.methods.matching.datadam import DataDAM

IPC = 50
TARGET_MIB = 5 * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--updates", type=int, default=2)
    parser.add_argument("--record", metavar="FILE", help="also write the figures as JSON")
    options = parser.parse_args()
    per_class = sum(map(sum, mhist.PUBLISHED.values())) // 2
    config = presets.configure("datadam", "course", {"network_steps": 1}, dataset="mhist")
    dataset = random_dataset(2, per_class, (3, mhist.SIDE, mhist.SIDE))
    found = measure(DataDAM, config, dataset, IPC, options.updates)
    print(f"peak {found['peak_mib']:.0f} MiB of at most {TARGET_MIB}, {found['idle_mib']:.0f} of them before the first "
          f"update; seconds of the updates: {', '.join(f'{s:.1f}' for s in found['seconds'])}")
    if options.record:
        write_json(Path(options.record), {
            "network": config.network, "width": config.width, "real_images": 2 * config.real_batch,
            "synthetic_images": 2 * IPC, "size": mhist.SIDE, "images_in_memory": 2 * per_class,
            "device": describe(CPU), "torch": torch.__version__, "target_mib": TARGET_MIB, **found})


if __name__ == "__main__":
    main()
