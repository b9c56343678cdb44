"""The runs and tables of lesson 7: sets distilled by kernel ridge regression, judged by kernels and by networks."""

from dataclasses import dataclass, replace

from tabulate import tabulate

from ddkit.course.profiles import Profile
from ddkit.plots import tables
from ddkit.runs import Record, run
from ddkit.specs import Distill, Evaluate, RandomReal, Source, Start
from ddkit.training.leads import Lead
from ddkit.training.scores import Scores

PUBLISHED = {1: 85.5, 10: 97.2, 50: 98.4}  # KIP, NTK of an infinite network, MNIST, % by images per class
PUBLISHED_NETWORK = {"RFAD": 98.5, "FRePo": 98.6}  # before trained networks, MNIST, 10 images per class, %
QUICK = {"kip": (("real_batch", 200),), "rfad": (("networks", 2), ("real_batch", 100)),
         "frepo": (("networks", 1), ("pool", 2), ("real_batch", 100))}  # options by method


@dataclass(frozen=True)
class Judge:
    """Who answers: a kernel or a trained network; ``seeds`` where they matter."""

    protocol: str
    network: str | None  # None: the profile's
    seeds: int


JUDGES = {"NTK": Judge("kernel", "NTK", 5), "random features": Judge("kernel", None, 5),
          "trained features": Judge("trained_kernel", None, 5), "trained network": Judge("standard", None, 5)}


def kip(profile: Profile, ipc: int = 10, seed: int = 0) -> Distill:
    """KIP with the NTK; for a single image the run is shorter, because it needs less, and fifty images, which can learn
    the real ones by heart, see them augmented."""
    if profile.name == "quick":
        return Distill(profile.dataset, "kip", ipc=ipc, updates=40, seed=seed, options=QUICK["kip"])
    return Distill(profile.dataset, "kip", ipc=ipc, updates=2000 if ipc == 1 else None, seed=seed,
                   options=(("augmentation", 0.25),) if ipc >= 50 else ())


def featured(profile: Profile, method: str) -> Distill:
    """RFAD or FRePo on the preset's network, as wide as the profile's."""
    quick = profile.name == "quick"
    return Distill(profile.dataset, method, ipc=profile.ipc, width=profile.width, updates=10 if quick else None,
                   options=QUICK[method] if quick else ())


def sets(profile: Profile) -> dict[str, Source]:
    """What is compared: the kernel methods, attention matching, and as many random real images."""
    return {"KIP": kip(profile, profile.ipc), "RFAD": featured(profile, "rfad"), "FRePo": featured(profile, "frepo"),
            "DataDAM": profile.distill("real"), "random real": profile.random()}


def sizes(profile: Profile) -> dict[int, int]:
    """Images per class that KIP is run with, and the distillations (one for each seed) of each."""
    return {profile.ipc: 1} if profile.name == "quick" else {1: 3, 10: 3, 50: 2}


def judgement(profile: Profile, source: Source, judge: str) -> Evaluate:
    """What a set is asked before a judge."""
    who = JUDGES[judge]
    spec = replace(profile.evaluate(source, who.protocol), network=who.network or profile.network)
    if who.protocol == "standard" and source in (profile.distill("real"), profile.random()):
        return spec  # lesson 4's
    return replace(spec, seeds=1 if profile.name == "quick" else min(who.seeds, spec.trials))


def judged(profile: Profile, source: Source, judge: str, **options) -> Record:
    """The record of a set before a judge; ``options`` go to ``runs.run``."""
    return run(judgement(profile, source, judge), **options)


def pooled(records: list[Record]) -> Scores:
    """The scores of several distillations as one, so that their spread is that over distillations."""
    return Scores(tuple(score for record in records for score in record.scores.runs))


def kip_table(profile: Profile, style: str = "github", **options) -> str:
    """KIP before its own kernel, by images per class, beside its start, random real images and the paper's figure."""
    rows = []
    for ipc, seeds in sizes(profile).items():
        specs = [kip(profile, ipc, seed) for seed in range(seeds)]
        made = [run(spec, **options) for spec in specs]
        distilled, start = (pooled([judged(profile, source, "NTK", **options) for source in sources])
                            for sources in (specs, map(Start, specs)))
        random = judged(profile, RandomReal(profile.dataset, ipc), "NTK", **options).scores
        minutes = sum(record.result["cpu_seconds"] for record in made) / 60 / seeds
        published = f"{PUBLISHED[ipc]} %" if profile.dataset == "mnist" else "–"
        rows.append((ipc, distilled, start, random, published, f"{made[0].updates:,}", f"{minutes:.1f}"))
    headers = ("images per class", "KIP", "its start", "random real", "published", "updates", "CPU minutes of a run")
    return tabulate([list(map(str, row)) for row in rows], headers, style, disable_numparse=True)


def judges_table(profile: Profile, style: str = "github", **options) -> str:
    """Every set before every judge."""
    rows = [(name, *(str(judged(profile, source, judge, **options).scores) for judge in JUDGES))
            for name, source in sets(profile).items()]
    return tabulate(rows, ("set", *JUDGES), style, disable_numparse=True)


def leads_table(profile: Profile, style: str = "github", **options) -> str:
    """How many points every set is above random real images before each judge, with standard error and n of both."""
    over = {judge: judged(profile, profile.random(), judge, **options).scores for judge in JUDGES}
    rows = [(name, *(_worded(Lead.points(judged(profile, source, judge, **options).scores, over[judge]))
                     for judge in JUDGES))
            for name, source in sets(profile).items() if source != profile.random()]
    return tabulate(rows, ("points above random real", *JUDGES), style, disable_numparse=True)


def _worded(found: Lead) -> str:
    """Such as ``+4.15 ± 0.51 (n=5 and 5)*``; the star: more than chance gives."""
    error = f" ± {found.error:.2f}" if found.error is not None else ""
    return f"{found.gap:+.2f}{error} (n={found.seeds[0]} and {found.seeds[1]}){'*' * found.told_apart}"


def wide_judgements(profile: Profile) -> dict[str, Evaluate]:
    """The sets made with the profile's networks, and random real images, before networks as wide as the papers'.

    KIP's, from which networks of finite width learn little, is left out.
    """
    return {name: judgement(profile.wider, source, "trained network") for name, source in sets(profile).items()
            if name != "KIP"}


def wide(profile: Profile, **options) -> dict[str, Record]:
    """The records of ``wide_judgements``."""
    return {name: run(spec, **options) for name, spec in wide_judgements(profile).items()}


def report(profile: Profile, style: str = "github", **options) -> str:
    """All tables, as data/reference/README.md shows them."""
    return ("KIP judged by its own kernel, that of an infinitely wide network\n\n"
            f"{kip_table(profile, style, **options)}\n\n"
            f"The same sets judged by kernels and by networks ({profile.label})\n\n"
            f"{judges_table(profile, style, **options)}\n\n"
            f"The same sets before networks of width {profile.wide}, the standard protocol\n\n"
            f"{tables.scores(wide(profile, **options), style)}")
