"""Lessons 6 and 7: trajectory matching, and kernel ridge regression for those who work in pairs."""

from dataclasses import asdict, fields
from operator import attrgetter

from ddkit import plots
from ddkit.course import kernels as kernel_course
from ddkit.course import trajectories as trajectory_course
from ddkit.course.profiles import Profile
from ddkit.methods import presets
from ddkit.plots import experts as expert_plots
from ddkit.plots import kernels as kernel_plots
from ddkit.report import scoring
from ddkit.report.desk import Desk
from ddkit.report.records import evolves, marked, score
from ddkit.runs import Record
from ddkit.specs import Distill, RandomReal, Source, Start
from ddkit.stored.shelf import shelf

STAGES, FINDINGS = "2.2a", "2.2b"
SECONDS = ("KIP", "RFAD", "FRePo")  # what a pair may choose beside PAD


def trajectories(desk: Desk, profile: Profile, *_: Profile) -> None:
    """2a and 2b: PAD's experts and distillation, and its set before every protocol beside its start and DataDAM's."""
    spec = profile.match_trajectories("pad")
    experts = desk.find(STAGES, "experts of PAD", spec.experts)
    pad = desk.find(STAGES, "PAD", spec)
    _stages(desk, profile, spec, experts, pad)
    sources = trajectory_course.sources(profile)
    rows = {protocol: _compared(desk, profile, sources, protocol) for protocol in trajectory_course.PROTOCOLS}
    if profile.ipc != 1:
        _compared(desk, profile, trajectory_course.sources(profile, 1), "standard", "-one", ", one image per class")
    if profile.wide != profile.width:
        for protocol in ("standard", "learned"):
            _compared(desk, profile.wider, sources, protocol, "-wide", f", networks of width {profile.wide}")
    for number, (name, one) in enumerate(_own(desk, spec).items(), 1):
        own = {name: one, f"start of {name}": Start(one)} | {n: sources[n] for n in ("DataDAM", "random real")}
        _second_stage(desk, one, desk.find(STAGES, name, one), name)
        for protocol in trajectory_course.PROTOCOLS:
            _compared(desk, profile, own, protocol, f"-own-{number}", f", {name}")
    there = {f"{name}, {protocol}": record for protocol, row in rows.items() for name, record in row.items() if record}
    if there:
        groups = {protocol: {name: record.scores for name, record in row.items() if record}
                  for protocol, row in rows.items() if any(row.values())}
        desk.figure(FINDINGS, "pad-scores", "PAD beside its start, attention matching and random real images, by "
                    "protocol (mean ± standard deviation over seeds).", there,
                    plots.bars, groups, next(iter(there.values())).result["chance"])


def _compared(desk: Desk, judge: Profile, sources: dict[str, Source], protocol: str, mark: str = "",
              words: str = "") -> dict[str, Record | None]:
    """Tables of scores and leads of sets before a profile's networks; the first is the one that is compared.

    Under ``learned`` only the first has a learning rate of its own.

    Args:
        mark, words: what tells these tables from others, in names and in titles.
    """
    first = next(iter(sources))
    told = trajectory_course.PROTOCOLS[protocol] + words
    row = desk.find_all(FINDINGS, f"{told}, set", {
        name: judge.evaluate(source, protocol) for name, source in sources.items()
        if protocol != "learned" or name == first})
    scoring.scores(desk, FINDINGS, f"pad-{protocol}{mark}", f"PAD and attention matching, {told}", row)
    scoring.leads(desk, FINDINGS, f"pad-{protocol}{mark}-leads", f"{first} against others, {told}",
                  [(name, row[first], record) for name, record in row.items() if name != first])
    return row


def _own(desk: Desk, usual: Distill) -> dict[str, Distill]:
    """Runs at hand of PAD on the same data and at the same size that the profile does not make, by what differs."""
    same = attrgetter("dataset", "size", "method", "preset", "ipc")
    found = [one.spec for one in shelf(desk.root).of(Distill)
             if not one.record.shipped and one.spec.name != usual.name and same(one.spec) == same(usual)]
    return {f"PAD with {_differing(one, usual)}": one for one in found}


def _differing(one: Distill, usual: Distill) -> str:
    """What was asked for otherwise, options and presets' values alike, so that different runs have different names."""
    values, others = ({f.name: getattr(spec, f.name) for f in fields(spec) if f.name != "options"}
                      | asdict(spec.config) | {"updates": spec.total_updates} for spec in (one, usual))
    return ", ".join(f"{name} {value}" for name, value in values.items() if others[name] != value)


def _second_stage(desk: Desk, spec: Distill, pad: Record | None, name: str) -> None:
    """What a distillation by PAD was, in a sentence."""
    if pad is None:
        return
    skipped = sum(step.get("skipped", 0) for step in pad.result["losses"])
    desk.say(STAGES, f"Second stage, {name}: {pad.updates:,} updates of {spec.ipc} images per class in "
                     f"{scoring.minutes(pad)} minutes, {skipped:.0f} of them skipped; the student's learning rate "
                     f"{spec.config.rate:g} became {pad.synthetic.learning_rate:.4g}, and "
                     f"{100 * spec.config.left_out:.0f} % of the weights, the shallow ones, were left out of the loss.")


def _stages(desk: Desk, profile: Profile, spec: Distill, experts: Record | None, pad: Record | None) -> None:
    name = profile.dataset
    if experts:
        plan = spec.experts.plan
        desk.say(STAGES, f"First stage: {plan.experts} experts of {plan.network}, width {plan.width}, were trained on "
                         f"{name} for {plan.epochs} epochs at learning rate {plan.lr:g}, in "
                         f"{scoring.minutes(experts)} minutes.")
        desk.figure(STAGES, "pad-experts", f"The experts' validation accuracy on {name} along their trajectories.",
                    {"experts": experts}, expert_plots.expert_curves, experts.trajectories)
    if pad is None:
        return
    _second_stage(desk, spec, pad, "PAD")
    preset = presets.configure(spec.method, spec.preset, {}, spec.dataset)
    scoring.knobs(desk, STAGES, "pad-settings", f"Settings of PAD on {name}", {"here": spec.config}, preset,
                  f"{spec.total_updates:,} updates.")
    desk.table(STAGES, "pad-departures", "Where the preset departs from the paper or its code", ("", "departure"),
               [(str(i), text) for i, text in enumerate(presets.departures(spec.method, spec.preset, name), 1)],
               wraps=True)
    desk.figure(STAGES, "pad-matched", "Which epochs of the experts are matched, over the updates.", {"PAD": pad},
                expert_plots.matched_epochs, spec.config)
    desk.figure(STAGES, "pad-loss", "The loss of PAD, by updates of the synthetic set.", {"PAD": pad},
                plots.loss_curve, {"PAD": pad})
    desk.figure(FINDINGS, "pad-images", f"{name}: the images distilled by PAD ({profile.label}).", {"PAD": pad},
                plots.image_grid, pad.synthetic, title=f"{name}, distilled by PAD")
    if evolves(pad):
        desk.figure(FINDINGS, "pad-evolution", "An image of each class over PAD's updates.", {"PAD": pad},
                    plots.evolution, pad)


def kernels(desk: Desk, profile: Profile, *_: Profile, methods: tuple[str, ...] = SECONDS) -> None:
    """2a and 2b of a pair's second method: the kernel methods' sets, before kernels and before trained networks."""
    sets = {name: source for name, source in kernel_course.sets(profile).items()
            if name in methods or name not in SECONDS}
    made = {name: desk.find(STAGES, name, sets[name]) for name in methods}
    for name, record in made.items():
        if record:
            _of_kernel(desk, profile, name, record)
    if "KIP" in methods:
        _kip_by_size(desk, profile)
    rows = {name: {judge: desk.find(FINDINGS, f"{name} before {judge}", kernel_course.judgement(profile, source, judge))
                   for judge in kernel_course.JUDGES} for name, source in sets.items()}
    there = {f"{name} before {judge}": record for name, row in rows.items() for judge, record in row.items() if record}
    if not there:
        return
    desk.table(FINDINGS, "kernel-judges", f"{profile.dataset}: sets by who answers", ("set", *kernel_course.JUDGES),
               [(name, *(score(record) for record in row.values())) for name, row in rows.items()], scoring.SPREAD)
    scoring.leads(desk, FINDINGS, "kernel-leads", "Kernel methods against attention matching and random real images, "
                  "trained networks", [(f"{name} against {other}", rows[name]["trained network"],
                                        rows[other]["trained network"])
                                       for name in made for other in ("DataDAM", "random real")])
    if profile.wide != profile.width:
        wide = desk.find_all(FINDINGS, f"networks of width {profile.wide}, set", {
            name: spec for name, spec in kernel_course.wide_judgements(profile).items() if name in sets})
        scoring.scores(desk, FINDINGS, "kernel-wide", f"{profile.dataset}: sets before networks of width "
                       f"{profile.wide}, standard protocol", wide)
    found = {name: {judge.replace(" ", "\n"): record.scores for judge, record in row.items() if record}
             for name, row in rows.items() if any(row.values())}
    desk.figure(FINDINGS, "kernel-judges", f"{profile.dataset}: mean test accuracy by set and by who answers.", there,
                plots.transfer_heatmap, found, title="Test accuracy by set and by who answers")


def _of_kernel(desk: Desk, profile: Profile, name: str, record: Record) -> None:
    low = name.lower()
    desk.say(STAGES, f"{name}: {record.updates:,} updates in {scoring.minutes(record)} minutes moved the images by "
                     f"{record.result['moved']:.1f}.")
    desk.figure(STAGES, f"{low}-loss", f"The loss of {name}, by updates of the synthetic set.", {name: record},
                plots.loss_curve, {name: record})
    desk.figure(FINDINGS, f"{low}-images", f"{profile.dataset}: the images distilled by {name} ({profile.label}).",
                {name: record}, plots.image_grid, record.synthetic, title=f"{profile.dataset}, {name}")
    if record.synthetic.soft:
        desk.figure(FINDINGS, f"{low}-labels", f"The labels that {name} learned.", {name: record},
                    kernel_plots.label_heatmap, record.synthetic)


def _kip_by_size(desk: Desk, profile: Profile) -> None:
    """KIP before its own kernel, by images per class, with its start and random real images."""
    rows = []
    for ipc, seeds in kernel_course.sizes(profile).items():
        specs = [kernel_course.kip(profile, ipc, seed) for seed in range(seeds)]
        judged = {"KIP": specs, "its start": [Start(spec) for spec in specs],
                  "random real": [RandomReal(profile.dataset, ipc)]}
        cells = {}
        for name, sources in judged.items():
            records = [desk.find(FINDINGS, f"{name}, {ipc} per class, set {seed + 1}, before NTK",
                                 kernel_course.judgement(profile, source, "NTK"))
                       for seed, source in enumerate(sources)]
            there = [record for record in records if record]
            cells[name] = marked(str(kernel_course.pooled(there)), *there) if there else "missing"
        rows.append((str(ipc), *cells.values()))
    if any(cell != "missing" for row in rows for cell in row[1:]):
        desk.table(FINDINGS, "kip-sizes", f"{profile.dataset}: KIP before its own kernel, by images per class",
                   ("images per class", "KIP", "its start", "random real"), rows,
                   "Mean ± standard deviation over n sets; of random real images over n draws.")
