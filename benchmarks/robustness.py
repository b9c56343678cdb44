"""What ddkit survives: ``python benchmarks/robustness.py [--only kills,damages] [--number N] [--seed S] [--out FILE]``.

Five sections: runs killed again and again, files damaged at rest, bad values and forged files, two commands at once,
and a disk that is nearly full. Commands are real ones, on few images and with narrow networks; whatever survives ends
with the scores and tensors of an unbroken run, bit for bit, or refuses in one sentence. Two processes work at a time.
"""

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: more threads would add in another order

import importlib
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch
from trials import bad_values, damages, kills, pairs, small_disk
from trials.commands import Store
from trials.results import Case, Result

from ddkit.foundation.files import write_json

SECTIONS = {"kills": kills, "damages": damages, "bad-values": bad_values, "pairs": pairs, "small-disk": small_disk}
WORKERS = 2
# Imported here once, so that no trial has to; nothing is computed before the trials are forked off.
NEEDED = ("torchvision", "sklearn.datasets", "sklearn.model_selection", "matplotlib.pyplot", "safetensors.torch",
          "safetensors.numpy", "joblib", "thop", "tabulate", "PIL.Image", "ddkit.course.task_1", "ddkit.runs",
          "ddkit.plots", "ddkit.applications.continual.report", "ddkit.applications.continual.plots",
          "ddkit.applications.search.report")


def listed(options) -> list[Case]:
    """The cases that were asked for."""
    names = options.only.split(",") if options.only else list(SECTIONS)
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        sys.exit(f"unknown section '{unknown[0]}': choose among {', '.join(SECTIONS)}")
    found = [case for name in names for case in SECTIONS[name].cases(options.seed, options.number)]
    return [case for case in found if not options.case or options.case == case.name]


def tried(case: Case, store: Store) -> list[Result]:
    """What came of a case; one that could not be carried out counts as failed."""
    try:
        return case.work(store)
    except Exception as error:
        return [case.result(f"could not be tried: {type(error).__name__}: {error}")]


def all_tried(cases: list[Case], store: Store) -> list[Result]:
    """The results of all cases, two processes at a time; each failure is told at once."""
    results = []
    with ProcessPoolExecutor(WORKERS, get_context("fork")) as pool:
        asked = [pool.submit(tried, case, store) for case in cases]
        for number, done in enumerate(as_completed(asked), 1):
            found = done.result()
            results += found
            for result in found:
                if result.fault:
                    print(f"[{number}/{len(asked)}] {result.case}: {result.fault}", flush=True)
    return results


def summary(results: list[Result]) -> dict[str, dict[str, dict[str, int]]]:
    """Trials and survivors by section and kind."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for result in sorted(results, key=lambda r: (r.section, r.kind)):
        counts = found.setdefault(result.section, {}).setdefault(result.kind, {"tried": 0, "survived": 0})
        counts["tried"] += result.tried
        counts["survived"] += result.tried - bool(result.fault) if result.tried else -bool(result.fault)
    return found


def report(results: list[Result], options) -> list[dict[str, str]]:
    """Print the counts and every failure with how to see it again; returns the failures."""
    for section, kinds in summary(results).items():
        totals = [sum(counts[name] for counts in kinds.values()) for name in ("tried", "survived")]
        print(f"\n{section}: {totals[1]} of {totals[0]} survived")
        for kind, counts in kinds.items():
            print(f"  {kind:<34} {counts['survived']:4} of {counts['tried']:4}")
    number = "" if options.number is None else f" --number {options.number}"
    failures = [{"case": result.case, "fault": result.fault,
                 "again": f"python benchmarks/robustness.py --seed {options.seed}{number} --case '{result.case}'"}
                for result in results if result.fault]
    for failure in failures:
        print(f"\n{failure['fault']}\n  again: {failure['again']}")
    print(f"\n{len(failures)} failures")
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--only", metavar="SECTIONS", help=f"some of {','.join(SECTIONS)}")
    parser.add_argument("--number", type=int, help="trials in each section, instead of its own number")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn")
    parser.add_argument("--case", metavar="NAME", help="a single case, as failures name it")
    parser.add_argument("--keep", metavar="DIR", help="work in this new folder and leave everything there")
    parser.add_argument("--out", metavar="FILE", help="also write the figures as JSON")
    options = parser.parse_args()
    begun, cases = time.monotonic(), listed(options)
    for name in NEEDED:
        importlib.import_module(name)
    root = Path(options.keep or tempfile.mkdtemp(prefix="ddkit-robustness-")).resolve()
    store = Store(root)
    try:
        store.make_inputs()
        if not small_disk.possible(store.inputs.parent / "disks"):
            print("no small disks: they need the right to mount")
            cases = [case for case in cases if case.section != small_disk.SmallDisk.section]
        results = all_tried(cases, store)
    finally:
        if not options.keep:
            shutil.rmtree(root, ignore_errors=True)
    failures, seconds = report(results, options), time.monotonic() - begun
    print(f"{sum(result.tried for result in results)} trials in {seconds / 60:.1f} minutes")
    if options.out:
        write_json(Path(options.out), {"seed": options.seed, "number": options.number, "torch": torch.__version__,
                                       "seconds": seconds, "sections": summary(results), "failures": failures})
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
