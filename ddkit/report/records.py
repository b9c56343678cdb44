"""Where the numbers come from: the records at hand, found by their specs; nothing is ever made here."""

from dataclasses import fields, is_dataclass
from pathlib import Path

import ddkit
from ddkit import runs
from ddkit.foundation.errors import InputError
from ddkit.report.pieces import SHIPPED
from ddkit.runs import EVOLUTION, SYNTHETIC, Record
from ddkit.specs import Spec
from ddkit.training.leads import Lead
from ddkit.training.scores import METRICS, Scores

MISSING = "missing"


def marked(text: str, *records: Record) -> str:
    """A number from some records, marked if any of them was shipped."""
    return text + SHIPPED * any(record.shipped for record in records)


def score(record: Record | None, metric: str | None = None) -> str:
    """Mean, standard deviation and n of a record's scores (None: by the metric that figures show)."""
    if record is None:
        return MISSING
    scores = record.scores.of(metric) if metric else record.scores.headline
    return marked(str(scores) + ", at chance" * (metric is None and scores.at_chance), record)


def spread(record: Record, metric: str) -> str:
    """Mean and standard deviation in %, for a column that says so, beside one of n."""
    found = record.scores.of(metric)
    return marked(f"{100 * found.mean:.2f}" + f" ± {100 * found.sd:.2f}" * (len(found.runs) > 1), record)


def metrics(record: Record) -> tuple[str, ...]:
    """The metrics that belong beside each other: of two classes accuracy says too little."""
    return tuple(METRICS) if record.scores.two_classes else ("accuracy",)


def lead(first: Record, second: Record) -> Lead:
    """How far the first record's mean is above the second's, by the metric that figures show.

    Evaluations by one protocol on one network share their seeds' draws, initial weights above all, so they are paired.
    """
    one, other = (_by_seed(record.scores.headline) for record in (first, second))
    alike = all(first.spec.get(part) == second.spec.get(part) for part in ("protocol", "network", "width", "epochs"))
    return Lead.of(one, other, paired=alike and len(one.keys() & other.keys()) > 1)


def _by_seed(scores: Scores) -> dict[int, float]:
    return {run.get("seed", index): value
            for index, (run, value) in enumerate(zip(scores.runs, scores.values, strict=True))}


def in_points(gap: Lead) -> str:
    """A lead with its standard error, in points."""
    return f"{100 * gap.gap:+.2f}" + ("" if gap.error is None else f" ± {100 * gap.error:.2f}")


def line(spec: Spec) -> str:
    """The line of Python that makes the run: ``import ddkit`` is all that goes before it."""
    return f"ddkit.run({_written(spec)})"


def _written(value: object) -> str:
    if is_dataclass(value):
        given = [f"{f.name}={_written(getattr(value, f.name))}" for f in fields(value)
                 if getattr(value, f.name) != f.default]
        return f"{_home(type(value))}({', '.join(given)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_written, value))}{',' * (len(value) == 1)})"
    return repr(value)


def _home(kind: type) -> str:
    """How a kind of spec is called in a line that imports ddkit alone."""
    if kind.__name__ in ddkit.__all__:
        return f"ddkit.{kind.__name__}"
    return f"__import__('{kind.__module__}', fromlist=['']).{kind.__name__}"


def readable(spec: Spec, root: str | Path | None, data: str | Path | None) -> tuple[Record | None, str]:
    """The record as ``runs.find`` has it, and the line that makes it or, of one that cannot be read, why."""
    try:
        record = runs.find(spec, root, data)
        if record and SYNTHETIC in record.files:
            _ = record.synthetic  # read once, so that a damaged one is told here
        return record, line(spec)
    except InputError as error:
        return None, f"# {error}"


def evolves(record: Record) -> bool:
    """Whether a distillation kept images between its start and its end."""
    return (record.folder / EVOLUTION).exists()
