"""How soon a stored slider answers: ``python benchmarks/sliders.py [--out FILE]``.

Every slider of the dashboards that show stored records goes through all its values, in the kernel, up to the picture
that is sent to the browser; menus, which draw whole charts, are timed beside them. Leave the machine alone meanwhile.
"""

import argparse
import statistics
import time
from datetime import datetime, timezone
from pathlib import Path

from ddkit.foundation.device import default_device, describe
from ddkit.foundation.files import write_json
from ddkit.widgets.images_per_class import ImagesPerClass
from ddkit.widgets.is_it_real import IsItReal
from ddkit.widgets.time_machine import TimeMachine

REPEATS = 5
OPENED = {"time machine": lambda: TimeMachine(), "is it real": lambda: IsItReal(),
          "images per class": lambda: ImagesPerClass()}


def controls(view) -> list:
    """Every control in a view that has several values."""
    if hasattr(view, "children"):
        return [found for child in view.children for found in controls(child)]
    return [view] if len(values(view)) > 1 else []


def values(control) -> list:
    """All values of a menu or slider."""
    if hasattr(control, "options"):
        return [value for _, value in control.options]
    return list(range(control.min, control.max + 1)) if hasattr(control, "continuous_update") else []


def milliseconds(control) -> list[float]:
    """How long each step through a control's values takes."""
    found = []
    for value in values(control) * REPEATS:
        begun = time.perf_counter()
        control.value = value
        found.append(1000 * (time.perf_counter() - begun))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    result = {"made": datetime.now(timezone.utc).isoformat(timespec="seconds"), "device": describe(default_device()),
              "milliseconds": {}}
    for name, make in OPENED.items():
        begun = time.perf_counter()
        view = make().view
        result["milliseconds"][name] = row = {"opened": round(1000 * (time.perf_counter() - begun))}
        for control in controls(view):
            took = milliseconds(control)
            kind = "slider" if hasattr(control, "continuous_update") else "menu"
            row[f"{kind} {control.description}"] = {"median": round(statistics.median(took), 1),
                                                    "worst": round(max(took), 1)}
    for name, row in result["milliseconds"].items():
        print(name, *(f"  {what}: {took}" for what, took in row.items()), sep="\n")
    if options.out:
        write_json(options.out, result)


if __name__ == "__main__":
    main()
