"""The runs and tables of lesson 6: PAD beside its start, DataDAM and random real images, under the same protocols."""

from ddkit import tables
from ddkit.profiles import Profile
from ddkit.runs import Record, run
from ddkit.specs import Source, Start

PROTOCOLS = {"standard": "the standard protocol", "assignment": "the assignment's protocol",
             "learned": "the standard protocol at the learning rate learned with the set"}


def sources(profile: Profile, ipc: int | None = None) -> dict[str, Source]:
    """What is compared, with so many images per class (None: the profile's)."""
    ipc = ipc or profile.ipc
    pad = profile.match_trajectories("pad", ipc)
    return {"PAD": pad, "PAD's start": Start(pad), "DataDAM": profile.distill("real", ipc=ipc),
            "random real": profile.random(ipc)}


def scores(profile: Profile, protocol: str, ipc: int | None = None, **options) -> dict[str, Record]:
    """The record of everything compared; of ``learned`` only of PAD, whose set alone has a learning rate.

    ``options`` go to ``runs.run``.
    """
    found = sources(profile, ipc)
    compared = {name: source for name, source in found.items() if protocol != "learned" or name == "PAD"}
    return {name: run(profile.evaluate(source, protocol), **options) for name, source in compared.items()}


def report(profile: Profile, style: str = "github", **options) -> str:
    """A table for each protocol, and one for a single image per class, as the README shows them."""
    rows = {words: scores(profile, protocol, **options) for protocol, words in PROTOCOLS.items()}
    rows[f"1 image per class, {PROTOCOLS['standard']}"] = scores(profile, "standard", 1, **options)
    return "\n\n".join(f"Trajectory matching, {words} ({profile.label})\n\n{tables.scores(row, style)}"
                       for words, row in rows.items())
