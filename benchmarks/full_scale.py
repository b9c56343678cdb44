"""The course at full scale, many runs side by side on one GPU: ``python benchmarks/full_scale.py [--seconds S]``.

One process alone leaves a GPU idle between its small kernels; ``--mps`` starts NVIDIA's multi-process service, by which
several share it. What the time does not suffice for is saved; the same command goes on with it, also on a CPU.
"""

import argparse
import multiprocessing
import os
import subprocess
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

from ddkit.course import full_scale, profiles
from ddkit.runs import find, run
from ddkit.specs import Distill, Start

_worker = {}  # of a worker's process: what tells it that the time is up


def begin(enough, threads: int) -> None:
    """What a worker does before its first run."""
    import torch

    torch.set_num_threads(threads)
    _worker["stop"] = enough


def made(spec) -> str:
    """Make a run; returns what came of it, in words."""
    begun = time.monotonic()
    record = run(spec, quiet=True, stop=_worker["stop"])
    came = record.scores.headline if "runs" in record.result else f"{record.updates:,} updates"
    return f"{record.name}: {came}, {time.monotonic() - begun:.0f} s"


def can_begin(spec) -> bool:
    """Whether the distillation that the run is about, if it is about one, is there."""
    source = getattr(spec, "of", None)
    if isinstance(source, Start):
        source = None if source.drawn else source.of
    return not isinstance(source, Distill) or find(source) is not None


def side_by_side(left: list, workers: int, threads: int, seconds: float) -> None:
    """Make the runs, in their order as far as one does not wait for another, until all are made or the time is up."""
    context, end = multiprocessing.get_context("spawn"), time.monotonic() + seconds
    enough, running = context.Event(), {}
    with ProcessPoolExecutor(workers, context, begin, (enough, threads)) as pool:
        while (remains := end - time.monotonic()) > 0:
            for spec in [spec for spec in left if can_begin(spec)][: workers - len(running)]:
                left.remove(spec)
                running[pool.submit(made, spec)] = spec
            if not running:
                break
            for done in wait(running, remains, FIRST_COMPLETED).done:
                print(told(done, running.pop(done)), flush=True)
        enough.set()
    for done, spec in running.items():
        print(told(done, spec), flush=True)


def told(done: Future, spec) -> str:
    error = done.exception()
    return done.result() if error is None else f"{spec.name} is not there: {error}"


def share_the_gpu() -> None:
    """Start NVIDIA's multi-process service for the processes that follow."""
    folder = Path(tempfile.mkdtemp())
    for name in ("PIPE", "LOG"):
        (folder / name).mkdir()
        os.environ[f"CUDA_MPS_{name}_DIRECTORY"] = str(folder / name)
    subprocess.run(["nvidia-cuda-mps-control", "-d"], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--profile", default="full", choices=profiles.PROFILES)
    parser.add_argument("--dataset", help="another than the profile's")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after which what is begun is saved")
    parser.add_argument("--workers", type=int, default=1, help="processes side by side")
    parser.add_argument("--threads", type=int, default=1, help="of each")
    parser.add_argument("--mps", action="store_true", help="let them share a GPU by NVIDIA's multi-process service")
    options = parser.parse_args()
    if options.mps:
        share_the_gpu()
    asked = full_scale.asked(profiles.profile(options.profile, options.dataset))
    left = [spec for spec in asked if find(spec) is None]
    print(f"{len(left)} of {len(asked)} runs are to be made", flush=True)
    side_by_side(left, options.workers, options.threads, options.seconds)


if __name__ == "__main__":
    main()
