"""How quick the dashboards are, and what watching costs a run: ``python benchmarks/dashboards.py [--out FILE]``.

All of it happens in a kernel, so that what is sent to a page is counted in. Sliders of dashboards that show what is
stored are moved over all their places. Of a live run, what the processor does outside the run's own thread is what the
view costs: the clock is told, too, but cores that are free hide that cost. Leave the machine alone meanwhile.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

TRIALS, UPDATES, MOST_PLACES = 5, 400, 25
ALLOWED = {"milliseconds": 100, "share": 0.05}  # that a stored slider may take, and a live view of a run


def stored() -> dict[str, dict[str, float]]:
    """Milliseconds that each slider of each dashboard of stored results takes: the median and the most."""
    from ddkit.stored import grids
    from ddkit.widgets.hyperparameter_bench import Revealed
    from ddkit.widgets.images_per_class import ImagesPerClass
    from ddkit.widgets.is_it_real import IsItReal
    from ddkit.widgets.time_machine import TimeMachine

    shown = {"time machine": TimeMachine(), "is it real": IsItReal(), "images per class": ImagesPerClass()}
    shown |= {f"grid: {grid.name}": Revealed(grid) for grid in grids()}
    return {f"{name}: {slider.description}": {"median": statistics.median(times), "most": max(times)}
            for name, dashboard in shown.items() for slider in sliders(dashboard.view)
            if (times := list(moved(slider)))}


def sliders(widget) -> Iterator:
    """All sliders in a view."""
    if hasattr(widget, "readout"):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from sliders(child)


def moved(slider) -> Iterator[float]:
    """Milliseconds of every move of a slider over its places, and back to the first."""
    if hasattr(slider, "options"):
        places = [option[1] if isinstance(option, tuple) else option for option in slider.options]
    else:
        places = [slider.min + i * slider.step for i in range(round((slider.max - slider.min) / slider.step) + 1)]
    every = -(-len(places) // MOST_PLACES)
    for place in [*places[::every], places[0]]:
        if place != slider.value:
            begun = time.perf_counter()
            slider.value = place
            yield round(1000 * (time.perf_counter() - begun), 1)


async def live(updates: int = UPDATES, trials: int = TRIALS) -> dict:
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
            f"import json, dashboards\nprint('FOUND' + json.dumps({expression}))", timeout=3600,
            output_hook=lambda message: printed.append(message["content"].get("text", "")))
        if told["content"]["status"] != "ok":
            raise SystemExit("\n".join(told["content"]["traceback"]))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return json.loads("".join(printed).split("FOUND", 1)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--updates", type=int, default=UPDATES, help="of the live runs")
    parser.add_argument("--trials", type=int, default=TRIALS, help="of each kind")
    options = parser.parse_args()
    found = {"milliseconds of a stored slider": in_a_kernel("dashboards.stored()"),
             "a live view": in_a_kernel(f"await dashboards.live({options.updates}, {options.trials})")}
    for name, times in found["milliseconds of a stored slider"].items():
        print(f"{name:<60} median {times['median']:6.1f} ms, most {times['most']:6.1f} ms")
    view = found["a live view"]
    for name in ("with a view", "without"):
        print(f"live, {name:<12} {view[name]['seconds']:6.1f} s; the processor does "
              f"{100 * view[name]['share']:.1f} % of the run's own work beside it")
    kept = all(t["median"] <= ALLOWED["milliseconds"] for t in found["milliseconds of a stored slider"].values())
    kept &= view["with a view"]["share"] < ALLOWED["share"]
    print("all within what is allowed" if kept else "NOT all within what is allowed")
    if options.out:
        from ddkit.foundation.device import default_device, describe
        from ddkit.foundation.files import write_json

        write_json(Path(options.out), found | {
            "kept": kept, "processors": os.cpu_count(), "device": describe(default_device()),
            "made": datetime.now(timezone.utc).isoformat(timespec="seconds")})


if __name__ == "__main__":
    main()
