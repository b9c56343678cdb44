"""The runs and tables of accuracies under attack."""

from dataclasses import replace

from tabulate import tabulate

from ddkit.applications.robustness.spec import ATTACKS, Robustness, clean, kept, under
from ddkit.course import kernels
from ddkit.course.profiles import Profile
from ddkit.runs import Record
from ddkit.specs import Distill, Full, Source, Start
from ddkit.training.leads import Lead
from ddkit.training.scores import Scores, in_percent

NOTES = (
    "Epsilon is the largest change of a pixel, of 1 from black to white. ± is half the 95 % interval of the mean over "
    "networks (Student's t); the images attacked are the same in all rows.",
    "The attacker knows the network. An accuracy under attack is an upper bound: a stronger attack may leave less.",
)
FULL = "full data"
_EPOCHS = {"quick": (20, 200), "laptop": (10, None), "full": (None, None)}  # on all images, and on a hundred
_ATTACKED = {"quick": (200, 10), "laptop": (1000, 20), "full": (1000, 40)}  # images, and the steps of PGD


def sources(profile: Profile) -> dict[str, Source]:
    """What lesson 16 has networks trained on: everything, as many random real images, and sets."""
    datadam = profile.distill("real") if profile.name != "quick" else profile.distill("real", updates=10)
    found = {FULL: Full(profile.dataset, profile.size), "random real": profile.random(), "start: real": Start(datadam),
             "DataDAM": datadam, "KIP": kernels.kip(profile, profile.ipc)}
    if profile.name == "quick":
        return found
    robust = Distill(profile.dataset, "robust_kip", "course", profile.ipc, size=profile.size)
    short = Distill(profile.dataset, "kip", "course", profile.ipc, size=profile.size, updates=robust.config.updates,
                    options={"real_batch": robust.config.real_batch})
    return found | {"RFAD": kernels.featured(profile, "rfad"), "KIP, as short": short, "robust KIP": robust}


def asked(profile: Profile) -> dict[str, Robustness]:
    """The attacks of lesson 16, by what the networks were trained on; they are of the smallest kind, but in the full
    profile."""
    (full, few), (images, steps) = _EPOCHS[profile.name], _ATTACKED[profile.name]
    network, width = (profile.network, profile.width) if profile.name == "full" else ("MLP", 128)
    common = Robustness(profile.random(), images=images, steps=steps, network=network, width=width,
                        seeds=profile.seeds, epochs=few)
    return {name: replace(common, of=source, **({"protocol": "assignment", "epochs": full} if name == FULL else {}))
            for name, source in sources(profile).items()}


def table(records: dict[str, Record], attack: str = "pgd", style: str = "simple") -> str:
    """A row for each source: the accuracy without attack and under one, by epsilon, in %."""
    first = next(iter(records.values())).result
    rows = [(name, record.result["training_images"], in_percent(clean(record)),
             *(in_percent(under(record, attack, epsilon)) for epsilon in first["epsilons"]))
            for name, record in records.items()]
    heads = [f"{ATTACKS[attack]}, {epsilon:g}" for epsilon in first["epsilons"]]
    text = tabulate(rows, ("trained on", "images", "no attack", *heads), style, disable_numparse=True)
    return f"{text}\n\n{_asked(records)}"


def every_table(records: dict[str, Record], style: str = "simple") -> str:
    """The tables of all attacks."""
    notes = next(iter(records.values())).notes
    return "\n\n".join([*(table(records, attack, style) for attack in ATTACKS), *NOTES, *(f"({n})" for n in notes)])


def leads(records: dict[str, Record], other: str, epsilon: float, attack: str = "pgd", style: str = "simple") -> str:
    """What is left under an attack against what is left of another row, as accuracies and as shares of the clean."""
    rows = []
    for name, record in records.items():
        if name != other:
            rows.append((name, *(_lead(found(record, attack, epsilon), found(records[other], attack, epsilon))
                                 for found in (under, kept))))
    heads = (f"against {other}, {ATTACKS[attack]} at {epsilon:g}", "points of accuracy",
             "points of the share that is left")
    return tabulate(rows, heads, style, disable_numparse=True)


def _lead(one: Scores, other: Scores) -> str:
    """Of networks that are not paired: the same seed means other images, or another number of updates."""
    lead = Lead.points(one, other)
    error = "" if lead.error is None else f" ± {lead.error:.1f}"
    return f"{lead.gap:+.1f}{error}, {'told apart' if lead.told_apart else 'not told apart'}"


def hidden(record: Record, tolerance: float = 0.01) -> list[str]:
    """Signs that gradients are hidden rather than networks robust (Athalye, Carlini and Wagner, "Obfuscated Gradients
    Give a False Sense of Security", ICML 2018), a sentence each; none is no proof.

    Args:
        tolerance: how much more accuracy an attack may leave than a weaker one before it is told: one that follows the
            gradient against random signs, many steps against one, and a larger epsilon against a smaller one.
    """
    signs = []
    for number, one in enumerate(record.result["runs"], 1):
        noise, single, many = (one["under"][name] for name in ATTACKS)
        weaker = {"FGSM than random signs": (single, noise), "PGD than FGSM": (many, single),
                  "FGSM than at a smaller epsilon": (single, [one["clean"], *single]),
                  "PGD than at a smaller epsilon": (many, [one["clean"], *many])}
        for words, (found, bound) in weaker.items():
            more = max(left - most for left, most in zip(found, bound, strict=False))
            if more > tolerance:
                signs.append(f"network {number}: {100 * more:.1f} points more are left by {words}")
    return signs


def _asked(records: dict[str, Record]) -> str:
    first = next(iter(records.values()))
    asked, shown = first.asked, first.result
    return (f"{shown['images']:,} test images attacked, n = {len(shown['runs'])} networks ({asked.network}, width "
            f"{asked.width}) in each row, PGD of {asked.steps} steps; % right.")
