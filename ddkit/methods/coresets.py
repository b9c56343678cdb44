"""Coresets: a few real images chosen to stand for all, unmoved; the baselines of every distilled set.

Each rule is a function that picks rows of a class: of embeddings (the pixels, or a network's), or of scores.
``select`` applies one to every class of a data set and returns a ``SyntheticSet``, so that everything that takes a
distilled set takes a coreset.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint, readable
from ddkit.foundation.errors import one_of, require
from ddkit.foundation.randomness import stream
from ddkit.networks import Network, build_for
from ddkit.networks.looking import looking_at
from ddkit.synthetic import SyntheticSet, check_ipc
from ddkit.training import PROTOCOLS, TEST_BATCH, Protocol, fit, logits

PIXELS = "pixels"  # in place of a network: no network at all


def at_random(rows: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """``k`` of the rows [n, ...], int64 [k]."""
    return torch.randperm(len(rows), generator=generator)[:k]


def herding(rows: Tensor, k: int, generator: torch.Generator | None = None) -> Tensor:
    """Rows whose mean follows that of all (Welling, ICML 2009; as iCaRL chooses exemplars, Rebuffi et al., CVPR 2017).

    With mu the mean of all rows, the j-th pick is the row x, not picked before, that minimises
    ``| mu - (x + sum of the picks before) / j |``. Nothing is drawn.

    Args:
        rows: embeddings [n, D].
        k: how many to pick, at most n.

    Returns:
        Their indices in the order of picking, int64 [k].
    """
    rows = rows.double()
    mean, squares = rows.mean(0), rows.square().sum(1)
    missing, picks = torch.zeros_like(mean), []
    for _ in range(k):
        missing = missing + mean  # j mu - sum of the picks before: what the j-th row should be
        distances = squares - 2 * rows @ missing  # squared, less |missing|^2, which all have
        distances[picks] = torch.inf
        picks.append(int(distances.argmin()))
        missing = missing - rows[picks[-1]]
    return torch.tensor(picks)


def k_centre(rows: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """Rows that leave none far away: the greedy 2-approximation of the k-centre problem (Gonzalez, 1985), by which
    Sener and Savarese (ICLR 2018) choose images.

    The first row is drawn; each further one is the row that is farthest from its nearest pick.

    Args:
        rows: embeddings [n, D].
        k: how many to pick, at most n.

    Returns:
        Their indices in the order of picking, int64 [k].
    """
    rows = rows.double()
    picks = [int(torch.randint(len(rows), (), generator=generator))]
    nearest = (rows - rows[picks[0]]).square().sum(1)
    while len(picks) < k:
        nearest[picks[-1]] = -1  # never again, even where rows repeat
        picks.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, (rows - rows[picks[-1]]).square().sum(1))
    return torch.tensor(picks)


def forgetting_events(right: Tensor) -> Tensor:
    """How often each image was forgotten: classified correctly at one look and not at the next (Toneva et al., "An
    Empirical Study of Example Forgetting", ICLR 2019).

    Args:
        right: whether each image was classified correctly at each look, bool [looks, n].

    Returns:
        int64 [n]; an image that was never right counts as forgotten more often than any other can be: ``looks`` times.
    """
    events = (right[:-1] & ~right[1:]).sum(0)
    return torch.where(right.any(0), events, len(right))


def most_forgotten(rows: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """The ``k`` rows [n] of highest score, int64 [k]; ties are drawn."""
    order = torch.randperm(len(rows), generator=generator)
    return order[rows[order].argsort(descending=True, stable=True)][:k]


METHODS: dict[str, Callable[[Tensor, int, torch.Generator], Tensor]] = {
    "random": at_random, "herding": herding, "k-centre": k_centre, "forgetting": most_forgotten}
Checkpoints = Callable[[str], Checkpoint]  # by the name of their file
STARTS = ("herding", "k-centre")  # that a distillation can start from, chosen by pixels; random images are "real"


def check(method: str, on: str, epochs: int) -> None:
    """Raise InputError unless ``select`` can work so."""
    one_of(method, METHODS, "coreset method")
    require(epochs >= 0, f"a network is trained for 0 or more epochs, got {epochs}")
    require(method != "forgetting" or (on != PIXELS and epochs >= 2),
            "forgetting watches a network in training for at least 2 epochs: name one in place of pixels, as "
            "ConvNetD3, and its epochs")


def draws(method: str, on: str = PIXELS) -> bool:
    """Whether anything is drawn, so that another seed may choose other images."""
    return method != "herding" or on != PIXELS


def select(dataset: Dataset, ipc: int, method: str = "herding", *, on: str = PIXELS, width: int = 128, epochs: int = 5,
           seed: int = 0, checkpoint: Checkpoints | None = None, quiet: bool = False) -> SyntheticSet:
    """Choose ``ipc`` training images of each class.

    Args:
        method: ``random``, ``herding``, ``k-centre`` or ``forgetting``.
        on: ``pixels``, or the network (as for ``networks.build``) whose embedding is looked at.
        width, epochs: of that network and of its training (``training_of``) on the whole train part, which leaves it
            random if there are none.
        seed: of everything random in the choice.
        checkpoint: gives a file's name its ``Checkpoint``, to save the network's training to and to resume it from.

    Raises:
        InputError: an argument that cannot work.
    """
    check(method, on, epochs)
    check_ipc(ipc, dataset)
    train = dataset.train
    if method == "forgetting":
        described = forgetting_events(looks(dataset, on, width, epochs, seed, checkpoint, quiet))
    elif on == PIXELS or method == "random":
        described = train.images.flatten(1)
    else:
        described = embeddings(trained(dataset, on, width, epochs, seed, checkpoint, quiet), train.images)
    described, labels, generator, picks = described.cpu(), train.labels.cpu(), stream(seed, "coreset"), []
    for label in range(len(dataset.classes)):
        members = torch.nonzero(labels == label)[:, 0]
        picks.append(members[METHODS[method](described[members], ipc, generator)])
    return SyntheticSet.from_indices(dataset, torch.cat(picks).to(train.images.device), method)


def training_of(epochs: int) -> Protocol:
    """How the network is trained: the assignment's protocol, not augmented, of that many epochs."""
    return replace(PROTOCOLS["assignment"], epochs=epochs)


def trained(dataset: Dataset, network: str, width: int, epochs: int, seed: int, checkpoint: Checkpoints | None = None,
            quiet: bool = False, watch: Callable[[int, Network], None] | None = None) -> Network:
    """A network trained on the whole train part for some epochs; ``watch`` as for ``training.fit``."""
    model = build_for(dataset, network, width, stream(seed, "coreset network"))
    if epochs:
        fit(model, dataset.train, training_of(epochs), stream(seed, "coreset order"), title=f"{network} for a coreset",
            checkpoint=checkpoint and checkpoint("checkpoint.pt"), quiet=quiet, watch=watch)
    return model


def looks(dataset: Dataset, network: str, width: int, epochs: int, seed: int, checkpoint: Checkpoints | None = None,
          quiet: bool = False) -> Tensor:
    """Whether each training image is classified correctly after each epoch of training, bool [epochs, N].

    Toneva et al. look at an image whenever it is in a mini-batch, which is as often, but at a younger network.
    """
    kept, right = checkpoint and checkpoint("looks.pt"), []
    state = kept and kept.load()
    if state:
        with readable(kept):
            right = state["right"]

    def look(epoch: int, model: Network) -> None:
        require(len(right) >= epoch, f"{kept and kept.path} lacks looks that were taken before the training stopped: "
                                     "delete the folder to choose anew")
        del right[epoch:]  # looks after the checkpoint that the training is resumed from
        right.append(_right(model, dataset.train))
        if kept:
            kept.save({"right": right})

    trained(dataset, network, width, epochs, seed, checkpoint, quiet, look)
    if kept:
        kept.remove()
    return torch.stack(right[1:])  # the first is at the untrained network


def _right(network: Network, split: Split) -> Tensor:
    return logits(network, split.images).argmax(1) == split.labels.cpu()


@torch.inference_mode()
def embeddings(network: Network, images: Tensor) -> Tensor:
    """The input of the network's last linear layer, float32 [N, D], of images [N, C, H, W]."""
    found = []
    with looking_at(network):
        for batch in images.split(TEST_BATCH):
            for latest in network.maps(batch):
                embedding = latest
            found.append(embedding)
    return torch.cat(found)
