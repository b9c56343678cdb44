"""Neural feature regression: how well a set's images and labels answer for real ones through a network's features.

With features F of a network, ridge regression on the set has the weights w = F_S^T (F_S F_S^T + lambda I)^-1 Y_S, and
its loss is their mean squared error on real images (paper, eq. 2, with FRePo's ridge, which the paper does not print):

    L(S) = mean_i |F_i w - Y_i|^2 = tr(w^T A w) - 2 tr(w^T B) + c,
    A = F^T F / n,  B = F^T Y / n,  c = mean_i |Y_i|^2.

So while the network stays, one pass over all the real images gives A, B and c, and no real image is needed again.
"""

from dataclasses import dataclass

from torch import Tensor

from ddkit.data import Split
from ddkit.networks import Network
from ddkit.training.kernels import RIDGE, FeatureKernel, regression_targets, solve

CHUNK = 4096  # real images whose features are in memory at once


@dataclass(frozen=True)
class Statistics:
    """What a network's features [n, D] and the targets [n, C] of n images come to.

    Attributes:
        second, cross, constant: A [D, D], B [D, C] and c, float64.
        images: n.
    """

    second: Tensor
    cross: Tensor
    constant: Tensor
    images: int

    @classmethod
    def of(cls, network: Network, images: Tensor, targets: Tensor) -> "Statistics":
        """Of images [n, C, H, W] with targets [n, C]; each image is passed through the network once."""
        second = cross = 0.0
        for part, wanted in zip(images.split(CHUNK), targets.split(CHUNK), strict=True):
            rows = features(network, part)
            second, cross = second + rows.T @ rows, cross + rows.T @ wanted.double()
        number = len(images)
        return cls(second / number, cross / number, targets.double().square().sum() / number, number)

    def loss(self, weights: Tensor) -> Tensor:
        """The mean squared error of the answers F w, for w [D, C], float64; a scalar."""
        return (weights * (self.second @ weights)).sum() - 2 * (weights * self.cross).sum() + self.constant


def features(network: Network, images: Tensor) -> Tensor:
    """F, float64 [n, D], without gradients, in chunks."""
    return FeatureKernel([network]).detached_features(images).double()


def weights_of(network: Network, images: Tensor, targets: Tensor, ridge: float = RIDGE) -> Tensor:
    """w, float64 [D, C], of synthetic images [n, C, H, W] with targets [n, C]; differentiable in both."""
    rows = FeatureKernel([network]).features(images).double()
    return rows.T @ solve(rows @ rows.T, targets, ridge)


def batch_loss(network: Network, images: Tensor, targets: Tensor, real: Tensor, wanted: Tensor,
               ridge: float = RIDGE) -> Tensor:
    """L(S) on real images [m, C, H, W] with targets [m, C]: the same without statistics; a scalar, float64."""
    return squared_error(features(network, real), weights_of(network, images, targets, ridge), wanted)


def squared_error(rows: Tensor, weights: Tensor, wanted: Tensor) -> Tensor:
    """The mean over real images with features F [m, D] of |F_i w - Y_i|^2, for w [D, C] and Y [m, C]; a scalar."""
    return (rows @ weights - wanted.double()).square().sum(1).mean()


def centred(labels: Tensor, classes: int) -> Tensor:
    """Targets float32 [n, classes] of classes [n]: one-hot minus 1 / classes."""
    return regression_targets(Split(labels, labels), classes).float()  # which looks at no image
