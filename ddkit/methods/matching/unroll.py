"""Backpropagation through training: what a few images do to the weights that steps on them lead to.

A student's T steps are those of heavy-ball SGD, with its own learning rate alpha_t and momentum beta_t for each,

    v_{t+1} = beta_t v_t + g_t,    theta_{t+1} = theta_t - alpha_t v_{t+1},    g_t = grad loss(theta_t; S_t),

and a loss of its weights, at the end or after other steps too, is differentiated in images, labels, rates and momenta.
DD, RTP, RaT-BPTT, GTN and trajectory matching differ in that loss and in the steps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ddkit.foundation.errors import one_of, require

Loss = Callable[[Tensor], Tensor]  # of flat weights [P], a scalar
NO_LOSSES: Mapping[int, Loss] = {}


class Learner(Protocol):
    """What has weights and follows a gradient in them, such as ``student.Student``."""

    def gradient(self, weights: Tensor, images: Tensor, labels: Tensor, batch, graph: bool = True) -> Tensor:
        """The gradient [P] of a batch's loss; ``graph`` lets it be differentiated again."""


@dataclass(frozen=True)
class Rule:
    """How weights follow gradients: one learning rate for all steps, [], or one for each, [T]; momentum likewise.

    A ``momentum`` of None is plain SGD, which has no velocity to keep.
    """

    rates: Tensor
    momentum: Tensor | None = None

    def rate(self, step: int) -> Tensor:
        return self.rates if self.rates.ndim == 0 else self.rates[step]

    def kept(self, step: int) -> Tensor:
        """The share of its velocity that a step keeps: beta."""
        return self.momentum if self.momentum.ndim == 0 else self.momentum[step]

    def step(self, step: int, weights: Tensor, velocity: Tensor | None, gradient: Tensor) -> tuple:
        """Weights and velocity after a step, from those before it; there is no velocity without momentum."""
        if self.momentum is not None:
            gradient = velocity = self.kept(step) * velocity + gradient
        return weights - self.rate(step) * gradient, velocity

    def at_rest(self, weights: Tensor) -> Tensor | None:
        """The velocity before the first step."""
        return None if self.momentum is None else torch.zeros_like(weights)

    def check(self, steps: int) -> None:
        for values in (self.rates, self.momentum):
            require(values is None or values.shape in ((), (steps,)),
                    f"{steps} steps have one rate and one momentum, or {steps} of each, got "
                    f"{None if values is None else list(values.shape)}")


@dataclass(frozen=True)
class Gradients:
    """The loss and its gradients in images, learned labels (None where they are classes), learning rates and momenta
    (None where there are none), each in the shape of what it is of."""

    loss: float
    images: Tensor
    labels: Tensor | None
    rate: Tensor
    momentum: Tensor | None = None


def unroll(student: Learner, start: Tensor, images: Tensor, labels: Tensor, batches: Sequence, rule: Rule, outer: Loss,
           *, window: tuple[int, int] | None = None, within: Mapping[int, Loss] = NO_LOSSES,
           mode: str = "stepwise") -> Gradients:
    """Differentiate the loss after training through it.

    Args:
        student: whose gradients the steps follow.
        start: its weights before the first step, flat, [P].
        images, labels: [N, C, H, W] and [N] or, if they are differentiated in, [N, classes].
        batches: what each of the T steps sees, as ``student.Batch``.
        rule: the steps' learning rates and momenta.
        outer: the loss of the weights at the end.
        window: (first, length): the steps before ``first`` are made, but not differentiated through, and the end is
            ``length`` steps later; None takes all steps. Momentum gathered before counts, as a constant.
        within: further losses, of the weights after so many steps; all are summed.
        mode: ``stepwise`` (memory holds one step's graph) or ``unrolled`` (every step's); both give the same.

    Raises:
        InputError: rates, window or losses do not fit the steps.
    """
    rule.check(len(batches))
    first, length = window or (0, len(batches))
    end = first + length
    require(0 <= first < end <= len(batches), f"a window of {length} steps from step {first} on does not lie within "
                                              f"{len(batches)} steps")
    require(all(first < t < end for t in within), f"losses within lie after step {first} and before step {end}, got "
                                                  f"{sorted(within)}")
    course = _Course(student, images.detach(), labels.detach(), batches, rule)
    weights, velocity = start.detach(), rule.at_rest(start)
    for step in range(first):
        weights, velocity = course.step(step, weights, velocity)
    return MODES[one_of(mode, MODES, "mode of unrolling")](course, (first, end), weights, velocity,
                                                          {**within, end: outer})


def visited(student: Learner, start: Tensor, images: Tensor, labels: Tensor, batches: Sequence, rule: Rule) -> Tensor:
    """The weights [T + 1, P] that the steps lead through, ``start`` the first; no graph is kept."""
    return _Course(student, images, labels, batches, rule).walk(0, len(batches), start, rule.at_rest(start))[0]


def along(student: Learner, weights: Tensor, leaves: list[Tensor], labels: Tensor, batch, direction: Tensor,
          in_weights: bool = True) -> tuple[Tensor, list[Tensor]]:
    """How the batch's gradient g changes along a direction u, for which one step's graph is enough.

    Args:
        weights, direction: flat, [P].
        leaves: the images and, if they are soft, the labels, which are differentiated in.
        in_weights: whether the weights are differentiated in, too.

    Returns:
        u . g, and its derivatives in each of the leaves and, last, in the weights.
    """
    weights = weights.clone().requires_grad_()
    value = (direction * student.gradient(weights, leaves[0], _labels(leaves, labels), batch)).sum()
    found = torch.autograd.grad(value, [*leaves, weights] if in_weights else leaves)
    return value.detach(), list(found)


@dataclass(frozen=True)
class _Course:
    """The steps of a student on a set, none of which is differentiated through."""

    student: Learner
    images: Tensor
    labels: Tensor
    batches: Sequence
    rule: Rule

    def step(self, step: int, weights: Tensor, velocity: Tensor | None) -> tuple[Tensor, Tensor | None]:
        weights = weights.clone().requires_grad_()
        gradient = self.student.gradient(weights, self.images, self.labels, self.batches[step], graph=False)
        weights, velocity = self.rule.step(step, weights.detach(), velocity, gradient)
        return weights.detach(), velocity if velocity is None else velocity.detach()

    def walk(self, first: int, end: int, weights: Tensor, velocity: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """All weights, [end - first + 1, P], and velocities, likewise, on the way from step ``first`` to ``end``."""
        # In one piece: many small tensors that stay would keep the memory between them from being used again.
        path = weights.new_empty(end - first + 1, len(weights))
        velocities = None if velocity is None else torch.empty_like(path)
        for step in range(first, end + 1):
            path[step - first] = weights
            if velocities is not None:
                velocities[step - first] = velocity
            if step < end:
                weights, velocity = self.step(step, path[step - first], velocity)
        return path, velocities


def _unrolled(course: _Course, window: tuple[int, int], weights: Tensor, velocity: Tensor | None,
              losses: Mapping[int, Loss]) -> Gradients:
    """Differentiate through all steps at once, as MTT does; memory grows with their number."""
    rule = Rule(*(t if t is None else t.detach().requires_grad_() for t in (course.rule.rates, course.rule.momentum)))
    leaves, total = _leaves(course.images, course.labels), 0.0
    weights = weights.clone().requires_grad_()
    for step in range(*window):
        gradient = course.student.gradient(weights, leaves[0], _labels(leaves, course.labels), course.batches[step])
        weights, velocity = rule.step(step, weights, velocity, gradient)
        if step + 1 in losses:
            total = total + losses[step + 1](weights)
    wanted = [*leaves, rule.rates, *([] if rule.momentum is None else [rule.momentum])]
    found = torch.autograd.grad(total, wanted)
    return Gradients(total.item(), found[0], found[1] if len(leaves) > 1 else None, *found[len(leaves):])


def _stepwise(course: _Course, window: tuple[int, int], weights: Tensor, velocity: Tensor | None,
              losses: Mapping[int, Loss]) -> Gradients:
    """The same gradient one step at a time, as TESLA does (Cui et al., ICML 2023): memory holds one step's graph.

    First the steps are made without a graph. Then, from the last to the first, with l = dL/dtheta_{t+1} and
    m = dL/dv_{t+1}, which begin as the loss's slope and 0:

        dL/dalpha_t -= l . v_{t+1},    m -= alpha_t l,    dL/dS += d(m . g_t)/dS,    l += d(m . g_t)/dtheta_t,
        dL/dbeta_t += m . v_t,    m <- beta_t m.

    Without momentum m is -alpha_t l in every step, and alpha_t is taken out of the derivatives. TESLA leaves out what l
    gathers, which treats theta_t as if it did not depend on the images of earlier steps; with it the gradient is the
    unrolled one, for the price of no further pass. Only the visited weights, and velocities, are kept of a step.
    """
    first, end = window
    path, velocities = course.walk(first, end, weights, velocity)
    rule, leaves = course.rule, _leaves(course.images, course.labels)
    sums = [torch.zeros_like(leaf) for leaf in leaves]
    of_rates, of_momenta = (t if t is None else torch.zeros_like(t) for t in (rule.rates, rule.momentum))
    loss, slope = _slope(losses[end], path[end - first])
    pull = rule.at_rest(slope)  # on the velocity: m
    for step in reversed(range(first, end)):
        weights, rate, here = path[step - first], rule.rate(step), () if rule.rates.ndim == 0 else step
        if pull is None:
            direction, scale = slope, -rate
        else:
            of_rates[here] -= (slope * velocities[step - first + 1]).sum()
            direction = pull = pull - rate * slope
            scale = 1
        value, (*found, of_weights) = along(course.student, weights, leaves, course.labels, course.batches[step],
                                            direction)
        for total, part in zip(sums, found, strict=True):
            total += scale * part
        slope = slope + scale * of_weights
        if pull is None:
            of_rates[here] -= value
        else:
            of_momenta[() if rule.momentum.ndim == 0 else step] += (pull * velocities[step - first]).sum()
            pull = rule.kept(step) * pull
        if step in losses:
            more, steeper = _slope(losses[step], weights)
            loss, slope = loss + more, slope + steeper
    return Gradients(loss, sums[0], sums[1] if len(sums) > 1 else None, of_rates, of_momenta)


MODES: dict[str, Callable[..., Gradients]] = {"stepwise": _stepwise, "unrolled": _unrolled}


def _slope(loss: Loss, weights: Tensor) -> tuple[float, Tensor]:
    """A loss of weights, and its gradient in them."""
    weights = weights.clone().requires_grad_()
    value = loss(weights)
    return value.item(), torch.autograd.grad(value, weights)[0]


def _leaves(images: Tensor, labels: Tensor) -> list[Tensor]:
    """The tensors to differentiate in: the images, and the labels if they are soft."""
    return [t.detach().requires_grad_() for t in (images, labels) if t.is_floating_point()]


def _labels(leaves: list[Tensor], labels: Tensor) -> Tensor:
    return leaves[1] if len(leaves) > 1 else labels
