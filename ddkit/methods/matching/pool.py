"""Networks to match on: how long each serves, how many there are, and what they are trained on meanwhile."""

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.data import augment
from ddkit.networks import Network
from ddkit.networks.bigbatch import loss_backward

Batch = tuple[Tensor, Tensor]  # images [n, C, H, W] and labels [n], or probabilities of the classes [n, classes]


class NetworkPool:
    """A few networks, of which the oldest leaves when a new one comes.

    Args:
        build: makes a new network.
        most: how many there may be.
        rate, momentum, decay: of the SGD that each is trained by.
        chunk: images that are passed forward and backward together.
    """

    def __init__(self, build: Callable[[], Network], most: int, rate: float, momentum: float, decay: float, chunk: int):
        self._build, self._most, self._chunk = build, most, chunk
        self._sgd = {"lr": rate, "momentum": momentum, "weight_decay": decay}
        self._members: list[tuple[Network, torch.optim.SGD]] = []

    def __len__(self) -> int:
        return len(self._members)

    def renew(self) -> None:
        """Add a new network; the oldest leaves if there would be too many."""
        self._members = [*self._members, self._beside_optimiser(self._build())][-self._most:]

    def _beside_optimiser(self, network: Network) -> tuple[Network, torch.optim.SGD]:
        return network, torch.optim.SGD(network.parameters(), **self._sgd)

    def network(self, number: int) -> Network:
        """One of them; 0 is the oldest, -1 the newest."""
        return self._members[number][0]

    def train(self, number: int, batches: Iterable[Batch]) -> None:
        """A step of SGD on the mean cross-entropy of each batch."""
        network, optimiser = self._members[number]
        for images, labels in batches:
            optimiser.zero_grad(set_to_none=True)
            loss_backward(network, images, labels, self._chunk)
            optimiser.step()

    def state_dict(self) -> list[dict]:
        """Of all networks with their optimisers."""
        return [{"network": network.state_dict(), "optimiser": optimiser.state_dict()}
                for network, optimiser in self._members]

    def load_state_dict(self, state: list[dict]) -> None:
        """Go on from ``state_dict``, on networks that are built for it; ``build``'s random streams are to be restored
        after this."""
        self._members = [self._beside_optimiser(self._build()) for _ in state]
        for (network, optimiser), one in zip(self._members, state, strict=True):
            network.load_state_dict(one["network"])
            optimiser.load_state_dict(one["optimiser"])


def epochs(images: Tensor, labels: Tensor, count: int, batch: int, strategy: str, shuffling: torch.Generator,
           augmentation: torch.Generator) -> Iterable[Batch]:
    """Batches of a set in random order, ``count`` times over, each image augmented on its own."""
    for _ in range(count):
        for picks in torch.randperm(len(images), generator=shuffling).split(batch):
            picks = picks.to(images.device)
            draw = augment.draw(strategy, len(picks), augmentation)
            yield augment.apply(images[picks], draw), labels[picks]


def at_random(images: Tensor, labels: Tensor, count: int, batch: int, strategy: str, shuffling: torch.Generator,
              augmentation: torch.Generator) -> Iterable[Batch]:
    """``count`` batches of a large set, drawn with replacement, each image augmented on its own."""
    for _ in range(count):
        picks = torch.randint(len(images), (min(batch, len(images)),), generator=shuffling).to(images.device)
        draw = augment.draw(strategy, len(picks), augmentation)
        yield augment.apply(images[picks], draw), labels[picks]


def cutmix(images: Tensor, labels: Tensor, classes: int, generator: torch.Generator) -> Batch:
    """CutMix (Yun et al., ICCV 2019): a box of each image is another image's, and so is its share of the label.

    As in IDC's code there is one box for the batch. It has the images' proportions, any share of their area, and its
    middle anywhere; what lies beyond the border is cut off, and the label counts what is left.

    Args:
        images: [n, C, H, W].
        labels: int64 [n].

    Returns:
        The images, and the probabilities of their classes [n, classes].
    """
    height, width = images.shape[-2:]
    area, across, down = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    rows, columns = (_interval(area**0.5, middle, size) for middle, size in ((down, height), (across, width)))
    share = (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    others = torch.randperm(len(images), generator=generator).to(images.device)
    found = images.clone()
    found[..., rows, columns] = images[others][..., rows, columns]
    own, pasted = (F.one_hot(of, classes).to(images.dtype) for of in (labels, labels[others]))
    return found, (1 - share) * own + share * pasted


def _interval(share: float, middle: float, size: int) -> slice:
    """Pixels of a side of ``size`` that a box takes, of that share of the side, around a middle from 0 to 1."""
    length, centre = int(share * size), int(middle * size)
    start = centre - length // 2
    return slice(max(0, start), min(size, start + length))


def mixed(batches: Iterable[Batch], share: float, classes: int, generator: torch.Generator) -> Iterable[Batch]:
    """The batches, that share of them by ``cutmix``."""
    for images, labels in batches:
        if float(torch.rand((), generator=generator)) < share:
            yield cutmix(images, labels, classes, generator)
        else:
            yield images, labels
