"""The runs and tables of federated learning: accuracy, and bytes in both directions."""

import math
from statistics import fmean

from tabulate import tabulate

from ddkit.applications.federated.averaging import FedAvg
from ddkit.applications.federated.feddm import FedDM
from ddkit.applications.federated.one_shot import OneShot
from ddkit.applications.federated.rounds import InRounds
from ddkit.course.profiles import Profile
from ddkit.data.names import SOURCES, parse_name
from ddkit.runs import Record
from ddkit.specs import Distill, Full, Source
from ddkit.synthetic.forms.form import FLOAT
from ddkit.training import PROTOCOLS
from ddkit.training.leads import Lead
from ddkit.training.scores import Scores

NOTES = (
    "up, down: bytes that all clients together send and get. Real pixels and hard labels take one byte, learned "
    "numbers and weights four. Down are the common weights before every round, and in every row the trained ones at "
    "the end.",
    "updates: of the server's networks; of FedAvg, whose server trains none, those of all clients together. On sets "
    "that are sent once they are as many, whatever the size; on raw data, and on FedDM's sets of all rounds, more.",
    "± is half the 95 % interval of the mean over seeds (Student's t), each of which deals the images and makes the "
    "sets anew.",
)
LEAK = "FedDM's sets began from real images of the clients', which they may hardly differ from."
RAW, AVERAGED, MATCHED, RANDOM = "raw data, once", "FedAvg", "FedDM", "random real"
AS_MANY_BYTES = "random real, as many bytes"  # as the learned pixels take
PAIRS = (("DataDAM", RANDOM), ("DataDAM", AS_MANY_BYTES), (MATCHED, RANDOM), (MATCHED, AVERAGED), (AVERAGED, RAW),
         (MATCHED, RAW))  # whom it is interesting to compare with whom
ALPHAS = {"quick": (0.1, None), "laptop": (0.1, 0.5, None), "full": (0.1, 0.5, None)}
_SIZES = {"quick": (3, 300, 3, 2, 8), "laptop": (10, 6000, 10, 5, 16), "full": (10, None, 20, 5, 128)}
# Clients, the images that they have together, rounds, seeds and the networks' width.
_EPOCHS = {"quick": (12, 25), "laptop": (34, 200), "full": (None, None)}
# Of the server's networks on raw data, and on what is sent; of more images in as many bytes, as many updates.
_UPDATES = {"quick": 5, "laptop": 40, "full": 1000}
_NEAR = {"quick": {"rounds": 2, "ipc": 2, "updates": 4, "image_lr": 10.0, "real_batch": 16, "server_epochs": 20},
         "laptop": {"rounds": 3, "ipc": 2, "updates": 20, "image_lr": 10.0, "real_batch": 32, "server_epochs": 100},
         "full": {}}
# Of FedDM; its rate is the better of 10 and 100 on validation images, dealt with a seed that no record has.


def asked(profile: Profile) -> dict[str, dict[str, InRounds | OneShot]]:
    """The federations of a profile, by how unlike the clients are and what they send."""
    clients, images, rounds, seeds, width = _SIZES[profile.name]
    raw, few = _EPOCHS[profile.name]
    full = Full(profile.dataset, profile.size)
    size = {"network": profile.network, "width": width, "seeds": seeds}
    lighter = {"real_batch": 64, "network_steps": 2} if profile.name != "full" else {}
    made = profile.distill("real", lighter, ipc=profile.ipc if profile.name == "full" else 2,
                           updates=_UPDATES[profile.name], width=width)
    standard, classes = PROTOCOLS["standard"], SOURCES[parse_name(profile.dataset)[0]].classes
    as_many = (few or standard.epochs) * math.ceil(clients * made.ipc * classes / standard.batch)
    shots = {RANDOM: (profile.random(made.ipc), "standard", {"epochs": few}),
             AS_MANY_BYTES: (profile.random(FLOAT * made.ipc), "standard", {"updates": as_many}),
             "DataDAM": (made, "standard", {"epochs": few}), RAW: (full, "assignment", {"epochs": raw})}

    def of(alpha: float | None) -> dict[str, InRounds | OneShot]:
        found = {name: OneShot(source, clients, alpha, images, protocol, **length, **size)
                 for name, (source, protocol, length) in shots.items()}
        near = FedDM(full, clients, alpha, images, **size, **_NEAR[profile.name])
        return found | {AVERAGED: FedAvg(full, clients, alpha, images, rounds, **size), MATCHED: near}

    return {said(alpha): of(alpha) for alpha in ALPHAS[profile.name]}


def said(alpha: float | None) -> str:
    """How unlike the clients are, in words."""
    return "dealt evenly" if alpha is None else f"alpha {alpha:g}"


def traffic(record: Record, rounds: int | None = None) -> tuple[float, float]:
    """Bytes up and down, the mean over seeds; of what goes in rounds after so many (None: all)."""
    found = record.result
    up = found["up"] if "up" in found else fmean(run["up"] for run in found["runs"])
    if not isinstance(record.asked, InRounds):
        return float(up), float(found["last"])
    count = record.asked.rounds if rounds is None else rounds
    return float(count * up), float(count * found["down"] + found["last"])


def after(record: Record, rounds: int) -> Scores:
    """Accuracies after so many rounds, one per seed."""
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
            updates = fmean(run["updates"] for run in record.result["runs"])
            rows.append((alike, name, accuracy, *(f"{count:,.0f}" for count in (updates, up, down, up + down))))
    header = ("clients", "what is sent", "test accuracy (%)", "updates", "bytes up", "bytes down", "together")
    text = tabulate(rows, header, style, disable_numparse=True, colalign=("left",) * 3 + ("right",) * 4)
    first = next(iter(next(iter(records.values())).values()))
    counts = (f"{first.asked.clients} clients with {first.result['images']:,} images together, n = "
              f"{len(first.result['runs'])} seeds in each row; {first.asked.network} of width {first.asked.width}")
    counts += f". {_sent(next(iter(records.values())))}"
    every = [record.asked for of in records.values() for record in of.values()]
    leaks = [LEAK] * any(getattr(spec, "init", "") == "real" for spec in every)
    return "\n\n".join([text, counts, *NOTES, *leaks, *(f"({note})" for note in first.notes)])


def _sent(of: dict[str, Record]) -> str:
    """How much of each class clients send, and what is made of it, in a sentence."""
    specs = {name: record.asked for name, record in of.items()}
    said = [f"{name} {spec.of.ipc}{_made(spec.of)}" for name, spec in specs.items() if hasattr(spec.of, "ipc")]
    said += [f"{name} {spec.ipc} in each of {spec.rounds} rounds, by {spec.updates:,} updates"
             for name, spec in specs.items() if isinstance(spec, FedDM)]
    rounds = [f"{name} has {spec.rounds} rounds." for name, spec in specs.items() if isinstance(spec, FedAvg)]
    return " ".join([f"Images of each class from a client: {'; '.join(said)}."] * bool(said) + rounds)


def _made(source: Source) -> str:
    return f", by {source.updates or source.config.updates:,} updates" if isinstance(source, Distill) else ""


def compared(records: dict[str, dict[str, Record]]) -> dict[tuple[str, str, str], Lead]:
    """How far one way is above another, by how clients are dealt to and the names of the two; seeds are paired, as the
    same one deals the same images to the same clients, and begins at the same weights."""
    return {(alike, name, other): Lead.of(_points(of[name]), _points(of[other]), paired=True)
            for alike, of in records.items() for name, other in PAIRS if name in of and other in of}


def _points(record: Record) -> dict[int, float]:
    """Accuracies in percent, by seed."""
    return {run["seed"]: 100 * run["accuracy"] for run in record.result["runs"]}


def missing(records: dict[str, dict[str, Record]], profile: Profile) -> str:
    """Of what a profile asks for, that of which there is no record, in a sentence; "" if there is nothing."""
    gaps = {alike: [name for name in of if name not in records.get(alike, {})] for alike, of in asked(profile).items()}
    said = "; ".join(f"{alike}: {', '.join(names) if records.get(alike) else 'any row'}"
                     for alike, names in gaps.items() if names)
    return said and f"No record is at hand of {said}."


def leads(records: dict[str, dict[str, Record]]) -> str:
    """``compared`` in Markdown: a line for each two ways."""
    lines: dict[tuple[str, str], list[str]] = {}
    for (alike, name, other), lead in compared(records).items():
        error = "" if lead.error is None else f" ± {lead.error:.1f}"
        apart = "" if lead.told_apart else ", not told apart"
        lines.setdefault((name, other), []).append(f"{lead.gap:+.1f}{error} ({alike}{apart})")
    return "\n".join(f"- {name} against {other}, in points: {'; '.join(found)}."
                     for (name, other), found in lines.items())
