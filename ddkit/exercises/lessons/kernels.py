"""Lesson 7: kernel ridge regression, the NTK of one hidden layer, KIP's loss, and a distillation by it."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.exercises.checking import Exercise
from ddkit.exercises.owned import Wanted
from ddkit.specs import Distill, Evaluate

Kernel = Callable[[Tensor, Tensor], Tensor]


def prediction(K_ts: Tensor, K_ss: Tensor, Y_s: Tensor, rho: float) -> Tensor:
    """Kernel ridge regression, K_ts (K_ss + rho I)^-1 Y_s: [N, n], [n, n], [n, classes] -> [N, classes]."""
    return K_ts @ torch.linalg.solve(K_ss + rho * torch.eye(len(K_ss), dtype=K_ss.dtype), Y_s)


def _matrices(generator: torch.Generator) -> list[tuple]:
    """Well-conditioned kernels of few images, and as many images to predict, so that a transposed one has its shape."""
    trials = []
    for rho in (2.0, 0.5):
        X, T, Y_s = (torch.randn(4, size, generator=generator).double() for size in (9, 9, 3))
        trials.append((T @ X.T, X @ X.T, Y_s, rho))
    return trials


def _ridged(ridge: Callable = lambda K, rho: rho * torch.eye(len(K), dtype=K.dtype),
            answer: Callable = lambda K_ts, alpha: K_ts @ alpha) -> Callable:
    """Kernel ridge regression with one part of it done otherwise."""
    return lambda K_ts, K_ss, Y_s, rho: answer(K_ts, torch.linalg.solve(K_ss + ridge(K_ss, rho), Y_s))


_PREDICTION_SLIPS = {
    "the ridge is missing: rho is added to the diagonal of K_ss before it is inverted": _ridged(lambda K, rho: 0 * K),
    "rho is added to every entry of K_ss: it belongs on the diagonal only, rho times the identity":
        _ridged(lambda K, rho: rho),
    "the ridge is subtracted; it is added, so that K_ss + rho I is positive definite":
        _ridged(lambda K, rho: -rho * torch.eye(len(K), dtype=K.dtype)),
    "the ridge is a multiple of the kernel's mean diagonal entry; here rho itself is asked for":
        _ridged(lambda K, rho: rho * K.diagonal().mean() * torch.eye(len(K), dtype=K.dtype)),
    "rho times n is added; rho alone is asked for":
        _ridged(lambda K, rho: rho * len(K) * torch.eye(len(K), dtype=K.dtype)),
    "the square of rho is added": _ridged(lambda K, rho: rho**2 * torch.eye(len(K), dtype=K.dtype)),
    "only the identity is added: it is to be multiplied by rho":
        _ridged(lambda K, rho: torch.eye(len(K), dtype=K.dtype)),
    "these are the weights of the images of the set; multiply K_ts by them, so that each real image gets a prediction":
        _ridged(answer=lambda K_ts, alpha: alpha),
    "these are classes; the predictions themselves, a number for each class, are asked for":
        _ridged(answer=lambda K_ts, alpha: (K_ts @ alpha).argmax(1)),
    "K_ts is transposed: its rows are the images to be predicted":
        _ridged(answer=lambda K_ts, alpha: K_ts.T @ alpha),
    "nothing is inverted: K_ss + rho I is to be solved for, not multiplied by": lambda K_ts, K_ss, Y_s, rho:
        K_ts @ (K_ss + rho * torch.eye(len(K_ss), dtype=K_ss.dtype)) @ Y_s,
    "each entry of K_ss is inverted by itself; the inverse of the matrix is asked for":
        lambda K_ts, K_ss, Y_s, rho: K_ts @ (1 / (K_ss + rho * torch.eye(len(K_ss), dtype=K_ss.dtype))) @ Y_s,
    "the labels are not used": lambda K_ts, K_ss, Y_s, rho:
        K_ts @ torch.linalg.inv(K_ss + rho * torch.eye(len(K_ss), dtype=K_ss.dtype)),
}


def ntk(x: Tensor, z: Tensor, w: float, b: float) -> Tensor:
    """The NTK of one hidden ReLU layer of infinite width: images [N, ...] and [M, ...] -> [N, M]."""
    return _ntk()(x, z, w, b)


def _ntk(d: Callable = lambda x: x[0].numel(), start: Callable = lambda w, b: (w**2, b**2),
         angle: Callable = lambda K0, lengths: (K0 / lengths).clamp(-1, 1).arccos(), lengths: Callable = torch.sqrt,
         bow: Callable = lambda t: t.sin() + (math.pi - t) * t.cos(), overlap: Callable = lambda t: math.pi - t,
         joined: Callable = lambda K0, relu, slope, w, b: w**2 * relu + b**2 + w**2 * slope * K0) -> Callable:
    """The NTK with one part of it done otherwise; ``joined`` has the expectations of products of ReLUs and slopes."""
    def kernel(x: Tensor, z: Tensor, w: float, b: float) -> Tensor:
        scale, shift = start(w, b)
        x, z, per_pixel = x.flatten(1), z.flatten(1), d(x)
        K0 = scale * x @ z.T / per_pixel + shift
        xx, zz = (scale * side.square().sum(1) / per_pixel + shift for side in (x, z))
        both = lengths(xx[:, None] * zz)
        t = angle(K0, both)
        return joined(K0, both * bow(t) / (2 * math.pi), overlap(t) / (2 * math.pi), w, b)
    return kernel


def _images(generator: torch.Generator) -> list[tuple]:
    """Different images with large biases, and many compared with themselves, whose cosine rounding takes beyond 1."""
    one, other = (torch.randn(n, 1, 3, 3, generator=generator).double() for n in (4, 5))
    many = torch.randn(200, 1, 2, 3, generator=generator).double()
    return [(one, other, 1.5, 0.7), (many, many, math.sqrt(2), 0.1)]


def _finite(kernel: Callable, *arguments) -> Tensor | str | None:
    """What a kernel gives; one word where entries are NaN, wherever rounding put them."""
    found = kernel(*arguments)
    return "NaN" if isinstance(found, Tensor) and bool(found.isnan().any()) else found


_NTK_SLIPS = {
    "some entries are NaN: rounding takes a cosine beyond 1, where arccos has no value; clamp it to [-1, 1]":
        _ntk(angle=lambda K0, lengths: (K0 / lengths).arccos()),
    "this is the NNGP: the second term, which stands for the training of the first layer, is missing":
        _ntk(joined=lambda K0, relu, slope, w, b: w**2 * relu + b**2),
    "only the second term is there: the NNGP is to be added":
        _ntk(joined=lambda K0, relu, slope, w, b: w**2 * slope * K0),
    "sigma_b is missing from K0: the first layer has biases, too": _ntk(start=lambda w, b: (w**2, 0)),
    "sigma_b is missing after the hidden layer: the last layer has a bias, too":
        _ntk(joined=lambda K0, relu, slope, w, b: w**2 * relu + w**2 * slope * K0),
    "sigma_b is missing everywhere": _ntk(start=lambda w, b: (w**2, 0),
                                          joined=lambda K0, relu, slope, w, b: w**2 * relu + w**2 * slope * K0),
    "sigma_w and sigma_b are standard deviations: K0 takes their squares": _ntk(start=lambda w, b: (w, b)),
    # In which of the two terms it is cannot be told: K0 is the lengths' product times cos(theta).
    "one term has theta where it should have pi - theta: the ReLU is active for both on pi - theta of 2 pi":
        _ntk(overlap=lambda t: t),
    "both terms have theta where they should have pi - theta": _ntk(bow=lambda t: t.sin() + t * t.cos(),
                                                                    overlap=lambda t: t),
    "sin(theta) is missing from the first term": _ntk(bow=lambda t: (math.pi - t) * t.cos()),
    "the second term lacks sigma_w squared, the variance of the last layer's weights":
        _ntk(joined=lambda K0, relu, slope, w, b: w**2 * relu + b**2 + slope * K0),
    "the first term lacks sigma_w squared": _ntk(joined=lambda K0, relu, slope, w, b: relu + b**2 + w**2 * slope * K0),
    "the second term is twice too large: the share of the circle is (pi - theta) / (2 pi), not over pi":
        _ntk(overlap=lambda t: 2 * (math.pi - t)),
    "the first term is twice too large: it is divided by 2 pi":
        _ntk(bow=lambda t: 2 * (t.sin() + (math.pi - t) * t.cos())),
    "the second term multiplies the NNGP; it multiplies K0, the kernel before the ReLU": _ntk(
        joined=lambda K0, relu, slope, w, b: (w**2 * relu + b**2) * (1 + w**2 * slope)),
    "the second term lacks K0: the share of the circle has to be multiplied by it":
        _ntk(joined=lambda K0, relu, slope, w, b: w**2 * relu + b**2 + w**2 * slope),
    "K0 is not divided by the number of pixels d": _ntk(d=lambda x: 1),
    "K0 is divided by the number of images; d is the number of pixels of one image": _ntk(d=len),
    "the root is missing from the lengths: theirs is the geometric mean of K0(x, x) and K0(z, z)": _ntk(
        lengths=lambda product: product, angle=lambda K0, lengths: (K0 / lengths.sqrt()).clamp(-1, 1).arccos()),
    "this is the cosine, not the angle: take its arccos": _ntk(angle=lambda K0, lengths: (K0 / lengths).clamp(-1, 1)),
    "K0 is not divided by the lengths before arccos": _ntk(angle=lambda K0, lengths: K0.clamp(-1, 1).arccos()),
}


def kip_loss(S: Tensor, Y_s: Tensor, T: Tensor, labels: Tensor, kernel: Kernel, lam: float) -> Tensor:
    """KIP's loss: how far kernel ridge regression on a set is from the targets of real images.

    Args:
        S, Y_s: the set's images [n, ...] and targets [n, classes].
        T, labels: real images [N, ...] and their classes [N], whose targets are one-hot minus 1 / classes.
        kernel: of two stacks of images.
        lam: the ridge, in units of the kernel's mean diagonal entry.

    Returns:
        The squared distance of prediction and target, averaged over the N images.
    """
    return _kip()(S, Y_s, T, labels, kernel, lam)


def _kip(ridge: Callable = lambda K, lam: lam * K.trace() / len(K),
         error: Callable = lambda e: e.square().sum(1).mean(), target: Callable = lambda hot: hot - 1 / hot.shape[1],
         compared: Callable = lambda predicted, targets: predicted - targets,
         given: Callable = lambda S, Y_s: (S, Y_s)) -> Callable:
    """KIP's loss with one part of it done otherwise."""
    def loss(S: Tensor, Y_s: Tensor, T: Tensor, labels: Tensor, kernel: Kernel, lam: float) -> Tensor:
        S, Y_s = given(S, Y_s)
        K_ss = kernel(S, S)
        targets = target(F.one_hot(labels, Y_s.shape[1]).to(Y_s.dtype))
        return error(compared(prediction(kernel(T, S), K_ss, Y_s, ridge(K_ss, lam)), targets))
    return loss


def _roles_changed(S: Tensor, Y_s: Tensor, T: Tensor, labels: Tensor, kernel: Kernel, lam: float) -> Tensor:
    K_tt, targets = kernel(T, T), F.one_hot(labels, Y_s.shape[1]).to(Y_s.dtype) - 1 / Y_s.shape[1]
    return (prediction(kernel(S, T), K_tt, targets, lam * K_tt.trace() / len(K_tt)) - Y_s).square().sum(1).mean()


def _sets(generator: torch.Generator) -> list[tuple]:
    """Sets with targets, real images of all classes and of some, a kernel that is no network's, and ridges that
    matter."""
    S, T = (torch.randn(n, 1, 2, 3, generator=generator).double() for n in (5, 7))
    Y_s = torch.randn(5, 3, generator=generator).double()
    labels = ([0, 1, 2, 1, 1, 0, 2], [0, 1, 1, 1, 1, 0, 0])
    return [(S, Y_s, T, torch.tensor(of_T), _cubic, lam) for of_T, lam in zip(labels, (0.1, 0.01), strict=True)]


def _cubic(x: Tensor, z: Tensor) -> Tensor:
    return (x.flatten(1) @ z.flatten(1).T / 6 + 1) ** 3


def _with_gradients(loss: Callable, S: Tensor, Y_s: Tensor, *others) -> tuple | None:
    """The loss, and where it pulls the images and the labels."""
    S, Y_s = S.requires_grad_(), Y_s.requires_grad_()
    found = loss(S, Y_s, *others)
    if found is None:
        return None
    if not (isinstance(found, Tensor) and found.requires_grad and found.ndim == 0):
        return found, "no gradient"
    slopes = torch.autograd.grad(found, (S, Y_s), allow_unused=True)
    return found.detach(), *("no gradient" if slope is None else slope for slope in slopes)


_LOSS_SLIPS = {
    "the ridge is lambda itself; it is lambda times the kernel's mean diagonal entry, the trace over n":
        _kip(lambda K, lam: lam),
    "the ridge is lambda times the trace; the trace is to be divided by n": _kip(lambda K, lam: lam * K.trace()),
    "the ridge is missing": _kip(lambda K, lam: 0.0),
    "the squares are averaged over the classes, too: sum over the classes, and average over the images":
        _kip(error=lambda e: e.square().mean()),
    "the squares are averaged over the classes and summed over the images: it is the other way round":
        _kip(error=lambda e: e.square().mean(1).sum()),
    "the squares are summed over the images; their mean is asked for": _kip(error=lambda e: e.square().sum()),
    "this is an error for each image; their mean is asked for": _kip(error=lambda e: e.square().sum(1)),
    "half of the squared error is returned: the loss as it is written above has no factor":
        _kip(error=lambda e: e.square().sum(1).mean() / 2),
    "the distance is averaged; its square is asked for": _kip(error=lambda e: e.norm(dim=1).mean()),
    "absolute differences are summed; squares are asked for": _kip(error=lambda e: e.abs().sum(1).mean()),
    "the labels of the real images are not centred: their targets are one-hot minus 1 / classes":
        _kip(target=lambda hot: hot),
    "the sign is turned round: the loss should be smallest where predictions are right":
        _kip(error=lambda e: -e.square().sum(1).mean()),
    "this is cross-entropy; KIP regresses on targets with the squared error": _kip(
        target=lambda hot: hot.argmax(1), compared=F.cross_entropy, error=lambda e: e),
    "the set's images are detached, so that they could never learn": _kip(given=lambda S, Y_s: (S.detach(), Y_s)),
    "the set's labels are detached, so that they could never learn": _kip(given=lambda S, Y_s: (S, Y_s.detach())),
    "the loss is a plain number (item, or no_grad): keep it a tensor, or nothing can learn from it":
        lambda *arguments: _kip()(*arguments).item(),
    "real images predict the set: the set is what is learned from, and the real images are what is predicted":
        _roles_changed,
}

EXERCISES = {
    "prediction": Exercise(prediction, _matrices, _PREDICTION_SLIPS),
    "ntk": Exercise(ntk, _images, _NTK_SLIPS, _finite),
    "kip-loss": Exercise(kip_loss, _sets, _LOSS_SLIPS, _with_gradients, allowed=("prediction",)),
}


def _distilled_and_scored(specs: list) -> bool:
    """A distillation by KIP, and an evaluation of that very set."""
    kip = [spec for spec in specs if isinstance(spec, Distill) and spec.method == "kip"]
    judged = [spec.of for spec in specs if isinstance(spec, Evaluate)]
    return bool(kip) and len(kip) + len(judged) == len(specs) and any(spec in judged for spec in kip)


RECORDS = {"kip-record": Wanted("a distillation by KIP and an evaluation of the set that came of it",
                                _distilled_and_scored)}
