"""The table of sets that were made in a quarter of an hour: bytes, minutes, both scores, and what was hoped for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from ddkit import runs
from ddkit.applications.quarter_hour.settings import ENTRIES, Entry
from ddkit.course.profiles import Profile
from ddkit.runs import Record
from ddkit.synthetic.budget import storage
from ddkit.training.leads import Lead
from ddkit.training.scores import Scores

HEADERS = ("method", "images", "bytes", "minutes", "as prescribed", "as an ordinary set", "random real images", "aim")
NOTES = (
    "Minutes are a processor core's; ± is the standard deviation over networks. As an ordinary set means the standard "
    "protocol's 1,000 updates, whatever a set's images are made of, on a ConvNet-3 of width 32; random real images are "
    "as many per class as the set was asked for.",
)


@dataclass(frozen=True)
class Told:
    """What came of an entry.

    Attributes:
        made: the distillation.
        prescribed: scores of training as the set says; None of a set that says nothing.
        ordinary: scores of an ordinary data set; None if training on it diverges.
        random: those of as many random real images, where they were scored.
    """

    entry: Entry
    made: Record
    prescribed: Scores | None
    ordinary: Scores | None
    random: Scores | None

    @property
    def score(self) -> Scores:
        """The one that its aim is about."""
        return self.prescribed if self.entry.by_recipe else self.ordinary

    @property
    def reached(self) -> bool:
        return 100 * self.score.mean >= self.entry.aim

    @property
    def minutes(self) -> float:
        return self.made.result.get("cpu_seconds", self.made.seconds) / 60

    def over_random(self) -> Lead | None:
        """How far it leads them, both as ordinary sets; None where one has no such score."""
        return Lead.points(self.ordinary, self.random) if self.ordinary and self.random else None


def told(root: str | Path | None = None) -> dict[str, Told]:
    """What came of the entries whose runs are stored, by name."""
    found = {name: _told(entry, root) for name, entry in ENTRIES.items()}
    return {name: one for name, one in found.items() if one}


def _told(entry: Entry, root: str | Path | None) -> Told | None:
    made = runs.find(entry.of, root=root)
    scores = {name: record.scores.headline for name, spec in entry.asked().items()
              if (record := runs.find(spec, root=root))}
    if made is None or scores.keys() != entry.asked().keys():
        return None
    random = runs.find(entry.opponent, root=root)
    return Told(entry, made, scores.get("prescribed"), scores.get("ordinary"), random and random.scores.headline)


def table(found: Mapping[str, Told], style: str = "simple") -> str:
    """A row for each entry."""
    lines = [(one.entry.title, len(one.made.synthetic.labels), f"{storage(one.made.synthetic):,}", f"{one.minutes:.1f}",
              one.prescribed or "–", one.ordinary or "diverges", one.random or "–", f"{one.entry.aim:g}")
             for one in found.values()]
    return "\n\n".join([tabulate(lines, HEADERS, style, disable_numparse=True), *NOTES])


def verdicts(found: Mapping[str, Told]) -> list[str]:
    """Whether each aim was reached and, where it was not, in what the setting falls short of the paper's."""
    return [f"{one.entry.title}: {one.score} of the {one.entry.aim:g} % hoped for. "
            + ("Reached." if one.reached else f"Missed: {one.entry.why}") for one in found.values()]


def report(profile: Profile, root: str | Path | None = None) -> str:
    """The table and what came of the aims, as Markdown."""
    found = told(root)
    return "\n\n".join([table(found, "github"), "\n".join(f"- {line}" for line in verdicts(found))])
