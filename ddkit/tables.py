"""Records as tables: text for a terminal, GitHub's Markdown for a notebook or README."""

from tabulate import tabulate

from ddkit.runs import Record


def scores(records: dict[str, Record], style: str = "simple") -> str:
    """One row per record: mean accuracy, standard deviation and n, updates, seconds of training and of testing.

    The records are of one protocol; if a kernel predicted, the heading says so.

    Two-class data also get balanced accuracy and AUC, and rows whose balanced accuracy is at chance say so.
    """
    first = next(iter(records.values()))
    metrics = {"accuracy": "test accuracy"}
    if "auc" in first.result["runs"][0]:
        metrics |= {"balanced_accuracy": "balanced accuracy", "auc": "AUC"}
    rows = [(name + " (at chance)" * r.scores.at_chance, *(str(r.scores.of(m)) for m in metrics),
             r.result["runs"][0]["updates"], f"{r.scores.seconds:.1f}", f"{r.scores.test_seconds:.1f}")
            for name, r in records.items()]
    guessing = [100 * first.result["chance"], 50, 50]
    rows.append(("always the most frequent class", *(f"{g:.2f} %" for g in guessing[: len(metrics)]), "", "", ""))
    sets = "kernel regression on" if "kernel" in first.result else "trained on"
    headers = (sets, *metrics.values(), "updates", "training s", "testing s")
    sides = ("left",) * (1 + len(metrics)) + ("right",) * 3
    return tabulate(rows, headers, style, disable_numparse=True, colalign=sides)


def transfer(records: dict[str, dict[str, Record]], style: str = "simple") -> str:
    """Rows: what was trained on; columns: networks; cells: mean accuracy, standard deviation, n."""
    networks = list(next(iter(records.values())))
    rows = [(name, *(str(row[n].scores) for n in networks)) for name, row in records.items()]
    return tabulate(rows, ("trained on", *networks), style, disable_numparse=True)


def costs(record: Record, style: str = "simple") -> str:
    """What an evaluation's network and its training cost: parameters, MACs, FLOPs and measured FLOP/s."""
    cost, run = record.result["cost"], record.result["runs"][0]
    training = 3 * cost["flops"] * record.result["training_images"] * record.result["epochs"]
    rows = [
        ("parameters", f"{cost['parameters']:,}"),
        ("MACs, one image forward (thop)", f"{cost['macs']:,}"),
        ("FLOPs, one image forward", f"{cost['flops']:,}"),
        ("FLOPs of the training", f"{training:.3g}"),
        ("seconds of training", f"{run['train_seconds']:.1f}"),
        ("FLOP/s while training", f"{training / run['train_seconds']:.3g}"),
        ("gradient updates", f"{run['updates']:,}"),
        ("test accuracy", str(record.scores)),
    ]
    headers = ("full data", record.spec["network"])
    return tabulate(rows, headers, style, disable_numparse=True, colalign=("left", "right"))
