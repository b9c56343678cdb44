"""The polyps of lesson 4: distilled images beside random ones and their own start, at several sizes of the set."""

import math
from dataclasses import replace

from ddkit.course.profiles import Profile
from ddkit.plots import tables
from ddkit.runs import Record, run
from ddkit.specs import Source, Start
from ddkit.training.leads import Lead

DISTILLED = "distilled from real"
IPCS = {"quick": (10,), "laptop": (10, 50), "full": (10, 50)}  # images per class, by profile
LONGER = 3  # times the profile's epochs: long enough for random real images to catch up


def sized(profile: Profile, ipc: int) -> Profile:
    """The profile with so many images per class.

    At another number than its own half as many networks are scored, and the images' learning rate is in proportion to
    it: the loss has their mean, in which each of more images has a smaller share (the paper, too, raises the rate).
    """
    if ipc == profile.ipc:
        return profile
    usual = profile.distill("real")  # as it was chosen
    options = dict(usual.options) | {"image_lr": usual.config.image_lr * ipc / profile.ipc}
    if usual.precision:
        options["precision"] = usual.precision
    return replace(profile, ipc=ipc, seeds=math.ceil(profile.seeds / 2), updates=usual.updates,
                   options=tuple(sorted(options.items())), follows=False)


def sources(profile: Profile) -> dict[str, Source]:
    """What is compared."""
    distilled = profile.distill("real")
    return {DISTILLED: distilled, "random real": profile.random(), "start: real": Start(distilled)}


def scores(profile: Profile, ipc: int, times: int = 1, **options) -> dict[str, Record]:
    """Their scores under the standard protocol; ``options`` go to ``runs.run``.

    ``times`` as many epochs as the profile's are trained, if it cuts the protocol short.
    """
    chosen = sized(profile, ipc)
    epochs = profile.standard_epochs and times * profile.standard_epochs
    return {name: run(replace(chosen.evaluate(source, "standard"), epochs=epochs), **options)
            for name, source in sources(chosen).items()}


def leads(records: dict[str, Record]) -> dict[str, Lead]:
    """By how many points of balanced accuracy the distilled images lead each other row."""
    balanced = {name: record.scores.of("balanced_accuracy") for name, record in records.items()}
    first = balanced.pop(DISTILLED)
    return {name: Lead.points(first, other) for name, other in balanced.items()}


def change(sooner: dict[str, Record], later: dict[str, Record], other: str = "random real") -> Lead:
    """By how many points the distilled images' lead over another row is larger later, of pairs of the same seed."""
    leads = [{run["seed"]: 100 * (one - two) for run, one, two in zip(
        row[other].scores.runs, *(row[name].scores.of("balanced_accuracy").values for name in (DISTILLED, other)),
        strict=True)} for row in (later, sooner)]
    return Lead.of(*leads, paired=True)


def report(profile: Profile, style: str = "github", **options) -> str:
    """A table for each size of the set, as data/reference/README.md shows them."""
    parts = []
    for ipc in IPCS[profile.name]:
        parts += [f"Polyps, {ipc} images per class, standard protocol ({profile.label})",
                  tables.scores(scores(profile, ipc, **options), style)]
    return "\n\n".join(parts)
