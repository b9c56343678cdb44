"""A record at a glance: a line, and the small card that a notebook shows."""

import html
import statistics
from pathlib import Path

from ddkit.foundation.schema import NUMBER, fits
from ddkit.synthetic.budget import in_words

_LONGEST = 60  # letters of a value


def line(record) -> str:
    """Name, when, how long, whose."""
    return f"<Record {record.folder.name}: made {record.made[:10]} in {record.seconds:.0f} s, {record.whose}>"


def card(record) -> str:
    """What was asked for, when and how long it was made, what came of it, where it lies and whose it is, as HTML."""
    cell = '<t{0} style="text-align:left;vertical-align:top">{1}</t{0}>'
    rows = "".join(f"<tr>{cell.format('h', name)}{cell.format('d', html.escape(text))}</tr>"
                   for name, text in facts(record).items())
    return f"<table><thead><tr><th colspan=2>{html.escape(record.folder.name)}</th></tr></thead>{rows}</table>"


def facts(record) -> dict[str, str]:
    """What the card says, by name."""
    found = {"what": words(record.spec), "made": f"{record.made[:16].replace('T', ' ')} UTC",
             "took": f"{record.seconds:.1f} s on {record.device}", "updates": f"{record.updates:,}",
             **_outcome(record), "where": _shown(record.folder), "whose": record.whose}
    return found | ({"note": "; ".join(record.notes)} if record.notes else {})


def words(spec: dict) -> str:
    """A spec as plain data in words: ``Evaluate: protocol standard, seeds 5, of (Distill: ipc 10)``."""
    said = []
    for name, value in spec.items():
        if name == "ipc" and spec.get("budget"):
            continue  # which then says nothing
        if isinstance(value, dict):
            said.append(f"{name} ({words(value)})")
        elif name == "options" and value and all(isinstance(one, list | tuple) and len(one) == 2 for one in value):
            said += [f"{option} {_cut(given)}" for option, given in value]
        elif name != "type" and value not in (None, (), []):
            said.append(f"{name} {_cut(value)}")
    return f"{spec.get('type', 'a run')}: {', '.join(said)}"


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST - 3]}..."


def _outcome(record) -> dict[str, str]:
    """The scores, on test data if there are any, or what else tells how it went.

    Kinds of runs may call other things by the same names, and of these nothing is said.
    """
    result, found = record.result, {}
    if fits(result, {"runs": [{"accuracy": NUMBER}]}):
        scores = record.scores.headline
        found["scores"] = f"{scores}, {scores.metric.replace('_', ' ')} on test data"
    elif isinstance(result.get("accuracies"), list):
        mean = statistics.fmean(expert[-1] for expert in result["accuracies"])
        found["scores"] = f"{100 * mean:.2f} % (n={len(result['accuracies'])}), accuracy of experts on validation data"
    elif result.get("validation") and fits(result, {"validation": [[NUMBER]]}):
        found["scores"] = f"{100 * result['validation'][-1][1]:.2f} % on validation data"
    if "size" in result:
        found["takes"] = in_words(result["size"])
    if fits(result, {"moved": NUMBER}):
        found["moved"] = f"the set by {result['moved']:.2f}"
    return found


def _shown(folder: Path) -> str:
    """The folder as seen from here, where it lies below."""
    here, there = Path.cwd(), folder.resolve()
    return str(there.relative_to(here) if there.is_relative_to(here) else there)
