"""FedAvg: in every round the clients get the common weights, train on their own images, and send back theirs.

McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data" (AISTATS 2017), with all
clients in every round: w <- sum_k (n_k / n) w_k. What is sent are weights, in both directions: clients, rounds and the
size of the network decide how many bytes, the images do not.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from ddkit.applications.base import Job, Outcome
from ddkit.applications.federated.clients import average
from ddkit.applications.federated.rounds import InRounds, Turn, copied
from ddkit.foundation.errors import whole
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT
from ddkit.networks import Network
from ddkit.specs import Source
from ddkit.training import Protocol, fit

LOCAL = Protocol("local", epochs=1, lr=0.05, momentum=0.0, weight_decay=0.0, batch=50, schedule="constant")


@dataclass(frozen=True)
class FedAvg(InRounds):
    """Names a federated training by averaging.

    The record's result is that of ``InRounds``, and ``up``, the bytes that all clients together send in each round.

    Attributes:
        of: the full data.
        clients, alpha, images: as in ``Deal``.
        rounds: how often weights go to and fro.
        local_epochs: of a client's training in a round.
        network, width, seeds: of what is trained.
    """

    RESULT: ClassVar[dict] = {**InRounds.IN_ROUNDS, "up": COUNT}

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
    def how(self) -> Protocol:
        """A client's training in a round."""
        return Protocol(**LOCAL.as_dict() | {"epochs": self.local_epochs})

    def decides(self) -> dict:
        return super().decides() | {"local": self.how}

    def check(self) -> None:
        super().check()
        whole(self.local_epochs, 1, "local_epochs")

    def turn(self, network: Network, turn: Turn, before: object) -> tuple[dict[str, Tensor], int, float]:
        """A client's weights after training on its own images."""
        generator = stream(turn.seed, f"round {turn.number} client {turn.client}")
        made = fit(network, turn.split, self.how, generator, title=turn.title(self, f"client {turn.client + 1}"),
                   checkpoint=turn.so_far, quiet=turn.quiet)
        return copied(network), made.updates, made.seconds

    def meet(self, network: Network, sent: list[dict[str, Tensor]], turn: Turn) -> tuple[int, float]:
        """The mean of all weights."""
        network.load_state_dict(average(sent, [len(one) for one in turn.clients]))
        return 0, 0.0

    def work(self, job: Job) -> Outcome:
        made = super().work(job)
        return replace(made, result=made.result | {"up": made.result["down"]})
