"""Gradient matching for a network without hidden layers: GCond with SGC, whose gradient is a formula.

Of softmax regression on rows H of class c, with P = softmax(H W + b) and one-hot Y, the gradient in W is

    G_c = H^T (P - Y) / n_c,

so that nothing is differentiated twice. Synthetic rows follow the real ones class by class (GCond, eq. 5 and 6):

    L = sum_c sum_k (1 - cos(G_c[:, k], G'_c[:, k])),

columns k being the weights of an output. Between two updates W and b take steps on the synthetic rows.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from torch import Tensor

from ddkit.applications.graphs.adjacency import cut, draw_weights, edges, spread
from ddkit.data import Split
from ddkit.foundation import randomness
from ddkit.foundation.knobs import Knob, Knobs


@dataclass(frozen=True)
class CondensePlan(Knobs):
    """The knobs of a condensation."""

    graph: Annotated[bool, Knob("learn edges between synthetic nodes; if not, they have none (GCond-X)")] = True
    networks: Annotated[int, Ge(1), Knob("fresh W and b, one after the other", "K")] = 8
    outer: Annotated[int, Ge(1), Knob("updates on each", "T")] = 20
    inner: Annotated[int, Ge(0), Knob("steps of W and b between two of them")] = 15
    inner_lr: Annotated[float, Gt(0), Knob("of these, in units of 1 / the rows' mean squared length")] = 1.0
    row_lr: Annotated[float, Gt(0), Knob("of Adam, on the rows")] = 0.03
    edge_lr: Annotated[float, Gt(0), Knob("of Adam, on the weights of the edges")] = 0.001
    edge_start: Annotated[float, Gt(0), Le(0.99), Knob("what an edge is at first, about (the paper's begin at a half, "
                                                       "which makes all nodes nearly alike)")] = 0.02
    period: Annotated[int, Ge(1), Knob("updates after which edges have their turn again")] = 50
    turn: Annotated[int, Ge(0), Knob("of those, how many move the edges; the others move the rows")] = 10
    cut: Annotated[float, Ge(0), Le(1), Knob("edges below are left out of the set", "delta")] = 0.01

    @property
    def updates(self) -> int:
        return self.networks * self.outer


@dataclass(frozen=True)
class Places:
    """Where the rows of each class stand, so that all classes are computed at once.

    Attributes:
        index: int64 [classes, most]; of a class with fewer rows than ``most``, its first again.
        share: [classes, most], 1 / n_c, and 0 of those that are there again.
    """

    index: Tensor
    share: Tensor

    @classmethod
    def of(cls, labels: Tensor, classes: int) -> "Places":
        members = [torch.nonzero(labels == label)[:, 0] for label in range(classes)]
        most = max(map(len, members))
        index = torch.stack([torch.cat([own, own[:1].repeat(most - len(own))]) for own in members])
        share = torch.stack([(torch.arange(most) < len(own)) / len(own) for own in members])
        return cls(index, share)


def slopes(rows: Tensor, places: Places, weights: Tensor, bias: Tensor) -> Tensor:
    """G_c of every class, [classes, d, classes], of rows [n, d]."""
    given = rows[places.index]
    own = torch.eye(len(given), dtype=rows.dtype, device=rows.device)[:, None]
    wrong = ((given @ weights + bias).softmax(2) - own) * places.share[..., None].to(rows.dtype)
    return given.transpose(1, 2) @ wrong


def loss(real: Tensor, synthetic: Tensor) -> Tensor:
    """L of the gradients [classes, d, classes] of real and of synthetic rows."""
    return (1 - F.cosine_similarity(real, synthetic, dim=1)).sum()


class Condensation:
    """Synthetic rows, their edges, and the networks that both are matched on.

    Args:
        rows, labels: [n, d] and int64 [n], to begin from.
        seed: split into the random streams.
    """

    def __init__(self, plan: CondensePlan, real: Split, rows: Tensor, labels: Tensor, seed: int):
        self.plan, self.labels, self.real = plan, labels, real.images.flatten(1).to(rows.dtype)
        self.classes = int(labels.max()) + 1
        self.places = {"real": Places.of(real.labels, self.classes), "synthetic": Places.of(labels, self.classes)}
        self.streams = {name: randomness.stream(seed, name) for name in ("edges", "networks")}
        self.rows = rows.clone().requires_grad_()
        self.edge_weights = draw_weights(rows.shape[1], plan.edge_start, self.streams["edges"]) if plan.graph else []
        for weight in self.edge_weights:
            weight.requires_grad_()
        self.optimisers = {"rows": torch.optim.Adam([self.rows], lr=plan.row_lr)}
        if plan.graph:
            self.optimisers["edges"] = torch.optim.Adam(self.edge_weights, lr=plan.edge_lr)
        self.done, self.losses = 0, []
        self.weights = self.bias = torch.empty(0)

    def adjacency(self) -> Tensor | None:
        """A' [n, n], or None of nodes without edges."""
        return edges(self.rows, self.edge_weights) if self.plan.graph else None

    def seen(self) -> Tensor:
        """What a network is trained on: the rows with their neighbours' shares, weak edges left out."""
        with torch.no_grad():
            adjacency = self.adjacency()
            return spread(self.rows.detach(), None if adjacency is None else cut(adjacency, self.plan.cut))

    def update(self) -> float:
        """One update, of the rows or of the edges, and the steps of the network after it; returns the loss."""
        plan = self.plan
        if self.done % plan.outer == 0:
            self._fresh_network()
        found = self.loss()
        turn = "edges" if plan.graph and self.done % plan.period < plan.turn else "rows"
        optimiser = self.optimisers[turn]
        optimiser.zero_grad(set_to_none=True)
        found.backward(inputs=optimiser.param_groups[0]["params"])
        optimiser.step()
        self._train()
        self.done += 1
        self.losses.append(found.item())
        return self.losses[-1]

    def loss(self) -> Tensor:
        """L, before the network as it is now."""
        network = self.weights, self.bias
        return loss(slopes(self.real, self.places["real"], *network),
                    slopes(spread(self.rows, self.adjacency()), self.places["synthetic"], *network))

    def _fresh_network(self) -> None:
        numbers = self.rows.shape[1]
        bound = 1 / math.sqrt(numbers)
        draw = 2 * torch.rand(numbers + 1, self.classes, generator=self.streams["networks"]) - 1
        self.weights, self.bias = bound * draw[:-1], bound * draw[-1]

    @torch.no_grad()
    def _train(self) -> None:
        """Steps down the cross-entropy of the synthetic rows."""
        rows = spread(self.rows, self.adjacency())
        step = self.plan.inner_lr / float(rows.square().sum(1).mean())
        for _ in range(self.plan.inner):
            wrong = ((rows @ self.weights + self.bias).softmax(1) - F.one_hot(self.labels, len(self.bias))) / len(rows)
            self.weights, self.bias = self.weights - step * rows.T @ wrong, self.bias - step * wrong.sum(0)

    def state_dict(self) -> dict:
        """All that the next update depends on, besides the real rows."""
        return {"rows": self.rows.detach(), "edges": [weight.detach() for weight in self.edge_weights],
                "optimisers": {name: one.state_dict() for name, one in self.optimisers.items()}, "done": self.done,
                "losses": self.losses, "network": [self.weights, self.bias],
                "streams": randomness.states(self.streams)}

    @torch.no_grad()
    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``."""
        for mine, kept in zip([self.rows, *self.edge_weights], [state["rows"], *state["edges"]], strict=True):
            mine.copy_(kept)
        for name, one in self.optimisers.items():
            one.load_state_dict(state["optimisers"][name])
        self.done, self.losses, (self.weights, self.bias) = state["done"], list(state["losses"]), state["network"]
        randomness.restore(self.streams, state["streams"])
