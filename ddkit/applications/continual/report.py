"""The runs and tables of lesson 5: coresets beside distilled sets, and both as memories of a continual learner."""

from dataclasses import dataclass, replace

from tabulate import tabulate

from ddkit.applications.continual.spec import METRICS, PROTOCOLS, Continual
from ddkit.course.profiles import Profile
from ddkit.methods.coresets import METHODS
from ddkit.plots import tables
from ddkit.runs import Record, run
from ddkit.specs import Coreset, Distill, Evaluate, Source
from ddkit.training.scores import Scores


@dataclass(frozen=True)
class Settings:
    """The sizes of lesson 5 in a profile.

    Attributes:
        seeds: how often the steps are gone through, memories included.
        epochs: of every training, by protocol (None: the protocol's own).
        new_images: of an epoch of replay.
        replayed: the memories that the second protocol is shown with.
        distilled: updates (None: the preset's) and options of the distillations of a step, by method.
        watched: the network whose mistakes are counted as forgetting, and the epochs of its training.
        scored_seeds, scored_epochs: of networks trained on coresets of the profile's images per class, and on all of
            them, under the standard protocol (None: the profile's).
    """

    seeds: int
    epochs: dict[str, int | None]
    new_images: int
    replayed: tuple[str, ...]
    distilled: dict[str, tuple[int | None, tuple[tuple[str, object], ...]]]
    watched: tuple[str, int]
    scored_seeds: int
    scored_epochs: int | None = None


SETTINGS = {
    "quick": Settings(
        2, {"gdumb": 10, "replay": 8}, 50, ("random",),
        {"datadam": (10, (("network_steps", 2),)), "rfad": (5, (("networks", 1), ("real_batch", 50))),
         "pad": (5, (("expert_epochs", 4), ("experts", 1), ("final_start", 2), ("student_steps", 4)))},
        ("MLP", 5), 2, 30),
    "laptop": Settings(
        5, {"gdumb": 150, "replay": 8}, 500, ("random", "DataDAM"),
        {"datadam": (200, (("network_steps", 2),)), "rfad": (60, (("networks", 2), ("real_batch", 200))),
         "pad": (60, (("expert_epochs", 4), ("experts", 2), ("final_start", 2), ("last_start", 1),
                      ("student_steps", 10)))},
        ("MLP", 10), 5),
    "full": Settings(
        5, {"gdumb": None, "replay": None}, 1000, ("random", "DataDAM"),
        {"datadam": (None, ()), "rfad": (None, ()), "pad": (None, ())}, ("ConvNetD3", 20), 5),
}


def settings(profile: Profile) -> Settings:
    """The sizes of the profile."""
    return SETTINGS[profile.name]


def coreset(profile: Profile, method: str, ipc: int) -> Coreset:
    """A coreset of the profile's data: forgetting by the network that is watched, the others by pixels."""
    network, epochs = settings(profile).watched
    if method == "forgetting":
        return Coreset(profile.dataset, ipc, method, network, profile.width, epochs, size=profile.size)
    return Coreset(profile.dataset, ipc, method, size=profile.size)


def choices(profile: Profile, ipc: int) -> dict[str, Source]:
    """What stands for the data with real images only: as many at random, drawn anew for each network, and coresets."""
    chosen = {method: coreset(profile, method, ipc) for method in METHODS if method != "random"}
    return {"random": profile.random(ipc), **chosen}


def scorings(profile: Profile, ipc: int) -> dict[str, Evaluate]:
    """What scores them under the standard protocol; with the profile's images per class DataDAM's set as well, but in
    the quick profile, where networks are trained for fewer epochs than those that judge it."""
    sizes, own = settings(profile), ipc == profile.ipc
    sources = choices(profile, ipc)
    if own and sizes.scored_epochs is None:
        sources["DataDAM"] = profile.distill("real")
    specs = {name: profile.evaluate(source, "standard") for name, source in sources.items()}
    return {name: replace(spec, epochs=sizes.scored_epochs or spec.epochs,
                          seeds=sizes.scored_seeds if own and isinstance(spec.of, Coreset) else spec.seeds)
            for name, spec in specs.items()}


def chosen(profile: Profile, ipc: int, **options) -> dict[str, Record]:
    """The scores of ``scorings``."""
    return {name: run(spec, **options) for name, spec in scorings(profile, ipc).items()}


def memories(profile: Profile) -> dict[str, Coreset | Distill]:
    """What a continual learner may keep, by name; the ones distilled are so from the images of one step at a time.

    DataDAM starts from the herded images, so that what it adds to them can be read off.
    """
    return {"random": coreset(profile, "random", profile.ipc), "herding": coreset(profile, "herding", profile.ipc),
            "DataDAM": _distilled(profile, "datadam", "herding"), "RFAD": _distilled(profile, "rfad", "real")}


def _distilled(profile: Profile, method: str, init: str) -> Distill:
    updates, options = settings(profile).distilled[method]
    return Distill(profile.dataset, method, ipc=profile.ipc, init=init, network=profile.network, width=profile.width,
                   updates=updates, size=profile.size, options=options)


def pad(profile: Profile) -> Distill:
    """PAD as a memory, with experts for each step; it takes longest, so it is asked for by itself."""
    updates, options = settings(profile).distilled["pad"]
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


def widened(profile: Profile) -> dict[str, Continual]:
    """GDumb by networks as wide as the papers', with memories made with the profile's: random and DataDAM's."""
    return {name: replace(continual(profile, memories(profile)[name]), width=profile.wide)
            for name in ("random", "DataDAM")}


def wide(profile: Profile, **options) -> dict[str, Record]:
    """The records of ``widened``."""
    return {name: run(spec, **options) for name, spec in widened(profile).items()}


def as_many_bytes(profile: Profile) -> Continual:
    """GDumb with random images that take the bytes of the distilled ones, four times as many, for a quarter of the
    epochs, so that their networks get about as many updates."""
    spec = continual(profile, replace(memories(profile)["random"], ipc=4 * profile.ipc))
    return replace(spec, epochs=spec.how.epochs // 4)


def same_bytes(profile: Profile, **options) -> Record:
    """The record of ``as_many_bytes``."""
    return run(as_many_bytes(profile), **options)


def table(records: dict[str, Record], style: str = "simple") -> str:
    """One row per memory: accuracy after the last step, average accuracy and forgetting (mean over seeds and half its
    95 % interval), bytes at the end, and seconds that filling the memory took."""
    rows = [(name, *(_with_interval(record.scores.of(metric)) for metric in METRICS),
             f"{record.result['bytes'][-1]:,}", f"{record.result['memory_seconds']:.1f}")
            for name, record in records.items()]
    headers = ("memory (± 95 % interval)", *METRICS.values(), "bytes", "seconds to fill it")
    found = tabulate(rows, headers, style, disable_numparse=True, colalign=("left",) * 4 + ("right",) * 2)
    return "\n\n".join([found, *(f"({note})" for note in next(iter(records.values())).notes)])


def _with_interval(scores: Scores) -> str:
    spread = f" ± {100 * scores.interval:.2f}" if len(scores.runs) > 1 else ""
    return f"{100 * scores.mean:.2f}{spread} % (n={len(scores.runs)})"


def report(profile: Profile, style: str = "github", **options) -> str:
    """All tables, as data/reference/README.md shows them."""
    parts = []
    for ipc in (1, profile.ipc):
        parts += [f"Real images chosen, {ipc} per class, the standard protocol ({profile.label})",
                  tables.scores(chosen(profile, ipc, **options), style)]
    records = {protocol: learned(profile, protocol, **options) for protocol in PROTOCOLS}
    records["gdumb"]["random, as many bytes"] = same_bytes(profile, **options)
    for protocol, row in records.items():
        parts += [f"Continual learning, protocol {protocol} ({profile.label})", table(row, style)]
    parts += [f"The same memories, protocol gdumb with networks of width {profile.wide}",
              table(wide(profile, **options), style)]
    return "\n\n".join(parts)
