"""The grid that the hyperparameter bench reveals: ``python benchmarks/grid.py [--jobs 2] [--out FILE]``.

DataDAM on scikit-learn's digits, in small: 5 weights of the embeddings' term x 3 powers x 3 numbers of images per class
x 3 learning rates of the images. Each of the 135 sets is judged on *validation* data by five networks. Every
distillation is a run under ``--runs``, and every judgement lies beside it: stopped, the command goes on where it was.
"""

import argparse
from datetime import datetime, timezone
from itertools import product
from pathlib import Path

import torch
from joblib import parallel_config

import ddkit
from ddkit.data import Dataset, load
from ddkit.foundation.device import default_device, describe
from ddkit.foundation.files import read_json, write_json
from ddkit.foundation.progress import bar
from ddkit.runs import run
from ddkit.runs.workers import in_parallel
from ddkit.stored.grid import GRIDS, Cell, Grid, combination
from ddkit.training import PROTOCOLS, score

SPEC = ddkit.Distill("digits", network="ConvNetD3", width=16, updates=40, options=(("network_steps", 10),))
AXES = {"lam": (0.0, 0.001, 0.01, 0.1, 1.0), "power": (1.0, 2.0, 4.0), "ipc": (1, 5, 10), "image_lr": (0.02, 0.1, 0.5)}
PROTOCOL, SEEDS = "assignment", 5
LOSSES = 10  # kept of a distillation, evenly spaced


def cell(values: tuple[float, ...], dataset: Dataset, root: Path) -> Cell:
    """Make, or reload, what came of one combination."""
    spec = combination(SPEC, dict(zip(AXES, values, strict=True)))
    record = run(spec, root=root, quiet=True)
    kept = root / f"{spec.name}.json"
    if not kept.exists():
        training, how = record.synthetic.training_split(), PROTOCOLS[PROTOCOL]
        found = [score(training, dataset, SPEC.network, how, seed, width=SPEC.width, split="val", quiet=True)
                 for seed in range(SEEDS)]
        write_json(kept, {"accuracies": [one["accuracy"] for one in found]})
    losses = [one["loss"] for one in record.result["losses"]]
    some = [losses[round(i * (len(losses) - 1) / (LOSSES - 1))] for i in range(LOSSES)]
    return Cell(values, spec.name, tuple(read_json(kept)["accuracies"]), tuple(float(f"{loss:.4g}") for loss in some),
                round(record.result["moved"], 3), round(record.seconds, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--runs", default="data/runs/grid", help="where the distillations are kept")
    parser.add_argument("--jobs", type=int, default=1, help="combinations made at the same time")
    parser.add_argument("--out", default=str(GRIDS / "digits.json"), metavar="FILE", help="the grid")
    options = parser.parse_args()
    torch.set_num_threads(1)  # so that the bits do not depend on the number of processors
    root, dataset, wanted = Path(options.runs), load(SPEC.dataset), list(product(*AXES.values()))
    cells = []
    with parallel_config("loky", n_jobs=options.jobs, inner_max_num_threads=1), bar(len(wanted), "grid", "set") as told:
        for start in range(0, len(wanted), 5):
            part = wanted[start : start + 5]
            cells += in_parallel(cell, [(values, dataset, root) for values in part])
            for _ in part:
                told.step()
    versions = {"ddkit": ddkit.__version__, "torch": torch.__version__}
    Grid(SPEC, AXES, tuple(cells), PROTOCOL, SPEC.network, SPEC.width, dataset.fingerprint,
         datetime.now(timezone.utc).isoformat(timespec="seconds"), describe(default_device()), versions).save(
             Path(options.out))


if __name__ == "__main__":
    main()
