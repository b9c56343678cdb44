"""Lessons 1 to 4: the full data, the distillations, their images, and what networks learn from them."""

from ddkit import plots
from ddkit.course import polyps as polyp_course
from ddkit.course import task_1
from ddkit.course.profiles import POLYPS, Profile
from ddkit.methods import presets
from ddkit.networks import in_words
from ddkit.report import scoring
from ddkit.report.desk import Desk
from ddkit.report.records import MISSING, evolves, marked, metrics, score
from ddkit.runs import Record
from ddkit.specs import Distill
from ddkit.training.scores import METRICS

INITS = {"real": "real images", "noise": "noise"}


def full_data(desk: Desk, *profiles: Profile) -> None:
    """2a: what networks reach on the full data and what that costs, a column for each data set."""
    question = "1.2a"
    records = {p.dataset: desk.find(question, f"{p.network} on all of {p.dataset}", p.baseline()) for p in profiles}
    columns = [_cost(record) for record in records.values()]
    names = list(dict.fromkeys(name for column in columns for name in column))
    if any(columns):
        blanks = [column or {"network": MISSING} for column in columns]
        rows = [(name, *(column.get(name, "") for column in blanks)) for name in names]
        notes = list(dict.fromkeys(f"({note})" for record in records.values() if record for note in record.notes))
        desk.table(question, "full-data", "The full data: accuracy and cost", ("", *records), rows,
                   " ".join([scoring.SPREAD, "FLOPs count a multiplication and an addition as two.", *notes]))
    for name, record in records.items():
        if record:
            tested = sum(map(sum, record.scores.runs[0]["confusion"]))
            flops = _billions(record.result["cost"]["flops"] * tested)
            desk.say(question, f"{record.spec['network']} on all of {name} reaches {score(record)} on {tested:,} test "
                               f"images, for which it takes {flops} FLOPs.")
            desk.figure(question, f"{name}-baseline", f"Training on all of {name} under the assignment's protocol: "
                        f"the loss by epoch; test score {score(record)}.", {name: record},
                        plots.training_curve, record)


def _cost(record: Record | None) -> dict[str, str]:
    """The numbers of a baseline, by their names."""
    if record is None:
        return {}
    result, cost, first = record.result, record.result["cost"], record.scores.runs[0]
    tested = sum(map(sum, first["confusion"]))
    training = 3 * cost["flops"] * result["training_images"] * result["epochs"]
    return {"network": in_words(record.spec["network"], record.spec["width"]),
            **{f"test {METRICS[metric]}": score(record, metric) for metric in metrics(record)},
            "most frequent class": f"{100 * result['chance']:.2f} %",
            "training images": f"{result['training_images']:,}", "test images": f"{tested:,}",
            "epochs": str(result["epochs"]), "gradient updates": f"{first['updates']:,}",
            "parameters": f"{cost['parameters']:,}", "MACs of one image": f"{cost['macs']:,}",
            "FLOPs of one image": f"{cost['flops']:,}",
            "FLOPs of the test set": _billions(cost["flops"] * tested),
            "FLOPs of the training": _billions(training),
            "seconds of training": f"{first['train_seconds']:.1f}",
            "seconds of testing": f"{first['test_seconds']:.1f}"}


def _billions(count: float) -> str:
    return f"{count / 1e9:,.1f} billion"


def distillation(desk: Desk, *profiles: Profile) -> None:
    """2b: the settings, what the runs took, their losses, and what became of the images."""
    question, rows = "1.2b", []
    for profile in profiles:
        specs = {init: profile.distill(init) for init in INITS}
        records = _distilled(desk, question, profile)
        rows += [_run(profile.dataset, init, specs[init], record) for init, record in records.items()]
    if any(MISSING not in row for row in rows):
        desk.table(question, "distillations", "Distillations by attention matching", (
            "data set", "from", "images per class", "updates", "moved by", "loss, first tenth", "loss, last tenth",
            "minutes", "process's peak MiB"), rows,
            "Moved by: the length of the difference between the images and their start. Losses are means over the "
            "first and the last tenth of the updates. The process's peak is that of all it did until then, other runs "
            "included.")
    for profile in profiles:
        _settings(desk, question, profile)
        _pictures_of_change(desk, question, profile)


def _distilled(desk: Desk, question: str, profile: Profile) -> dict[str, Record | None]:
    return {init: desk.find(question, f"distillation of {profile.dataset} from {words}", profile.distill(init))
            for init, words in INITS.items()}


def _run(dataset: str, init: str, spec: Distill, record: Record | None) -> tuple[str, ...]:
    if record is None:
        return (dataset, init, str(spec.ipc), MISSING, "", "", "", "", "")
    losses = [step["loss"] for step in record.result["losses"]]
    tenth = max(1, len(losses) // 10)
    first, last = (sum(part) / tenth for part in (losses[:tenth], losses[-tenth:]))
    return (dataset, init, str(spec.ipc), marked(f"{record.updates:,}", record), f"{record.result['moved']:.1f}",
            f"{first:.4g}", f"{last:.4g}", f"{record.seconds / 60:.1f}", f"{record.peak_memory_mib:,.0f}")


def _settings(desk: Desk, question: str, profile: Profile) -> None:
    """The knobs of a data set's distillations, and where their preset departs from the assignment's table."""
    if not any(_distilled(desk, question, profile).values()):
        return
    specs = {init: profile.distill(init) for init in INITS}
    spec = specs["real"]
    preset = presets.configure(spec.method, spec.preset, {}, spec.dataset)
    scoring.knobs(desk, question, f"{profile.dataset}-settings", f"Settings of the distillation of {profile.dataset}",
                  {f"from {init}": one.config for init, one in specs.items()}, preset,
                  f"{spec.total_updates:,} updates from real images, "
                  f"{specs['noise'].total_updates:,} from noise. The preset's values are those of the "
                  "assignment's table, where it names one.")
    departures = presets.departures(spec.method, spec.preset, spec.dataset)
    desk.table(question, f"{profile.dataset}-departures", f"Where the preset for {profile.dataset} departs from the "
               "assignment's table, the paper or its code", ("", "departure"),
               [(str(i), text) for i, text in enumerate(departures, 1)], wraps=True)


def _pictures_of_change(desk: Desk, question: str, profile: Profile) -> None:
    name, records = profile.dataset, _distilled(desk, question, profile)
    there = {f"from {INITS[init]}": record for init, record in records.items() if record}
    desk.figure(question, f"{name}-loss", f"The loss of the distillation of {name}, by updates of the synthetic set.",
                there, plots.loss_curve, there)
    real = records["real"]
    if real:
        per_class = 1 if len(real.synthetic.classes) > 3 else 3
        desk.figure(question, f"{name}-change", f"{name}: images before and after {real.updates:,} updates, and what "
                    "was added or taken away.", {"real": real},
                    plots.start_end_difference, real.synthetic, per_class)


def images(desk: Desk, *profiles: Profile) -> None:
    """2c and 2d: the condensed images from real ones and from noise, and how they came to be."""
    for profile in profiles:
        name = profile.dataset
        for init, question in (("real", "1.2c"), ("noise", "1.2d")):
            record = desk.find(question, f"distillation of {name} from {INITS[init]}", profile.distill(init))
            if record is None:
                continue
            desk.figure(question, f"{name}-distilled-{init}", f"{name}: the condensed images, distilled from "
                        f"{INITS[init]} in {record.updates:,} updates and shown un-normalised ({profile.label}).",
                        {init: record},
                        plots.image_grid, record.synthetic, title=f"{name}, distilled from {INITS[init]}")
            if evolves(record):
                desk.figure(question, f"{name}-evolution-{init}", f"{name}: an image of each class over the updates, "
                            f"from {INITS[init]}.", {init: record}, plots.evolution, record)


def training(desk: Desk, *profiles: Profile) -> None:
    """2d, 2e and 3: what networks learn from the condensed images, those of the distillation and others."""
    for profile in profiles:
        wanted, name = task_1.specs(profile), profile.dataset
        full = desk.find("1.2e", f"{profile.network} on all of {name}", profile.baseline())
        rows = {protocol: desk.find_all("1.2e" if protocol == "assignment" else "1.2d",
                                        f"{name}, {protocol} protocol", specs)
                for protocol, specs in wanted["scores"].items()}
        _under_the_assignment(desk, profile, full, rows["assignment"])
        _from_noise(desk, profile, full, rows)
        _other_networks(desk, profile, wanted["transfer"])
        if name in POLYPS:
            _sizes(desk, profile)


def _epochs(rows: dict[str, Record | None]) -> str:
    return next((f", {record.result['epochs']} epochs" for record in rows.values() if record), "")


def _under_the_assignment(desk: Desk, profile: Profile, full: Record | None, row: dict[str, Record | None]) -> None:
    question, name = "1.2e", profile.dataset
    scoring.scores(desk, question, f"{name}-assignment", f"{name}, the assignment's protocol{_epochs(row)}",
                   {"full data": full, **row}, "The same protocol and network in every row; only the images differ.")
    real = row["distilled from real"]
    scoring.leads(desk, question, f"{name}-assignment-leads", f"{name}: the images distilled from real ones against "
                  "others, the assignment's protocol", [
                      ("the full data", real, full), ("random real", real, row["random real"]),
                      ("their start", real, row["start: real"])])
    there = {what: record for what, record in {"full data": full, **row}.items() if record}
    desk.figure(question, f"{name}-time", f"{name}: test score against the training time of one network (mean ± "
                "standard deviation over seeds).", there,
                plots.accuracy_against_time, {what: record.scores for what, record in there.items()})
    if full and real:
        desk.say(question, f"On {name} training takes {real.scores.seconds:.1f} s on the condensed images and "
                           f"{full.scores.seconds:.1f} s on the full data, with {real.updates:,} and {full.updates:,} "
                           f"gradient updates, for test scores of {score(real)} and {score(full)}.")


def _from_noise(desk: Desk, profile: Profile, full: Record | None, rows: dict[str, dict]) -> None:
    question, name, standard = "1.2d", profile.dataset, rows["standard"]
    scoring.scores(desk, question, f"{name}-standard", f"{name}, the standard protocol{_epochs(standard)}", standard)
    for protocol, row in rows.items():
        noise = row["distilled from noise"]
        scoring.leads(desk, question, f"{name}-noise-{protocol}-leads", f"{name}: the images distilled from noise "
                      f"against others, {protocol} protocol", [
                          ("distilled from real", noise, row["distilled from real"]),
                          ("random real", noise, row["random real"]), ("their start", noise, row["start: noise"])])
    groups = {protocol: {what: record.scores for what, record in row.items() if record}
              for protocol, row in rows.items()}
    if full:
        groups["assignment"] = {"full data": full.scores, **groups["assignment"]}
    groups = {protocol: group for protocol, group in groups.items() if group}
    there = {f"{what}, {protocol}": record for protocol, row in rows.items() for what, record in row.items() if record}
    if there:
        chance = next(iter(there.values())).result["chance"]
        desk.figure(question, f"{name}-scores", f"{name}: test scores by protocol and training set (mean ± standard "
                    "deviation over seeds).", there, plots.bars, groups, chance)


def _other_networks(desk: Desk, profile: Profile, wanted: dict[str, dict]) -> None:
    question, name = "1.3", profile.dataset
    rows = {what: desk.find_all(question, f"{name}, {what}, on", specs) for what, specs in wanted.items()}
    there = {f"{what} on {network}": record for what, row in rows.items() for network, record in row.items() if record}
    if not there:
        return
    distilled, random = rows["distilled from real"], rows["random real"]
    first = next(iter(there.values()))
    metric, epochs = METRICS[first.scores.headline.metric], first.result["epochs"]
    notes = [f"({note})" for note in first.notes]
    desk.table(question, f"{name}-transfer", f"{name}: test {metric} of other networks, standard protocol, {epochs} "
               "epochs", ("network", *rows), [(network, *(score(row[network]) for row in rows.values()))
                                              for network in profile.transfer_networks],
               " ".join([scoring.SPREAD, *notes]))
    scoring.leads(desk, question, f"{name}-transfer-leads", f"{name}: what other networks gain from the condensed "
                  "images over random real ones", [(network, distilled[network], random[network])
                                                   for network in profile.transfer_networks])
    found = {what: {network: record.scores for network, record in row.items() if record} for what, row in rows.items()}
    found = {what: row for what, row in found.items() if row}
    desk.figure(question, f"{name}-transfer", f"{name}: mean test {metric} by training set and network, each of "
                f"{len(first.scores.runs)} networks.", there,
                plots.transfer_heatmap, found, title=f"Test {metric} on other networks, {name}")


def _sizes(desk: Desk, profile: Profile) -> None:
    """3: the polyps with another number of images per class."""
    for ipc in polyp_course.IPCS[profile.name]:
        if ipc == profile.ipc:
            continue
        chosen = polyp_course.sized(profile, ipc)
        specs = {what: chosen.evaluate(source, "standard") for what, source in polyp_course.sources(chosen).items()}
        row = desk.find_all("1.3", f"{profile.dataset}, {ipc} per class", specs)
        scoring.scores(desk, "1.3", f"{profile.dataset}-{ipc}-per-class", f"{profile.dataset}, {ipc} images per class, "
                       f"the standard protocol{_epochs(row)}", row)
        scoring.leads(desk, "1.3", f"{profile.dataset}-{ipc}-per-class-leads", f"{profile.dataset}, {ipc} images per "
                      "class: the distilled images against others", [
                          (what, row[polyp_course.DISTILLED], record) for what, record in row.items()
                          if what != polyp_course.DISTILLED])
