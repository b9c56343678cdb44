"""DP-KIP: kernel inducing points behind a noisy door (Vinaroz and Park, "Differentially Private Kernel Inducing Points
for Privacy-preserving Data Distillation", arXiv:2301.13389), with the kernel of an infinitely wide network.

An image x with target t has its own loss, and this its own gradient in the synthetic images S, which is clipped:

    l(x) = 1/2 | k(x, S) alpha - t |^2,   alpha = (K_SS + lambda tr(K_SS) / n I)^-1 y,
    g~   = ( sum_i g_i min(1, C / |g_i|) + N(0, sigma^2 C^2) ) / B,     g_i = grad_S l(x_i),

over a Poisson batch. Adam follows g~; labels stay as they are.

**Clipped without being made.** A g_i is as large as the whole set, but has little in it. The kernel sees products and
squared lengths of images only, so that with v_i = alpha (k(x_i, S) alpha - t_i) and beta_i the regression weights that
k(x_i, S) itself would get,

    g_i = c_i x_i^T + D_i S,

c_i a vector [n] and D_i a symmetric matrix [n, n], from v_i, beta_i and the kernel's slopes entry by entry. Its length
follows from products of images, |g_i|^2 = |c_i|^2 |x_i|^2 + 2 c_i^T D_i S x_i + tr(D_i S S^T D_i), and the clipped sum
is (sum_i s_i c_i x_i^T) + (sum_i s_i D_i) S, with s_i the share that clipping leaves.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ddkit.data import Dataset, Split
from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob
from ddkit.foundation.memory import require_memory
from ddkit.methods.falling import fall_as_cosine
from ddkit.methods.method import Preset
from ddkit.methods.private import door
from ddkit.methods.private.mechanism import shares
from ddkit.synthetic import SyntheticSet
from ddkit.training.kernels import InfiniteNetwork, regression_targets, solve


@dataclass(frozen=True)
class Config(door.Config):
    """The knobs of DP-KIP."""

    updates: Annotated[int, Ge(1), Knob("of the images, each by one noisy gradient; the learning rate falls to zero "
                                        "over them, as a cosine")] = 10_000
    clip: Annotated[float, Gt(0), Knob("largest norm of one image's gradient", "C")] = 1e-6
    real_batch: Annotated[int, Ge(1), Knob("real images of an update on average", "B")] = 50
    image_lr: Annotated[float, Gt(0), Knob("of Adam, on the images")] = 0.01
    ridge: Annotated[float, Ge(0), Knob("in units of the kernel's mean diagonal entry", "lambda")] = 1e-6
    network: Annotated[str, Knob("whose kernel it is: NTK or NNGP; NTKD3 has three hidden layers")] = "NTK"
    width: Annotated[int, Ge(1), Knob("of the networks that score the set; the kernel's is infinite")] = 128

    def check(self) -> None:
        super().check()
        require(InfiniteNetwork.named(self.network) is not None,
                f"DP-KIP's kernel is NTK or NNGP, with a depth as in NTKD3, got network '{self.network}'")


PRESETS = {
    "course": Preset({"updates": 200, "real_batch": 200, "image_lr": 0.1, "clip": 1e-2, "ridge": 1e-2}, (
        "200 updates by batches of 200 in place of 10,000 by batches of 50: fewer releases, with less noise beside the "
        "gradient",
        "the learning rate, the norm and the ridge were chosen on validation data of FashionMNIST, so that no choice "
        "tells of MNIST",
        "the paper's code for MNIST begins from real training images, which is not private at all, and shuffles its "
        "batches while it accounts for coins; here sets begin from noise and batches are Poisson's",
        "the learning rate falls to zero, and the kernel has one hidden layer; the paper's later version regresses on "
        "scattering features", *door.SAID)),
    "paper": Preset({}, (
        "about ten epochs of MNIST, as in the paper's code, by batches of 50 and with its norm for this kernel; begins "
        "from noise, by Poisson batches", *door.SAID)),
}


@dataclass(frozen=True)
class Gradients:
    """The gradients g_i of the real images of a batch in the synthetic ones, never made: c_i and D_i, and the images.

    Attributes:
        real, synthetic: x [B, d] and S [n, d], float64.
        own, common: c [B, n] and D [B, n, n].
    """

    real: Tensor
    synthetic: Tensor
    own: Tensor
    common: Tensor

    @property
    def norms(self) -> Tensor:
        """|g_i|, [B]."""
        inner = self.synthetic @ self.synthetic.T
        crossed = torch.einsum("bn,bnm,mb->b", self.own, self.common, self.synthetic @ self.real.T)
        common = ((self.common @ inner) * self.common).sum((1, 2))
        return (self.own.square().sum(1) * self.real.square().sum(1) + 2 * crossed + common).clamp_min(0).sqrt()

    def clipped_sum(self, clip: float) -> Tensor:
        """sum_i g_i min(1, clip / |g_i|), [n, d]."""
        kept = shares(self.norms, clip)
        own, common = (part.nan_to_num(0.0, 0.0, 0.0) for part in (self.own, self.common))
        real = self.real.nan_to_num(0.0, 0.0, 0.0)
        return (kept[:, None] * own).T @ real + torch.einsum("b,bnm->nm", kept, common) @ self.synthetic


def gradients(kernel: InfiniteNetwork, synthetic: Tensor, targets: Tensor, real: Tensor, wanted: Tensor,
              ridge: float) -> tuple[Gradients, Tensor]:
    """Of each real image's loss in the synthetic images, and the losses [B].

    Args:
        synthetic, targets: S [n, ...] and y [n, classes].
        real, wanted: x [B, ...] and t [B, classes].
    """
    s, x = synthetic.detach().flatten(1).double(), real.flatten(1).double()
    k_ss, of_product, of_first, of_second = _slopes(kernel, s, s)
    k_xs, x_of_product, _, of_square = _slopes(kernel, x, s)
    alpha = solve(k_ss, targets, ridge)
    error = k_xs @ alpha - wanted.double()
    v, beta = error @ alpha.T, solve(k_ss, k_xs.T, ridge).T
    m = -beta[:, :, None] * v[:, None, :]  # d l / d K_SS, first without the ridge, which the kernel's trace moves
    m.diagonal(dim1=1, dim2=2).sub_(ridge / len(s) * (beta * v).sum(1, keepdim=True))
    squares = v * of_square + (m * of_first).sum(2) + (m * of_second).sum(1)
    common = (m + m.transpose(1, 2)) * of_product
    common.diagonal(dim1=1, dim2=2).add_(2 * squares)
    return Gradients(x, s, v * x_of_product, common), error.square().sum(1) / 2


def _slopes(kernel: InfiniteNetwork, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The kernel [N, M] of x [N, d] and z [M, d], and its slopes, entry by entry, in their products and in the squared
    lengths of x and of z."""
    shape = len(x), len(z)
    of = [part.expand(shape).clone().requires_grad_()
          for part in (x @ z.T, x.square().sum(1)[:, None], z.square().sum(1))]
    made = kernel.of_products(*of, x.shape[1])
    # Without hidden layers the kernel sees no lengths, whose slopes are 0 then.
    return made.detach(), *torch.autograd.grad(made.sum(), of, allow_unused=True, materialize_grads=True)


class PrivateInducingPoints(door.PrivateMethod):
    """One update by a noisy sum of clipped gradients in the images."""

    Config = Config
    PRESETS = PRESETS
    validation = "kernel"

    @staticmethod
    def check_memory(config: Config, images: int, pixels: int, weights: int) -> None:
        """What the gradients of a batch's images come to; a batch may be half as large again as on average."""
        require_memory(64 * config.real_batch * images**2 + 32 * images * pixels,
                       f"the gradients of {config.real_batch:,} real images in a set of {images:,}",
                       "take a smaller real_batch")

    def start(self, dataset: Dataset, synthetic: SyntheticSet, rng) -> None:
        """Prepare to update ``synthetic``; ``rng(name)`` gives the run's random streams.

        Raises:
            InputError: as for ``PrivateMethod.enter``.
        """
        config = self.config
        self.enter(dataset, synthetic, rng, config.real_batch, config.updates, config.clip)
        self.kernel = InfiniteNetwork.named(config.network)
        self.targets = regression_targets(synthetic.training_split(), len(dataset.classes))
        self.optimiser = torch.optim.Adam([group | {"rate": group["lr"]} for group in synthetic.groups(
            config.image_lr, signed=True)])

    def update(self) -> dict[str, float]:
        """One step on the images. What is told for a loss is the length of the noisy gradient: a loss itself would tell
        of the data once more."""
        synthetic, config = self.synthetic, self.config
        images = synthetic.images.detach()
        fall_as_cosine(self.optimiser, self.spent, config.updates)
        gradient = self.release(lambda real, labels: self._total(images, real, labels))
        self.optimiser.zero_grad(set_to_none=True)
        synthetic.pull(gradient.view_as(images).to(images))
        self.optimiser.step()
        synthetic.constrain()
        return self.told(loss=float(gradient.norm()))

    def _total(self, images: Tensor, real: Tensor, labels: Tensor) -> Tensor:
        """The sum of the clipped gradients [n, d] of real images [B, C, H, W] and their classes [B]."""
        wanted = regression_targets(Split(real, labels), len(self.dataset.classes))
        found, _ = gradients(self.kernel, images, self.targets, real, wanted, self.config.ridge)
        return found.clipped_sum(self.config.clip)


METHOD = PrivateInducingPoints
