"""Lessons 5 and 9: the two applications, continual learning and architecture search."""

from itertools import combinations

from ddkit.applications.continual import plots as continual_plots
from ddkit.applications.continual import report as continual_course
from ddkit.applications.continual.spec import METRICS, PROTOCOLS
from ddkit.applications.search import plots as search_plots
from ddkit.applications.search import report as search_course
from ddkit.applications.search.ranking import MEASURES, Comparison
from ddkit.course.profiles import Profile
from ddkit.report import scoring
from ddkit.report.desk import Desk
from ddkit.report.records import MISSING, marked, score
from ddkit.runs import Record
from ddkit.specs import Distill, Source
from ddkit.training.scores import Scores

QUESTION = "1.4"
EQUAL = "random, as many bytes"


def continual(desk: Desk, profile: Profile, *_: Profile) -> None:
    """Images that are chosen instead of distilled, then memories of a continual learner under both protocols, each with
    its accuracy after every step, and before wide networks."""
    for ipc in sorted({1, profile.ipc}):
        _coresets(desk, profile, ipc)
    memories, shown = continual_course.memories(profile), continual_course.settings(profile).replayed
    for protocol in PROTOCOLS:
        names = shown if protocol == "replay" else tuple(memories)
        specs = {name: continual_course.continual(profile, memories[name], protocol) for name in names}
        if protocol == "gdumb":
            specs[EQUAL] = continual_course.as_many_bytes(profile)
        records = desk.find_all(QUESTION, f"continual learning, {protocol}, memory", specs)
        there = {name: record for name, record in records.items() if record}
        if not there:
            continue
        _memories(desk, f"continual-{protocol}", f"Continual learning of {profile.dataset}, protocol {protocol}",
                  records)
        scoring.leads(desk, QUESTION, f"continual-{protocol}-leads", f"Memories against random real images, protocol "
                      f"{protocol}", [*((name, record, records.get("random")) for name, record in records.items()
                                        if name != "random"),
                                      (f"DataDAM against {EQUAL}", records.get("DataDAM"), records.get(EQUAL))])
        title = f"{protocol}, {profile.dataset} (mean and 95 % interval over seeds)"
        desk.figure(QUESTION, f"continual-{protocol}", f"Continual learning, protocol {protocol}: accuracy on the "
                    "classes seen so far after each step.", there,
                    continual_plots.accuracy_after_each_step, there, title)
        if "DataDAM" in there and protocol == "gdumb":
            desk.figure(QUESTION, "continual-steps", "Continual learning with memories by DataDAM: the share "
                        "recognised of each step's classes after each step.", {"DataDAM": there["DataDAM"]},
                        continual_plots.step_matrix, there["DataDAM"])
    if profile.wide != profile.width:
        _wide(desk, profile)


def _coresets(desk: Desk, profile: Profile, ipc: int) -> None:
    records = desk.find_all(QUESTION, f"{ipc} per class, standard protocol, chosen",
                            continual_course.scorings(profile, ipc))
    scoring.scores(desk, QUESTION, f"coresets-{ipc}", f"{profile.dataset}: images chosen by a rule, {ipc} per class, "
                   "standard protocol", records)
    scoring.leads(desk, QUESTION, f"coresets-{ipc}-leads", f"Chosen images against random ones, {ipc} per class",
                  [(name, record, records["random"]) for name, record in records.items() if name != "random"])


def _wide(desk: Desk, profile: Profile) -> None:
    """Memories made with the profile's networks, learned by networks as wide as the papers'."""
    records = desk.find_all(QUESTION, f"continual learning, gdumb, width {profile.wide}, memory",
                            continual_course.widened(profile))
    if any(records.values()):
        _memories(desk, "continual-wide", f"Continual learning of {profile.dataset}, protocol gdumb, networks of width "
                  f"{profile.wide}", records)
    scoring.leads(desk, QUESTION, "continual-wide-leads", "Memories against random real images, wide networks",
                  [("DataDAM", records["DataDAM"], records["random"])])


def _memories(desk: Desk, name: str, title: str, records: dict[str, Record | None]) -> None:
    desk.table(QUESTION, name, title, ("memory", *METRICS.values(), "bytes", "seconds to fill it"),
               [_memory(memory, record) for memory, record in records.items()],
               "Mean ± half the 95 % interval over n seeds, each with memories of its own.")


def _memory(name: str, record: Record | None) -> tuple[str, ...]:
    if record is None:
        return (name, MISSING, *[""] * (len(METRICS) + 1))
    return (name, *(marked(_with_interval(record.scores.of(metric)), record) for metric in METRICS),
            f"{record.result['bytes'][-1]:,}", f"{record.result['memory_seconds']:.1f}")


def _with_interval(scores: Scores) -> str:
    spread = f" ± {100 * scores.interval:.2f}" if len(scores.runs) > 1 else ""
    return f"{100 * scores.mean:.2f}{spread} % (n={len(scores.runs)})"


def search(desk: Desk, profile: Profile, *_: Profile) -> None:
    """Proxies for architecture search beside the truth: how alike they rank, and what their choice is worth."""
    truth = search_course.truth(profile)
    full = desk.find(QUESTION, "architecture search on the full data", truth)
    records = desk.find_all(QUESTION, "architecture search on", search_course.proxies(profile))
    there = {name: record for name, record in records.items() if record}
    if not (full and there):
        return
    comparisons = {name: search_course.compare(record, full, _seconds(desk, search_course.proxies(profile)[name].of))
                   for name, record in there.items()}
    first = next(iter(comparisons.values()))
    parts = {f"{measure}, {part}": (measure, names) for measure in MEASURES
             for part, names in ((f"all {len(first.full)}", None), (f"best {len(first.top)}", first.top))}
    desk.table(QUESTION, "search-correlations", f"Architecture search on {profile.dataset}: rank correlation with the "
               "truth, validation data", ("proxy", *parts),
               [(name, *(marked(str(found.correlation(measure, names)), there[name], full)
                         for measure, names in parts.values())) for name, found in comparisons.items()],
               "In brackets the 95 % interval, by bootstrap over networks.")
    desk.table(QUESTION, "search-differences", "Differences of these correlations over all networks, pair by pair",
               ("proxies", *MEASURES),
               [(f"{one} less {other}", *(marked(search_course.differing(measure, comparisons[one], comparisons[other]),
                                                 there[one], there[other], full) for measure in MEASURES))
                for one, other in combinations(comparisons, 2)],
               "From the same resamples; told apart if the interval excludes zero.")
    _choices(desk, truth, full, there, comparisons)
    desk.figure(QUESTION, "search-proxies", f"Every network's validation accuracy by the proxy and on all of "
                f"{profile.dataset}; both scales are logarithmic in the error.", {"full data": full, **there},
                search_plots.proxy_against_truth, comparisons)
    desk.figure(QUESTION, "search-choices", f"Validation accuracy on all of {profile.dataset} by what a network is "
                "made of.", {"full data": full}, search_plots.by_choice, first.full, truth.grid)


def _seconds(desk: Desk, source: Source) -> float:
    """What it took to make a proxy's set, as far as a record says; real images take nothing."""
    if not isinstance(source, Distill):
        return 0.0
    record = desk.find(QUESTION, "the set of an architecture search", source)
    return record.seconds if record else 0.0


def _choices(desk: Desk, truth, full: Record, proxies: dict[str, Record], found: dict[str, Comparison]) -> None:
    first = next(iter(found.values()))
    names = dict.fromkeys((first.best, *(one.chosen for one in found.values())))
    tested = {name: desk.find(QUESTION, f"test score of {name}", truth.final(name)) for name in names}
    rows = [(name, marked(f"{one.proxy_seconds / 60:.1f}", proxies[name]), f"{one.set_seconds / 60:.1f}", one.chosen,
             f"{one.place} of {len(one.full)}", f"{100 * one.regret:.2f}", score(tested[one.chosen]))
            for name, one in found.items()]
    rows.append(("full data", marked(f"{first.full_seconds / 60:.1f}", full), "", first.best,
                 f"1 of {len(first.full)}", "0.00", score(tested[first.best])))
    desk.table(QUESTION, "search-choices", "What each search took and chose", (
        "searched on", "minutes", "to make the set", "chosen", "its true place", "regret, points",
        "its test score after all data"), rows,
        "Regret: what the choice loses in validation accuracy against the best.")
