"""Lesson 15, for practice: the mean of clients' weights, and the bytes that go to and fro."""

from collections.abc import Callable

import torch
from torch import Tensor

from ddkit.applications.federated.clients import average
from ddkit.exercises.checking import Exercise

Weights = list[dict[str, Tensor]]


def _clients(generator: torch.Generator) -> list[tuple]:
    """Weights of three and of four clients, and how many images each has."""
    def drawn(clients: int) -> Weights:
        return [{"conv": torch.randn(2, 3, generator=generator), "bias": torch.randn(2, generator=generator)}
                for _ in range(clients)]
    return [(drawn(3), [1, 3, 2]), (drawn(4), [5, 2, 7, 4])]


def _counted(share: Callable[[Tensor], Tensor]) -> Callable:
    """A sum in which client k counts ``share(counts)[k]`` times."""
    def summed(weights: Weights, counts: list[int]) -> dict[str, Tensor]:
        shares = share(torch.tensor(counts, dtype=torch.float32))
        return {name: sum(own * one[name] for own, one in zip(shares, weights, strict=True)) for name in weights[0]}
    return summed


_mean = _counted(lambda n: n / n.sum())


_AVERAGE_SLIPS = {
    "all clients count alike; a client counts as often as it has images":
        _counted(lambda n: torch.ones(len(n)) / len(n)),
    "the weights are summed, not averaged: divide by all images": _counted(lambda n: n),
    "divide by the number of all images, not by that of the clients": _counted(lambda n: n / len(n)),
    "divide by the sum of the images, not by the most that a client has": _counted(lambda n: n / n.max()),
    "each client is divided by its own images: who has more should count more":
        _counted(lambda n: (1 / n) / (1 / n).sum()),
    "a softmax of the counts leaves nearly all to the largest client: take n_k / n": _counted(lambda n: n.softmax(0)),
    "the counts enter squared: n_k / n is asked for": _counted(lambda n: n**2 / (n**2).sum()),
    "these are the weights of the client with the most images": lambda w, n: w[max(range(len(n)), key=n.__getitem__)],
    "these are the weights of the last client": lambda w, n: w[-1],
    "these are the weights of the first client": lambda w, n: w[0],
    "the first client is left out": lambda w, n: _mean(w[1:], n[1:]),
    "the last client is left out": lambda w, n: _mean(w[:-1], n[:-1]),
    "only the first tensor is averaged: a network has more, biases among them":
        lambda w, n: {name: _mean(w, n)[name] if name == next(iter(w[0])) else w[0][name] for name in w[0]},
    "the counts are paired with the wrong clients: they come in the same order": lambda w, n: _mean(w, n[::-1]),
}


def there_and_back(weights: int, clients: int, rounds: int) -> int:
    """Bytes of FedAvg with float32 weights, in both directions, and of the last weights on their way down."""
    return 4 * weights * clients * (2 * rounds + 1)


_BYTES_SLIPS = {
    "this counts one direction: weights go down before every round, too": lambda p, k, r: 4 * p * k * r,
    "the trained weights at the end are left out: clients want them, once more down": lambda p, k, r: 8 * p * k * r,
    "these are numbers, not bytes: a float32 has four": lambda p, k, r: p * k * (2 * r + 1),
    "these are bits; a byte has eight": lambda p, k, r: 32 * p * k * (2 * r + 1),
    "a float32 has four bytes, not eight": lambda p, k, r: 8 * p * k * (2 * r + 1),
    "a float32 has four bytes, not two": lambda p, k, r: 2 * p * k * (2 * r + 1),
    "this is what one client sends and gets: there are more of them": lambda p, k, r: 4 * p * (2 * r + 1),
    "the last download is counted for one client; all of them want it": lambda p, k, r: 4 * p * (2 * k * r + 1),
    "this is one round: there are more of them": lambda p, k, r: 12 * p * k,
    "one download too many: down before every round and once at the end is rounds + 1":
        lambda p, k, r: 8 * p * k * (r + 1),
    "these are megabytes; bytes are asked for": lambda p, k, r: there_and_back(p, k, r) / 1e6,
    "the server keeps a copy, but nothing is sent for it": lambda p, k, r: there_and_back(p, k, r) + 4 * p,
}

PRACTICE = {
    "weighted-average": Exercise(average, _clients, _AVERAGE_SLIPS),
    "bytes-of-rounds": Exercise(there_and_back, lambda generator: [(24_138, 10, 7), (61_706, 3, 4)], _BYTES_SLIPS),
}
