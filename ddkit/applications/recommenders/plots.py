"""Pictures of recommendations; see ``plots`` for the habits they share."""

import numpy as np

from ddkit.applications.recommenders.report import ALL, scores
from ddkit.plots.looks import CHANCE
from ddkit.plots.style import LINES, MARKERS, Picture, picture, spread
from ddkit.runs import Record

GOAL = 0.95  # of what all users give
_INK = {"fake": "#a32f1a", "random": "#4c78a8", "active": "#2f9385"}  # of few users; all others are dark


@picture
def ndcg(records: dict[str, Record], title: str = "") -> Picture:
    """nDCG@10 of every row (left), and of learned users on validation events while they are learned (right).

    Points are means, bars 95 % intervals over splits; the dashed line is ``GOAL`` of what all users give.
    """
    figure = Picture(figsize=(10, 0.9 + 0.34 * len(records)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    found = sorted(((100 * scores(record).mean, 100 * scores(record).interval, name, record.asked.who)
                    for name, record in records.items()))
    for at, (mean, half, _, who) in enumerate(found):
        left.errorbar(mean, at, xerr=half, marker="o", capsize=3, color=_INK.get(who, "#14213d"))
    if ALL in records:
        left.axvline(100 * GOAL * scores(records[ALL]).mean, label=f"{100 * GOAL:.0f} % of {ALL}", **CHANCE)
        left.legend(loc="upper left")
    left.set(xlabel="nDCG@10 (%)", title="Test events")
    left.set_yticks(range(len(found)), [name for *_, name, _ in found])
    learned = [record for record in records.values() if record.asked.who == "fake"]
    for number, record in enumerate(learned):
        steps, values = zip(*(np.array(run["after"]).T for run in record.result["runs"]), strict=True)
        right.plot(steps[0], 100 * np.mean(values, 0), color=_INK["fake"], marker=MARKERS[number],
                   linestyle=LINES[number], label=f"{record.asked.number} learned users")
    right.set(xlabel="steps", ylabel="nDCG@10 (%)", title="Validation events")
    if learned:
        right.legend(loc="lower right")
    splits = spread(len(record.result["runs"]) for record in records.values())
    figure.suptitle(title or "Recommendations from few users\nmean and 95 % interval (Student's t), "
                    f"n = {splits} splits")
    figure.told = "; ".join(f"{name} {mean:.1f} ± {half:.1f} %" for mean, half, name, _ in reversed(found))
    return figure
