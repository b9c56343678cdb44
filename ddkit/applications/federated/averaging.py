"""FedAvg: in every round the clients get the common weights, train on their own images, and send back theirs.

McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data" (AISTATS 2017), with all
clients in every round: w <- sum_k (n_k / n) w_k. What is sent are weights, in both directions: clients, rounds and the
size of the network decide how many bytes, the images do not.
"""

from dataclasses import dataclass
from typing import ClassVar

from ddkit.applications.base import Application, Job, Outcome
from ddkit.applications.federated.clients import Deal, average, own_images, weight_bytes
from ddkit.data import Dataset
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import require, whole
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.networks import build_for, parse, sketch_for
from ddkit.networks.cost import Stopwatch
from ddkit.runs.jobs import PARTS
from ddkit.runs.workers import in_parallel
from ddkit.specs import Full, Source
from ddkit.training import Protocol, fit, test
from ddkit.training.scores import SCORED

LOCAL = Protocol("local", epochs=1, lr=0.05, momentum=0.0, weight_decay=0.0, batch=50, schedule="constant")


@dataclass(frozen=True)
class FedAvg(Application):
    """Names a federated training by averaging.

    The record's result has ``runs``, one for each seed, which deals the images anew: the scores after the last round
    with ``after``, the test accuracy after each round; ``up`` and ``down``, the bytes that clients send and get in each
    round, all together; ``last``, those of the last weights on their way down; and ``images`` of all clients.

    Attributes:
        of: the full data.
        clients, alpha, images: as in ``Deal``.
        rounds: how often weights go to and fro.
        local_epochs: of a client's training in a round.
        network, width, seeds: of what is trained.
    """

    RESULT: ClassVar[dict] = {"runs": [{**SCORED, "after": [NUMBER]}], "up": COUNT, "down": COUNT, "last": COUNT,
                              "images": COUNT}

    of: Source
    clients: int = 10
    alpha: float | None = 0.5
    images: int | None = None
    rounds: int = 10
    local_epochs: int = 1
    network: str = "ConvNetD3"
    width: int = 128
    seeds: int = 5

    @property
    def deal(self) -> Deal:
        return Deal(self.clients, self.alpha, self.images)

    @property
    def how(self) -> Protocol:
        """A client's training in a round."""
        return Protocol(**LOCAL.as_dict() | {"epochs": self.local_epochs})

    def decides(self) -> dict:
        return super().decides() | {"local": self.how}

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        super().check()
        self.of.check()
        require(isinstance(self.of, Full), "weights are averaged of networks trained on the clients' own images: give "
                                           f"the full data, not {type(self.of).__name__}")
        self.deal.check()
        for name in ("rounds", "local_epochs", "seeds"):
            whole(getattr(self, name), 1, name)
        parse(self.network, self.width)

    def check_on(self, dataset: Dataset) -> None:
        self.deal.check_on(dataset)
        sketch_for(dataset, self.network, self.width)
        for seed in range(self.seeds):
            self.deal.dealt(dataset, seed)

    def work(self, job: Job) -> Outcome:
        """Every seed's rounds, side by side where joblib is told to; one that was stopped goes on with its client."""
        tasks = [(job.checkpoint(f"{PARTS}/seed-{seed}.pt", seed=seed), job.checkpoint(
            f"{PARTS}/client-{seed}.pt", seed=seed), self, job.dataset, seed, job.quiet) for seed in range(self.seeds)]
        runs = in_parallel(_rounds, tasks)
        each = self.clients * weight_bytes(build_for(job.dataset, self.network, self.width, stream(0, "size")))
        images = sum(map(len, self.deal.dealt(job.dataset, 0)))
        result = {"runs": runs, "up": each, "down": each, "last": each, "images": images,
                  "protocol": self.how.as_dict(), "chance": job.dataset.chance}
        return Outcome(sum(run["train_seconds"] + run["test_seconds"] for run in runs), runs[0]["updates"], result,
                       superseded=(job.parts,))


def _rounds(kept: Checkpoint, so_far: Checkpoint, spec: FedAvg, dataset: Dataset, seed: int, quiet: bool) -> dict:
    """One seed's rounds; after every client all that was done is kept, within one its training is."""
    state = kept.load() or {"common": None, "own": [], "after": [], "updates": 0, "seconds": 0.0, "tested": 0.0}
    clients = [own_images(dataset, indices) for indices in spec.deal.dealt(dataset, seed)]
    network = build_for(dataset, spec.network, spec.width, stream(seed, "evaluation network"))
    state["common"] = state["common"] or _copied(network)
    while len(state["after"]) < spec.rounds:
        number, client = len(state["after"]), len(state["own"])
        network.load_state_dict(state["common"])
        title = f"FedAvg, seed {seed + 1} of {spec.seeds}, round {number + 1} of {spec.rounds}, client {client + 1}"
        made = fit(network, clients[client], spec.how, stream(seed, f"round {number} client {client}"), title=title,
                   checkpoint=so_far, quiet=quiet)
        state["own"].append(_copied(network))
        state["updates"] += made.updates
        state["seconds"] += made.seconds
        if len(state["own"]) == spec.clients:
            state["common"], state["own"] = average(state["own"], [len(one) for one in clients]), []
            network.load_state_dict(state["common"])
            watch = Stopwatch()
            state["scores"] = test(network, dataset.test)
            state["after"].append(state["scores"]["accuracy"])
            state["tested"] += watch.seconds
        kept.save(state)
    scores = {name: value for name, value in state["scores"].items() if name != "seconds"}
    return {**scores, "seed": seed, "updates": state["updates"], "after": state["after"],
            "train_seconds": state["seconds"], "test_seconds": state["tested"]}


def _copied(network) -> dict:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
