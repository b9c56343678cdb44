"""What a form is: what of a set is stored, what of that is learned, and the images that are decoded from it.

A method needs no more than the loss's gradient in the images; a form pulls it back to what is stored. So any method
drives any form, and forms are compared at equal bytes, not at equal numbers of images.
"""

import copy
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import ClassVar

import torch
from torch import Tensor

from ddkit.data import Dataset
from ddkit.foundation.errors import one_of, require
from ddkit.foundation.knobs import Knobs

FLOAT = 4  # bytes of a number that was learned: float32
INITS = ("real", "noise")


@dataclass(frozen=True)
class Size:
    """What a set takes, and gives.

    Attributes:
        bytes: stored in all: what is learned, masks, bases and decoders among them.
        shared_bytes: those of them that all classes share.
        decoded: images that are made of them.
    """

    bytes: int
    shared_bytes: int
    decoded: int


@dataclass(frozen=True)
class Canvas:
    """The images that are wanted.

    Attributes:
        classes: how many.
        shape: (channels, height, width) of an image.
        mean, std: per channel, of the normalisation.
    """

    classes: int
    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> "Canvas":
        return cls(len(dataset.classes), tuple(dataset.train.images.shape[1:]), dataset.mean, dataset.std)

    @property
    def numbers(self) -> int:
        """Numbers in an image: pixels times channels."""
        channels, height, width = self.shape
        return channels * height * width

    def budget(self, ipc: int | Fraction) -> int:
        """Bytes that ``ipc`` images of each class take as float32."""
        return int(ipc * self.classes * self.numbers * FLOAT)



class Form:
    """How images are made of what is stored; subclasses say how by ``count``, ``at`` and ``decode``.

    Attributes:
        Config: the dataclass of its knobs.
        version: of what ``stored`` and ``describe`` give; a new one is another form to a file.
        shared: names of the tensors that all classes share.
        reads_data: whether it takes something from real images even where it begins from noise.
        config, canvas: its knobs, and the images that are wanted.
        ipc: images of each class that are decoded.
        budget: what it began with, in float32 images of each class; None where nobody said.
        parts: what is learned, float32, by name.
        fixed: what is stored and not learned, by name: masks, a basis.
    """

    Config: ClassVar[type[Knobs]]
    version: ClassVar[int] = 1
    shared: ClassVar[tuple[str, ...]] = ()
    reads_data: ClassVar[bool] = False
    budget: int | Fraction | None = None

    def __init__(self, config: Knobs, canvas: Canvas, ipc: int, parts: dict[str, Tensor],
                 fixed: dict[str, Tensor] | None = None):
        self.config, self.canvas, self.ipc = config, canvas, ipc
        self.parts, self.fixed = parts, fixed or {}

    @classmethod
    def bounded(cls, config: Knobs) -> bool:
        """Whether numbers are kept between black and white."""
        return False

    @classmethod
    def check_on(cls, config: Knobs, dataset: Dataset) -> None:
        """Raise InputError where numbers would be kept between black and white that are no pixels."""
        require(dataset.pictures or not cls.bounded(config), "this form keeps numbers between black and white, and "
                f"those of {dataset.name} are no pixels: take form 'pixels', or one without these bounds")

    @classmethod
    def count(cls, config: Knobs, canvas: Canvas, ipc: int | Fraction) -> int:
        """How many images of each class are decoded from ``canvas.budget(ipc)`` bytes.

        Raises:
            InputError: not one, or the images' size does not fit.
        """
        raise NotImplementedError

    @classmethod
    def begin(cls, config: Knobs, dataset: Dataset, ipc: int | Fraction, init: str | Tensor,
              generator: torch.Generator) -> "Form":
        """The form to begin with.

        Args:
            ipc: the budget: as many bytes as ``ipc`` float32 images of each class take.
            init: ``real`` (random training images), ``noise``, or images [classes * count, C, H, W], sorted by class.
            generator: of everything random.

        Raises:
            InputError: the budget is too small for one image of each class, or what is asked for does not fit.
        """
        cls.check_on(config, dataset)
        canvas = Canvas.of(dataset)
        images = cls.count(config, canvas, ipc) * canvas.classes
        if isinstance(init, Tensor):
            require(len(init) == images, f"this form begins from {images} images, got {len(init)}")
            return cls.at(config, canvas, ipc, init, generator)
        if one_of(init, INITS, "init") == "real":
            return cls.at(config, canvas, ipc, random_real(dataset, images // canvas.classes, generator), generator)
        return cls.noise(config, canvas, ipc, generator, dataset.train.images.device)

    @classmethod
    def at(cls, config: Knobs, canvas: Canvas, ipc: int | Fraction, images: Tensor,
           generator: torch.Generator) -> "Form":
        """The form of that budget whose images are, or are near to, ``images`` [classes * count, C, H, W], normalised
        and sorted by class."""
        raise NotImplementedError

    @classmethod
    def noise(cls, config: Knobs, canvas: Canvas, ipc: int | Fraction, generator: torch.Generator,
              device: torch.device) -> "Form":
        """The form that begins from noise; by default from images of standard normal noise."""
        shape = (canvas.classes * cls.count(config, canvas, ipc), *canvas.shape)
        return cls.at(config, canvas, ipc, torch.randn(shape, generator=generator).to(device), generator)

    def decode(self, picks: Tensor | None = None) -> Tensor:
        """The images [N, C, H, W], normalised, sorted by class; or those of ``picks``, int64 [n]. With a graph."""
        raise NotImplementedError

    @property
    def views(self) -> int:
        """How many images are made of one and the same base; they lie side by side."""
        return 1

    @property
    def name(self) -> str:
        """As its file is named."""
        return type(self).__module__.rsplit(".", 1)[-1].replace("_", "-")

    @property
    def labels(self) -> Tensor:
        """The class of each image, int64 [N]."""
        device = next(iter(self.parts.values())).device
        return torch.arange(self.canvas.classes, device=device).repeat_interleave(self.ipc)

    def pull(self, slope: Tensor, chunk: int | None = None) -> None:
        """Add to the ``grad`` of the parts what a slope in the images [N, C, H, W] is in them.

        ``chunk`` images are decoded at a time (None: all); those without a slope are not.
        """
        parts = list(self.parts.values())
        steep = torch.nonzero(slope.flatten(1).any(1))[:, 0]
        for picks in steep.split(chunk or len(slope)):
            self.decode(picks).backward(slope[picks], inputs=parts)

    def rates(self, rate: float, signed: bool = False) -> dict[str, float]:
        """The learning rate of each part when pixels would be learned at ``rate``; ``signed`` steps are as long in
        every number, as Adam's are, whatever the slope."""
        return dict.fromkeys(self.parts, rate)

    def constrain(self) -> None:
        """Bring the parts back to where they may be, after a step, without a graph."""

    def stored(self) -> dict[str, Tensor]:
        """What files hold, and ``size`` counts, by name."""
        return {name: part.detach() for name, part in self.parts.items()} | self.fixed

    def size(self) -> Size:
        """What it takes: the tensors of ``stored``, in bytes."""
        taken = {name: tensor.numel() * tensor.element_size() for name, tensor in self.stored().items()}
        shared = sum(taken[name] for name in self.shared)
        return Size(sum(taken.values()), shared, self.ipc * self.canvas.classes)

    def copy(self, device: torch.device | str | None = None) -> "Form":
        """The same with parts of its own, without their gradients; what is fixed may be shared."""
        made = copy.copy(self)
        made.parts = {name: part.detach().clone().to(device) for name, part in self.parts.items()}
        made.fixed = {name: tensor.to(device) for name, tensor in self.fixed.items()}
        return made

    def again_at(self, images: Tensor, generator: torch.Generator) -> "Form":
        """A form of the same budget that begins at, or near to, other ``images`` [classes * ipc, C, H, W]."""
        ipc = self.budget or Fraction(self.size().bytes, self.canvas.budget(1))
        made = self.at(self.config, self.canvas, ipc, images, generator)
        made.budget = self.budget
        return made

    def describe(self) -> dict:
        """What files hold beside the tensors, as plain data."""
        return {"form": self.name, "version": self.version, "config": asdict(self.config),
                "canvas": asdict(self.canvas), "ipc": self.ipc, "parts": list(self.parts)}

    @classmethod
    def restore(cls, description: dict, tensors: dict[str, Tensor]) -> "Form":
        """The form that ``describe`` and ``stored`` told of."""
        canvas = Canvas(**{name: tuple(value) if isinstance(value, list) else value
                           for name, value in description["canvas"].items()})
        parts = {name: tensors[name] for name in description["parts"]}
        fixed = {name: tensor for name, tensor in tensors.items() if name not in parts}
        return cls(cls.Config(**description["config"]), canvas, description["ipc"], parts, fixed)


def random_real(dataset: Dataset, count: int, generator: torch.Generator) -> Tensor:
    """Random training images [classes * count, C, H, W], sorted by class; each once, before any comes twice."""
    picks = []
    for label in range(len(dataset.classes)):
        members = torch.nonzero(dataset.train.labels == label)[:, 0]
        orders = [torch.randperm(len(members), generator=generator) for _ in range(-(-count // len(members)))]
        picks.append(members[torch.cat(orders)[:count].to(members.device)])
    return dataset.train.images[torch.cat(picks)]


def too_small(name: str, canvas: Canvas, budget: int, needed: int) -> str:
    """The sentence for a budget in bytes that does not reach for one image of each class."""
    return (f"form '{name}' needs {needed:,} bytes for one image of each of {canvas.classes} classes, and the budget "
            f"is {budget:,}: raise ipc (or --bytes), or choose other options of the form")
