"""The runs and tables of accuracies under attack."""

from dataclasses import replace
from itertools import combinations

from tabulate import tabulate

from ddkit.applications.base import trained_unlike
from ddkit.applications.robustness.spec import ATTACKS, EPSILONS, Robustness, clean, kept, under
from ddkit.course import kernels
from ddkit.course.profiles import Profile
from ddkit.runs import Record
from ddkit.specs import Distill, Full, Source, Start
from ddkit.training.leads import Lead
from ddkit.training.scores import Scores, in_percent

NOTES = (
    "Epsilon is the largest change of a pixel, of 1 from black to white. The images attacked are the same in all rows.",
    "The attacker knows the network. An accuracy under attack is an upper bound: a stronger attack may leave less.",
)
INTERVAL = "± is half the 95 % interval of the mean over networks (Student's t)."
READ_AT = EPSILONS[1]  # large enough to matter, small enough that something is left
FULL, MLP, CONVNET = "full data", "MLP", "ConvNet"
_EPOCHS = {"quick": {MLP: (20, 100), CONVNET: (2, 10)}, "laptop": {MLP: (10, None), CONVNET: (2, 300)},
           "full": dict.fromkeys((MLP, CONVNET), (None, None))}  # on all images, and on a hundred
_ATTACKED = {"quick": {MLP: (200, 10), CONVNET: (50, 3)}, "laptop": {MLP: (1000, 20), CONVNET: (250, 20)},
             "full": dict.fromkeys((MLP, CONVNET), (1000, 40))}  # images, and the steps of PGD


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
    return found | {"PAD": profile.match_trajectories(), "RFAD": kernels.featured(profile, "rfad"),
                    "KIP, as short": short, "robust KIP": robust}


def asked(profile: Profile, network: str = MLP) -> dict[str, Robustness]:
    """The attacks of lesson 16, by what the networks were trained on: MLPs, the smallest kind, or the profile's
    ConvNets, which take so much longer that less is asked of them."""
    (full, few), (images, steps) = _EPOCHS[profile.name][network], _ATTACKED[profile.name][network]
    built = {"network": MLP, "width": 128} if network == MLP else {"network": profile.network, "width": profile.width}
    common = Robustness(profile.random(), images=images, steps=steps, seeds=profile.seeds, epochs=few, **built)
    wanted = sources(profile)
    if (profile.name, network) == ("quick", CONVNET):
        wanted = {name: wanted[name] for name in (FULL, "random real", "KIP")}
    return {name: replace(common, of=source, **({"protocol": "assignment", "epochs": full} if name == FULL else {}))
            for name, source in wanted.items()}


def by_network(profile: Profile) -> dict[str, dict[str, Robustness]]:
    """``asked`` of both kinds of networks."""
    return {network: asked(profile, network) for network in (MLP, CONVNET)}


def table(records: dict[str, Record], attack: str = "pgd", style: str = "simple") -> str:
    """A row for each source: the accuracy without attack and under one, by epsilon, in %; and what belongs beside."""
    return "\n\n".join([_rows(records, attack, style), _asked(records), *_beside(records)])


def _rows(records: dict[str, Record], attack: str, style: str) -> str:
    first = next(iter(records.values())).result
    rows = [(name, record.result["training_images"], in_percent(clean(record)),
             *(in_percent(under(record, attack, epsilon)) for epsilon in first["epsilons"]))
            for name, record in records.items()]
    heads = [f"{ATTACKS[attack]}, {epsilon:g}" for epsilon in first["epsilons"]]
    return tabulate(rows, ("trained on", "images", "no attack", *heads), style, disable_numparse=True)


def _beside(records: dict[str, Record]) -> list[str]:
    """What ± is, and which networks were trained otherwise than the others."""
    hows = {name: f"{record.result['runs'][0]['updates']:,} updates, "
                  f"{'' if record.result['protocol']['augmented'] else 'not '}augmented"
            for name, record in records.items()}
    return [INTERVAL, *trained_unlike(hows)]


def every_table(records: dict[str, Record], style: str = "simple") -> str:
    """The tables of all attacks."""
    notes = next(iter(records.values())).notes
    tables = [f"{_rows(records, attack, style)}\n\n{_asked(records)}" for attack in ATTACKS]
    return "\n\n".join([*tables, *_beside(records), *NOTES, *(f"({n})" for n in notes)])


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


def sides(records: dict[str, dict[str, Record]], other: str, epsilon: float, attack: str = "pgd",
          style: str = "simple") -> str:
    """``leads`` before several networks beside each other, of what was attacked before all of them."""
    rows = [(name, *(_lead(found(of[name], attack, epsilon), found(of[other], attack, epsilon))
                     for of in records.values() for found in (under, kept)))
            for name in _common(records) if name != other]
    heads = [f"{network}s: points of {words}" for network in records for words in ("accuracy", "the share left")]
    title = f"against {other}, {ATTACKS[attack]} at {epsilon:g}"
    text = tabulate(rows, (title, *heads), style, disable_numparse=True)
    asked = "\n\n".join(_asked(of) for of in records.values())
    return f"{text}\n\n± is the standard error of the difference.\n\n{asked}"


def order(records: dict[str, dict[str, Record]], epsilon: float, attack: str = "pgd") -> list[str]:
    """Whether training sets come in the same order before two networks, a sentence for each way of reading it.

    Asked are all pairs of sets that were attacked before both; a pair counts where both networks tell it apart.
    """
    (first, one), (second, two) = records.items()
    said = []
    for words, of in (("accuracy", under), ("the share that is left", kept)):
        found = {f"{a} and {b}": [Lead.points(of(rows[a], attack, epsilon), of(rows[b], attack, epsilon))
                                  for rows in (one, two)] for a, b in combinations(_common(records), 2)}
        apart = {pair: leads for pair, leads in found.items() if all(lead.told_apart for lead in leads)}
        turned = [pair for pair, (before, after) in apart.items() if before.gap * after.gap < 0]
        said.append(f"{words}, {ATTACKS[attack]} at {epsilon:g}: of {len(found)} pairs of training sets {len(apart)} "
                    f"are told apart both by {first}s and by {second}s, {len(apart) - len(turned)} of them in the same "
                    f"order; the other way round: {'; '.join(turned) or 'none'}")
    return said


def _common(records: dict[str, dict[str, Record]]) -> list[str]:
    """What was attacked before all networks, as the first has it."""
    first, *others = records.values()
    return [name for name in first if all(name in of for of in others)]


def lengths(records: dict[str, Record]) -> str:
    """How long the networks were trained, and how much is attacked, in words."""
    epochs = {(record.result["training_images"], record.result["protocol"]["epochs"]) for record in records.values()}
    images = next(iter(records.values())).result["images"]
    said = [f"{many:,} epochs on {count:,} images" for count, many in sorted(epochs)]
    return f"{', '.join(said)}; {images:,} test images attacked"


def hidden(record: Record, tolerance: float = 0.01) -> list[str]:
    """Signs that gradients are hidden rather than networks robust (Athalye, Carlini and Wagner, "Obfuscated Gradients
    Give a False Sense of Security", ICML 2018), a sentence each; none is no proof.

    Args:
        tolerance: how much more accuracy, beside two images, an attack may leave than a weaker one before it is told:
            one that follows the gradient against random signs, many steps against one, and a larger epsilon against a
            smaller one.
    """
    signs, most_more = [], tolerance + 2 / record.result["images"]
    for number, one in enumerate(record.result["runs"], 1):
        noise, single, many = (one["under"][name] for name in ATTACKS)
        weaker = {"FGSM than random signs": (single, noise), "PGD than FGSM": (many, single),
                  "FGSM than at a smaller epsilon": (single, [one["clean"], *single]),
                  "PGD than at a smaller epsilon": (many, [one["clean"], *many])}
        for words, (found, bound) in weaker.items():
            more = max(left - most for left, most in zip(found, bound, strict=False))
            if more > most_more:
                signs.append(f"network {number}: {100 * more:.1f} points more are left by {words}")
    return signs


def every_hidden(records: dict[str, dict[str, Record]]) -> str:
    """What ``hidden`` tells of all networks, in a sentence."""
    signs = [f"{network}s on {name}, {sign}" for network, of in records.items() for name, record in of.items()
             for sign in hidden(record)]
    count = sum(len(record.result["runs"]) for of in records.values() for record in of.values())
    return f"signs of hidden gradients in {count} networks: {'; '.join(signs) or 'none'}"


def _asked(records: dict[str, Record]) -> str:
    first = next(iter(records.values()))
    asked, shown = first.asked, first.result
    return (f"{shown['images']:,} test images attacked, n = {len(shown['runs'])} networks ({asked.network}, width "
            f"{asked.width}) in each row, PGD of {asked.steps} steps; % right.")
