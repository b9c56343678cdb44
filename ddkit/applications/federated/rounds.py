"""What federated learning in rounds has in common: the common weights go down to every client, something comes up from
each, and the server makes new common weights of it."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from ddkit.applications.base import Application, Job, Outcome
from ddkit.applications.federated.clients import Deal, own_images, weight_bytes
from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import require, whole
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT, NUMBER
from ddkit.networks import Network, build_for, parse, sketch_for
from ddkit.networks.cost import Stopwatch
from ddkit.runs.jobs import PARTS
from ddkit.runs.workers import in_parallel
from ddkit.specs import Full
from ddkit.training import Protocol, test
from ddkit.training.scores import SCORED


@dataclass(frozen=True)
class Turn:
    """Where a seed's rounds stand.

    Attributes:
        dataset: that was dealt.
        clients: the images of each.
        seed, number: of the seed and of the round, from 0.
        client: whose turn it is, from 0; of the server, how many clients there are.
        so_far: where the turn's unfinished work is kept.
        quiet: as for ``runs.run``.
    """

    dataset: Dataset
    clients: list[Split]
    seed: int
    number: int
    client: int
    so_far: Checkpoint
    quiet: bool

    @property
    def split(self) -> Split:
        """The images of whose turn it is."""
        return self.clients[self.client]

    def title(self, spec, who: str) -> str:
        return (f"{type(spec).__name__}, seed {self.seed + 1} of {spec.seeds}, round {self.number + 1} of "
                f"{spec.rounds}, {who}")


class InRounds(Application):
    """Base of specs with the fields ``clients``, ``alpha`` and ``images`` of ``Deal``, and ``rounds``, ``network``,
    ``width`` and ``seeds``.

    The record's result has ``runs``, one for each seed, which deals the images anew: the scores after the last round
    with ``after``, the test accuracy after each round. Further ``down``, the bytes that all clients together get in
    each round; ``last``, those of the last weights on their way down; and ``images`` of all clients. A subclass says
    how many go up.
    """

    IN_ROUNDS: ClassVar[dict] = {"runs": [{**SCORED, "after": [NUMBER]}], "down": COUNT, "last": COUNT, "images": COUNT}

    @property
    def deal(self) -> Deal:
        return Deal(self.clients, self.alpha, self.images)

    @property
    def how(self) -> Protocol:
        """How a network is trained in a round."""
        raise NotImplementedError

    def turn(self, network: Network, turn: Turn, before: object) -> tuple[object, int, float]:
        """A client's: what it sends, made with the common network, the updates of weights and the seconds it took.

        Args:
            network: with the common weights; it may be changed.
            before: what the client sent in the last round, if that is remembered.
        """
        raise NotImplementedError

    def meet(self, network: Network, sent: list, turn: Turn) -> tuple[int, float]:
        """The server's turn: gives the network, which has the common weights, new ones; updates and seconds."""
        raise NotImplementedError

    def told(self, clients: list[Split], sent: list, dataset: Dataset) -> dict:
        """What a seed's run says besides its scores, of what was sent in the last round."""
        return {}

    def remembered(self, sent: list) -> list:
        """What clients know of what they sent, in the next round."""
        return []

    def check(self) -> None:
        """Raise InputError for whatever can be seen to be wrong before anything is loaded."""
        super().check()
        self.of.check()
        require(isinstance(self.of, Full), "clients have images of their own, dealt from all of them: give "
                                           f"the full data, not {type(self.of).__name__}")
        self.deal.check()
        for name in ("rounds", "seeds"):
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
        result = {"runs": runs, "down": each, "last": each, "protocol": self.how.as_dict(),
                  "images": sum(map(len, self.deal.dealt(job.dataset, 0))), "chance": job.dataset.chance}
        return Outcome(sum(run["train_seconds"] + run["test_seconds"] for run in runs), runs[0]["updates"], result,
                       superseded=(job.parts,))


def _rounds(kept: Checkpoint, so_far: Checkpoint, spec: InRounds, dataset: Dataset, seed: int, quiet: bool) -> dict:
    """One seed's rounds; after every turn all that was done is kept, within one its unfinished work is."""
    state = kept.load() or {"common": None, "own": [], "before": [], "after": [], "updates": 0, "seconds": 0.0,
                            "tested": 0.0}
    clients = [own_images(dataset, indices) for indices in spec.deal.dealt(dataset, seed)]
    network = build_for(dataset, spec.network, spec.width, stream(seed, "evaluation network"))
    state["common"] = state["common"] or copied(network)
    while len(state["after"]) < spec.rounds:
        network.load_state_dict(state["common"])
        turn = Turn(dataset, clients, seed, len(state["after"]), len(state["own"]), so_far, quiet)
        if turn.client < spec.clients:
            before = state["before"][turn.client] if state["before"] else None
            sent, updates, seconds = spec.turn(network, turn, before)
            state["own"].append(sent)
        else:
            updates, seconds = spec.meet(network, state["own"], turn)
            watch = Stopwatch()
            state["scores"] = test(network, dataset.test)
            state["after"].append(state["scores"]["accuracy"])
            state["tested"] += watch.seconds
            state["told"] = spec.told(clients, state["own"], dataset)
            state |= {"common": copied(network), "before": spec.remembered(state["own"]), "own": []}
        state["updates"] += updates
        state["seconds"] += seconds
        kept.save(state)
    scores = {name: value for name, value in state["scores"].items() if name != "seconds"}
    return {**scores, "seed": seed, "updates": state["updates"], "after": state["after"], **state["told"],
            "train_seconds": state["seconds"], "test_seconds": state["tested"]}


def copied(network: nn.Module) -> dict[str, Tensor]:
    """Its weights and statistics as they are now."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
