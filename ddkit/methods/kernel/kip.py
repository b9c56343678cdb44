"""KIP: kernel inducing points (Nguyen, Chen and Lee, "Dataset Meta-Learning from Kernel Ridge Regression", ICLR 2021).

The kernel is that of a fully connected ReLU network of infinite width, so no network is drawn at all.
"""

from dataclasses import dataclass

from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.methods.kernel import krr
from ddkit.training.kernels import InfiniteNetwork


@dataclass(frozen=True)
class Config(krr.Config):
    """The knobs of KIP."""

    network: str = "NTK"  # or NNGP; NTKD3 has three hidden layers

    def __post_init__(self):
        super().__post_init__()
        require(InfiniteNetwork.named(self.network) is not None,
                f"KIP's kernel is NTK or NNGP, with a depth as in NTKD3, got network '{self.network}'")


class KIP(krr.KernelRegression):
    """One update by the kernel of an infinitely wide network."""

    Config = Config

    def kernels(self, real: Tensor) -> tuple[Tensor, Tensor]:
        """K_ts in the images' own precision, K_ss, which is inverted, in float64."""
        kernel, images = InfiniteNetwork.named(self.config.network), self.synthetic.images
        return kernel(real, images), kernel(images.double(), images.double())
