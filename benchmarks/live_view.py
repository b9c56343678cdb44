"""What watching costs a run: ``python benchmarks/live_view.py [--out FILE]``.

A distillation is made in a kernel, with a view that shows it and without one; all that the processor does outside the
run's own thread is what the view costs, what is sent to a page counted in. The clock is told, too, but cores that are
free hide that cost from it. Leave the machine alone meanwhile.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

TRIALS, UPDATES = 5, 400
ALLOWED = 0.05  # of the run's own work


async def measured(updates: int, trials: int) -> dict:
    """What a view takes beside a distillation, and what is taken without one, as shares of the run's own time."""
    import torch

    import ddkit
    from ddkit.widgets.live import LiveRun, Track

    torch.set_num_threads(1)  # all of the run's work is then in its thread
    spec = ddkit.Distill("digits", ipc=10, network="ConvNetD3", width=16, updates=updates,
                         options=(("network_steps", 5),))
    own, work = [], LiveRun._work

    def timed(run: LiveRun) -> None:
        begun = time.thread_time()
        work(run)
        own.append(time.thread_time() - begun)

    LiveRun._work = timed

    async def trial(watched: bool) -> tuple[float, float]:
        """Seconds of the clock, and the share of the processor."""
        with tempfile.TemporaryDirectory() as root:
            clock, processor = time.perf_counter(), time.process_time()
            if watched:
                track = Track("left", lambda: (spec, {"root": root, "validate_every": updates // 8}))
                track.start.click()
                run = track.live
            else:
                run = LiveRun(spec, lambda seen: None, root=root, validate_every=updates // 8).start()
            while run.going:
                await asyncio.sleep(0.1)
            run.wait(0)  # raises what went wrong
            processor = time.process_time() - processor
            return time.perf_counter() - clock, processor / own[-1] - 1

    await trial(watched=True)  # imports, caches
    found: dict[str, list[tuple[float, float]]] = {"with a view": [], "without": []}
    for _ in range(trials):
        for name, times in found.items():
            times.append(await trial(watched=name == "with a view"))
    return {"updates": updates, "trials": trials} | {name: {
        "seconds": round(statistics.median(clock for clock, _ in times), 2),
        "share": round(statistics.median(share for _, share in times), 4)} for name, times in found.items()}


def in_a_kernel(expression: str) -> dict:
    """What an expression of this module gives in a kernel of this environment."""
    from jupyter_client import KernelManager

    manager = KernelManager()
    manager.kernel_spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    here = Path(__file__).resolve().parent
    manager.start_kernel(cwd=str(here.parent), env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (
        here.parent, here)))})
    client = manager.client()
    client.start_channels()
    printed: list[str] = []
    try:
        client.wait_for_ready(timeout=120)
        told = client.execute_interactive(
            f"import json, live_view\nprint('FOUND' + json.dumps({expression}))", timeout=3600,
            output_hook=lambda message: printed.append(message["content"].get("text", "")))
        if told["content"]["status"] != "ok":
            raise SystemExit("\n".join(told["content"]["traceback"]))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return json.loads("".join(printed).split("FOUND", 1)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--updates", type=int, default=UPDATES, help="of the live runs")
    parser.add_argument("--trials", type=int, default=TRIALS, help="of each kind")
    options = parser.parse_args()
    found = in_a_kernel(f"await live_view.measured({options.updates}, {options.trials})")
    for name in ("with a view", "without"):
        print(f"{name:<12} {found[name]['seconds']:6.1f} s; beside the run the processor does "
              f"{100 * found[name]['share']:.1f} % of its work")
    print(f"allowed: {100 * ALLOWED:.0f} %")
    if options.out:
        from ddkit.foundation.device import default_device, describe
        from ddkit.foundation.files import write_json

        write_json(Path(options.out), found | {
            "allowed": ALLOWED, "processors": os.cpu_count(), "device": describe(default_device()),
            "made": datetime.now(timezone.utc).isoformat(timespec="seconds")})


if __name__ == "__main__":
    main()
