"""KIP: kernel inducing points (Nguyen, Chen and Lee, "Dataset Meta-Learning from Kernel Ridge Regression", ICLR 2021).

The kernel is that of a fully connected ReLU network of infinite width, so no network is drawn at all.
"""

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.foundation.knobs import Knob
from ddkit.methods.kernel import krr
from ddkit.methods.method import Preset
from ddkit.training.kernels import InfiniteNetwork


@dataclass(frozen=True)
class Config(krr.Config):
    """The knobs of KIP."""

    network: Annotated[str, Knob("whose kernel it is: NTK or NNGP; NTKD3 has three hidden layers, NTKD0 "
                                 "none: it is linear")] = "NTK"

    def check(self) -> None:
        require(InfiniteNetwork.named(self.network) is not None,
                f"KIP's kernel is NTK or NNGP, with a depth as in NTKD3, got network '{self.network}'")
        require(self.precision == "float32", "KIP's kernels are computed without a network, in float32 and float64: "
                                             "leave precision out")


PRESETS = {
    "course": Preset(
        {"updates": 8000, "image_lr": 0.05, "label_lr": 0.01, "real_batch": 2000},
        ("the kernel is that of one hidden layer; weights have standard deviation sqrt(2), biases 0.1",
         "an update predicts 2,000 real images (the paper: 5,000), and the learning rates fall to zero over 8,000 "
         "updates, so that one processor core needs minutes",
         "real images are not augmented and pixels are only standardised; the paper tries more of both"),
    ),
}


class KIP(krr.KernelRegression):
    """One update by the kernel of an infinitely wide network."""

    Config = Config
    PRESETS = PRESETS

    def kernels(self, real: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """K_ts in the images' own precision, K_ss, which is inverted, in float64."""
        kernel = InfiniteNetwork.named(self.config.network)
        return kernel(real, images), kernel(images.double(), images.double())


METHOD = KIP
