"""The tables that several questions share: scores with their errors, and who leads whom by how much."""

from collections.abc import Iterable

from ddkit.foundation.knobs import Knobs, declared
from ddkit.report.desk import Desk
from ddkit.report.pieces import SHIPPED, Symbol
from ddkit.report.records import MISSING, in_points, lead, marked, metrics, spread
from ddkit.runs import Record
from ddkit.training.leads import Lead
from ddkit.training.scores import METRICS

SPREAD = "Mean ± standard deviation over n networks."
ERRORS = "± is the standard error; a verdict needs two of them, and more where seeds are few."


def scores(desk: Desk, question: str, name: str, title: str, rows: dict[str, Record | None], note: str = "") -> None:
    """One row for each set: its test scores, gradient updates, seconds of training; of two classes also the recalls."""
    there = [record for record in rows.values() if record]
    if not there:
        return
    first = there[0]
    shown, labels = metrics(first), first.result.get("classes", ()) if first.scores.two_classes else ()
    headers = ("trained on", *(f"{METRICS[metric]}, %" for metric in shown), *(f"recall {name}, %" for name in labels),
               "n", "updates", "training s")
    table = [_row(what, record, shown, len(labels)) for what, record in rows.items()]
    guessing = (100 * first.result["chance"], 50, 50)
    blank = len(headers) - 1 - len(shown)
    table.append(("most frequent class", *(f"{g:.2f}" for g in guessing[: len(shown)]), *[""] * blank))
    told = list(dict.fromkeys(f"({note})" for record in there for note in record.notes))
    desk.table(question, name, title, headers, table, " ".join(part for part in (SPREAD, note, *told) if part))


def _row(what: str, record: Record | None, shown: tuple[str, ...], labels: int) -> tuple[str, ...]:
    if record is None:
        return (what, MISSING, *[""] * (len(shown) + labels + 2))
    found = record.scores
    recalls = (f"{100 * found.recall(label).mean:.1f}" for label in range(labels))
    return (what + " (at chance)" * found.at_chance, *(spread(record, metric) for metric in shown), *recalls,
            str(len(found.runs)), f"{record.result['runs'][0]['updates']:,}", f"{found.seconds:.1f}")


def leads(desk: Desk, question: str, name: str, title: str,
          pairs: Iterable[tuple[str, Record | None, Record | None]]) -> None:
    """One row for each comparison of two records: the difference with its standard error, and a verdict."""
    found = [(what, lead(one, other), one, other) for what, one, other in pairs if one and other]
    metric = METRICS[found[0][2].scores.headline.metric] if found else ""
    rows = [(what, marked(in_points(gap), one, other), _errors(gap.in_errors), _count(gap),
             "yes" if gap.told_apart else "no" if gap.error is not None else "–")
            for what, gap, one, other in found]
    desk.table(question, name, title, ("comparison", "points", "in errors", "n", "told apart"), rows,
               f"Differences in {metric}. {ERRORS} Seeds are paired where protocol and network are the same.")


def _count(gap: Lead) -> str:
    """The seeds on both sides."""
    return "/".join(map(str, dict.fromkeys(gap.seeds)))


def _errors(in_errors: float | None) -> str:
    return "–" if in_errors is None else f"{in_errors:+.1f}".replace("inf", "∞")


def knobs(desk: Desk, question: str, name: str, title: str, configs: dict[str, Knobs], preset: Knobs,
          note: str = "") -> None:
    """One row for each knob: its symbol, its value in each config, and the preset's where that is another.

    Configs that are all alike have one column, ``here``.
    """
    if len(set(configs.values())) == 1:
        configs = {"here": next(iter(configs.values()))}
    rows = []
    for knob in declared(type(preset)):
        values, usual = [getattr(config, knob.name) for config in configs.values()], getattr(preset, knob.name)
        rows.append((knob.name, Symbol(knob.knob.symbol), *map(_value, values),
                     _value(usual) if set(values) != {usual} else ""))
    desk.table(question, name, title, ("knob", "symbol", *configs, "the preset's"), rows, note)


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def minutes(record: Record | None) -> str:
    """What a run took, marked if it was shipped."""
    return MISSING if record is None else f"{record.seconds / 60:.1f}" + SHIPPED * record.shipped
