"""The runs and tables of federated learning: accuracy, and bytes in both directions."""

from statistics import fmean

from tabulate import tabulate

from ddkit.applications.federated.averaging import FedAvg
from ddkit.applications.federated.one_shot import OneShot
from ddkit.course.profiles import Profile
from ddkit.runs import Record
from ddkit.specs import Full
from ddkit.training.scores import Scores

NOTES = (
    "up, down: bytes that all clients together send and get. Real pixels and hard labels take one byte, learned "
    "numbers and weights four. Down are the common weights before every round, and in every row the trained ones at "
    "the end.",
    "± is half the 95 % interval of the mean over seeds (Student's t), each of which deals the images and makes the "
    "sets anew.",
)
RAW, AVERAGED, RANDOM = "raw data, once", "FedAvg", "random real"
ALPHAS = {"quick": (0.1, None), "laptop": (0.1, 0.5, None), "full": (0.1, 0.5, None)}
_SIZES = {"quick": (4, 400, 3, 2), "laptop": (10, 6000, 10, 5), "full": (10, None, 20, 5)}
# Clients, the images that they have together, rounds and seeds.
_EPOCHS = {"quick": (5, 40), "laptop": (5, 200), "full": (None, None)}  # on raw data, and on what is sent
_UPDATES = {"quick": 10, "laptop": 60, "full": 1000}


def asked(profile: Profile) -> dict[str, dict[str, FedAvg | OneShot]]:
    """The federations of a profile, by how unlike the clients are and what they send."""
    clients, images, rounds, seeds = _SIZES[profile.name]
    raw, few = _EPOCHS[profile.name]
    full = Full(profile.dataset, profile.size)
    size = {"network": profile.network, "width": profile.width, "seeds": seeds}
    lighter = {"real_batch": 64, "network_steps": 2} if profile.name != "full" else {}
    made = profile.distill("real", lighter, ipc=profile.ipc if profile.name == "full" else 2,
                           updates=_UPDATES[profile.name])
    shots = {RANDOM: (profile.random(made.ipc), "standard", few), "DataDAM": (made, "standard", few),
             RAW: (full, "assignment", raw)}

    def of(alpha: float | None) -> dict[str, FedAvg | OneShot]:
        found = {name: OneShot(source, clients, alpha, images, protocol, epochs=epochs, **size)
                 for name, (source, protocol, epochs) in shots.items()}
        return found | {AVERAGED: FedAvg(full, clients, alpha, images, rounds, **size)}

    return {said(alpha): of(alpha) for alpha in ALPHAS[profile.name]}


def said(alpha: float | None) -> str:
    """How unlike the clients are, in words."""
    return "dealt evenly" if alpha is None else f"alpha {alpha:g}"


def traffic(record: Record, rounds: int | None = None) -> tuple[float, float]:
    """Bytes up and down, the mean over seeds; of FedAvg after so many rounds (None: all)."""
    found = record.result
    if isinstance(record.asked, FedAvg):
        count = record.asked.rounds if rounds is None else rounds
        return float(count * found["up"]), float(count * found["down"] + found["last"])
    return fmean(run["up"] for run in found["runs"]), float(found["last"])


def after(record: Record, rounds: int) -> Scores:
    """FedAvg's accuracies after so many rounds, one per seed."""
    return Scores(tuple({"accuracy": run["after"][rounds - 1]} for run in record.result["runs"]),
                  notes=tuple(record.notes), spec=record.spec)


def table(records: dict[str, dict[str, Record]], style: str = "simple") -> str:
    """A row for each kind of deal and what is sent: accuracy, and bytes in both directions."""
    rows = []
    for alike, of in records.items():
        for name, record in of.items():
            up, down = traffic(record)
            scores = record.scores
            accuracy = f"{100 * scores.mean:.1f}" + f" ± {100 * scores.interval:.1f}" * (len(scores.runs) > 1)
            rows.append((alike, name, accuracy, *(f"{count:,.0f}" for count in (up, down, up + down))))
    text = tabulate(rows, ("clients", "what is sent", "test accuracy (%)", "bytes up", "bytes down", "together"), style,
                    disable_numparse=True, colalign=("left", "left", "left", "right", "right", "right"))
    first = next(iter(next(iter(records.values())).values()))
    counts = (f"{first.asked.clients} clients with {first.result['images']:,} images together, n = "
              f"{len(first.result['runs'])} seeds in each row")
    return "\n\n".join([text, counts, *NOTES, *(f"({note})" for note in first.notes)])
