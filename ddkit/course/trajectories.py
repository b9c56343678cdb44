"""The runs and tables of lesson 6: PAD beside its start, DataDAM and random real images, under the same protocols."""

from ddkit.course.profiles import Profile
from ddkit.plots import tables
from ddkit.runs import Record, run
from ddkit.specs import Distill, Source, Start

PROTOCOLS = {"standard": "the standard protocol", "assignment": "the assignment's protocol",
             "learned": "the standard protocol at the learning rate learned with the set"}


def sources(profile: Profile, ipc: int | None = None, pad: Distill | None = None) -> dict[str, Source]:
    """What is compared, with so many images per class (None: the profile's), and with that run of PAD's (None: the
    profile's)."""
    ipc = ipc or profile.ipc
    pad = pad or profile.match_trajectories("pad", ipc)
    return {"PAD": pad, "PAD's start": Start(pad), "DataDAM": profile.distill("real", ipc=ipc),
            "random real": profile.random(ipc)}


def scores(profile: Profile, protocol: str, ipc: int | None = None, wide: bool = False, pad: Distill | None = None,
           **options) -> dict[str, Record]:
    """The record of everything compared; of ``learned`` only of PAD, whose set alone has a learning rate.

    ``ipc`` and ``pad`` are as for ``sources``; ``wide`` asks networks as wide as the papers' instead of the profile's;
    ``options`` go to ``runs.run``.
    """
    judge = profile.wider if wide else profile
    return {name: run(judge.evaluate(source, protocol), **options)
            for name, source in sources(profile, ipc, pad).items() if protocol != "learned" or name == "PAD"}


def report(profile: Profile, style: str = "github", **options) -> str:
    """A table for each protocol, one for a single image per class, two for wide networks, as
    data/reference/README.md shows them."""
    rows = {words: scores(profile, protocol, **options) for protocol, words in PROTOCOLS.items()}
    rows[f"1 image per class, {PROTOCOLS['standard']}"] = scores(profile, "standard", 1, **options)
    rows = {f"{words} ({profile.label})": row for words, row in rows.items()}
    rows |= {f"{PROTOCOLS[protocol]}, networks of width {profile.wide}": scores(profile, protocol, wide=True, **options)
             for protocol in ("standard", "learned")}
    return "\n\n".join(f"Trajectory matching, {words}\n\n{tables.scores(row, style)}" for words, row in rows.items())
