"""The synthetic set: what a distillation starts from, changes, and leaves behind."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from ddkit.data import Dataset, Split, denormalise
from ddkit.foundation.errors import InputError, one_of, require
from ddkit.foundation.files import read_tensors, write_tensors
from ddkit.foundation.schema import NUMBER, require_fit
from ddkit.synthetic import pt_layout
from ddkit.synthetic.foreign import MEANINGS, origin_of

INITS = ("real", "noise")
_DESCRIPTION = {"mean": [NUMBER], "std": [NUMBER], "classes": [str], "origin": dict, "labels": str,
                "learning_rate": (None, NUMBER)}


@dataclass
class SyntheticSet:
    """A small labelled set of images, sorted by class.

    Methods optimise ``parameters()`` and read ``images``; here the images, and learned labels, are the parameters,
    and another parameterisation overrides both.

    Attributes:
        images: float32 [N, C, H, W], normalised with ``mean`` and ``std``.
        labels: int64 [N] (hard) or float32 [N, classes] (soft).
        start: the images before distillation, same shape.
        mean, std: per-channel statistics of the normalisation.
        classes: class names.
        learning_rate: the learning rate learned with the images, if any.
        meaning: of the labels: ``classes`` (hard ones), ``probabilities``, ``logits`` (their softmax is the
            distribution) or ``targets`` (values that logits are regressed on); None takes one of the first two.
        start_labels: the labels before distillation, if they are learned, else None.
        origin: where it came from: dataset, data fingerprint and notes, init, and later method, preset, seed, updates.
    """

    images: Tensor
    labels: Tensor
    start: Tensor
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    learning_rate: float | None = None
    origin: dict = field(default_factory=dict)
    meaning: str | None = None
    start_labels: Tensor | None = None

    def __post_init__(self):
        n = len(self.images)
        require(self.images.ndim == 4 and n > 0, f"images must be [N, C, H, W], got {list(self.images.shape)}")
        require(self.start.shape == self.images.shape, "the start must have the shape of the images")
        require(self.labels.shape in ((n,), (n, len(self.classes))),
                f"labels must be [{n}] or [{n}, {len(self.classes)}], got {list(self.labels.shape)}")
        require(self.images.is_floating_point(), f"images must be real numbers, got {self.images.dtype}")
        require(len(self.mean) == len(self.std) == self.images.shape[1] and min(self.std) > 0,
                f"mean and std must be those of {self.images.shape[1]} channels, std positive, got {self.mean} and "
                f"{self.std}")
        require(self.soft or 0 <= self.labels.min() <= self.labels.max() < len(self.classes),
                f"labels must be from 0 to {len(self.classes) - 1}")
        self.meaning = one_of(self.meaning or MEANINGS[self.soft], MEANINGS, "meaning of labels")
        require(self.soft == (self.meaning != "classes"), f"labels {list(self.labels.shape)} cannot be {self.meaning}")

    @classmethod
    def from_real(cls, dataset: Dataset, ipc: int, generator: torch.Generator) -> "SyntheticSet":
        """``ipc`` random training images of each class."""
        check_ipc(ipc, dataset)
        picks = []
        for label in range(len(dataset.classes)):
            members = torch.nonzero(dataset.train.labels == label)[:, 0]
            picks.append(members[torch.randperm(len(members), generator=generator)[:ipc].to(members.device)])
        return cls.from_indices(dataset, torch.cat(picks), "real")

    @classmethod
    def from_indices(cls, dataset: Dataset, indices: Tensor, init: str) -> "SyntheticSet":
        """Chosen training images: ``indices`` int64 [classes * ipc], sorted by class; ``init`` says how in one word."""
        return cls._begin(dataset, dataset.train.images[indices], len(indices) // len(dataset.classes), init)

    @classmethod
    def from_noise(cls, dataset: Dataset, ipc: int, generator: torch.Generator) -> "SyntheticSet":
        """``ipc`` images of standard normal noise for each class (normalised space)."""
        check_ipc(ipc, dataset)
        shape = (ipc * len(dataset.classes), *dataset.train.images.shape[1:])
        noise = torch.randn(shape, generator=generator).to(dataset.train.images.device)
        return cls._begin(dataset, noise, ipc, "noise")

    @classmethod
    def begin(cls, init: str, dataset: Dataset, ipc: int, generator: torch.Generator) -> "SyntheticSet":
        """``from_real`` or ``from_noise``, by name."""
        return getattr(cls, f"from_{one_of(init, INITS, 'init')}")(dataset, ipc, generator)

    @classmethod
    def _begin(cls, dataset: Dataset, images: Tensor, ipc: int, init: str) -> "SyntheticSet":
        labels = torch.arange(len(dataset.classes), device=images.device).repeat_interleave(ipc)
        return cls(images.clone(), labels, images.clone(), dataset.mean, dataset.std, dataset.classes,
                   origin=origin_of(dataset, init))

    @property
    def ipc(self) -> int:
        """Images per class."""
        return len(self.images) // len(self.classes)

    @property
    def notes(self) -> tuple[str, ...]:
        """The data set's notes, which belong beside the images."""
        return tuple(self.origin.get("notes", ()))

    @property
    def soft(self) -> bool:
        return self.labels.ndim == 2

    @property
    def moved(self) -> float:
        """How far the images have moved: the Euclidean norm of images - start, in normalised pixels."""
        return float((self.images.detach() - self.start).norm())

    @property
    def predicted(self) -> Tensor:
        """The class of each image, int64 [N]; of soft labels the most likely."""
        return self.labels.detach().argmax(1) if self.soft else self.labels

    @property
    def started_as(self) -> Tensor:
        """The class each image was given at the start, int64 [N]; learned labels may come to say otherwise."""
        return self.predicted if self.start_labels is None else self.start_labels.argmax(1)

    def learn_labels(self, labels: Tensor, meaning: str) -> None:
        """Begin with soft ``labels`` [N, classes] of that ``meaning``, to be learned with the images."""
        self.labels, self.start_labels, self.meaning = labels.clone(), labels.clone(), meaning
        self.__post_init__()

    def parameters(self) -> list[Tensor]:
        """The tensors that a method optimises: the images, and the labels if they are learned."""
        return [self.images] if self.start_labels is None else [self.images, self.labels]

    def training_split(self) -> Split:
        """What a network is trained on."""
        labels = self.labels.detach()
        labels = labels.softmax(1) if self.meaning == "logits" else labels
        return Split(self.images.detach(), labels, squared=self.meaning == "targets")

    def pixels(self, images: Tensor | None = None) -> Tensor:
        """The images (or others like them) as pixels in [0, 1], [N, C, H, W]."""
        return denormalise(self.images if images is None else images, self.mean, self.std).cpu()

    def undistilled(self) -> "SyntheticSet":
        """The set as it was before distillation."""
        labels = self.labels if self.start_labels is None else self.start_labels.clone()
        return replace(self, images=self.start.clone(), labels=labels, start_labels=None, learning_rate=None)

    def save(self, path: str | Path, *, packed: bool = False) -> None:
        """Save as safetensors, with everything but the tensors in the metadata; ``packed`` as for ``write_tensors``."""
        names = ("images", "labels", "start") + ("start_labels",) * (self.start_labels is not None)
        write_tensors(Path(path), {name: getattr(self, name) for name in names}, {
            "mean": self.mean, "std": self.std, "classes": self.classes, "origin": self.origin, "labels": self.meaning,
            "learning_rate": self.learning_rate}, packed=packed)

    @classmethod
    def load(cls, path: str | Path) -> "SyntheticSet":
        """Load what ``save`` wrote.

        Raises:
            InputError: the file is missing, damaged, or not a synthetic set of ddkit.
        """
        require(Path(path).is_file(), f"no synthetic set at {path}: make one with 'python -m ddkit distill'")
        tensors, description = read_tensors(Path(path))
        tensors = {name: t for name, t in tensors.items() if name in ("images", "labels", "start", "start_labels")}
        if "labels" in tensors and not tensors["labels"].is_floating_point():
            tensors["labels"] = tensors["labels"].long()
        try:
            require_fit(description, _DESCRIPTION, "its description is not one of a set")
            statistics = {name: tuple(description[name]) for name in ("mean", "std", "classes")}
            rest = {name: description[name] for name in ("learning_rate", "origin")}
            meaning = {"hard": "classes", "soft": "probabilities"}.get(description["labels"], description["labels"])
            found = cls(**tensors, **statistics, **rest, meaning=meaning)
            require(all(t.isfinite().all() for t in tensors.values()), "it holds numbers that are not finite")
            return found
        except (TypeError, ValueError) as error:
            raise InputError(f"{path} is damaged or no set of ddkit ({error}): copy or make it again") from error

    def export_pt(self, path: str | Path) -> None:
        """Write the field's layout: see ``pt_layout.export_pt``."""
        pt_layout.export_pt(self, path)

    @classmethod
    def import_pt(cls, path: str | Path, dataset: Dataset, entry: int | None = None, **told) -> "SyntheticSet":
        """Read the field's layout: see ``formats.open_set``."""
        return pt_layout.import_pt(cls, path, dataset, entry, **told)


def check_ipc(ipc: int, dataset: Dataset) -> None:
    """Raise InputError unless every class has ``ipc`` >= 1 training images."""
    smallest = int(torch.bincount(dataset.train.labels, minlength=len(dataset.classes)).min())
    require(1 <= ipc <= smallest, f"images per class must be 1 to {smallest} for {dataset.name} (its smallest class "
                                  f"has {smallest} training images), got ipc {ipc}")
