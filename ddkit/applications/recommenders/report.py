"""The runs and tables of recommendations."""

from dataclasses import replace

from tabulate import tabulate

from ddkit.applications.recommenders.metrics import MEASURES
from ddkit.applications.recommenders.spec import FEW, WHO, Recommend
from ddkit.course.profiles import Profile
from ddkit.runs import Record
from ddkit.training.leads import Lead
from ddkit.training.scores import Scores, in_percent

ALL = WHO["all"]
_FOR_TASTES = {"draws": 20, "tau": 4.0, "rate": 0.5, "ridge": 1.0}  # for few items
NOTES = (
    "Of every user a tenth of the events is held out for the test and a tenth for validation, on which ridges, and the "
    "step at which learned users are taken, were chosen. ± is half the 95 % interval of the mean over splits "
    "(Student's t); every row has the same splits.",
    "nDCG@10 counts a hit the more, the earlier it stands; HR@k is the share of the first k items that are hits, of as "
    "many as could be. What a user is known to know is left out of the list.",
)


def few(who: str, number: int) -> str:
    """The name of a row."""
    return f"{WHO[who]}, {number}"


def asked(profile: Profile) -> dict[str, Recommend]:
    """The recommendations of lesson 17, by row: of ml-100k, and in the quick profile of ratings that are drawn."""
    if profile.name == "quick":
        return rows(Recommend("tastes", seeds=3, steps=40, every=10, **_FOR_TASTES), (20,))
    return rows(Recommend(), (50, 100))


def rows(common: Recommend, numbers: tuple[int, ...]) -> dict[str, Recommend]:
    """All opponents, few users in each of some numbers."""
    found = {WHO["popular"]: replace(common, who="popular")}
    found |= {few(who, number): replace(common, who=who, number=number) for number in numbers for who in reversed(FEW)}
    return found | {WHO[who]: replace(common, who=who) for who in ("all", "ease")}


def scores(record: Record, measure: str = "ndcg") -> Scores:
    """A measure on the test events, one value per split."""
    return Scores(tuple(record.result["runs"]), measure, tuple(record.notes), record.spec)


def share(record: Record, other: Record, measure: str = "ndcg") -> Scores:
    """A measure as a share of another's on the same split."""
    pairs = zip(scores(record, measure).values, scores(other, measure).values, strict=True)
    return Scores(tuple({"share": one / whole if whole else 0.0} for one, whole in pairs), "share")


def goal(found: Scores, wanted: float = 0.95) -> str:
    """Whether a share reaches what is wanted, by the 95 % interval of its mean, in words."""
    low, high = found.mean - found.interval, found.mean + found.interval
    return f"{'at least' if low >= wanted else 'short of' if high < wanted else 'about'} {100 * wanted:g} %"


def lead(record: Record, other: Record, measure: str = "ndcg") -> Lead:
    """In points of a percent; splits are paired."""
    first, second = ({run["seed"]: 100 * run[measure] for run in one.result["runs"]} for one in (record, other))
    return Lead.of(first, second, paired=True)


def table(records: dict[str, Record], style: str = "simple") -> str:
    """A row for each opponent: the measures in %, and nDCG@10 as a share of that with all users."""
    lines = [(name, *(in_percent(scores(record, measure)) for measure in MEASURES),
              in_percent(share(record, records[ALL])) if ALL in records and name != ALL else "") for name, record in
             records.items()]
    heads = ("learned from", *(f"{words} (%)" for words in MEASURES.values()), "% of all users' nDCG")
    first = next(iter(records.values()))
    size = "{users:,} users and {items:,} items".format(**first.result)
    told = f"{first.asked.dataset}: {size}, n = {len(first.result['runs'])} splits in each row."
    return "\n\n".join([tabulate(lines, heads, style, disable_numparse=True), told, *NOTES,
                        *(f"({note})" for note in first.notes)])


def leads(records: dict[str, Record], style: str = "simple") -> str:
    """Learned users against as many random ones, and against all."""
    lines = []
    for name, record in records.items():
        if record.asked.who == "fake":
            for other in (few("random", record.asked.number), ALL):
                if other in records:
                    found = lead(record, records[other])
                    told = f"{found.gap:+.1f}" + ("" if found.error is None else f" ± {found.error:.1f}")
                    lines.append((f"{name} against {other}", told, "told apart" if found.told_apart else
                                  "not told apart"))
    return tabulate(lines, ("", "points of nDCG@10, ± standard error", "by these splits"), style, disable_numparse=True)
