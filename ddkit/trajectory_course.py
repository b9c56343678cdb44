"""The runs and tables of lesson 6: PAD beside its start, DataDAM and random real images, under the same protocols."""

from ddkit import tables
from ddkit.profiles import Profile
from ddkit.runs import Record, run
from ddkit.specs import Source, Start

PROTOCOLS = {"standard": "the standard protocol", "assignment": "the assignment's protocol",
             "learned": "the standard protocol at the learning rate learned with the set"}


def sources(profile: Profile) -> dict[str, Source]:
    """What is compared."""
    pad = profile.match_trajectories("pad")
    return {"PAD": pad, "PAD's start": Start(pad), "DataDAM": profile.distill("real"), "random real": profile.random()}


def scores(profile: Profile, protocol: str, **options) -> dict[str, Record]:
    """The record of everything compared; of ``learned`` only of PAD, whose set alone has a learning rate.

    ``options`` go to ``runs.run``.
    """
    compared = {name: source for name, source in sources(profile).items() if protocol != "learned" or name == "PAD"}
    return {name: run(profile.evaluate(source, protocol), **options) for name, source in compared.items()}


def report(profile: Profile, style: str = "github", **options) -> str:
    """A table for each protocol, as the README shows them."""
    parts = []
    for protocol, words in PROTOCOLS.items():
        parts += [f"Trajectory matching, {words} ({profile.label})", tables.scores(scores(profile, protocol, **options),
                                                                                 style)]
    return "\n\n".join(parts)
