"""Records as tables: text for a terminal, GitHub's Markdown for a notebook or README."""

from tabulate import tabulate

from ddkit.runs import Record


def scores(records: dict[str, Record], style: str = "simple") -> str:
    """One row per record: mean accuracy, standard deviation and n, updates, seconds of training and of testing."""
    rows = [(name, str(r.scores), r.updates, f"{r.scores.seconds:.1f}", f"{r.scores.test_seconds:.1f}")
            for name, r in records.items()]
    chance = 100 * next(iter(records.values())).result["chance"]
    rows.append(("chance", f"{chance:.2f} %", "", "", ""))
    headers = ("trained on", "test accuracy", "updates", "training s", "testing s")
    return tabulate(rows, headers, style, disable_numparse=True, colalign=("left",) * 2 + ("right",) * 3)


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
