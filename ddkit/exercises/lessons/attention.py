"""Lesson 2: DataDAM's attention map, its loss, and the schedule of Table 1."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ddkit.exercises.checking import Exercise
from ddkit.exercises.owned import Wanted
from ddkit.methods.matching.datadam import attention_map, attention_matching_loss
from ddkit.specs import Distill


def _maps(generator: torch.Generator) -> list[tuple]:
    """Feature maps of both signs, and powers."""
    return [(torch.randn(3, 4, 5, 6, generator=generator), power) for power in (1, 3, 4)]


def _rows(features: Tensor, power: float) -> Tensor:
    """Attention as rows [n, H*W], before the norm."""
    return features.abs().pow(power).sum(1).flatten(1)


def _normed(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True)


_MAP_SLIPS = {
    "the norm is missing: divide each row by its Euclidean norm, so that only where counts, not how much": _rows,
    "the absolute value is missing: a place with strong negative features matters as well":
        lambda f, p: _normed(f.pow(p).sum(1).flatten(1)),
    "the power comes before the sum over the channels, not after it":
        lambda f, p: _normed(f.abs().sum(1).pow(p).flatten(1)),
    "p is not used": lambda f, p: _normed(_rows(f, 1)),
    "the sum is over the places; it should be over the channels, so that a map of places is left":
        lambda f, p: _normed(f.abs().pow(p).sum((2, 3))),
    "the channels are not summed: one map for each image is asked for":
        lambda f, p: _normed(f.abs().pow(p).flatten(1)),
    "each row is divided by its sum; the Euclidean norm is asked for":
        lambda f, p: _rows(f, p) / _rows(f, p).sum(1, keepdim=True),
    "each row is divided by its largest value; the Euclidean norm is asked for":
        lambda f, p: _rows(f, p) / _rows(f, p).amax(1, keepdim=True),
    "all rows are divided by one norm: each image needs its own": lambda f, p: _rows(f, p) / _rows(f, p).norm(),
    "the norm runs over the images (dim 0); it should run over the places of each image":
        lambda f, p: _rows(f, p) / _rows(f, p).norm(dim=0),
    "rows are divided by their squared norm": lambda f, p: _rows(f, p) / _rows(f, p).square().sum(1, keepdim=True),
    "the maps are not flattened: [n, H, W] should become [n, H*W]":
        lambda f, p: _normed(_rows(f, p)).unflatten(1, f.shape[2:]),
}


def _features(generator: torch.Generator) -> list[tuple]:
    """Maps of two blocks and embeddings, of more real images than synthetic ones."""
    shapes = ((3, 6, 6), (4, 2, 2), (7,))
    sides = [[torch.randn(3, n, *shape, generator=generator) for shape in shapes] for n in (5, 2)]
    return [(*sides, 0.01, 4), (*sides, 10.0, 1)]


def _loss(term: Callable = lambda r, s: (r.mean(0) - s.mean(0)).square().sum(), weight: Callable = lambda lam: lam,
          classes: slice = slice(None), maps: slice = slice(None),
          average: Callable = lambda losses: sum(losses)) -> Callable:
    """DataDAM's loss with one part of it done otherwise."""
    def loss(real: list[Tensor], synthetic: list[Tensor], lam: float, power: float) -> Tensor:
        losses = []
        for c in range(len(real[0]))[classes]:
            pairs = [(attention_map(r[c], power), attention_map(s[c], power))
                     for r, s in list(zip(real[:-1], synthetic[:-1], strict=True))[maps]]
            losses.append(sum(term(r, s) for r, s in pairs) + weight(lam) * term(real[-1][c], synthetic[-1][c]))
        return average(losses)
    return loss


def _over_all_classes(real: list[Tensor], synthetic: list[Tensor], lam: float, power: float) -> Tensor:
    together = [[f.flatten(0, 1)[None] for f in side] for side in (real, synthetic)]
    return attention_matching_loss(*together, lam, power)


_LOSS_SLIPS = {
    "a single image of each class is matched; the mean over the class's images is asked for":
        _loss(lambda r, s: (r[0] - s[0]).square().sum()),
    "lambda is not used: the embeddings' term has a weight": _loss(weight=lambda lam: 1),
    "the embeddings' term is missing": _loss(weight=lambda lam: 0),
    "lambda weighs the attention maps; it should weigh the embeddings": 
        lambda real, synthetic, lam, power: lam * _loss(weight=lambda _: 1 / lam)(real, synthetic, lam, power),
    "the sign is turned round: the loss should be smallest, not largest, where both sides agree":
        _loss(average=lambda losses: -sum(losses)),
    "the norm of the difference is taken; its square is asked for": _loss(lambda r, s: (r.mean(0) - s.mean(0)).norm()),
    "the squares are averaged over the places; their sum is asked for":
        _loss(lambda r, s: (r.mean(0) - s.mean(0)).square().mean()),
    "the classes' losses are averaged; their sum is asked for": _loss(average=lambda losses: sum(losses) / len(losses)),
    "only the first class is matched": _loss(classes=slice(1)),
    "only the last class is matched: add up inside the loop over the classes": _loss(classes=slice(-1, None)),
    "the classes are mixed: each class has means of its own": _over_all_classes,
    "only the first block's maps are matched: all maps in the list but the embedding are": _loss(maps=slice(1)),
    "absolute differences are summed; squares are asked for": _loss(lambda r, s: (r.mean(0) - s.mean(0)).abs().sum()),
}


def update_loop(K: int, T: int, image_steps: int, network_steps: int, fresh: Callable, update_images: Callable,
                train_network: Callable) -> None:
    """Table 1: for each of K fresh networks, T times, some updates of the images, then some of the network."""
    for _ in range(K):
        network = fresh()
        for _ in range(T):
            for _ in range(image_steps):
                update_images(network)
            for _ in range(network_steps):
                train_network(network)


def _played(loop: Callable, *numbers: int) -> list | None:
    """What a loop does, in order, with the number of the network it does it to."""
    events, networks = [], []

    def fresh() -> int:
        networks.append(len(networks))
        events.append("fresh network")
        return networks[-1]

    def told(what: str) -> Callable:
        return lambda network: events.append((what, network))

    loop(*numbers, fresh, told("images"), told("network"))
    return events or None


def _otherwise(order: Iterable[str], fresh_in: str = "K") -> Callable:
    """The loop with its ranges in another order, or with a fresh network elsewhere."""
    def loop(K, T, image_steps, network_steps, fresh, update_images, train_network):  # the student's signature
        first, second = ({"K": K, "T": T}[name] for name in order)
        network = fresh() if fresh_in == "once" else None
        for _ in range(first):
            network = fresh() if fresh_in == "K" else network
            for _ in range(second):
                network = fresh() if fresh_in == "T" else network
                _round(image_steps, network_steps, network, update_images, train_network)
    return loop


def _round(image_steps, network_steps, network, update_images, train_network):
    for _ in range(image_steps):
        update_images(network)
    for _ in range(network_steps):
        train_network(network)


def _rounds(one_round: Callable) -> Callable:
    """The loop with another order of things within a round."""
    def loop(K, T, image_steps, network_steps, fresh, update_images, train_network):
        for _ in range(K):
            network = fresh()
            for _ in range(T):
                one_round(image_steps, network_steps, network, update_images, train_network)
    return loop


def _trained_after(K, T, image_steps, network_steps, fresh, update_images, train_network):
    for _ in range(K):
        network = fresh()
        for _ in range(T * image_steps):
            update_images(network)
        for _ in range(T * network_steps):
            train_network(network)


def _interleaved(image_steps, network_steps, network, update_images, train_network):
    for _ in range(image_steps):
        update_images(network)
        for _ in range(network_steps):
            train_network(network)


_LOOP_SLIPS = {
    "K and T have changed places: K counts networks, T the rounds with each of them": _otherwise("TK"),
    "every round gets a fresh network: a network stays for all of its T rounds": _otherwise("KT", "T"),
    "one network serves for all: each of the K begins with fresh weights": _otherwise("KT", "once"),
    "the network is trained before the images are updated: images come first": _rounds(
        lambda i, n, *what: (_round(0, n, *what), _round(i, 0, *what))),
    "the network is never trained: zeta_theta steps follow the images' updates": _rounds(
        lambda i, n, network, images, train: _round(i, 0, network, images, train)),
    "zeta_S and zeta_theta have changed places": _rounds(
        lambda i, n, network, images, train: _round(n, i, network, images, train)),
    "there is one update of the images a round, whatever zeta_S says": _rounds(
        lambda i, n, network, images, train: _round(1, n, network, images, train)),
    "there is one step of the network a round, whatever zeta_theta says": _rounds(
        lambda i, n, network, images, train: _round(i, 1, network, images, train)),
    "the network is trained after every single update of the images: it is trained once all zeta_S of them are made":
        _rounds(_interleaved),
    "the network is trained at the end of its T rounds only: each round ends with its zeta_theta steps": _trained_after,
}

EXERCISES = {
    "attention-map": Exercise(attention_map, _maps, _MAP_SLIPS),
    "attention-loss": Exercise(attention_matching_loss, _features, _LOSS_SLIPS, allowed=("attention_map",)),
    "update-loop": Exercise(update_loop, lambda generator: [(2, 3, 2, 4), (3, 1, 1, 2)], _LOOP_SLIPS, _played),
}


def _distilled(specs: list) -> bool:
    return all(isinstance(spec, Distill) for spec in specs) and {"real", "noise"} <= {spec.init for spec in specs}


RECORDS = {"own-records": Wanted("two distillations, one from real images and one from noise", _distilled)}
