"""FedDM: in every round the clients get the common weights, make small sets that look alike near them, and send those.

Xiong et al., "FedDM: Iterative Distribution Matching for Communication-Efficient Federated Learning" (arXiv
2207.09653). Client k changes its set S_k until, to networks w in the ball of radius rho about the common weights w_r,

    L = sum over classes c of |mean h_w(T_c) - mean h_w(S_c)|^2 + |mean z_w(T_c) - mean z_w(S_c)|^2

is small, for embeddings h and logits z of its own images T and of S. The server trains the common network on all sets
together, and stays within the ball, outside of which nobody asked that they be alike.

Where this departs from the paper: a network is drawn by a direction at random and a distance from 0 to rho, both
uniform, so that its inside is met too (uniform in the ball's volume, nearly all would lie on the border); the server is
brought back into the ball after every epoch; clients go on from the set that they sent last, where a script that is
passed around begins anew, and from real images; images are augmented in both halves; no noise is added for privacy. A
client speaks for the classes that it has ten images of, with equally many of each in a batch.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ddkit.applications.federated.clients import held, of_client, own_images
from ddkit.applications.federated.rounds import InRounds, Turn, copied
from ddkit.data import Dataset, Split, augment
from ddkit.foundation import randomness
from ddkit.foundation.errors import one_of, require, whole
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT
from ddkit.methods.loop import distill
from ddkit.methods.matching.classes import ClassBatches, Match, View, chunked_means, squared_distance
from ddkit.networks import Network
from ddkit.networks.bigbatch import images_per_backward
from ddkit.specs import Source
from ddkit.synthetic import INITS, SyntheticSet
from ddkit.synthetic.budget import storage_of
from ddkit.training import Protocol, fit

SERVER = Protocol("server", epochs=500, schedule="constant", augmented=True)
MOMENTUM = 0.5  # of SGD on the images
MEMORY_MIB = 512  # for the activations of a chunk of images
EMBEDDING = View(lambda feature: feature if feature.ndim == 2 else None, lambda features: features[-1:])


@dataclass(frozen=True)
class FedDM(InRounds):
    """Names a federated learning by sets that are matched near the common weights.

    The record's result is that of ``InRounds``, and in each of ``runs`` ``up``, the bytes that all clients together
    send in each round, ``sent``, how many images these are, and ``silent``, how many clients have nothing to send.

    Attributes:
        of: the full data.
        clients, alpha, images: as in ``Deal``.
        rounds: how often weights go down and sets up.
        ipc: images that a client makes of each class that it speaks for.
        init: what they begin as: ``noise``, or ``real`` images of the client's, which leave it hardly changed then.
        radius: of the ball, rho.
        updates: of a client's images in a round.
        image_lr: of SGD on them, with a momentum of 0.5.
        real_batch: real images of each class in an update; all of the client's smallest class, if it has fewer.
        server_epochs: of the server's training in a round.
        network, width, seeds: of what is trained.
    """

    RESULT: ClassVar[dict] = {**InRounds.IN_ROUNDS, "runs": [
        InRounds.IN_ROUNDS["runs"][0] | {"up": COUNT, "sent": COUNT, "silent": COUNT}]}

    of: Source
    clients: int = 10
    alpha: float | None = 0.5
    images: int | None = None
    rounds: int = 20
    ipc: int = 10
    init: str = "noise"
    radius: float = 5.0
    updates: int = 1000
    image_lr: float = 1.0
    real_batch: int = 256
    server_epochs: int = 500
    network: str = "ConvNetD3"
    width: int = 128
    seeds: int = 5

    @property
    def how(self) -> Protocol:
        """The server's training in a round."""
        return Protocol(**SERVER.as_dict() | {"epochs": self.server_epochs})

    def decides(self) -> dict:
        return super().decides() | {"server": self.how, "momentum": MOMENTUM}

    def check(self) -> None:
        super().check()
        for name in ("ipc", "updates", "real_batch", "server_epochs"):
            whole(getattr(self, name), 1, name)
        one_of(self.init, INITS, "init")
        for name in ("radius", "image_lr"):
            value = getattr(self, name)
            require(isinstance(value, int | float) and 0 < value < float("inf"),
                    f"{name} is a positive number, got {value!r}: nothing is learned without")

    def check_on(self, dataset: Dataset) -> None:
        super().check_on(dataset)
        for seed in range(self.seeds):
            dealt = self.deal.dealt(dataset, seed)
            require(any(self.spoken_for(own_images(dataset, own), dataset) for own in dealt),
                    "no client has a class with enough images to speak for: ask for fewer clients, fewer images per "
                    "class or a larger alpha")

    def spoken_for(self, split: Split, dataset: Dataset) -> list[int]:
        """The classes that a client with these images sends something of."""
        return held(split, len(dataset.classes), self.ipc if self.init == "real" else 1)

    def turn(self, network: Network, turn: Turn, before: Tensor | None) -> tuple[Tensor | None, int, float]:
        """A client's images [n, C, H, W], sorted by class; None if it speaks for no class."""
        classes = self.spoken_for(turn.split, turn.dataset)
        if not classes:
            return None, 0, 0.0
        own = of_client(turn.dataset, turn.split, classes)
        number = turn.seed * self.clients + turn.client
        made = SyntheticSet.begin(self.init, own, self.ipc, stream(number, "init"))
        made.images = made.images if before is None else before.clone()
        done = distill(NearWeights(network, self), made, own, updates=self.updates,
                       seed=number * self.rounds + turn.number, checkpoint=turn.so_far, quiet=turn.quiet)
        turn.so_far.remove()
        return made.images.detach().clone(), 0, done.seconds

    def meet(self, network: Network, sent: list[Tensor | None], turn: Turn) -> tuple[int, float]:
        """The network trained on all sets, within the ball about the common weights."""
        labels = [torch.tensor(self.spoken_for(split, turn.dataset), dtype=torch.long).repeat_interleave(self.ipc)
                  for split in turn.clients]
        there = [images for images in sent if images is not None]
        union = Split(torch.cat(there), torch.cat(labels).to(there[0].device))
        centre = copied(network)
        made = fit(network, union, self.how, stream(turn.seed, f"round {turn.number} server"),
                   strategy=turn.dataset.strategy, title=turn.title(self, "server"),
                   checkpoint=turn.so_far, quiet=turn.quiet,
                   watch=lambda epoch, latest: bring_near(latest, centre, self.radius))
        return made.updates, made.seconds

    def told(self, clients: list[Split], sent: list[Tensor | None], dataset: Dataset) -> dict:
        there = [images for images in sent if images is not None]
        each = [storage_of(len(images), images[0].numel(), learned=True) for images in there]
        return {"up": sum(each), "sent": sum(map(len, there)), "silent": len(sent) - len(there)}

    def remembered(self, sent: list[Tensor | None]) -> list[Tensor | None]:
        return sent


class NearWeights:
    """One update of a client's set, as ``loop.distill`` asks for it.

    Args:
        network: with the common weights; it gets others in every update.
    """

    def __init__(self, network: Network, spec: FedDM):
        self.network, self.spec, self.centre = network, spec, copied(network)

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Prepare to update ``synthetic``; ``rng(name)`` gives the run's random streams."""
        self.streams = {name: rng(name) for name in ("weights", "sampling", "augmentation")}
        self.synthetic, self.classes = synthetic, len(dataset.classes)
        self.strategy = dataset.strategy
        self.real = ClassBatches(dataset, self.spec.real_batch, self.streams["sampling"])
        self.optimiser = torch.optim.SGD(synthetic.groups(self.spec.image_lr), momentum=MOMENTUM)
        self.chunk = images_per_backward(self.network, dataset.train.images[:1], MEMORY_MIB)

    def update(self) -> dict[str, float]:
        """One step on the images, for one network of the ball."""
        draw_near(self.network, self.centre, self.spec.radius, self.streams["weights"])
        draw = augment.draw(self.strategy, self.classes, self.streams["augmentation"])  # a row for each class
        real = augment.apply_in_parts(self.real.draw(), draw, self.chunk)
        target = chunked_means(self.network, real, self.classes, EMBEDDING, MEMORY_MIB)[0]
        weight = self.network.classifier.weight.detach()
        match = Match(EMBEDDING, self.classes, lambda means: means_apart(target, means[0], weight), 1.0, self.chunk,
                      MEMORY_MIB)
        images = self.synthetic.leaf()
        loss = match.backward(self.network, images, draw)
        self.optimiser.zero_grad(set_to_none=True)
        self.synthetic.pull(images.grad)
        self.optimiser.step()
        self.synthetic.constrain()
        return {"loss": loss}

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the set, the data and the common weights."""
        return {"optimiser": self.optimiser.state_dict(), "streams": randomness.states(self.streams)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; call ``start`` first."""
        self.optimiser.load_state_dict(state["optimiser"])
        randomness.restore(self.streams, state["streams"])


def means_apart(real: Tensor, synthetic: Tensor, weight: Tensor) -> Tensor:
    """L for means of embeddings [classes, D] of one network, whose logits are z = W h + b.

    A mean of logits is that of the embeddings through W and b, and b is the same on both sides: no logit is computed.

    Args:
        weight: W, [logits, D].
    """
    return squared_distance([real, real @ weight.T], [synthetic, synthetic @ weight.T], [1.0, 1.0])


@torch.no_grad()
def draw_near(network: Network, centre: dict[str, Tensor], radius: float, generator: torch.Generator) -> None:
    """Give a network weights within ``radius`` of those in ``centre``: into any direction, at any distance alike."""
    network.load_state_dict(centre)
    weights = list(network.parameters())
    steps = [torch.randn(weight.shape, generator=generator) for weight in weights]
    distance = radius * torch.rand((), generator=generator)
    length = torch.cat([step.flatten() for step in steps]).norm()
    for weight, step in zip(weights, steps, strict=True):
        weight += (step * (distance / length)).to(weight.device)


@torch.no_grad()
def bring_near(network: Network, centre: dict[str, Tensor], radius: float) -> None:
    """Bring a network that is further than ``radius`` from the weights in ``centre`` back to the border, straight."""
    weights = dict(network.named_parameters())
    apart = torch.cat([(weight - centre[name]).flatten() for name, weight in weights.items()]).norm()
    if apart > radius:
        for name, weight in weights.items():
            weight.copy_(centre[name] + (weight - centre[name]) * (radius / apart))
