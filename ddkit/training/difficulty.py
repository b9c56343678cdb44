"""How hard each training image is to learn, judged by networks early in their training.

EL2N and GraNd: Paul, Ganguli and Dziugaite, "Deep Learning on a Data Diet", NeurIPS 2021. The schedule of
subsets: PAD (Li et al., 2024, "Prioritize Alignment in Dataset Distillation").
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddkit.data import Split
from ddkit.foundation.errors import one_of
from ddkit.networks.looking import looking_at
from ddkit.training.fitting import logits

FIRST = 0.75  # of the images, the easiest, that an expert begins with
GROWN, DROPPED, DROPPED_MORE = 0.2, 0.4, 0.6  # shares of the training: all images from here, fewer from there
_AT_ONCE = 32  # images whose gradients are in memory together


def el2n(network: nn.Module, split: Split) -> Tensor:
    """Error L2-norm of each image (eq. 3): ``|softmax(f(x)) - onehot(y)|``, float32 [N], in [0, sqrt 2]."""
    scores = logits(network, split.images)
    return (scores.softmax(1) - F.one_hot(split.labels.cpu(), scores.shape[1])).norm(dim=1)


def grand(network: nn.Module, split: Split) -> Tensor:
    """Gradient norm of each image (eq. 1): Euclidean norm of the loss's gradient in all weights, float32 [N].

    It takes a backward pass of every image by itself; EL2N, which approximates it, a forward pass.
    """
    weights = {name: w.detach() for name, w in network.named_parameters()}
    per_image = torch.func.vmap(torch.func.grad(_loss_of(network)), in_dims=(None, 0, 0))
    parts = zip(split.images.split(_AT_ONCE), split.labels.split(_AT_ONCE), strict=True)
    with looking_at(network):
        squares = [sum(g.detach().flatten(1).square().sum(1) for g in per_image(weights, *part).values())
                   for part in parts]
    return torch.cat(squares).sqrt().cpu()


def _loss_of(network: nn.Module):
    """The network's cross-entropy as a function of weights, an image and its label."""

    def loss(weights, image: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(torch.func.functional_call(network, weights, (image[None],)), label[None])

    return loss


SCORES: dict[str, Callable[[nn.Module, Split], Tensor]] = {"el2n": el2n, "grand": grand}


def mean_score(name: str, networks: list[nn.Module], split: Split) -> Tensor:
    """A score averaged over several networks, [N]; larger is harder."""
    score = SCORES[one_of(name, SCORES, "difficulty score")]
    return torch.stack([score(network, split) for network in networks]).mean(0)


def subset(easiest_first: Tensor, epoch: int, epochs: int) -> Tensor:
    """The images that a filtered expert trains on in ``epoch`` (from 0) of ``epochs``.

    The easiest 75 % grow evenly to all of them at a fifth of the training; the easiest 10 % are dropped from two fifths
    on and the easiest 20 % from three fifths on. For 100 epochs these are PAD's 20, 40 and 60.

    Args:
        easiest_first: indices of all images, int64 [N], sorted by difficulty.
    """
    done, images = epoch / epochs, len(easiest_first)
    share = min(1.0, FIRST + (1 - FIRST) * done / GROWN)
    dropped = 0.0 if done < DROPPED else 0.1 if done < DROPPED_MORE else 0.2
    return easiest_first[round(dropped * images) : round(share * images)]
