"""What an update and an evaluation cost: ``python benchmarks/speed.py [--only datadam,...] [--width N] [--out FILE]``.

For each method, and for ten epochs of an evaluation, on MNIST (see ``--dataset``) in float32 and bfloat16: seconds,
their ratio to the straightforward version (one layer after the other, float32), peak memory, and the share that
convolutions and products reach of this machine's matrix speed in the same precision. ``--grow`` prints how an update's
cost grows instead. Every case runs in a process of its own, one at a time: leave the machine alone meanwhile.
"""

import argparse
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from unittest import mock

import ddkit
from ddkit.foundation.device import default_device, describe, keep_freed_memory
from ddkit.foundation.files import write_json

CASES = ("datadam", "trajectory", "rfad", "frepo", "kip", "evaluation")
WAYS = ("straightforward", "float32", "bfloat16")
EXPERTS = {"experts": 1, "expert_epochs": 2, "expert_span": 1, "first_start": 0, "last_start": 1, "final_start": 1}
OPTIONS = {"datadam": {}, "trajectory": EXPERTS | {"student_steps": 10}, "rfad": {}, "frepo": {}, "kip": {}}
GROWTH = {"ipc": (1, 10, 50), "real_batch": (64, 256, 1024), "width": (32, 64, 128), "size": (16, 28, 56),
          "classes": (2, 5, 10), "student_steps": (5, 20, 80)}
REPEATS = 5


def method_case(method: str, way: str, *, dataset: str = "mnist", size: int | None = None, width: int = 128,
                ipc: int = 10, **options) -> Callable[[], None]:
    """One update of a method on a data set."""
    from functools import partial

    from ddkit.data import load
    from ddkit.foundation.randomness import stream
    from ddkit.methods import METHODS
    from ddkit.runs import run

    changes = OPTIONS[method] | options
    network = {} if method == "kip" else {"network": "ConvNetD3", "width": width}
    precision = None if way != "bfloat16" else "bfloat16"
    spec = ddkit.Distill(dataset, method, "mtt" if method == "trajectory" else "course", ipc, size=size,
                         precision=precision, options=tuple(sorted(changes.items())), **network)
    data, made = load(dataset, size=size), METHODS[method](spec.config)
    if spec.experts:
        made.trajectories = run(spec.experts, root=tempfile.mkdtemp(), quiet=True).trajectories
    synthetic = spec.starting_set(data)
    made.start(data, synthetic, partial(stream, 0))
    for parameter in synthetic.parameters():
        parameter.requires_grad_(True)
    if method != "datadam":
        return made.update
    steps = spec.config.image_steps
    return lambda: [made.update() for _ in range(steps)]  # one step on the images, and the network's own training


def evaluation_case(way: str, *, dataset: str = "mnist", width: int = 128, ipc: int = 10) -> Callable[[], None]:
    """Ten epochs of the standard protocol and a pass over the test images."""
    import dataclasses

    from ddkit.data import load
    from ddkit.foundation.randomness import stream
    from ddkit.synthetic import SyntheticSet
    from ddkit.training import PROTOCOLS, score

    data = load(dataset)
    training = SyntheticSet.from_real(data, ipc, stream(0, "speed")).training_split()
    how = dataclasses.replace(PROTOCOLS["standard"], epochs=10, precision=way if way == "bfloat16" else "float32")
    return lambda: score(training, data, "ConvNetD3", how, 0, width=width, quiet=True)


def straightforwardly(way: str) -> contextlib.AbstractContextManager:
    """One layer after the other, if that is the way."""
    from ddkit.networks import fused

    return mock.patch.object(fused, "suits", lambda *_: False) if way == "straightforward" else contextlib.nullcontext()


def matrix_speed(way: str) -> float:
    """Operations a second of a product of large matrices in the same precision."""
    import torch

    one = torch.randn(2048, 2048).to(torch.bfloat16 if way == "bfloat16" else torch.float32)
    return 2 * 2048**3 / seconds_of(lambda: one @ one)


def seconds_of(work: Callable[[], object]) -> float:
    """Median of several, after a first one."""
    work()
    found = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def measured(case: str, way: str, knobs: dict) -> dict[str, float]:
    """Of one case: seconds, peak memory in MiB, and the share of the matrix speed."""
    from torch.utils.flop_counter import FlopCounterMode

    keep_freed_memory()
    with straightforwardly(way):
        work = evaluation_case(way, **knobs) if case == "evaluation" else method_case(case, way, **knobs)
        seconds = seconds_of(work)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        with FlopCounterMode(display=False) as counter:
            work()
    return {"seconds": seconds, "peak_mib": round(peak),
            "share": counter.get_total_flops() / seconds / matrix_speed(way)}


def apart(case: str, way: str, **knobs) -> dict[str, float]:
    """``measured`` in a process of its own."""
    command = [sys.executable, __file__, "--case", json.dumps([case, way, knobs])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{case}, {way}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(cases: list[str], width: int, dataset: str) -> dict:
    """All ways of all cases, told one by one."""
    found = {}
    for case in cases:
        knobs = {"dataset": dataset} | ({} if case == "kip" else {"width": width})
        ways = WAYS[:1] if case == "kip" else WAYS  # which computes no network
        found[case] = {way: apart(case, way, **knobs) for way in ways}
        plain = found[case]["straightforward"]["seconds"]
        for way, one in found[case].items():
            print(f"{case:<11} {way:<16} {one['seconds']:8.3f} s  {one['seconds'] / plain:5.2f}  {one['peak_mib']:6} "
                  f"MiB  {100 * one['share']:5.1f} % of the matrix speed", flush=True)
    return found


def growth(dataset: str) -> dict:
    """How the cost of an update grows with one thing at a time, at width 32."""
    found = {}
    for what, values in GROWTH.items():
        method = "trajectory" if what == "student_steps" else "datadam"
        found[what] = {}
        for value in values:
            some = f"{dataset}-" + "-".join(map(str, range(value))) if what == "classes" else dataset
            knobs = {"width": 32, "dataset": some} | ({} if what == "classes" else {what: value})
            found[what][str(value)] = one = apart(method, "float32", **knobs)
            print(f"{method}, {what} {value:<5} {one['seconds']:8.3f} s  {one['peak_mib']:6} MiB", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--only", default=",".join(CASES), metavar="CASES", help="some of the cases")
    parser.add_argument("--dataset", default="mnist", help="found as everywhere, by DDKIT_DATA")
    parser.add_argument("--width", type=int, default=128, help="of ConvNetD3")
    parser.add_argument("--grow", action="store_true", help="how an update's cost grows instead")
    parser.add_argument("--out", metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        case, way, knobs = json.loads(options.case)
        print(json.dumps(measured(case, way, knobs)))
        return
    cases = options.only.split(",")
    if set(cases) - set(CASES):
        sys.exit(f"unknown case '{(set(cases) - set(CASES)).pop()}': choose among {', '.join(CASES)}")
    found = growth(options.dataset) if options.grow else compare(cases, options.width, options.dataset)
    if options.out:
        write_json(Path(options.out), {"figures": found, "dataset": options.dataset,
                                       "width": 32 if options.grow else options.width,
                                       "device": describe(default_device()),
                                       "made": datetime.now(timezone.utc).isoformat(timespec="seconds")})


if __name__ == "__main__":
    main()
