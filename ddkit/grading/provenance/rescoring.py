"""A spot check: one network of an evaluation is trained again, and its score compared with those that are stated."""

import math
from functools import partial
from pathlib import Path

from ddkit.data import load
from ddkit.foundation.device import default_device
from ddkit.foundation.errors import require
from ddkit.foundation.files import sha256
from ddkit.grading.findings import Finding
from ddkit.grading.provenance.untouched import packed
from ddkit.runs import Record, find, shelves
from ddkit.runs.jobs import Job
from ddkit.specs import Evaluate, File
from ddkit.specs.evaluate import OF_THE_SET, scorer
from ddkit.specs.sources import origin

TOLERANCE = 4.0  # standard deviations
_LEAST = 0.01  # of an accuracy, for a standard deviation: two seeds may agree by chance


def to_rescore(records: list[Record], student: str) -> Record | None:
    """The evaluation that a student's spot check is made on: the same whenever it is asked for, but of no pattern."""
    found = [record for record in records if _can_be_made_again(record)]
    return min(found, key=lambda record: sha256(f"{student} {record.name}".encode()), default=None)


def rescored(record: Record, tolerance: float = TOLERANCE, *, data: str | Path | None = None) -> Finding | None:
    """Train the first seed's network again and say so if its accuracy is not near those that the record states.

    Another machine gives other bits, and training makes other scores of them: what is compared with is the nearer one
    of the mean over seeds and the same seed's score, in units of the standard deviation (or that of the finite test
    set, or one point, whichever is the largest). It takes as long as one seed took: ``record.scores.seconds``.

    A forged record may ask for more than the machine has: have it done in a process with limits of time and memory.

    Args:
        record: of an evaluation; the set that it is of lies beside it, or came with the repository.
        tolerance: in standard deviations.
        data: root of the data files, as for ``data.load``.

    Raises:
        InputError: it is no evaluation, or the data or the set are not at hand.
    """
    spec = record.asked
    require(_can_be_made_again(record), f"{record.folder.name} is no evaluation that can be made again from its spec "
                                        "alone: choose another")
    dataset = load(spec.dataset, data, spec.size).to(default_device())
    job = Job(dataset, record.folder, {}, partial(_at_hand, record, data))
    how = spec.how(dataset)
    again = scorer(how)(spec.of.training_set(job, 0), dataset, spec.network, how, 0, width=spec.width, quiet=True)
    return _judged(record, again["accuracy"], tolerance)


def _can_be_made_again(record: Record) -> bool:
    """Whether it is an evaluation of what its spec names, at a rate that its protocol names, and of no file, which may
    be any on this machine."""
    spec = record.asked
    return isinstance(spec, Evaluate) and spec.protocol not in OF_THE_SET and not isinstance(origin(spec.of), File)


def _at_hand(record: Record, data: str | Path | None, spec) -> Record:
    found = find(spec, record.folder.parent, data)
    require(found is not None and (found.folder.parent in shelves() or not packed(found.folder)),
            f"{spec.name} did not travel with {record.folder.name}, which is of it: nothing can be trained on it "
            "again")
    return found


def _judged(record: Record, accuracy: float, tolerance: float) -> Finding | None:
    scores = record.scores
    spread = max(scores.sd, scores.tested, _LEAST)
    gap = min(abs(accuracy - stated) for stated in (scores.mean, scores.values[0]))
    if gap <= tolerance * spread or not math.isfinite(gap):
        return None
    words = (f"{record.folder.name} states {scores}; one of its networks, trained again, has {100 * accuracy:.2f} %, "
             f"{gap / spread:.1f} standard deviations away")
    return Finding("implausible score", "", words)
