"""The runs and tables of lesson 8: how scores grow with images per class, and what each size costs."""

from tabulate import tabulate

from ddkit.course import trajectories
from ddkit.course.profiles import Profile
from ddkit.plots import tables
from ddkit.runs import Record, find, run
from ddkit.specs import Distill, Evaluate, Source, restore_spec
from ddkit.synthetic.budget import storage, storage_of

METHODS = ("PAD", "DataDAM", "random real")
NUMBERS = 28 * 28  # of one digit


def evaluation(profile: Profile, name: str, ipc: int) -> Evaluate:
    """Of a method's set with so many images per class, under the standard protocol."""
    return profile.evaluate(trajectories.sources(profile, ipc)[name], "standard")


def records(profile: Profile, sizes: tuple[int, ...] | None = None, **options) -> dict[str, dict[int, Record]]:
    """The evaluations at hand, by method and images per class (None: the profile's numbers); ``options`` go to
    ``runs.find``."""
    found = {name: {ipc: find(evaluation(profile, name, ipc), **options) for ipc in sizes or profile.lossless_ipcs}
             for name in METHODS}
    return {name: {ipc: record for ipc, record in row.items() if record} for name, row in found.items()}


def minutes(profile: Profile, ipc: int, **options) -> tuple[float, float] | None:
    """About how long DataDAM's distillation and its evaluation would take with so many images per class.

    Straight lines through the records of the smallest and the largest size at hand, by the clock; None where fewer
    than two distillations are.
    """
    specs = {size: evaluation(profile, "DataDAM", size) for size in profile.lossless_ipcs}
    made, judged = ({size: record.seconds / 60 for size, record in
                     ((size, find(spec, **options)) for size, spec in kind.items()) if record}
                    for kind in ({size: spec.of for size, spec in specs.items()}, specs))
    return (_line(made, ipc), _line(judged, ipc)) if min(len(made), len(judged)) > 1 else None


def _line(known: dict[int, float], at: int) -> float:
    first, last = min(known), max(known)
    return max(0.0, known[first] + (known[last] - known[first]) * (at - first) / (last - first))


def costs(found: dict[str, dict[int, Record]], full: Record, style: str = "github", **options) -> str:
    """What each size takes to keep, to make and to train on, beside the full data, and how far its score is below."""
    everything = _bytes(full.result["training_images"], restore_spec(full.spec).of)
    rows = [("full data", "all", f"{everything:,}", "–", _seconds(full), str(full.scores), "–")]
    for name, row in found.items():
        for ipc, record in sorted(row.items()):
            source = restore_spec(record.spec).of
            made = find(source, **options) if isinstance(source, Distill) else None
            size = storage(made.synthetic) if made else _bytes(record.result["training_images"], source)
            spent = f"{made.seconds / 60:.1f}" if made else "not at hand" if isinstance(source, Distill) else "0"
            rows.append((name, ipc, f"{size:,}", spent, _seconds(record), str(record.scores),
                         f"{100 * (full.scores.mean - record.scores.mean):.2f}"))
    headers = ("trained on", "per class", "bytes", "minutes to make", "seconds to train a network", "test accuracy",
               "points below full")
    return tabulate([list(map(str, row)) for row in rows], headers, style, disable_numparse=True)


def _bytes(images: int, source: Source) -> int:
    return storage_of(images, NUMBERS, learned=isinstance(source, Distill))


def _seconds(record: Record) -> str:
    return f"{record.scores.seconds:.0f}"


def report(profile: Profile, style: str = "github", **options) -> str:
    """The scores by size, as data/reference/README.md shows them: of what is there, for large sizes are dear."""
    rows = {f"{name}, {ipc} per class": record for name, row in records(profile, **options).items()
            for ipc, record in sorted(row.items())}
    rows["full data, the assignment's protocol"] = run(profile.baseline(), **options)
    return f"By images per class, the standard protocol ({profile.label})\n\n{tables.scores(rows, style)}"
