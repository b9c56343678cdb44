"""The machine-learning reproducibility checklist, filled as far as records know; what they do not is said to be open.

The points follow J. Pineau et al., "Improving Reproducibility in Machine Learning Research", JMLR 22 (2021), for the
report, and the ML Code Completeness Checklist of Papers with Code for the repository.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ddkit.networks import in_words
from ddkit.report.desk import Desk
from ddkit.runs import Record

OPEN = "open: yours to fill"


@dataclass(frozen=True)
class Point:
    """A point of a checklist: its part, what it asks for, and what the records say of it (None: nothing)."""

    part: str
    asked: str
    told: str | None = None


def points(records: Iterable[Record]) -> list[Point]:
    """The report's checklist."""
    records = list(records)
    evaluations = [record for record in records if record.spec["type"] == "Evaluate"]
    return [
        Point("models", "mathematical setting, algorithm and model described"),
        Point("models", "number of parameters and cost of a network", _costs(evaluations)),
        Point("models", "assumptions and limits stated"),
        Point("theory", "claims stated with their proofs, or that there are none"),
        Point("data", "which data, told by content (start of the SHA-256)", _data(records)),
        Point("data", "sizes of the splits", _splits(evaluations)),
        Point("data", "what was excluded, and how images were prepared", _prepared(records)),
        Point("data", "where the data can be had, and under which terms"),
        Point("code", "versions of what it depends on", _versions(records)),
        Point("code", "training and evaluation code, with the commands", "ddkit; a line for each run that is missing "
                                                                         "stands in the appendix" if records else None),
        Point("experiments", "hyperparameters of the methods", _methods(records)),
        Point("experiments", "how hyperparameters were chosen, and what else was tried"),
        Point("experiments", "protocols of the evaluations", _protocols(evaluations)),
        Point("experiments", "seeds, and number of trainings and evaluations", _seeds(records)),
        Point("experiments", "what is measured, with centre and spread", "test accuracy, of two classes also balanced "
              "accuracy and AUC; mean ± sample standard deviation over seeds, differences with their standard errors"
              if evaluations else None),
        Point("experiments", "computing time", _time(records)),
        Point("experiments", "hardware", _hardware(records)),
        Point("experiments", "energy, or an estimate of it"),
        Point("experiments", "whose runs they are", _whose(records)),
    ]


def lay_out(desk: Desk, question: str) -> list[Point]:
    """Put the checklist on the desk as a table; returns its points."""
    found = points(desk.used.values())
    desk.table(question, "checklist", "Reproducibility checklist, filled from the records",
               ("part", "point", "what the records say"),
               [(one.part, one.asked, one.told or OPEN) for one in found],
               f"{sum(one.told is None for one in found)} of {len(found)} points are known to no record and are left "
               "open.", wraps=True)
    return found


def _several(values: Iterable[str]) -> str | None:
    """The different values, in order; None where there is none."""
    return "; ".join(dict.fromkeys(value for value in values if value)) or None


def _costs(evaluations: list[Record]) -> str | None:
    return _several(f"{in_words(record.spec['network'], record.spec['width'])}, on {_dataset(record)}: "
                    f"{cost['parameters']:,} parameters, {cost['flops']:,} FLOPs an image"
                    for record in evaluations for cost in [record.result.get("cost")]
                    if cost and _source(record)["type"] == "Full")


def _source(record: Record) -> dict:
    return record.spec.get("of", record.spec)


def _dataset(record: Record) -> str:
    """The data set's name, wherever in the spec it stands."""
    spec = record.spec
    while "dataset" not in spec:
        spec = spec.get("of") or spec["memory"]
    return spec["dataset"] + (f" at {spec['size']} pixels" if spec.get("size") else "")


def _data(records: list[Record]) -> str | None:
    return _several(f"{_dataset(record)}: {record.fingerprint[:12]}" for record in records)


def _splits(evaluations: list[Record]) -> str | None:
    found = [(record, sum(map(sum, record.scores.runs[0]["confusion"]))) for record in evaluations
             if _source(record)["type"] == "Full" and "confusion" in record.scores.runs[0]]
    return _several(f"{_dataset(record)}: {record.result['training_images']:,} for training (a stratified tenth is "
                    f"held out for validation), {tested:,} for testing" for record, tested in found)


def _prepared(records: list[Record]) -> str | None:
    notes = [note for record in records for note in record.notes]
    return _several(["normalised by the data set's mean and standard deviation", *notes]) if records else None


def _versions(records: list[Record]) -> str | None:
    return _several(", ".join(f"{name} {version}" for name, version in record.versions.items()) for record in records)


def _methods(records: list[Record]) -> str | None:
    return _several(f"{spec['method']} ({spec['preset']}), {_asked(spec)} from {spec['init']}, "
                    f"{record.updates:,} updates on {spec['dataset']}"
                    for record in records for spec in [record.spec] if spec["type"] == "Distill")


def _asked(spec: dict) -> str:
    return f"{spec['budget']:,} bytes" if spec.get("budget") else f"{spec['ipc']} images per class"


def _protocols(evaluations: list[Record]) -> str | None:
    return _several(_protocol(record.result["protocol"], record) for record in evaluations)


def _protocol(how: dict, record: Record) -> str:
    if "lr" not in how:
        return f"{record.spec['protocol']}: kernel regression"
    return (f"{how['name']}: SGD, learning rate {how['lr']:.3g}, momentum {how['momentum']:g}, weight decay "
            f"{how['weight_decay']:g}, batch {how['batch']}, schedule {how['schedule']}, "
            + ("augmented" if how["augmented"] else "not augmented"))


def _seeds(records: list[Record]) -> str | None:
    sizes = sorted({len(record.result["runs"]) for record in records if "runs" in record.result})
    made = sorted({spec["seed"] for record in records for spec in [record.spec] if "seed" in spec})
    parts = [f"evaluations of n = {', '.join(map(str, sizes))} (seeds from 0 on)"] * bool(sizes)
    parts += [f"sets and experts of seed {', '.join(map(str, made))}"] * bool(made)
    return "; ".join(parts) or None


def _time(records: list[Record]) -> str | None:
    kinds: dict[str, list[float]] = {}
    for record in records:
        kinds.setdefault(record.spec["type"], []).append(record.seconds / 60)
    told = [f"{kind}: {len(found)} runs, {sum(found):.1f} minutes, {sum(found) / len(found):.1f} on average"
            for kind, found in kinds.items()]
    total = sum(map(sum, kinds.values()))
    return "; ".join([*told, f"together {total:.1f} minutes"]) if records else None


def _hardware(records: list[Record]) -> str | None:
    most = max((record.peak_memory_mib for record in records), default=0)
    devices = _several(record.device for record in records)
    return devices and f"{devices}; at most {most:,.0f} MiB of memory in a process, all its runs included"


def _whose(records: list[Record]) -> str | None:
    shipped = sum(record.shipped for record in records)
    makers = _several(record.maker for record in records if not record.shipped)
    return (f"{len(records) - shipped} of one's own" + f" (made by {makers})" * bool(makers)
            + f", {shipped} shipped with ddkit") if records else None


REPOSITORY = (
    ("README with a table of results and the commands that reproduce them", ""),
    ("dependencies, with their versions", "code"),
    ("training code", "training and evaluation code, with the commands"),
    ("evaluation code", "training and evaluation code, with the commands"),
    ("distilled sets and records", "whose runs they are"),
    ("notebooks, executed", ""),
    ("figures, as PDF", ""),
    ("data: where to get them (MHIST's images must not be passed on)", "which data"),
    ("licence", ""),
)


def of_repository(found: list[Point]) -> str:
    """The repository's own checklist, as Markdown to be ticked."""
    def known(mark: str) -> str:
        return next((one.told for one in found if mark and one.told and mark in f"{one.part}: {one.asked}"), "")

    lines = [f"- [ ] {asked}" + (f"\n      The records say: {told}" if (told := known(mark)) else "")
             for asked, mark in REPOSITORY]
    return "\n".join(["# Reproducibility checklist of the repository", "",
                      "Tick what you have looked at yourself. Made anew by `python -m ddkit report`: ticks go into "
                      "your copy of it.", "", *lines, ""])
