"""What came of the runs in data/reference, as Markdown: ``python -m ddkit.reference`` writes it anew.

It makes ``data/reference/README.md`` (every table, with the explanations of ``template.md`` beside it) and, between two
marks in the project's README, the best row of each method. Records that are missing are made, as everywhere.
"""

import sys
from collections import Counter
from dataclasses import replace

from ddkit import runs
from ddkit.applications.backdoor import report as backdoor_report
from ddkit.applications.continual import report as continual_course
from ddkit.applications.federated import report as federated_report
from ddkit.applications.few_shot import course as few_shot_course
from ddkit.applications.league import report as league_report
from ddkit.applications.league.at_hand import at_hand
from ddkit.applications.league.entrants import ENTRANTS
from ddkit.applications.league.league import per_class
from ddkit.applications.league.rows import Judged, rows
from ddkit.applications.league.settings import ASIDES, aside, of_profile
from ddkit.applications.league.work import Played, play
from ddkit.applications.privacy import report as privacy_report
from ddkit.applications.quarter_hour import report as quarter_hour_report
from ddkit.applications.rankings import of_league
from ddkit.applications.robustness import report as robustness_report
from ddkit.applications.search import report as search_course
from ddkit.course import full_scale, task_1
from ddkit.course import kernels as kernel_course
from ddkit.course import lossless as lossless_course
from ddkit.course import polyps as polyp_course
from ddkit.course import trajectories as trajectory_course
from ddkit.course.profiles import Profile, profile
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import read_json, write_bytes
from ddkit.plots import tables
from ddkit.reference import best_rows, no_pictures
from ddkit.runs import REFERENCE, Record
from ddkit.specs import Distill
from ddkit.training.leads import Lead
from ddkit.training.scores import Scores

README, PAGE, TEMPLATE = REFERENCE.parent.parent / "README.md", REFERENCE / "README.md", REFERENCE / "template.md"
MARKS = ("<!-- made by: python -m ddkit.reference -->", "<!-- until here -->")


def page(chosen: Profile, polyps: Profile) -> str:
    """The whole of data/reference/README.md."""
    require(TEMPLATE.is_file(), f"{TEMPLATE} is missing: the reference results come with a checkout of the project; "
                                "run this there")
    reports = {"trajectories": trajectory_course, "kernels": kernel_course, "lossless": lossless_course,
               "continual": continual_course, "search": search_course, "few_shot": few_shot_course,
               "quarter_hour": quarter_hour_report}
    tables = {name: module.report(chosen, root=REFERENCE) for name, module in reports.items()}
    tables["task_1"] = task_1.report(task_1.work(chosen, root=REFERENCE, say=lambda _: None), chosen, "github")
    tables["polyps"] = polyp_course.report(polyps, root=REFERENCE)
    facts = _devices() | _polyps(polyps)
    for told in (_task_1, _precision, _trajectories, _kernels, _full_scale, _lossless, _continual, _search, _league,
                 _privacy, _federated, _attacks, no_pictures.told):
        facts |= told(chosen)
    return TEMPLATE.read_text(encoding="utf-8").format(**tables, **facts)


def _run(spec) -> Record:
    return runs.run(spec, root=REFERENCE)


def _devices() -> dict[str, str]:
    """How many runs there are, and what those were made on that no CPU made."""
    made = Counter(read_json(path)["device"] for path in REFERENCE.rglob(runs.RECORD))
    resumed = " and resumed on another processor"
    elsewhere = [f"{count} made on an {device.split(', then ')[0]}{resumed * (', then ' in device)}"
                 for device, count in sorted(made.items()) if not device.startswith("CPU")]
    return {"runs": f"{made.total()}", "elsewhere": " and ".join(elsewhere) or "none"}


def _task_1(chosen: Profile) -> dict[str, str]:
    """The numbers that the template's words on Task 1 name."""
    real, noise, full = chosen.distill("real"), chosen.distill("noise"), _run(chosen.baseline())
    return {"width": str(chosen.width), "updates": f"{_run(real).updates:,}",
            "noise_updates": f"{_run(noise).updates:,}", "training_images": f"{full.result['training_images']:,}",
            "full_updates": f"{full.updates:,}"}


def _precision(chosen: Profile) -> dict[str, str]:
    """DataDAM distilled, and judged, in both precisions under the standard protocol, and under the assignment's."""
    exact, short = chosen.distill("real"), chosen.distill("real", precision="bfloat16")
    standard = {"distilled in float32": _run(chosen.evaluate(exact, "standard")),
                "distilled in bfloat16": _run(chosen.evaluate(short, "standard")),
                "distilled in float32, judged": _run(replace(chosen.evaluate(exact, "standard"),
                                                                   precision="bfloat16"))}
    assignment = {"distilled in float32": _run(chosen.evaluate(exact, "assignment")),
                  "distilled in bfloat16": _run(chosen.evaluate(short, "assignment"))}
    first, *others = (record.scores for record in standard.values())
    leads = [f"{abs(other.lead(first)):.1f}" for other in others]
    parts = ["The standard protocol", tables.scores(standard, "github"), "The assignment's protocol",
             tables.scores(assignment, "github")]
    return {"precision_lead": leads[0], "judged_lead": leads[1], "precision": "\n\n".join(parts)}


def _polyps(polyps: Profile) -> dict[str, str]:
    ten, fifty = (polyp_course.scores(polyps, ipc, root=REFERENCE) for ipc in (polyps.ipc, 50))
    distilled, random = ten[polyp_course.DISTILLED], fifty["random real"]
    long = polyp_course.scores(polyps, 50, polyp_course.LONGER, root=REFERENCE)
    longer = long["random real"]
    same = distilled.scores.headline.values
    compared = {"distilled": fifty[polyp_course.DISTILLED], "random": random, "longer": longer,
                "longer_distilled": long[polyp_course.DISTILLED], "full": _run(polyps.baseline())}
    short_lead, long_lead = (polyp_course.leads(row)["random real"] for row in (fifty, long))
    change = polyp_course.change(fifty, long)
    return {"polyp_network": distilled.spec["network"], "polyp_width": str(distilled.spec["width"]),
            "polyp_size": str(polyps.size), "polyp_updates": f"{_run(polyps.distill('real')).updates:,}",
            "polyp_epochs": str(distilled.result["epochs"]), "polyp_longer_epochs": str(longer.result["epochs"]),
            "polyp_short": _points(short_lead), "polyp_long": _points(long_lead),
            "polyp_change": _points(change),
            "polyp_spread": f"{100 * (max(same) - min(same)):.0f}", "polyp_networks": str(len(same)),
            "polyp_lam": f"{polyps.distill('real').config.lam:g}",
            **{f"polyp_{name}": str(record.scores.headline) for name, record in compared.items()}}


def _trajectories(chosen: Profile) -> dict[str, str]:
    pad = chosen.match_trajectories("pad")
    row = {name: record.scores for name, record in trajectory_course.scores(chosen, "standard", root=REFERENCE).items()}
    learned = trajectory_course.scores(chosen, "learned", root=REFERENCE)["PAD"].scores
    config, plan = pad.config, pad.experts.plan
    assignment, one = (trajectory_course.scores(chosen, protocol, ipc, root=REFERENCE)
                       for protocol, ipc in (("assignment", None), ("standard", 1)))
    wide, wide_learned = (trajectory_course.scores(chosen, protocol, wide=True, root=REFERENCE)["PAD"].scores
                          for protocol in ("standard", "learned"))
    beside = {"start": "PAD's start", "random": "random real", "datadam": "DataDAM"}
    return {"experts": str(plan.experts), "expert_epochs": str(plan.epochs), "expert_lr": f"{plan.lr:g}",
            "pad_updates": str(_run(pad).updates), "span": str(config.expert_span), "steps": str(config.student_steps),
            "first_starts": str(config.last_start + 1), "last_starts": str(config.final_start + 1),
            "pad_minutes": f"{(_run(pad).seconds + _run(pad.experts).seconds) / 60:.0f}",
            "left_out": f"{config.left_out:g}", "wide": str(chosen.wide),
            **{f"pad_over_{name}": _told(row["PAD"], row[other]) for name, other in beside.items()},
            **{f"one_over_{name}": _told(one["PAD"].scores, one[other].scores) for name, other in beside.items()},
            "start_over_random": _told(row["PAD's start"], row["random real"]),
            "learned_over_datadam": _told(learned, row["DataDAM"]),
            "assignment_over_start": _told(assignment["PAD"].scores, assignment["PAD's start"].scores),
            "wide_over_narrow": _told(wide, row["PAD"]), "wide_learned_over_narrow": _told(wide_learned, learned)}


def _kernels(chosen: Profile) -> dict[str, str]:
    fifty = [kernel_course.kip(chosen, 50, seed) for seed in range(kernel_course.sizes(chosen)[50])]
    scores = kernel_course.pooled([kernel_course.judged(chosen, kip, "NTK", root=REFERENCE) for kip in fifty])
    wide = {name: record.scores for name, record in kernel_course.wide(chosen, root=REFERENCE).items()}
    featured = {name: kernel_course.featured(chosen, name) for name in ("rfad", "frepo")}
    return {"kip_minutes": _cpu_minutes(*fifty), "kip_short": f"{kernel_course.PUBLISHED[50] - 100 * scores.mean:.1f}",
            **{f"{name}_minutes": _cpu_minutes(spec) for name, spec in featured.items()},
            **{f"{name.lower()}_over": f"{100 * wide[name].mean - best_rows.PUBLISHED[name][0]:+.1f}".replace("-", "−")
               for name in ("RFAD", "FRePo")}}


def _full_scale(chosen: Profile) -> dict[str, str]:
    """What has been made of the course at full scale."""
    full, of = full_scale.beside(chosen), {"root": REFERENCE}
    return {"full_scale": full_scale.report(full, **of), "full_width": str(full.width),
            "full_updates_asked": f"{full.distill('real').total_updates:,}",
            "full_missing": "; ".join(full_scale.missing(full, **of)) or "nothing"}


def _cpu_minutes(*specs: Distill) -> str:
    """Of one run, on the average."""
    return f"{sum(_run(spec).result['cpu_seconds'] for spec in specs) / 60 / len(specs):.0f}"


def _lossless(chosen: Profile) -> dict[str, str]:
    """By how much DataDAM's sets of each size lead as many random real images."""
    rows = lossless_course.records(chosen, root=REFERENCE)
    leads = {ipc: Lead.points(record.scores, rows["random real"][ipc].scores)
             for ipc, record in rows["DataDAM"].items() if ipc in rows["random real"]}
    said = [f"{lead.gap:.1f} ± {lead.error:.1f} at {ipc}" for ipc, lead in leads.items()]
    return {"lossless_leads": f"{', '.join(said[:-1])} and {said[-1]}"}


def _search(chosen: Profile) -> dict[str, str]:
    """How far the distilled set's ranking lies from those of the other proxies, in words."""
    found = search_course.compared(chosen, root=REFERENCE)
    return {name: search_course.differing("Spearman", found["DataDAM"], found[other])
            for name, other in (("search_random", "random real"), ("search_early", "early stopping"))}


def _league(chosen: Profile) -> dict[str, str]:
    """The games whose records are there, and what is said of them, budget by budget."""
    played = play(at_hand(of_profile(chosen.name), root=REFERENCE), root=REFERENCE, quiet=True)
    told = "\n".join(f"- {_standing(played, ipc)} {_absent(played, ipc)}" for ipc in played.league.ipcs)
    ranked = of_league.told(of_league.at_hand(played, root=REFERENCE), "github")
    others = {which: _aside(which, chosen) for which in ASIDES}
    tables = {f"league_{which.replace(' ', '_')}": _aside_told(other) for which, other in others.items()}
    gains, hopes = ("\n".join(f"- {line}" for line in lines(played, others["longer"]))
                    for lines in (league_report.gained, league_report.hoped))
    return {"league": league_report.told(played, "github"), "league_told": told, "league_ranked": "\n\n".join(ranked),
            "league_gained": gains, "league_hoped": hopes, **tables}


def _aside(which: str, chosen: Profile) -> Played | None:
    """A league beside the main one, as far as it has been played."""
    league = at_hand(aside(which, chosen.name), root=REFERENCE)
    return league and play(league, root=REFERENCE, quiet=True)


def _aside_told(played: Played | None) -> str:
    if played is None:
        return "None has played."
    standing = "\n".join(f"- {_standing(played, ipc)}" for ipc in played.league.ipcs)
    return f"{standing}\n\n{league_report.told(played, 'github')}"


def _standing(played: Played, ipc: int) -> str:
    """Who has the highest mean, and whose lead over start, random and chosen real images chance may give."""
    random, herding, *others = rows(played, ipc)
    sets = [row for row in others if row.start]
    best, *_ = sets
    beside = {"random real images": random.score, "herding": herding.score}
    close = {"its own start": [row.title for row in sets if not _ahead(row.score, row.start)],
             **{what: [row.title for row in sets if not _ahead(row.score, of)] for what, of in beside.items()}}
    behind = " ".join(f"Not ahead of {what} by more than chance gives: {'; '.join(titles) or 'none'}."
                      for what, titles in close.items())
    first = (f"of {len(sets)} sets that of {best.title} has the highest mean" if len(sets) > 1 else
             f"the set of {best.title} has the mean")
    return f"{per_class(ipc)}: {first}, {best.score}. {behind}"


def _absent(played: Played, ipc: int) -> str:
    missing = [who.title for name, who in ENTRANTS.items()
               if name not in played.league.entrants or (name, ipc) in played.league.absent]
    return f"Not played yet: {'; '.join(missing) or 'none'}."


def _federated(chosen: Profile) -> dict[str, str]:
    """What clients may send, of which there are records."""
    records = {alike: no_pictures.there(of) for alike, of in federated_report.asked(chosen).items()}
    records = {alike: of for alike, of in records.items() if of}
    return {"federated": federated_report.table(records, "github"), "federated_leads": federated_report.leads(records),
            "federated_missing": federated_report.missing(records, chosen)}


def _privacy(chosen: Profile) -> dict[str, str]:
    """Membership inference, of which there are records, and what privacy costs."""
    records = no_pictures.there(privacy_report.asked(chosen))
    more = no_pictures.there(privacy_report.asked_with_more(chosen))
    return {"privacy": privacy_report.table(records, "github"),
            "privacy_more": "\n".join(f"- {said}" for said in privacy_report.said_of_more(records, more)) or "(none)",
            "privacy_prices": "\n".join(f"- {said}" for said in privacy_report.prices(records))}


def _attacks(chosen: Profile) -> dict[str, str]:
    """Accuracies under attack, by both kinds of networks, and backdoors, of which there are records."""
    attacked = {network: no_pictures.there(of) for network, of in robustness_report.by_network(chosen).items()}
    backdoors = {name: no_pictures.there(of) for name, of in backdoor_report.asked(chosen).items()}
    backdoors = {name: of for name, of in backdoors.items() if of}
    tables = {network: robustness_report.every_table(of, "github") for network, of in attacked.items()}
    at = robustness_report.READ_AT
    said = "\n".join(f"- {line}." for line in robustness_report.order(attacked, at))
    return {"robustness": tables[robustness_report.MLP], "robustness_convnets": tables[robustness_report.CONVNET],
            "robustness_order": said,
            "robustness_lengths": robustness_report.lengths(attacked[robustness_report.CONVNET]),
            "robustness_hidden": robustness_report.every_hidden(attacked),
            "robustness_sides": robustness_report.sides(attacked, "random real", at, style="github"),
            "backdoors": backdoor_report.table(backdoors, "github")}


def _ahead(score: Judged, other: Judged) -> bool:
    """Whether one is above the other by more than chance gives."""
    lead = score.lead(other)
    return lead.gap > 0 and lead.told_apart


def _continual(chosen: Profile) -> dict[str, str]:
    gdumb, replay = (continual_course.learned(chosen, protocol, root=REFERENCE) for protocol in ("gdumb", "replay"))
    wide = continual_course.wide(chosen, root=REFERENCE)
    many = continual_course.same_bytes(chosen, root=REFERENCE).scores
    kept, learned, widely = ({name: record.scores for name, record in row.items()} for row in (gdumb, replay, wide))
    return {"replay_over_random": _told(learned["DataDAM"], learned["random"]),
            "gdumb_over_random": _told(kept["DataDAM"], kept["random"]),
            "herding_over_random": _told(kept["herding"], kept["random"]),
            "herding_seconds": f"{gdumb['herding'].result['memory_seconds']:.1f}",
            "gdumb_over_herding": _told(kept["DataDAM"], kept["herding"]),
            "bytes_over_datadam": _told(many, kept["DataDAM"]),
            "rfad_over_random": _told(kept["RFAD"], kept["random"]),
            "rfad_over_datadam": _told(kept["RFAD"], kept["DataDAM"]),
            "wide_random": _told(widely["random"], kept["random"]),
            "wide_datadam": _told(widely["DataDAM"], kept["DataDAM"]),
            "wide_over_random": _told(widely["DataDAM"], widely["random"])}


def _told(first: Scores, other: Scores) -> str:
    """How far the first is above the other, with its standard error and whether that tells them apart."""
    return _points(Lead.points(first, other))


def _points(lead: Lead) -> str:
    return f"{lead.gap:+.1f} ± {lead.error:.1f} points ({'' if lead.told_apart else 'not '}told apart)"


def with_best(readme: str, table: str) -> str:
    """The README with the table between its marks."""
    require(all(readme.count(mark) == 1 for mark in MARKS), f"README.md must hold once each: {' and '.join(MARKS)}")
    before, rest = readme.split(MARKS[0])
    return f"{before}{MARKS[0]}\n\n{table}\n\n{MARKS[1]}{rest.split(MARKS[1])[1]}"


def main() -> int:
    try:
        # Whatever is chosen in the lessons.
        laptop, polyps = (replace(profile("laptop", name), follows=False) for name in (None, "mhist_like"))
        write_bytes(PAGE, page(laptop, polyps).encode())
        best = best_rows.table(laptop, root=REFERENCE)
        write_bytes(README, with_best(README.read_text(encoding="utf-8"), best).encode())
    except InputError as error:
        print(f"ddkit: {error}", file=sys.stderr)
        return 2
    print(f"{PAGE}\n{README}")
    return 0
