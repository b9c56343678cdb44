"""Tables of few-shot distillation: scores beside the number of networks met, leads, the gate, and the break-even."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from tabulate import tabulate

from ddkit.applications.few_shot.arms import IDENTITY, ONE, PIXELS, PRETRAINED
from ddkit.applications.few_shot.judging import NETWORKS
from ddkit.runs import Record
from ddkit.training.leads import Lead
from ddkit.training.scores import Scores

LOSS, ACCURACY, TRAINED = "loss", "accuracy", "trained"
NOTES = (
    "networks: those that met real images of the target, the one that the set was distilled in first included. "
    f"accuracy: ridge regression in the features of {NETWORKS} networks together, which no set met and which are drawn "
    "anew for every set; ± is the standard deviation over sets. loss: what is distilled for, in each of these alone.",
    "seconds: of a processor core since the first stage, the mean over sets; pre-training is not among them.",
)


@dataclass(frozen=True)
class Row:
    """What an arm reached.

    Attributes:
        name: of the arm, with what it learned from, where several did.
        arm: of ``ARMS``, or the one network.
        met: networks that met the target.
        rate: of its steps; None where there were none.
        runs: one for each set.
        record: that it stands in.
    """

    name: str
    arm: str
    met: int
    rate: float | None
    runs: tuple[dict, ...]
    record: Record

    def values(self, measure: str) -> dict[int, float]:
        """A measure of each set, by its seed; ``trained`` only where networks were trained on them."""
        return {seed: run[measure] for seed, run in enumerate(self.runs) if measure in run}

    @property
    def scores(self) -> Scores:
        return Scores(self.runs, notes=tuple(self.record.notes))

    @property
    def loss(self) -> float:
        return statistics.fmean(self.values(LOSS).values())

    @property
    def seconds(self) -> float:
        """Of adaptation."""
        return statistics.fmean(self.values("seconds").values())

    @property
    def all_seconds(self) -> float:
        """Of everything on the target."""
        first = self.record.result["first"]
        return self.seconds + statistics.fmean(one["statistics_seconds"] + one["seconds"] for one in first)


def rows(records: Mapping[str, Record] | Record) -> list[Row]:
    """The rows of one comparison, or of several of the same target by what their translators learned from: then
    what needs no translator is taken from the first, and the others are told apart by name."""
    several = records if isinstance(records, Mapping) else {"": records}
    found = {}
    for learned_from, record in several.items():
        for row in record.result["rows"]:
            own = row["arm"] == PRETRAINED and learned_from
            name = f"{PRETRAINED} on {learned_from}" if own else row["arm"]
            one = Row(name, row["arm"], row["met"], row["rate"], tuple(row["runs"]), record)
            found.setdefault((name, one.met), one)
    return list(found.values())


def row(found: list[Row], name: str, met: int) -> Row | None:
    """That of a name after so many networks. Of arms that begin as the one network, that is the first."""
    name = ONE if met == 1 and name in (PIXELS, IDENTITY) else name
    return next((one for one in found if (one.name, one.met) == (name, met)), None)


def lead(first: Row, second: Row, measure: str = ACCURACY) -> Lead:
    """By how much a row is better than another, paired by sets: in points of accuracy, or in loss."""
    scale = -1 if measure == LOSS else 100
    one, other = ({seed: scale * value for seed, value in side.values(measure).items()} for side in (first, second))
    return Lead.of(one, other, paired=True)


def table(records: Mapping[str, Record] | Record, style: str = "simple") -> str:
    """Every row: networks met, rate, accuracy, loss, accuracy by further networks, of trained ones, and seconds."""
    found = rows(records)
    others = list(found[0].runs[0]["others"])
    trained = has_trained(records)
    lines = [(one.name, f"{one.met:,}", "–" if one.rate is None else f"{one.rate:g}", str(one.scores),
              f"{one.loss:.4f}", *(str(_by(one, other)) for other in others), *([_trained(one)] * trained),
              f"{one.seconds:.1f}") for one in found]
    headers = ("arm", "networks", "rate", "accuracy", "loss", *(f"by {other}" for other in others),
               *(["network trained on it"] * trained), "seconds")
    text = tabulate(lines, headers, style, disable_numparse=True, colalign=("left", *("right",) * (len(headers) - 1)))
    return "\n\n".join([text, *NOTES, *(f"({note})" for note in found[0].record.notes)])


def _by(found: Row, network: str) -> Scores:
    return Scores(tuple({"accuracy": run["others"][network]} for run in found.runs))


def _trained(found: Row) -> str:
    values = found.values(TRAINED)
    return str(Scores(tuple({"accuracy": value} for value in values.values()))) if values else ""


def has_trained(records: Mapping[str, Record] | Record) -> bool:
    """Whether networks were trained on some of the sets."""
    return any(one.values(TRAINED) for one in rows(records))


def leads(records: Mapping[str, Record] | Record, style: str = "simple", measure: str = ACCURACY) -> str:
    """By how much every pre-trained arm is ahead of the arms that need no other data, at as many networks met, where
    both were measured so."""
    lines = []
    for one in rows(records):
        if one.arm != PRETRAINED:
            continue
        for name in dict.fromkeys((ONE, IDENTITY, PIXELS)):
            other = row(rows(records), name, 1 if name == ONE else one.met)
            if not _measured(measure, one, other) or (name != ONE and one.met == 1):
                continue
            found = lead(one, other, measure)
            lines.append((one.name, f"{one.met:,}", f"{name} ({other.met:,})", _gap(found, measure), found.count,
                          "yes" if found.told_apart else "no"))
    headers = ("arm", "networks", "ahead of (its networks)", "by" + " points" * (measure != LOSS), "n", "told apart")
    sides = ("left", "right", "left", "right", "left", "left")
    return tabulate(lines, headers, style, disable_numparse=True, colalign=sides)


def _measured(measure: str, *rows: Row | None) -> bool:
    """Whether all of these rows are there, and have a measure."""
    return all(one and one.values(measure) for one in rows)


def _gap(found: Lead, measure: str) -> str:
    digits = 4 if measure == LOSS else 2
    error = "" if found.error is None else f" ± {found.error:.{digits}f}"
    return f"{found.gap:+.{digits}f}{error}"


@dataclass(frozen=True)
class Gate:
    """What has to hold on characters that a translator never saw, before it is worth trying on anything else.

    Attributes:
        leads: in loss, of the pre-trained translator: over the one network, not adapted; over the identity, by the
            number of networks that both met.
        of_pixels: in accuracy, of pixels over the pre-trained translator, by that number; the gate is not about it.
    """

    over_one: Lead
    over_identity: dict[int, Lead]
    of_pixels: dict[int, Lead]

    @classmethod
    def of(cls, record: Record) -> "Gate":
        found = rows(record)
        own = {one.met: one for one in found if one.arm == PRETRAINED}
        identity, pixels = ({met: other for met in own if met > 1 and (other := row(found, name, met))}
                            for name in (IDENTITY, PIXELS))
        return cls(lead(own[1], row(found, ONE, 1), LOSS),
                   {met: lead(own[met], other, LOSS) for met, other in identity.items()},
                   {met: lead(other, own[met]) for met, other in pixels.items()})

    @property
    def passed(self) -> bool:
        """Whether it beats the one network and, at some number of networks, the identity, by two standard errors."""
        return _beats(self.over_one) and any(map(_beats, self.over_identity.values()))

    def __str__(self) -> str:
        said = [f"over one network, not adapted, {_gap(self.over_one, LOSS)}. {self.over_one.verdict}"]
        said += [f"over the identity, both at {met:,} networks, {_gap(found, LOSS)}. {found.verdict}"
                 for met, found in self.over_identity.items()]
        if self.of_pixels:
            by = (f"{_gap(found, ACCURACY)} points of accuracy ({met:,} networks, {_told(found)})"
                  for met, found in self.of_pixels.items())
            said.append("It asks only whether pre-training helps a translator. Pixels, at as many networks, are ahead "
                        f"of the pre-trained one by {', '.join(by)}.")
        return f"The gate is {'passed' if self.passed else 'not passed'}: less loss " + "\n".join(said)


def _told(found: Lead) -> str:
    return "told apart" if found.told_apart else "not told apart"


def _beats(found: Lead) -> bool:
    return found.gap > 0 and found.told_apart


def pretrained_in(records: Mapping[str, Record] | Record) -> list[str]:
    """The names of the arms that began with a pre-trained translator."""
    return list(dict.fromkeys(one.name for one in rows(records) if one.arm == PRETRAINED))


def level_from(records: Mapping[str, Record] | Record, name: str) -> int | None:
    """The least number of networks met from which on a pre-trained arm is no longer ahead of pixels; None if it is
    ahead at all of them."""
    last = ahead_until(records, name)
    return next((met for met in sorted({one.met for one in rows(records) if one.name == name}) if met > last), None)


def best_lead(records: Mapping[str, Record] | Record, over: Row) -> Lead:
    """The lead of a row over the best of the translators that met as many networks."""
    others = [one for one in rows(records) if one.met == over.met and one.arm in (IDENTITY, PRETRAINED)]
    return lead(over, max(others, key=lambda one: one.scores.mean))


def translated(record: Record) -> tuple[Row, Row]:
    """The translated set before any step, and the one network's."""
    found = rows(record)
    return row(found, PRETRAINED, 1), row(found, ONE, 1)


def alone(records: Mapping[str, Record], style: str = "simple") -> str:
    """What the translator is worth as it is, at one network met: its sets beside the one network's, in each record."""
    lines = []
    for name, record in records.items():
        own, other = translated(record)
        ahead, less = lead(own, other), lead(own, other, LOSS)
        lines.append((name, str(other.scores), str(own.scores), *(
            cell for found, measure in ((ahead, ACCURACY), (less, LOSS))
            for cell in (_gap(found, measure), "yes" if found.told_apart else "no"))))
    headers = ("one network met", "its set", "translated", "ahead by points", "told apart", "less loss", "told apart")
    sides = ("left", *("right",) * 3, "left", "right", "left")
    return tabulate(lines, headers, style, disable_numparse=True, colalign=sides)


def ahead_until(records: Mapping[str, Record] | Record, name: str, of: str = PIXELS, measure: str = ACCURACY) -> int:
    """The most networks met at which a pre-trained arm is ahead of another by more than chance, at as many; 0 if at
    none. At one network pixels and identity are the one network's set."""
    found = rows(records)
    pairs = ((one, row(found, of, one.met)) for one in found if one.name == name)
    return max((one.met for one, other in pairs
                if _measured(measure, one, other) and _beats(lead(one, other, measure))), default=0)


def ahead(records: Mapping[str, Record] | Record, name: str, measure: str) -> str:
    """Until which number of networks a pre-trained arm is ahead of the arms that need no other data, in words."""
    last = {of: ahead_until(records, name, of, measure) for of in (IDENTITY, PIXELS)}
    said = " and ".join(f"of {of} {f'at {met} at most' if met else 'nowhere'}" for of, met in last.items())
    return f"{name}, in {measure}: ahead by more than chance (networks met): {said}"


def break_even(records: Mapping[str, Record] | Record, name: str) -> dict[int, float | None]:
    """After how many targets a pre-training is repaid, by the networks that its arm met: its seconds over those that
    pixels need more to be as accurate (between two of their rows in a straight line). All are of the processor, but
    for older pre-trainings, whose records have seconds by the clock alone. None where the arm is not ahead
    of the one network's set by more than chance, where pixels need no more, and where they are never as accurate."""
    found = rows(records)
    pixels = [row(found, PIXELS, met) for met in sorted({one.met for one in found if one.arm == PIXELS} | {1})]
    line = [(one.seconds, one.scores.mean) for one in pixels if one]
    own = [one for one in found if one.name == name]
    return {one.met: _repaid(one, line) if _beats(lead(one, row(found, ONE, 1))) else None for one in own}


def _repaid(own: Row, line: list[tuple[float, float]]) -> float | None:
    wanted = own.scores.mean
    for (before, low), (after, high) in pairwise(line):
        if low < wanted <= high:
            saved = before + (wanted - low) / (high - low) * (after - before) - own.seconds
            learned_from = own.record.result["pretraining"]
            return learned_from.get("cpu_seconds", learned_from["seconds"]) / saved if saved > 0 else None
    return None
