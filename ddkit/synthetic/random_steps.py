"""How a set of learned labels is to be trained on: for how many steps on batches at random, and by which solver."""

from dataclasses import asdict, dataclass
from typing import ClassVar

from torch import Tensor

from ddkit.foundation.errors import one_of, require, whole
from ddkit.foundation.schema import COUNT, NUMBER, require_fit

SOLVERS = ("gradient", "ridge")
_DESCRIPTION = {"steps": COUNT, "batch": COUNT, "rate": NUMBER, "network": str, "width": COUNT, "solver": str,
                "ridge": NUMBER, "share": NUMBER}


@dataclass(frozen=True)
class RandomSteps:
    """The training that a set was made for, as ``training.soft_labels`` does it: what ``Schedule`` is to an order.

    Attributes:
        steps: of Adam, at ``rate``.
        batch: images in each, drawn anew.
        network, width: that it was made on.
        solver: ``gradient``, or ``ridge`` for a classifier that is solved for, with ``ridge`` as its lambda and the
            ``share`` that a batch's solution has in it.
    """

    steps: int
    batch: int
    rate: float
    network: str
    width: int
    solver: str = "gradient"
    ridge: float = 1.0
    share: float = 0.01

    fixed: ClassVar[bool] = False  # any initialisation will do
    bytes: ClassVar[int] = 4 * 5  # its numbers

    def __post_init__(self):
        one_of(self.solver, SOLVERS, "solver")
        whole(self.steps, 1, "steps")
        whole(self.batch, 1, "images in a step")

    def check_for(self, images: int) -> None:
        """Raise InputError unless its batches can be drawn from so many images."""
        require(self.batch <= images, f"the steps of this set see {self.batch} images at a time, but it holds {images}")

    def __len__(self) -> int:
        return self.steps

    @property
    def seen(self) -> int:
        """Images that all steps see."""
        return self.steps * self.batch

    def tensors(self) -> dict[str, Tensor]:
        """None: see ``Schedule.tensors``."""
        return {}

    def describe(self) -> dict:
        """All of it, as plain data."""
        return asdict(self)

    @classmethod
    def restore(cls, description: dict, tensors: dict[str, Tensor]) -> "RandomSteps":
        """What ``describe`` told of.

        Raises:
            InputError, TypeError, ValueError: it is none.
        """
        require_fit(description, _DESCRIPTION, "its description is not one of steps at random")
        return cls(**description)
