"""The one door through which a private method sees real images: a noisy sum of their clipped gradients.

With g_i the gradient of image i of a Poisson batch, R the largest norm that one may have, and B the expected size of
the batch (not its own, which would tell how many there are):

    (sum_i g_i min(1, R / |g_i|) + N(0, sigma^2 R^2)) / B

(Abadi et al., "Deep Learning with Differential Privacy", CCS 2016). One image moves it by R / B at most.
"""

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.methods.matching.student import Student

FASTEST = 64  # images whose gradients are taken together; more at once are slower on a CPU


def sample_gradients(student: Student, weights: Tensor, images: Tensor, labels: Tensor,
                     chunk: int = FASTEST) -> Iterator[Tensor]:
    """The gradients [n, P] of each image's own cross-entropy in the weights, some images at a time.

    Args:
        weights: flat, [P].
        images: [N, C, H, W].
        labels: int64 [N].
        chunk: how many at a time.
    """
    def loss(weights: Tensor, image: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(student.logits(weights, image[None]), label[None])

    gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    for some, theirs in zip(images.split(chunk), labels.split(chunk), strict=True):
        yield gradients(weights, some, theirs).detach() if len(some) else weights.new_empty(0, len(weights))


def clipped_sum(gradients: Tensor, clip: float) -> Tensor:
    """The sum [P] of gradients [n, P], each shortened to the norm ``clip``; one that is not finite counts for nothing,
    since NaN would tell of it through any noise."""
    norms = torch.linalg.vector_norm(gradients, dim=1)
    finite = norms.isfinite()
    return shares(norms[finite], clip) @ gradients[finite]


def shares(norms: Tensor, clip: float) -> Tensor:
    """What clipping leaves of gradients of these norms [n]: min(1, clip / norm), and nothing of one not finite."""
    return (clip / norms).clamp(max=1).where(norms.isfinite(), 0)


def privatise(gradients: Iterable[Tensor], clip: float, sigma: float, expected: float,
              generator: torch.Generator) -> Tensor:
    """The noisy mean gradient [P].

    Args:
        gradients: of each image, [n, P], in one tensor or in several.
        clip: R, the largest norm of one.
        sigma, expected, generator: as for ``noisy``.
    """
    return noisy(sum(clipped_sum(some, clip) for some in gradients), clip, sigma, expected, generator)


def noisy(total: Tensor, clip: float, sigma: float, expected: float, generator: torch.Generator) -> Tensor:
    """The noisy mean, of the shape of a sum whose terms have norms up to R.

    Args:
        total: the sum.
        clip: R.
        sigma: the noise's standard deviation in units of ``clip``.
        expected: B, the images that a batch has on average.
        generator: the noise's random stream.
    """
    noise = torch.randn(total.shape, generator=generator).to(total)
    return (total + sigma * clip * noise) / expected
