"""How a set that owns its order is to be trained on: which images in which step, at which rate, and from where."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.foundation.schema import COUNT, require_fit
from ddkit.synthetic.random_steps import RandomSteps

_OURS = "schedule."  # how the names of its tensors begin in a set's files
_DESCRIPTION = {"network": str, "width": COUNT}


@dataclass(frozen=True)
class Schedule:
    """The training that a set was made for: T steps of heavy-ball SGD, v <- beta_t v + g, theta <- theta - alpha_t v.

    Attributes:
        order: the images of each step by their indices, int64 [T, n].
        rates: the steps' learning rates alpha, float32 [T].
        momentum: the shares of the velocity that they keep, beta, float32 [T].
        network, width: that it was made on.
        weights: those that training is to begin with, float32 [P]; None where any initialisation will do.
    """

    order: Tensor
    rates: Tensor
    momentum: Tensor
    network: str
    width: int
    weights: Tensor | None = None

    def __post_init__(self):
        steps = len(self.order)
        require(self.order.ndim == 2 and self.order.numel() > 0 and not self.order.is_floating_point(),
                f"an order of steps must be whole numbers [steps, images], got {list(self.order.shape)}")
        for name in ("rates", "momentum"):
            values = getattr(self, name)
            require(values.shape == (steps,) and bool(values.isfinite().all()) and bool((values >= 0).all()),
                    f"{name} of {steps} steps must be as many finite numbers from 0 on, got {list(values.shape)}")
        require(self.weights is None or (self.weights.ndim == 1 and bool(self.weights.isfinite().all())),
                "the weights to begin with must be finite numbers [P]")

    def check_for(self, images: int) -> None:
        """Raise InputError unless its steps see images of a set of that many."""
        require(int(self.order.min()) >= 0 and int(self.order.max()) < images,
                f"the steps of this set see images up to number {int(self.order.max())}, but it holds {images}")

    def __len__(self) -> int:
        return len(self.order)

    @property
    def seen(self) -> int:
        """Images that all steps see."""
        return self.order.numel()

    @property
    def fixed(self) -> bool:
        """Whether it prescribes the weights to begin with, so that nothing is left to chance."""
        return self.weights is not None

    @property
    def bytes(self) -> int:
        """What it takes as int32 and float32 numbers, which the images' bytes do not count."""
        held = (self.order, self.rates, self.momentum, *([self.weights] if self.fixed else []))
        return 4 * sum(t.numel() for t in held)

    def tensors(self) -> dict[str, Tensor]:
        """All that is no name or number, by name, on the CPU."""
        found = {"order": self.order, "rates": self.rates, "momentum": self.momentum, "weights": self.weights}
        return {name: tensor.cpu() for name, tensor in found.items() if tensor is not None}

    def describe(self) -> dict:
        """What it holds beside the tensors, as plain data."""
        return {"network": self.network, "width": self.width}

    @classmethod
    def restore(cls, description: dict, tensors: dict[str, Tensor]) -> "Schedule":
        """What ``tensors`` and ``describe`` told of.

        Raises:
            InputError, KeyError, TypeError, ValueError: they are none of a schedule.
        """
        require_fit(description, _DESCRIPTION, "its description is not one of a schedule")
        values = {name: tensors[name].float() for name in ("rates", "momentum")}
        weights = tensors["weights"].float() if "weights" in tensors else None
        return cls(tensors["order"].long(), **values, **description, weights=weights)


def stored(schedule: Schedule | RandomSteps | None) -> tuple[dict[str, Tensor], dict]:
    """What a set's files hold of its schedule: tensors by name, and what describes them; nothing if it has none."""
    if schedule is None:
        return {}, {}
    return {_OURS + name: t for name, t in schedule.tensors().items()}, {"schedule": schedule.describe()}


def restored(described: dict, found: dict[str, Tensor]) -> dict:
    """The field of a set that ``stored`` told of, among other tensors and descriptions; as of ``Schedule.restore``."""
    if "schedule" not in described:
        return {}
    tensors = {name.removeprefix(_OURS): t for name, t in found.items() if name.startswith(_OURS)}
    kind = RandomSteps if "solver" in described["schedule"] else Schedule
    return {"schedule": kind.restore(described["schedule"], tensors)}


def ordered(classes: int, ipc: int, per_class: int, steps: int) -> Tensor:
    """The images of each step, int64 [steps, classes * per_class], of a set sorted by class: batch after batch of
    ``per_class`` images of each class, and from the first image on again when all have been seen.

    Raises:
        InputError: some images would never be seen.
    """
    require(per_class <= ipc <= steps * per_class, f"{steps} steps on {per_class} images of each class see "
            f"{steps * per_class}, and there are {ipc}: take other numbers of steps or of images in a step")
    images = torch.arange(steps * per_class) % ipc  # of the first class
    every = torch.arange(classes)[:, None] * ipc + images
    return every.view(classes, steps, per_class).transpose(0, 1).flatten(1)
