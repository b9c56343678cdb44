"""What is distilled of spoken digits, on both splits, and the tables of it."""

from tabulate import tabulate

from ddkit.course.profiles import Profile
from ddkit.runs import Record
from ddkit.specs import Coreset, Distill, Evaluate, Full, RandomReal, Source
from ddkit.training.leads import Lead

OFFICIAL, SPEAKER = "spoken_digits", "spoken_digits_speaker"
SPLITS = {OFFICIAL: "voices known", SPEAKER: "a new voice"}  # in words
IPCS = (1, 10)
FULL, RANDOM = "full data", "random real"
NETWORK, SEEDS, EPOCHS = "MLP", 5, 300  # epochs of the standard protocol
KERNEL = "NTK"
_DATADAM = {"image_lr": 0.1, "network_steps": 10, "real_batch": 32}
_WIDTH = 16  # of the ConvNets that DataDAM matches on
NOTES = (
    f"Networks are {NETWORK}s, the cheapest of the course's six: on the full data by the assignment's protocol, else "
    f"by the standard one for {EPOCHS} epochs, images shifted along time and scaled mildly, never turned. {KERNEL}: a "
    "ridge regression with KIP's own kernel; no network is trained.",
    "± is the standard deviation over networks, or draws of random images; a set that is distilled or chosen was made "
    "once. The new voice is that of one speaker: what another's would give, no number here says. "
    "DataDAM's rate of 0.1 was chosen on validation sounds, at one per class, after its set at a rate of 1 had been "
    "scored on test sounds.",
)


def sources(dataset: str, ipc: int) -> dict[str, Source]:
    """What networks are trained on, besides everything."""
    datadam = Distill(dataset, "datadam", ipc=ipc, width=_WIDTH, updates=60, options=_DATADAM)
    return {RANDOM: RandomReal(dataset, ipc), "herding": Coreset(dataset, ipc), "DataDAM": datadam,
            "KIP": Distill(dataset, "kip", ipc=ipc, updates=1000, options={"real_batch": 500})}


def asked(profile: Profile | None = None) -> dict[str, dict[str, Evaluate]]:
    """The evaluations, by split and row; they are the same in every profile."""
    return {dataset: _rows(dataset) for dataset in SPLITS}


def _rows(dataset: str) -> dict[str, Evaluate]:
    rows = {FULL: Evaluate(Full(dataset), "assignment", NETWORK, seeds=SEEDS)}
    for ipc in IPCS:
        made = sources(dataset, ipc)
        rows |= {row(name, ipc): Evaluate(source, "standard", NETWORK, seeds=SEEDS, epochs=EPOCHS)
                 for name, source in made.items()}
        rows |= {row(name, ipc, KERNEL): Evaluate(made[name], "kernel", KERNEL, seeds=SEEDS)
                 for name in (RANDOM, "KIP")}
    return rows


def row(name: str, ipc: int, judge: str = "") -> str:
    """The name of a row: what is trained on, how many images per class, and who answers if no network does."""
    return f"{name}, {ipc} per class" + f", {judge}" * bool(judge)


def table(records: dict[str, dict[str, Record]], style: str = "simple") -> str:
    """A row for what was trained on, and for each split the test accuracy of networks and of KIP's kernel, in %."""
    names = list(dict.fromkeys(name for of in records.values() for name in of if not name.endswith(KERNEL)))
    lines = [(name, *(_cell(of, found) for of in records.values() for found in (name, f"{name}, {KERNEL}")))
             for name in names]
    heads = [f"{SPLITS[dataset]}: {judge}" for dataset in records for judge in ("networks", KERNEL)]
    text = tabulate(lines, ("trained on", *heads), style, disable_numparse=True)
    return "\n\n".join([text, f"Test accuracy in %, n = {SEEDS} (of a set before {KERNEL}: one).", *NOTES])


def leads(records: dict[str, dict[str, Record]], ipc: int, other: str = RANDOM, style: str = "simple") -> str:
    """Sets of so many images per class against another row of networks, on each split."""
    lines = []
    for dataset, of in records.items():
        for name in sources(dataset, ipc):
            if name != other and row(name, ipc) in of and row(other, ipc) in of:
                found = lead(of, name, ipc, other)
                error = "" if found.error is None else f" ± {found.error:.1f}"
                lines.append((name, SPLITS[dataset], f"{found.gap:+.1f}{error}",
                              "told apart" if found.told_apart else "not told apart"))
    heads = (f"against {other}, {ipc} per class", "tested on", "points, ± standard error", "by these seeds")
    return tabulate(lines, heads, style, disable_numparse=True)


def lead(of: dict[str, Record], name: str, ipc: int, other: str = RANDOM) -> Lead:
    """In points of accuracy of networks; seeds are not paired."""
    return Lead.points(of[row(name, ipc)].scores, of[row(other, ipc)].scores)


def _cell(of: dict[str, Record], name: str) -> str:
    if name not in of:
        return ""
    found = of[name].scores
    return f"{100 * found.mean:.1f}" + f" ± {100 * found.sd:.1f}" * (len(found.runs) > 1)
