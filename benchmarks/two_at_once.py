"""One, two and four programs at once on the same cores: ``python benchmarks/two_at_once.py [--out FILE]``.

Each trains ConvNetD3 of width 32 on 100 images, with the spin of torch's threads that torch itself, no spin, or so many
rounds make (ddkit asks for 1000); times are medians of trials taken in turn. Leave the machine alone meanwhile.
"""

import argparse
import os
import statistics
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

SECONDS, REPEATS, AT_ONCE = 2.0, 3, (1, 2, 4)
SETTINGS = {"torch's own": {"TORCH_FIRST": "1"}, "no spin": {"OMP_WAIT_POLICY": "passive"}} | {
    f"spin {count}": {"GOMP_SPINCOUNT": str(count)} for count in (500, 700, 1000, 2000)}
PROGRAM = """
import os, sys, time
if "TORCH_FIRST" in os.environ:  # then ddkit asks for nothing
    import torch
import ddkit
import torch
from ddkit.foundation.device import keep_freed_memory
from ddkit.networks import build
from ddkit.networks.bigbatch import loss_backward
keep_freed_memory()
network = build("ConvNetD3", 1, 10, 28, width=32)
images, labels = torch.randn(100, 1, 28, 28), torch.arange(10).repeat(10)
optimiser = torch.optim.SGD(network.parameters(), 0.01)
def step():
    optimiser.zero_grad(set_to_none=True)
    loss_backward(network, images, labels, 100)
    optimiser.step()
for _ in range(5):
    step()
print("ready", flush=True)
sys.stdin.readline()
begun, steps = time.perf_counter(), 0
while time.perf_counter() - begun < float(sys.argv[1]):
    step()
    steps += 1
print(1000 * (time.perf_counter() - begun) / steps)
"""


def milliseconds(programs: int, setting: dict[str, str]) -> float:
    """Time of a step in the slowest of so many programs that run at once."""
    clean = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    running = [subprocess.Popen([sys.executable, "-c", PROGRAM, str(SECONDS)], env=clean | setting, text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(programs)]
    for program in running:
        program.stdout.readline()
    for program in running:
        program.stdin.write("\n")
        program.stdin.flush()
    found = [float(program.stdout.readline()) for program in running]
    for program in running:
        program.wait()
    return max(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", metavar="FILE", help="also write the figures as JSON")
    options = parser.parse_args()
    trials = {name: {n: [] for n in AT_ONCE} for name in SETTINGS}
    for _ in range(REPEATS):
        for name, setting in SETTINGS.items():
            for n in AT_ONCE:
                trials[name][n].append(milliseconds(n, setting))
    medians = {name: {str(n): round(statistics.median(times), 1) for n, times in row.items()}
               for name, row in trials.items()}
    for name, row in medians.items():
        print(f"{name:<12}" + "".join(f"  {n} at once {row[n]:7.1f} ms ({row[n] / row['1']:.1f} of one)" for n in row))
    if options.out:
        from ddkit.foundation.device import default_device, describe
        from ddkit.foundation.files import write_json

        write_json(Path(options.out), {"milliseconds of a step": medians, "processors": os.cpu_count(),
                                       "device": describe(default_device()),
                                       "made": datetime.now(timezone.utc).isoformat(timespec="seconds")})


if __name__ == "__main__":
    main()
