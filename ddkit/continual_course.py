"""The runs and tables of lesson 5: coresets beside distilled sets, and both as memories of a continual learner."""

from dataclasses import dataclass, replace

from tabulate import tabulate

from ddkit import tables
from ddkit.applications.continual import METRICS, PROTOCOLS, Continual, interval
from ddkit.coresets import METHODS, PIXELS
from ddkit.profiles import Profile
from ddkit.runs import Record, run
from ddkit.specs import Coreset, Distill, Source


@dataclass(frozen=True)
class Settings:
    """The sizes of lesson 5 in a profile.

    Attributes:
        seeds: how often the steps are gone through, memories included.
        epochs: of every training, by protocol (None: the protocol's own).
        new_images: of an epoch of replay.
        replayed: the memories that the second protocol is shown with.
        datadam, rfad, pad: updates (None: the preset's) and options of the distillations of a step.
        coreset_epochs: of the network whose embedding is looked at and whose mistakes are counted.
    """

    seeds: int
    epochs: dict[str, int | None]
    new_images: int
    replayed: tuple[str, ...]
    datadam: tuple[int | None, tuple[tuple[str, object], ...]]
    rfad: tuple[int | None, tuple[tuple[str, object], ...]]
    pad: tuple[int | None, tuple[tuple[str, object], ...]]
    coreset_epochs: int


_FEW_EXPERTS = (("expert_epochs", 4), ("experts", 2), ("student_steps", 10))  # of a fifth of the images each
SETTINGS = {
    "quick": Settings(2, {"gdumb": 15, "replay": 4}, 100, ("random",), (10, (("network_steps", 2),)),
                      (5, (("networks", 1), ("real_batch", 50))),
                      (5, (("expert_epochs", 4), ("experts", 1), ("final_start", 2), ("student_steps", 4))), 3),
    "laptop": Settings(5, {"gdumb": 100, "replay": 8}, 500, ("random", "DataDAM"), (120, (("network_steps", 10),)),
                       (100, (("networks", 2), ("real_batch", 200))), (60, _FEW_EXPERTS), 4),
    "full": Settings(5, {"gdumb": None, "replay": None}, 1000, ("random", "DataDAM"), (None, ()), (None, ()),
                     (None, ()), 20),
}


def settings(profile: Profile) -> Settings:
    """The sizes of the profile."""
    return SETTINGS[profile.name]


def coreset(profile: Profile, method: str, ipc: int, on: str | None = None) -> Coreset:
    """A coreset of the profile's data: forgetting by its network, the others on ``on`` (default pixels)."""
    on = on or (profile.network if method == "forgetting" else PIXELS)
    return Coreset(profile.dataset, ipc, method, on, profile.width, settings(profile).coreset_epochs, size=profile.size)


def choices(profile: Profile, ipc: int) -> dict[str, Source]:
    """What stands for the data with real images only: as many at random, drawn anew for each network, and coresets."""
    chosen = {method: coreset(profile, method, ipc) for method in METHODS if method != "random"}
    return {"random": profile.random(ipc), **chosen}


def chosen(profile: Profile, ipc: int, **options) -> dict[str, Record]:
    """Their scores under the standard protocol; with the profile's images per class DataDAM's beside them."""
    sources = choices(profile, ipc)
    if ipc == profile.ipc:
        sources["DataDAM"] = profile.distill("real")
    return {name: run(profile.evaluate(source, "standard"), **options) for name, source in sources.items()}


def memories(profile: Profile) -> dict[str, Coreset | Distill]:
    """What a continual learner may keep, by name; the ones distilled are so from the images of one step at a time."""
    sizes, at = settings(profile), profile.ipc
    distilled = {name: Distill(profile.dataset, name.lower(), ipc=at, network=profile.network, width=profile.width,
                               updates=updates, size=profile.size, options=options)
                 for name, (updates, options) in (("DataDAM", sizes.datadam), ("RFAD", sizes.rfad))}
    return {"random": coreset(profile, "random", at), "herding": coreset(profile, "herding", at), **distilled}


def pad(profile: Profile) -> Distill:
    """PAD as a memory, with experts for each step; it takes longest, so it is asked for by itself."""
    updates, options = settings(profile).pad
    return replace(profile.match_trajectories("pad", **dict(options)), updates=updates)


def continual(profile: Profile, memory: Coreset | Distill, protocol: str = "gdumb") -> Continual:
    """The run of a memory under a protocol."""
    sizes = settings(profile)
    return Continual(memory, protocol=protocol, network=profile.network, width=profile.width, seeds=sizes.seeds,
                     epochs=sizes.epochs[protocol], new_images=sizes.new_images)


def learned(profile: Profile, protocol: str = "gdumb", **options) -> dict[str, Record]:
    """The records of a protocol, by memory."""
    shown = settings(profile).replayed if protocol == "replay" else memories(profile)
    return {name: run(continual(profile, memories(profile)[name], protocol), **options) for name in shown}


def same_bytes(profile: Profile, **options) -> Record:
    """GDumb with random images that take the bytes of the distilled ones: four times as many."""
    memory = replace(memories(profile)["random"], ipc=4 * profile.ipc)
    return run(continual(profile, memory), **options)


def table(records: dict[str, Record], style: str = "simple") -> str:
    """One row per memory: accuracy after the last step, average accuracy and forgetting (mean and half the 95 %
    interval over seeds), bytes at the end, and seconds that filling the memory took."""
    rows = [(name, *(_with_interval(record, metric) for metric in METRICS), f"{record.result['bytes'][-1]:,}",
             f"{record.result['memory_seconds']:.1f}") for name, record in records.items()]
    seeds = len(next(iter(records.values())).scores.runs)
    headers = ("memory", *(f"{words} (n={seeds})" for words in METRICS.values()), "bytes", "seconds to fill it")
    return tabulate(rows, headers, style, disable_numparse=True, colalign=("left",) * 4 + ("right",) * 2)


def _with_interval(record: Record, metric: str) -> str:
    scores = record.scores.of(metric)
    return f"{100 * scores.mean:.2f} ± {100 * interval(scores):.2f} %"


def report(profile: Profile, style: str = "github", **options) -> str:
    """All tables, as the README shows them."""
    parts = []
    for ipc in (1, profile.ipc):
        parts += [f"Real images chosen, {ipc} per class, the standard protocol ({profile.label})",
                  tables.scores(chosen(profile, ipc, **options), style)]
    for protocol in PROTOCOLS:
        parts += [f"Continual learning, protocol {protocol} ({profile.label})",
                  table(learned(profile, protocol, **options), style)]
    return "\n\n".join(parts)
