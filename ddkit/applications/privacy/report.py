"""The tables of membership inference: how accurate, and how exposed, for every source side by side."""

import statistics

from tabulate import tabulate

from ddkit.applications.privacy.membership import ACCUSED, Share, share
from ddkit.applications.privacy.spec import ATTACKS
from ddkit.runs import Record

NOTES = (
    "AUC: the probability that an attack scores a member above another image; .5 is guessing. ± is the standard "
    "deviation over models, each made from other members.",
    "nearest: the share of the synthetic images whose nearest real image is a member, with its 95 % interval; .5 if "
    "nothing is memorised.",
    "An attack that fails proves nothing: others may succeed. Only a noise whose epsilon is accounted for bounds them "
    "all.",
)


def spread(record: Record, attack: str, measure: str) -> tuple[float, float]:
    """Mean and standard deviation of a measure of an attack over the models of a record."""
    values = [_measured(run[attack], measure) for run in record.result["runs"]]
    return statistics.fmean(values), statistics.stdev(values)


def _measured(found: dict, measure: str) -> float:
    return found["caught"][measure] if measure in found["caught"] else found[measure]


def nearest(record: Record) -> Share | None:
    """Over the models of a record, the share of images whose nearest real one is a member; None of the full data."""
    counts = [run["nearest"] for run in record.result["runs"]]
    return None if None in counts else share(sum(counts), len(counts) * record.result["training_images"])


def table(records: dict[str, Record], style: str = "simple") -> str:
    """A row for each source: accuracy, both attacks, the nearest images."""
    measures = ["auc", *(f"{accused:g}" for accused in ACCUSED)]
    rows = []
    for name, record in records.items():
        attacks = [_text(*spread(record, attack, measure), measure) for attack in ATTACKS for measure in measures]
        rows.append((name, record.result["training_images"], str(record.scores), *attacks, str(nearest(record) or "")))
    heads = [f"{words}, AUC" if measure == "auc" else f"caught at {100 * float(measure):g} % (%)"
             for words in ATTACKS.values() for measure in measures]
    text = tabulate(rows, ("made from half of the images", "images", "test accuracy", *heads, "nearest"), style,
                    disable_numparse=True)
    first = next(iter(records.values()))
    asked = f"{2 * first.result['members']:,} images in question, n = {len(first.result['runs'])} models in each row"
    return "\n\n".join([text, asked, *NOTES, *(f"({note})" for note in first.notes)])


def _text(mean: float, deviation: float, measure: str) -> str:
    return f"{mean:.3f} ± {deviation:.3f}" if measure == "auc" else f"{100 * mean:.1f} ± {100 * deviation:.1f}"
