"""The table of sets that were made in a quarter of an hour: bytes, minutes, both scores, and what was hoped for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from ddkit import runs
from ddkit.applications.quarter_hour.settings import ENTRIES, Entry
from ddkit.course.profiles import Profile
from ddkit.networks import in_words
from ddkit.runs import Record
from ddkit.synthetic.budget import storage
from ddkit.training.leads import Lead
from ddkit.training.scores import Scores

HEADERS = ("method", "images", "bytes", "minutes", "as prescribed", "as an ordinary set", "its start",
           "random real images", "aim")
NOTES = (
    "Minutes are a processor core's, without those of the experts that a method follows; ± is the standard deviation "
    "over networks. As an ordinary set means the standard protocol's 1,000 updates, whatever a set's images are made "
    "of, on a ConvNet-3 of width 32. So are scored: the starts of sets that are made of something else than pixels, "
    "which begin near to as many real images as they decode to; and as many random real images per class as the set "
    "was asked for.",
)


@dataclass(frozen=True)
class Told:
    """What came of an entry.

    Attributes:
        made: the distillation.
        prescribed: scores of training as the set says; None of a set that says nothing.
        ordinary: scores of an ordinary data set; None if training on it diverges.
        start: those of what a set of a form began as, where it was scored.
        random: those of as many random real images, where they were scored.
    """

    entry: Entry
    made: Record
    prescribed: Scores | None
    ordinary: Scores | None
    start: Scores | None
    random: Scores | None

    @property
    def score(self) -> Scores:
        """The one that its aim is about."""
        return self.prescribed if self.entry.by_recipe else self.ordinary

    @property
    def reached(self) -> bool:
        return 100 * self.score.mean >= self.entry.aim

    @property
    def title(self) -> str:
        """The method, and how many images per class were asked for."""
        return f"{self.entry.title}, {self.entry.of.ipc} per class"

    @property
    def verdict(self) -> str:
        """What came of the aim."""
        if not self.reached:
            return f"Missed: {self.entry.why}"
        begun = not self.entry.by_recipe and self.start and 100 * self.start.mean >= self.entry.aim
        return f"Reached, but its start reaches it, too: {self.start}" if begun else "Reached."

    @property
    def minutes(self) -> float:
        return self.made.result.get("cpu_seconds", self.made.seconds) / 60

    def leads(self) -> dict[str, Lead]:
        """How far it leads its start and random real images, all as ordinary sets, where both have such a score."""
        others = {"its start": self.start, "random real images": self.random}
        return {name: Lead.points(self.ordinary, other) for name, other in others.items() if self.ordinary and other}


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
    beside = [spec and (record := runs.find(spec, root=root)) and record.scores.headline
              for spec in (entry.beginning, entry.opponent)]
    return Told(entry, made, scores.get("prescribed"), scores.get("ordinary"), *beside)


def table(found: Mapping[str, Told], style: str = "simple") -> str:
    """A row for each entry."""
    lines = [(one.title, len(one.made.synthetic.labels), f"{storage(one.made.synthetic):,}",
              f"{one.minutes:.1f}{' + experts' * (one.entry.of.experts is not None)}",
              one.prescribed or "–", one.ordinary or "diverges", one.start or "–", one.random or "–",
              f"{one.entry.aim:g}")
             for one in found.values()]
    return "\n\n".join([tabulate(lines, HEADERS, style, disable_numparse=True), *NOTES, *_recipes(found)])


def _recipes(found: Mapping[str, Told]) -> list[str]:
    """On which networks sets are trained as prescribed, in a sentence; none where none is."""
    by_network: dict[str, list[str]] = {}
    for one in found.values():
        if one.prescribed:
            spec = one.entry.asked()["prescribed"]
            by_network.setdefault(in_words(spec.network, spec.width), []).append(one.entry.title)
    told = ", and ".join(f"{network} ({'; '.join(titles)})" for network, titles in by_network.items())
    return [f"As prescribed means on the network that a set was distilled on: {told}. So a set's two scores differ in "
            "the network as well, not by the recipe alone."] if told else []


def verdicts(found: Mapping[str, Told]) -> list[str]:
    """Whether each aim was reached and, where it was not, in what the setting falls short of the paper's."""
    return [f"{one.title}: {one.score} of the {one.entry.aim:g} % hoped for. {one.verdict}" for one in found.values()]


def report(profile: Profile, root: str | Path | None = None) -> str:
    """The table and what came of the aims, as Markdown."""
    found = told(root)
    return "\n\n".join([table(found, "github"), "\n".join(f"- {line}" for line in verdicts(found))])
