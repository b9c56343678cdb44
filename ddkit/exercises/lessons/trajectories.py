"""Lesson 6: PAD's two filters, the loss between weights, and a student that is differentiated."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddkit.exercises.checking import Exercise
from ddkit.exercises.owned import Wanted
from ddkit.methods.matching.student import Batch, Student
from ddkit.methods.matching.trajectory import trajectory_loss
from ddkit.networks import build
from ddkit.specs import Distill, Experts
from ddkit.training import difficulty

PAPER_EPOCHS = 100  # of PAD's experts, for which its schedule of subsets is written


def el2n(logits: Tensor, labels: Tensor) -> Tensor:
    """Length [n] of the error of each row of logits [n, classes], ``|softmax(logits) - onehot(labels)|``."""
    return _errors(logits, labels).norm(dim=1)


def _errors(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.softmax(1) - F.one_hot(labels, logits.shape[1])


def _answers(generator: torch.Generator) -> list[tuple]:
    """Logits and labels, of as many images as classes and of more."""
    return [(3 * torch.randn(n, classes, generator=generator), torch.randint(classes, (n,), generator=generator))
            for n, classes in ((4, 4), (9, 3))]


_EL2N_SLIPS = {
    "the softmax is missing: the error is between probabilities and the label, not between logits and the label":
        lambda logits, labels: (logits - F.one_hot(labels, logits.shape[1])).norm(dim=1),
    "the label is missing: subtract the one-hot label from the probabilities before taking the length":
        lambda logits, labels: logits.softmax(1).norm(dim=1),
    "that is the squared length: take the root": lambda logits, labels: _errors(logits, labels).square().sum(1),
    "absolute errors are summed; the Euclidean length is asked for":
        lambda logits, labels: _errors(logits, labels).abs().sum(1),
    "the squares are averaged over the classes; their sum is asked for":
        lambda logits, labels: _errors(logits, labels).square().mean(1).sqrt(),
    "the length runs over the images (dim 0): each image has a length of its own, over its classes":
        lambda logits, labels: _errors(logits, labels).norm(dim=0),
    "all images got one length together: one number for each image is asked for":
        lambda logits, labels: _errors(logits, labels).norm(),
    "the softmax runs over the images (dim 0); it should run over the classes":
        lambda logits, labels: (logits.softmax(0) - F.one_hot(labels, logits.shape[1])).norm(dim=1),
    "only the right class counts there: the error of the other classes belongs to the length, too":
        lambda logits, labels: 1 - logits.softmax(1)[torch.arange(len(labels)), labels],
    "that is the cross-entropy: EL2N is the length of the error vector":
        lambda logits, labels: F.cross_entropy(logits, labels, reduction="none"),
    "the likeliest class stands in the label's place: compare with the label, not with what the network names":
        lambda logits, labels: _errors(logits, logits.argmax(1)).norm(dim=1),
}


def subset(easiest_first: Tensor, epoch: int) -> Tensor:
    """The images [n], of all in order of difficulty [N], that an expert of PAD's sees in an epoch of a hundred."""
    return difficulty.subset(easiest_first, epoch, PAPER_EPOCHS)


def _share(epoch: int) -> float:
    return min(1.0, 0.75 + 0.25 * epoch / 20)


def _dropped(epoch: int) -> float:
    return 0.0 if epoch < 40 else 0.1 if epoch < 60 else 0.2


def _seen(share: Callable = _share, dropped: Callable = _dropped) -> Callable:
    """The subset from one share of the images to another, as functions of the epoch."""
    def seen(easiest_first: Tensor, epoch: int) -> Tensor:
        images = len(easiest_first)
        return easiest_first[round(dropped(epoch) * images) : round(share(epoch) * images)]
    return seen


def _in_order(choose: Callable, easiest_first: Tensor, epoch: int) -> Tensor | None:
    """What is chosen, as a sorted list: an epoch has no order."""
    found = choose(easiest_first, epoch)
    return None if found is None else torch.as_tensor(found).flatten().sort().values


_SUBSET_SLIPS = {
    "the hardest images are dropped; it is the easiest that have nothing left to teach":
        lambda order, epoch: _seen()(order.flip(0), epoch) if epoch >= 40 else _seen()(order, epoch),
    "an expert begins with the hardest images; it should begin with the easiest":
        lambda order, epoch: _seen()(order.flip(0), epoch) if epoch < 40 else _seen()(order, epoch),
    "nothing is dropped: from epoch 40 on the easiest 10 % are left out, from 60 on the easiest 20 %":
        _seen(dropped=lambda epoch: 0.0),
    "the whole set is shown from the first epoch on; the easiest 75 % come first": _seen(share=lambda epoch: 1.0),
    "the share stays at 75 % until it is the whole: between epoch 0 and 20 it grows evenly":
        _seen(share=lambda epoch: 0.75 if epoch < 20 else 1.0),
    "the share never grows beyond 75 %": _seen(share=lambda epoch: 0.75),
    "the share grows over all 100 epochs; it reaches the whole set at epoch 20":
        _seen(share=lambda epoch: 0.75 + 0.25 * epoch / 100),
    "the two cuts are added: from epoch 60 on it is the easiest 20 % together, not 30 %":
        _seen(dropped=lambda epoch: 0.0 if epoch < 40 else 0.1 if epoch < 60 else 0.3),
    "20 % are dropped at once: from epoch 40 on it is 10 %, from 60 on 20 %":
        _seen(dropped=lambda epoch: 0.2 * (epoch >= 40)),
    "the cut stays at 10 %: from epoch 60 on the easiest 20 % are left out": _seen(dropped=lambda epoch: 0.1 * (
        epoch >= 40)),
    "a cut begins with the epoch it is named for: epoch 40 and epoch 60 belong to it":
        _seen(dropped=lambda epoch: 0.0 if epoch <= 40 else 0.1 if epoch <= 60 else 0.2),
    "the places in the order are returned; the images that stand there are asked for":
        lambda order, epoch: _seen()(torch.arange(len(order)), epoch),
    "the number of images is returned; the images themselves are asked for":
        lambda order, epoch: len(_seen()(order, epoch)),
}


def _weights(generator: torch.Generator) -> list[tuple]:
    """A student, its start and its target, flat."""
    return [tuple(scale * torch.randn(7, generator=generator) for scale in scales) for scales in ((1, 1, 1), (3, 2, 1))]


_LOSS_SLIPS = {
    "nothing is divided: the loss is relative to the distance that the expert went":
        lambda student, start, target: (student - target).square().sum(),
    "the distances are not squared": lambda student, start, target: (student - target).norm() / (start - target).norm(),
    "only the numerator is squared":
        lambda student, start, target: (student - target).square().sum() / (start - target).norm(),
    "the fraction is upside down: the distance that is left stands above, the expert's own below":
        lambda student, start, target: 1 / trajectory_loss(student, start, target),
    "start and target have changed places: the student should arrive at the target":
        lambda student, start, target: trajectory_loss(student, target, start),
    "differences are added up before they are squared, so that they cancel: square first":
        lambda student, start, target: (student - target).sum().square() / (start - target).sum().square(),
    "the loss is divided by the way that the student went; it is the expert's way from start to target":
        lambda student, start, target: (student - target).square().sum() / (student - start).square().sum(),
    "the loss is divided by the size of the target's weights; it is the way from start to target":
        lambda student, start, target: (student - target).square().sum() / target.square().sum(),
    "absolute differences are summed; squares are asked for":
        lambda student, start, target: (student - target).abs().sum() / (start - target).abs().sum(),
    "each weight got a loss of its own: sum above and below before dividing":
        lambda student, start, target: ((student - target).square() / (start - target).square()).sum(),
    "the sign is turned round: an arrived student has loss 0, one that did not move 1":
        lambda student, start, target: 1 - trajectory_loss(student, start, target),
}


def student(network: nn.Module, weights: Tensor, images: Tensor, labels: Tensor, rate: float, steps: int) -> Tensor:
    """Flat weights [P] after some steps of SGD on all images, differentiable in the images [n, C, H, W]."""
    return _stepped()(network, weights, images, labels, rate, steps)


def _stepped(change: Callable = lambda weights, slope, rate: weights - rate * slope,
             at: Callable = lambda weights, start: weights, graph: bool = True,
             factor: Callable = lambda labels: 1.0, count: Callable = lambda steps: steps) -> Callable:
    """A student whose steps are done otherwise: how weights change, at which weights the slope is taken, and so on."""
    def stepped(network, weights, images, labels, rate, steps):  # the student's signature
        learner, batch, start = Student(network), Batch(torch.arange(len(images))), weights
        for _ in range(count(steps)):
            slope = learner.gradient(at(weights, start), images, labels, batch)
            weights = change(weights, factor(labels) * (slope if graph else slope.detach()), rate)
        return weights
    return stepped


def _leaf(weights: Tensor, start: Tensor) -> Tensor:
    return weights.detach().requires_grad_()


def _only_last(network, weights, images, labels, rate, steps):
    before = _stepped()(network, weights, images, labels, rate, steps - 1)
    return _stepped()(network, _leaf(before, weights), images, labels, rate, 1)


def _first_image_only(network, weights, images, labels, rate, steps):
    return _stepped()(network, weights, images[:1], labels[:1], rate, steps)


def _with_momentum(network, weights, images, labels, rate, steps):
    learner, batch, velocity = Student(network), Batch(torch.arange(len(images))), 0.0
    for _ in range(steps):
        velocity = 0.9 * velocity + learner.gradient(weights, images, labels, batch)
        weights = weights - rate * velocity
    return weights


def _students(generator: torch.Generator) -> list[tuple]:
    """A small network, weights, images, labels, rate and steps; twice: to look at the weights, and at the gradient."""
    network = build("ConvNetD1", 1, 3, 8, width=4, generator=generator)
    weights = nn.utils.parameters_to_vector(network.parameters()).detach()
    images, labels = torch.randn(5, 1, 8, 8, generator=generator), torch.tensor([0, 2, 1, 0, 2])
    return [(network, weights, images, labels, 0.3, 3, of_images) for of_images in (False, True)]


def _looked_at(step: Callable, network, weights, images, labels, rate, steps, of_images: bool) -> Tensor | None:
    """Where a student arrives, or the gradient in the images of its squared distance from where it began."""
    start, seen = weights.clone().requires_grad_(), images.clone().requires_grad_()
    found = step(network, start, seen, labels, rate, steps)
    if found is None or not of_images:
        return found
    left = (found - weights).square().sum()
    if not left.requires_grad:
        return torch.zeros_like(images)
    (gradient,) = torch.autograd.grad(left, seen, allow_unused=True)
    return torch.zeros_like(images) if gradient is None else gradient


_STUDENT_SLIPS = {
    "the weights are right, but they do not depend on the images: their gradient is zero. Keep the graph of every "
    "gradient (create_graph=True), and neither detach it nor write into .data": _stepped(graph=False),
    "the weights are right, but only the last step depends on the images: the earlier steps were detached": _only_last,
    "the weights are right, but the images' gradient leaves a part out: the weights at which a step takes its gradient "
    "depend on the images, too, so do not detach them": _stepped(at=_leaf),
    "the steps go uphill: subtract the gradient": _stepped(lambda weights, slope, rate: weights + rate * slope),
    "the learning rate is not used": _stepped(lambda weights, slope, rate: weights - slope),
    "the learning rate is divided by the number of images, or the loss is summed and not averaged: cross_entropy "
    "averages by itself": _stepped(factor=lambda labels: 1 / len(labels)),
    "the loss is summed over the images: its mean is asked for": _stepped(factor=lambda labels: float(len(labels))),
    "every step takes the gradient at the start: take it where the last step arrived":
        _stepped(at=lambda weights, start: start),
    "one step is made, whatever steps says": _stepped(count=lambda steps: 1),
    "one step too many is made": _stepped(count=lambda steps: steps + 1),
    "one step too few is made": _stepped(count=lambda steps: steps - 1),
    "only the first image is trained on: each step sees them all": _first_image_only,
    "there is momentum in these steps: plain SGD is asked for": _with_momentum,
    "the gradient itself is returned, or the way that was gone; the weights after the steps are asked for":
        lambda network, weights, *how: _stepped()(network, weights, *how) - weights,
}


EXERCISES = {
    "el2n": Exercise(el2n, _answers, _EL2N_SLIPS),
    "subset": Exercise(subset, lambda generator: [(torch.randperm(400, generator=generator), epoch) for epoch in (
        0, 10, 20, 30, 40, 50, 60, 99)], _SUBSET_SLIPS, _in_order),
    "trajectory-loss": Exercise(trajectory_loss, _weights, _LOSS_SLIPS),
    "student": Exercise(student, _students, _STUDENT_SLIPS, _looked_at, relative=1e-3),
}


def filters(spec: Distill) -> tuple[bool, bool]:
    """Whether PAD's two filters act: its experts saw subsets, and matched epochs reach those in which easy images are
    dropped; and the loss leaves shallow weights out."""
    config = spec.config
    if spec.experts is None:
        return False, False
    last = config.final_start + config.expert_span - 1
    by_difficulty = config.difficulty != "none" and last >= difficulty.DROPPED * config.expert_epochs
    return by_difficulty, config.left_out > 0


def _both_filters(specs: list) -> bool:
    distilled = [spec for spec in specs if isinstance(spec, Distill)]
    experts = {spec.name for spec in specs if isinstance(spec, Experts)}
    return bool(distilled) and all(all(filters(spec)) and spec.experts.name in experts for spec in distilled)


RECORDS = {
    "both-filters": Wanted("your experts and a PAD that matched them, with both filters on: left_out above 0, and "
                           "experts that saw subsets, matched up to epochs that leave the easiest images out",
                           _both_filters),
}
