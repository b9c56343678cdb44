"""The best row of each method among the records, beside the published figure: the table of the project's README."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tabulate import tabulate

from ddkit.applications.continual import report as continual_course
from ddkit.course import full_scale
from ddkit.course import kernels as kernel_course
from ddkit.course import trajectories as trajectory_course
from ddkit.course.profiles import Profile
from ddkit.networks import in_words
from ddkit.runs import Record, run
from ddkit.specs import Distill, Source
from ddkit.training.kernels import InfiniteNetwork
from ddkit.training.scores import Scores

_FROM = re.compile(" from (real|noise)$")  # where a set began, which is no part of its method's name
UNPUBLISHED = "–"  # by anybody (PAD), or no figure is at hand
# Test accuracy on MNIST in %, 10 images per class, as the surveys of Lei and Tao (L, arXiv 2301.05603, Table 1) and of
# Sachdeva and McAuley (S, arXiv 2301.04272, Table 1) have it.
PUBLISHED = {"full data": (99.6, "L, S"), "random real": (95.1, "L, S"), "herding": (93.7, "L, S"),
             "forgetting": (68.1, "S"), "KIP": (kernel_course.PUBLISHED[10], "S"),
             **{name: (score, "L, S") for name, score in kernel_course.PUBLISHED_NETWORK.items()}}


@dataclass(frozen=True)
class Row:
    """The scores of a method's set, the ``source``, before one judge: a network under a protocol, or a kernel."""

    scores: Scores
    spec: dict
    epochs: int
    source: Source

    @classmethod
    def of(cls, *records: Record) -> "Row":
        """Of one record, or of several distillations' as one."""
        first = records[0]
        return cls(kernel_course.pooled(list(records)), first.spec, first.result["epochs"], first.asked.of)

    @property
    def made_on(self) -> str:
        """What the set was distilled on; "" of one that was not."""
        if not isinstance(self.source, Distill):
            return ""
        config = self.source.config
        return f"width {config.width}" if InfiniteNetwork.named(config.network) is None else config.network

    @property
    def judge(self) -> str:
        network, by_kernel = self.spec["network"], "kernel" in self.spec["protocol"]
        if InfiniteNetwork.named(network) is not None:
            return f"{network}, infinitely wide"
        return "features of " * by_kernel + in_words(network, self.spec["width"])

    @property
    def protocol(self) -> str:
        return self.spec["protocol"] + (f", {self.epochs:,} epochs" if self.epochs else "")


def rows(profile: Profile, **options) -> dict[str, list[Row]]:
    """Everything scored with the profile's images per class, by method; ``options`` go to ``runs.run``."""
    found: dict[str, list[Row]] = {"full data": [Row.of(run(profile.baseline(), **options))]}
    for name, record in _scored(profile, **options):
        found.setdefault("random real" if name == "random" else name, []).append(Row.of(record))
    seeds = range(kernel_course.sizes(profile)[profile.ipc])
    sets = [kernel_course.kip(profile, profile.ipc, seed) for seed in seeds]
    found["KIP"].append(Row.of(*(kernel_course.judged(profile, kip, "NTK", **options) for kip in sets)))
    return {name: of for name, of in found.items() if "start" not in name}


def _scored(profile: Profile, **options) -> Iterator[tuple[str, Record]]:
    for protocol in trajectory_course.PROTOCOLS:
        for wide in (False, True) if protocol != "assignment" else (False,):
            yield from trajectory_course.scores(profile, protocol, wide=wide, **options).items()
    yield from continual_course.chosen(profile, profile.ipc, **options).items()
    yield from kernel_course.wide(profile, **options).items()
    for protocol in full_scale.PROTOCOLS:
        for name, record in full_scale.scores(full_scale.beside(profile), protocol, **options).items():
            yield _FROM.sub("", name), record
    for name, source in kernel_course.sets(profile).items():
        for judge in kernel_course.JUDGES:
            if name != "KIP" or judge != "NTK":  # which is asked for from several seeds
                yield name, kernel_course.judged(profile, source, judge, **options)


def best(profile: Profile, **options) -> dict[str, Row]:
    """The row of the highest mean of each method, lowest first, the full data last."""
    tops = {name: max(of, key=lambda row: row.scores.mean) for name, of in rows(profile, **options).items()}
    return dict(sorted(tops.items(), key=lambda pair: (pair[0] == "full data", pair[1].scores.mean)))


def table(profile: Profile, style: str = "github", **options) -> str:
    """One line for each method: its best score, by whom and how it was judged, and the published one."""
    lines = []
    for name, row in best(profile, **options).items():
        score, source = PUBLISHED.get(name, (None, None))
        published = f"{score} % ({source})" if source else UNPUBLISHED
        lines.append((name, row.made_on, str(row.scores), row.judge, row.protocol, published))
    headers = ("method", "made on", "test accuracy", "judged by", "protocol", "published")
    return tabulate(lines, headers, style, disable_numparse=True)
