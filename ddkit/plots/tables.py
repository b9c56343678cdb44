"""Records and knobs as tables: text for a terminal, GitHub's Markdown for a notebook or README.

Below each stand the data set's notes, such as that the images are synthetic.
"""

from tabulate import tabulate

from ddkit.foundation.knobs import Knobs, declared
from ddkit.runs import Record
from ddkit.training.leads import Lead
from ddkit.training.scores import METRICS, Scores


def scores(records: dict[str, Record], style: str = "simple") -> str:
    """One row per record: mean accuracy, standard deviation and n, updates, seconds of training and of testing.

    The records are of one protocol; if a kernel predicted, the heading says so. Where one is of a set of another form
    than pixels, bytes and decoded images stand beside the scores; where the networks that met the real images were
    counted, their number. Two-class data also get balanced
    accuracy, AUC and a second table, the recall of each class; rows whose balanced accuracy is at chance say so.
    """
    first = next(iter(records.values()))
    metrics = _metrics(first.scores)
    sizes, met = _sizes(records), _met(records)
    rows = [(name + _precision(r) + " (at chance)" * r.scores.at_chance, *(str(r.scores.of(m)) for m in metrics),
             *met.get(name, ()), *sizes.get(name, ()), r.result["runs"][0]["updates"], f"{r.scores.seconds:.1f}",
             f"{r.scores.test_seconds:.1f}") for name, r in records.items()]
    guessing = [100 * first.result["chance"], 50, 50]
    beside = ("networks met",) * bool(met) + ("bytes", "images") * bool(sizes)
    empty = ("",) * (3 + len(beside))
    rows.append(("always the most frequent class", *(f"{g:.2f} %" for g in guessing[: len(metrics)]), *empty))
    sets = "kernel regression on" if "kernel" in first.result else "trained on"
    headers = (sets, *metrics.values(), *beside, "updates", "training s", "testing s")
    sides = ("left",) * (1 + len(metrics)) + ("right",) * len(empty)
    table = tabulate(rows, headers, style, disable_numparse=True, colalign=sides)
    return _noted(f"{table}\n\n{_recalls(records, style)}" if first.scores.two_classes else table, first)


def _met(records: dict[str, Record]) -> dict[str, tuple[str]]:
    """How many networks met the real images that each set was made from, if that was counted for any."""
    known = {name: r.result["networks_met"] for name, r in records.items() if "networks_met" in r.result}
    return {name: (f"{known[name]:,}" if name in known else "",) for name in records} if known else {}


def _sizes(records: dict[str, Record]) -> dict[str, tuple[str, str]]:
    """Bytes and images of each set, where as many images are not as many bytes; older records do not know."""
    known = {name: r.result["size"] for name, r in records.items() if "size" in r.result}
    if all(size["form"] == "pixels" for size in known.values()):
        return {}
    return {name: (f"{known[name]['bytes']:,}", f"{known[name]['images']:,}") if name in known else ("", "")
            for name in records}


def _recalls(records: dict[str, Record], style: str) -> str:
    """One row per record: the share of each class's test images that were recognised."""
    named = [f"recall of {name}" for name in next(iter(records.values())).result["classes"]]
    rows = [(name, *(str(r.scores.recall(label)) for label in range(len(named)))) for name, r in records.items()]
    return tabulate(rows, ("trained on", *named), style, disable_numparse=True)


def transfer(records: dict[str, dict[str, Record]], style: str = "simple") -> str:
    """Rows: what was trained on; columns: networks; cells: mean score, standard deviation, n.

    The score is accuracy, of two classes balanced accuracy, which the heading then says. Gradient updates stand in the
    heading, too, or in each cell where they differ.
    """
    first = next(iter(records.values()))
    one = next(iter(first.values()))
    alike = len({r.updates for row in records.values() for r in row.values()}) == 1
    named = f"{METRICS[one.scores.headline.metric]}, trained on" if one.scores.two_classes else "trained on"
    named += f" ({one.updates:,} updates)" * alike
    rows = [(name + _precision(next(iter(row.values()))) + _counted(next(iter(row.values()))),
             *(str(r.scores.headline) + " (at chance)" * r.scores.at_chance + f", {r.updates:,} updates" * (not alike)
               for r in row.values()))
            for name, row in records.items()]
    return _noted(tabulate(rows, (named, *first), style, disable_numparse=True), one)


def leads(records: dict[str, Record], over: str, style: str = "simple", metric: str | None = None) -> str:
    """How far every other record's mean is above that of ``over``, in points and in standard errors, with n of both.

    Seeds are not paired. ``metric`` is one that every seed of the records has; None takes the headline.
    """
    scored = {name: r.scores.of(metric) if metric else r.scores.headline for name, r in records.items()}
    words = METRICS.get(scored[over].metric, scored[over].metric)
    rows = [(name + _counted(records[name]), *_lead(Lead.points(found, scored[over])))
            for name, found in scored.items() if name != over]
    headers = (f"lead over {over}, {words}", "points", "standard errors", "n", "told apart")
    sides = ("left", *("right",) * 3, "left")
    return _noted(tabulate(rows, headers, style, disable_numparse=True, colalign=sides), records[over])


def _lead(found: Lead) -> tuple[str, str, str, str]:
    """Points with their standard error, the lead in such errors, n of both sides, and whether that is enough."""
    told, n = "yes" if found.told_apart else "no", " and ".join(map(str, found.seeds))
    if found.error is None:
        return f"{found.gap:+.2f}", "unknown", n, told
    return f"{found.gap:+.2f} ± {found.error:.2f}", f"{found.in_errors:+.1f}", n, told


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
        *((words, str(record.scores.of(metric))) for metric, words in _metrics(record.scores).items()),
    ]
    headers = ("full data", record.spec["network"])
    return _noted(tabulate(rows, headers, style, disable_numparse=True, colalign=("left", "right")), record)


def knobs(config: Knobs, style: str = "simple") -> str:
    """One row per knob: its symbol, its value here, its default where that is another, its bounds, what it is."""
    rows = [(knob.name, knob.knob.symbol, _value(here), _value(knob.default) * (here != knob.default),
             ", ".join(knob.choices) or knob.limits.removeprefix("be ").replace("not be", "not"), knob.knob.doc + (
                 f" [{knob.knob.unit}]" if knob.knob.unit else ""))
            for knob in declared(type(config)) for here in [getattr(config, knob.name)]]
    headers = ("knob", "symbol", "here", "default", "bounds", "what it is")
    return tabulate(rows, headers, style, disable_numparse=True)


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _counted(record: Record) -> str:
    """What is said of a set whose networks were counted."""
    met = record.result.get("networks_met")
    return "" if met is None else f" ({met:,} network{'s' * (met > 1)} met)"


def _precision(record: Record) -> str:
    """What is said of networks that computed in another precision than float32."""
    said = record.spec.get("precision") or "float32"
    return f" ({said})" * (said != "float32")


def _metrics(found: Scores) -> dict[str, str]:
    """The metrics to show, and how to call them."""
    shown = METRICS if found.two_classes else ("accuracy",)
    return {metric: METRICS[metric] for metric in shown} | {"accuracy": "test accuracy"}


def _noted(table: str, record: Record) -> str:
    return "\n\n".join([table, *(f"({note})" for note in record.notes)])
