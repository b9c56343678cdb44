"""Lesson 8: how few images lose nothing."""

import math

from ddkit.course import trajectories as trajectory_course
from ddkit.course.profiles import Profile
from ddkit.plots import experts as expert_plots
from ddkit.report.desk import Desk
from ddkit.report.records import in_points, lead, marked, score
from ddkit.runs import Record

QUESTION = "3"
COMPARED = ("PAD", "DataDAM", "random real")


def half_width(accuracy: float, images: int) -> float:
    """Two standard errors of an accuracy measured on so many images."""
    return 2 * math.sqrt(accuracy * (1 - accuracy) / images)


def lossless(desk: Desk, profile: Profile, *_: Profile) -> None:
    """The scores by images per class beside the full data's, and which of them lose nothing."""
    full = desk.find(QUESTION, f"{profile.network} on all of {profile.dataset}", profile.baseline())
    records = {name: {ipc: desk.find(QUESTION, f"{name}, {ipc} per class, standard protocol",
                                     profile.evaluate(trajectory_course.sources(profile, ipc)[name], "standard"))
                      for ipc in profile.lossless_ipcs} for name in COMPARED}
    there = {f"{name}, {ipc} per class": record for name, row in records.items() for ipc, record in row.items()
             if record}
    if not (full and there):
        return
    tested = sum(map(sum, full.scores.runs[0]["confusion"]))
    band = half_width(full.scores.mean, tested)
    desk.say(QUESTION, f"The full data reach {score(full, 'accuracy')} on {tested:,} test images. A set counts as "
                       "lossless here if its mean lies within two standard errors of that, or above: from "
                       f"{100 * (full.scores.mean - band):.2f} % on.")
    desk.table(QUESTION, "lossless", f"{profile.dataset}: accuracy by images per class against the full data, standard "
               "protocol", ("set", "test accuracy", "short of the full data, points", "lossless"),
               [_row(name, record, full, band) for name, record in there.items()],
               "Mean ± standard deviation over n networks; the shortfall has its standard error where both have one.")
    points = {name: {ipc: record.scores for ipc, record in row.items() if record} for name, row in records.items()}
    points = {name: row for name, row in points.items() if row}
    desk.figure(QUESTION, "lossless", f"{profile.dataset}: test accuracy against images per class; the band is two "
                "standard errors of the full data's accuracy.", {"full data": full, **there},
                expert_plots.accuracy_against_ipc, points, full.scores, band)


def _row(name: str, record: Record, full: Record, band: float) -> tuple[str, ...]:
    gap = lead(record, full)
    return (name, score(record, "accuracy"), marked(in_points(gap), record, full),
            "yes" if record.scores.mean >= full.scores.mean - band else "no")
