"""Whether a record can be what it says: its date and versions, its data, what its spec asks for, and its scores."""

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ddkit import __version__
from ddkit.course.profiles import POLYPS
from ddkit.data import fingerprint
from ddkit.foundation.errors import InputError
from ddkit.grading.provenance.untouched import Noticed
from ddkit.runs import Record
from ddkit.runs.working import THEN
from ddkit.specs import Distill, Evaluate
from ddkit.specs.evaluate import PROTOCOLS
from ddkit.training import Protocol

LARGEST, LARGEST_POLYPS = 32, 224  # pixels of a side in any lesson
_NEAR = 1e-5  # that numbers agree to, which float32 leaves
_CLOCKS = timedelta(days=1)  # that a clock may be ahead
_SHARES = {"accuracy", "balanced_accuracy", "auc", "accuracies", "average_accuracy", "after", "by_step", "chance"}


def implausible(record: Record, data: str | Path | None = None) -> Iterator[Noticed]:
    """What in a record contradicts its spec, its data set if it is at hand, its own numbers or the calendar."""
    yield from _date(record)
    yield from _versions(record)
    yield from _data(record, data)
    if not all(0 <= share <= 1 for share in _shares(record.result)):
        yield "impossible score", "states a share of images that is not between 0 and 1"
    spec = record.asked
    if isinstance(spec, Distill) and record.updates != spec.total_updates:
        yield "other updates", f"states {record.updates:,} updates, and its spec asks for {spec.total_updates:,}"
    if isinstance(spec, Evaluate):
        yield from _evaluation(record, spec)


def _date(record: Record) -> Iterator[Noticed]:
    try:
        made = datetime.fromisoformat(record.made)
    except ValueError:
        yield "impossible date", f"says that it was made {record.made[:40]!r}, which is no date"
        return
    made = made if made.tzinfo else made.replace(tzinfo=timezone.utc)
    if made > datetime.now(timezone.utc) + _CLOCKS:
        yield "impossible date", f"says that it was made {record.made}, which is yet to come"


def _versions(record: Record) -> Iterator[Noticed]:
    missing = sorted({"ddkit", "torch", "python"} - record.versions.keys())
    if missing:
        yield "unknown versions", f"does not say the versions of {', '.join(missing)}"
    stated = [_numbers(text) for text in record.versions.get("ddkit", "").split(THEN)]
    if "ddkit" in record.versions and (() in stated or max(stated) > _numbers(__version__)):
        yield "unknown versions", f"says ddkit {record.versions['ddkit'][:40]}, and this is {__version__}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _data(record: Record, data: str | Path | None) -> Iterator[Noticed]:
    dataset, size = record.asked.dataset, record.asked.size
    most = LARGEST_POLYPS if dataset in POLYPS else LARGEST
    if size and size > most:  # loading them may take more memory than there is
        yield "other data", f"was made of {dataset} at {size} pixels, more than the {most} of any lesson"
        return
    try:
        seen = fingerprint(dataset, data, size)
    except InputError:  # damaged data files tell nothing about the record
        return
    if seen and seen != record.fingerprint:
        yield "other data", (f"was made on other data than the {dataset} at hand (fingerprint "
                             f"{record.fingerprint[:12]}, these have {seen[:12]})")


def _shares(value: object, named: bool = False) -> Iterator[float]:
    """Every number in a result that is the share of some images."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _shares(part, name in _SHARES)
    elif isinstance(value, list):
        for part in value[1:] if _after_a_number(value) else value:
            yield from _shares(part, named)
    elif named and isinstance(value, int | float):
        yield value


def _after_a_number(value: list) -> bool:
    """Whether it is a share beside the number of steps that it was measured after."""
    return len(value) == 2 and isinstance(value[0], int) and isinstance(value[1], float)


def _evaluation(record: Record, spec: Evaluate) -> Iterator[Noticed]:
    """Seeds, updates, scores and seconds of an evaluation."""
    runs, result = record.result["runs"], record.result
    asked = {spec.trials} | ({1} if result["protocol"].get("fixed") else set())  # of a file nobody knows it before
    if [run.get("seed") for run in runs] not in [[*range(spec.first_seed, spec.first_seed + n)] for n in asked]:
        yield "other seeds", f"holds the seeds {[run.get('seed') for run in runs]}, and its spec asks for {spec.trials}"
    if any(run["updates"] != record.updates for run in runs) or record.updates != _updates(result, record.updates):
        yield "other updates", f"states {record.updates:,} updates, which its protocol does not make"
    changed = sorted(name for name, value in _protocol(spec).items() if result["protocol"].get(name, value) != value)
    if changed:
        yield "another protocol", f"was not made by {spec.protocol}: {', '.join(changed)} differ"
    for run in runs:
        yield from _scores(run)
    total = sum(run["train_seconds"] + run["test_seconds"] for run in runs)
    if not math.isclose(total, record.seconds, rel_tol=_NEAR):
        yield "contradictory seconds", f"states {record.seconds:.1f} s, and its seeds took {total:.1f} s"


def _protocol(spec: Evaluate) -> dict:
    """What the protocol says that depends neither on the data nor on the set."""
    found = PROTOCOLS[spec.protocol].as_dict()
    if "precision" in found:
        found["precision"] = spec.precision
    if spec.epochs:
        found |= {"epochs": spec.epochs, "updates": None}
    if spec.updates:
        found |= {"epochs": None, "updates": spec.updates}
    depends = {"matched": "updates" if not spec.epochs else "", "learned": "lr"}.get(spec.protocol, "")
    as_in_json = {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}
    return {name: value for name, value in as_in_json.items() if name != depends}


def _updates(result: dict, stated: int) -> int:
    """Gradient updates that the protocol in the record makes on so many images; as stated where it trains by none."""
    how = result["protocol"]
    if not {"epochs", "updates", "batch"} <= how.keys():
        return stated
    found = Protocol("stated", how["epochs"], how["updates"], batch=how["batch"])
    return found.updates or found.epochs * math.ceil(result["training_images"] / found.batch)


def _scores(run: dict) -> Iterator[Noticed]:
    """Whether a seed's accuracies are those of its confusion matrix."""
    confusion = run.get("confusion")
    if not confusion:
        return
    rows = [(row[label], sum(row)) for label, row in enumerate(confusion)]
    given = {"accuracy": sum(right for right, _ in rows) / sum(count for _, count in rows),
             "balanced_accuracy": sum(right / count for right, count in rows if count) / sum(n > 0 for _, n in rows)}
    for name, value in given.items():
        if name in run and abs(run[name] - value) > _NEAR:
            yield "contradictory score", (f"states {name.replace('_', ' ')} {100 * run[name]:.2f} % for seed "
                                          f"{run.get('seed')}, and its confusion matrix gives {100 * value:.2f} %")
