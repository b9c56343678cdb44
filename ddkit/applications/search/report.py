"""The runs and tables of lesson 9: proxies for architecture search beside the truth, on one grid."""

from dataclasses import asdict, dataclass
from itertools import combinations

import torch
from tabulate import tabulate

from ddkit.applications.search.ranking import MEASURES, Comparison, difference
from ddkit.applications.search.spec import Grid, Search, scores
from ddkit.course.profiles import Profile
from ddkit.foundation.progress import say
from ddkit.runs import Record, find, run
from ddkit.specs import Distill, Full, Source


@dataclass(frozen=True)
class Settings:
    """How large a search is.

    Attributes:
        grid: the networks.
        full_epochs: of each on the full data (None: the assignment's 20).
        proxy_epochs: of each on a small set, by the standard protocol (None: its own 1,000).
        early_updates: after which training on the full data stops, where that is the proxy.
        distill: changes to the profile's distillation.
    """

    grid: Grid
    full_epochs: int | None = None
    proxy_epochs: int | None = None
    early_updates: int = 400
    distill: tuple[tuple[str, object], ...] = ()


SETTINGS = {
    "quick": Settings(Grid((1, 2), (4, 8), ("none", "instance"), ("sigmoid", "relu"), ("max", "avg"), number=8), 5, 20,
                      8, (("updates", 10),)),
    # Two hundred updates on a hundred images pass as many images as eighty on 256.
    "laptop": Settings(Grid((1, 2, 3), (4, 8, 16), number=36), 2, 200, 80),
    "full": Settings(Grid()),
}


def truth(profile: Profile) -> Search:
    """Every network on the full data."""
    chosen = SETTINGS[profile.name]
    return Search(Full(profile.dataset, profile.size), chosen.grid, "assignment", chosen.full_epochs)


def proxy(profile: Profile, source: Source) -> Search:
    """Every network on a small set."""
    chosen = SETTINGS[profile.name]
    return Search(source, chosen.grid, "standard", chosen.proxy_epochs)


def proxies(profile: Profile) -> dict[str, Search]:
    """What is compared: a distilled set, as many random real images, and the full data for a short while."""
    chosen = SETTINGS[profile.name]
    early = Search(Full(profile.dataset, profile.size), chosen.grid, "assignment", updates=chosen.early_updates)
    distilled = profile.distill("real", **dict(chosen.distill))
    return {"DataDAM": proxy(profile, distilled), "random real": proxy(profile, profile.random()),
            "early stopping": early}


def compare(proxy: Record, full: Record, set_seconds: float = 0.0) -> Comparison:
    """Two records of searches side by side."""
    one, other = ({name: found.mean for name, found in scores(record.result).items()} for record in (proxy, full))
    return Comparison(one, other, proxy.seconds, full.seconds, set_seconds)


def compared(profile: Profile, **options) -> dict[str, Comparison]:
    """Every proxy beside the truth; ``options`` go to ``runs.run``."""
    full = run(truth(profile), **options)
    return {name: compare(run(spec, **options), full, making_seconds(spec.of, **options))
            for name, spec in proxies(profile).items()}


def making_seconds(source: Source, **options) -> float:
    """Seconds that it took to distil a source, its experts' training included; of real images none."""
    if not isinstance(source, Distill):
        return 0.0
    return sum(run(spec, **options).seconds for spec in (source, source.experts) if spec)


def seconds_of(record: Record, **where) -> float:
    """Seconds that it took to make the set of a record, wherever that lies, its experts' training included; of experts
    that are not at hand it is said that theirs are missing."""
    experts = getattr(record.asked, "experts", None)
    if not experts:
        return record.seconds
    trained = find(experts, **where)
    if not trained:
        say(f"{experts.name} is not at hand: the seconds that its training took are left out")
    return record.seconds + (trained.seconds if trained else 0.0)


def finals(search: Search, comparisons: dict[str, Comparison], **options) -> dict[str, Record]:
    """Test scores, after training on the full data as in ``search``, of the true best and of every chosen network."""
    names = dict.fromkeys(name for found in comparisons.values() for name in (found.best, found.chosen))
    return {name: run(search.final(name), **options) for name in names}


def correlations(comparisons: dict[str, Comparison], style: str = "github") -> str:
    """Rank correlations between each proxy and the truth with 95 % intervals, over all and over the best networks."""
    first = next(iter(comparisons.values()))
    headers = [f"{measure}, {part}" for measure in MEASURES
               for part in (f"all {len(first.full)}", f"best {len(first.top)}")]
    rows = [(name, *(str(found.correlation(measure, names)) for measure in MEASURES for names in (None, found.top)))
            for name, found in comparisons.items()]
    return tabulate(rows, ("proxy", *headers), style, disable_numparse=True)


def differences(comparisons: dict[str, Comparison], style: str = "github") -> str:
    """By how much one proxy ranks all networks better than another, pair by pair, with 95 % intervals."""
    rows = [(f"{first} less {second}", *(differing(measure, comparisons[first], comparisons[second])
                                         for measure in MEASURES)) for first, second in combinations(comparisons, 2)]
    return tabulate(rows, ("proxies", *MEASURES), style, disable_numparse=True)


def differing(measure: str, first: Comparison, second: Comparison) -> str:
    """The difference of two proxies' correlations with the truth in words: told apart if its interval excludes zero."""
    found = difference(measure, *(torch.tensor(list(scores.values()), dtype=torch.float64)
                                  for scores in (first.proxy, second.proxy, first.full)))
    return f"{found} ({'' if found.low > 0 or found.high < 0 else 'not '}told apart)"


def choices(comparisons: dict[str, Comparison], tested: dict[str, Record], style: str = "github") -> str:
    """What each proxy cost and chose; ``tested`` are the ``finals``. Regrets are in points of accuracy."""
    def score(network: str) -> str:
        return str(tested[network].scores.headline)

    rows = [(name, *map(_minutes, (found.proxy_seconds, found.set_seconds, found.saved_seconds)), found.chosen,
             f"{found.place} of {len(found.full)}", f"{100 * found.regret:.2f}", score(found.chosen))
            for name, found in comparisons.items()]
    first = next(iter(comparisons.values()))
    rows.append(("full data", _minutes(first.full_seconds), "", "", first.best, f"1 of {len(first.full)}", "0.00",
                 score(first.best)))
    headers = ("searched on", "minutes", "to make the set", "saved", "chosen", "its true place", "regret",
               "its test score, full data")
    sides = ("left", *("right",) * 3, "left", *("right",) * 3)
    return tabulate(rows, headers, style, disable_numparse=True, colalign=sides)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"


def tables(comparisons: dict[str, Comparison], tested: dict[str, Record], style: str = "github") -> str:
    """All tables, one below the other."""
    parts = {"Rank correlation with the truth, validation data, 95 % intervals": correlations(comparisons, style)}
    if len(comparisons) > 1:
        parts["Differences of these, over all networks, from the same resamples"] = differences(comparisons, style)
    parts["What each search took and chose"] = choices(comparisons, tested, style)
    return "\n\n".join(f"{title}\n\n{table}" for title, table in parts.items())


def ranked(records: dict[str, Record], shown: int = 10, style: str = "simple") -> str:
    """The best networks of each search, best first, with their validation scores."""
    rows = []
    for name, record in records.items():
        found = scores(record.result)
        best = sorted(found, key=lambda candidate: found[candidate].mean, reverse=True)[:shown]
        rows += [(name, place, candidate, f"{record.result['candidates'][candidate]['parameters']:,}",
                  str(found[candidate])) for place, candidate in enumerate(best, 1)]
    headers = ("searched on", "place", "network", "parameters", "validation score")
    return tabulate(rows, headers, style, disable_numparse=True)


def report(profile: Profile, style: str = "github", **options) -> str:
    """Both tables, as data/reference/README.md shows them."""
    comparisons = compared(profile, **options)
    tested = finals(truth(profile), comparisons, **options)
    return (f"Architecture search ({profile.name} profile: {profile.dataset})\n\n"
            f"{tables(comparisons, tested, style)}")


def as_dict(found: Comparison) -> dict:
    """A comparison as plain data."""
    measured = {f"{measure.lower()}_{part}": asdict(found.correlation(measure, names))
                for measure in MEASURES for part, names in (("all", None), ("top", found.top))}
    return {**asdict(found), **measured, "chosen": found.chosen, "best": found.best, "regret": found.regret,
            "place": found.place, "saved_seconds": found.saved_seconds}
