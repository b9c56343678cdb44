"""Pictures of what sets tell of the images that they were made from; see ``plots`` for the habits they share."""

from ddkit.applications.privacy.report import spread
from ddkit.applications.privacy.spec import ATTACKS
from ddkit.plots.looks import CHANCE, looks
from ddkit.plots.style import Picture, picture
from ddkit.plots.style import spread as counted
from ddkit.runs import Record


@picture
def exposure(records: dict[str, Record], title: str = "") -> Picture:
    """How accurate a source is (across) and how well its members are found out (up), a panel for each attack.

    Points are means over models, bars their standard deviations; the dashed line is guessing.
    """
    figure = Picture(figsize=(8, 4.2), layout="constrained")
    panels, shown = figure.subplots(1, len(ATTACKS), sharey=True), looks(records)
    for axes, (attack, words) in zip(panels, ATTACKS.items(), strict=True):
        axes.axhline(0.5, **CHANCE)
        for name, record in records.items():
            mean, deviation = spread(record, attack, "auc")
            axes.errorbar(100 * record.scores.mean, mean, deviation, 100 * record.scores.sd, capsize=3,
                          label=name, **shown[name].point)
        axes.set(title=words, xlabel="test accuracy (%)")
    panels[0].set_ylabel("AUC of the attack (.5: guessing)")
    models = counted(len(record.result["runs"]) for record in records.values())
    figure.suptitle(title or f"What is told of members\nmean and standard deviation, n = {models} models")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(4, len(records)))
    figure.told = "; ".join(f"{name} {_told(record)}" for name, record in records.items())
    return figure


def _told(record: Record) -> str:
    return ", ".join(f"{spread(record, attack, 'auc')[0]:.3f} by {words}" for attack, words in ATTACKS.items())
