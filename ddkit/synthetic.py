"""The synthetic set: what a distillation starts from, changes, and leaves behind."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from ddkit.data import Dataset, denormalise
from ddkit.errors import InputError, one_of, require
from ddkit.files import atomic, load_state

INITS = ("real", "noise")


@dataclass
class SyntheticSet:
    """A small labelled set of images, sorted by class.

    Methods optimise ``parameters()`` and read ``images``; here the images are the parameters, and
    another parameterisation overrides both.

    Attributes:
        images: float32 [N, C, H, W], normalised with ``mean`` and ``std``.
        labels: int64 [N] (hard) or float32 [N, classes], each row a distribution (soft).
        start: the images before distillation, same shape.
        mean, std: per-channel statistics of the normalisation.
        classes: class names.
        learning_rate: the learning rate learned with the images, if any.
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

    def __post_init__(self):
        n = len(self.images)
        require(self.images.ndim == 4 and n > 0, f"images must be [N, C, H, W], got {list(self.images.shape)}")
        require(self.start.shape == self.images.shape, "the start must have the shape of the images")
        require(self.labels.shape in ((n,), (n, len(self.classes))),
                f"labels must be [{n}] or [{n}, {len(self.classes)}], got {list(self.labels.shape)}")

    @classmethod
    def from_real(cls, dataset: Dataset, ipc: int, generator: torch.Generator) -> "SyntheticSet":
        """``ipc`` random training images of each class."""
        check_ipc(ipc, dataset)
        picks = []
        for label in range(len(dataset.classes)):
            members = torch.nonzero(dataset.train.labels == label)[:, 0]
            picks.append(members[torch.randperm(len(members), generator=generator)[:ipc].to(members.device)])
        return cls._begin(dataset, dataset.train.images[torch.cat(picks)], ipc, "real")

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
                   origin=_origin(dataset, init))

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

    def parameters(self) -> list[Tensor]:
        """The tensors that a method optimises."""
        return [self.images]

    def pixels(self, images: Tensor | None = None) -> Tensor:
        """The images (or others like them) as pixels in [0, 1], [N, C, H, W]."""
        return denormalise(self.images if images is None else images, self.mean, self.std).cpu()

    def undistilled(self) -> "SyntheticSet":
        """The set as it was before distillation."""
        return replace(self, images=self.start.clone(), learning_rate=None)

    def save(self, path: str | Path) -> None:
        """Save as safetensors, with everything but the tensors in the metadata."""
        from safetensors.torch import save_file

        tensors = {name: getattr(self, name).detach().cpu().clone(memory_format=torch.contiguous_format)
                   for name in ("images", "labels", "start")}  # cloned: safetensors refuses shared memory
        description = {"mean": self.mean, "std": self.std, "classes": self.classes, "origin": self.origin,
                       "labels": "soft" if self.soft else "hard", "learning_rate": self.learning_rate}
        with atomic(Path(path)) as temporary:
            save_file(tensors, temporary, {"ddkit": json.dumps(description)})

    @classmethod
    def load(cls, path: str | Path) -> "SyntheticSet":
        """Load what ``save`` wrote.

        Raises:
            InputError: the file is missing, damaged, or not a synthetic set of ddkit.
        """
        from safetensors import SafetensorError, safe_open

        require(Path(path).is_file(), f"no synthetic set at {path}: make one with 'python -m ddkit distill'")
        try:
            with safe_open(path, "pt") as file:
                description = json.loads((file.metadata() or {})["ddkit"])
                tensors = {name: file.get_tensor(name) for name in ("images", "labels", "start")}
            statistics = {name: tuple(description[name]) for name in ("mean", "std", "classes")}
            rest = {name: description[name] for name in ("learning_rate", "origin")}
            return cls(**tensors, **statistics, **rest)
        except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
            raise InputError(f"{path} is damaged or no set of ddkit ({error}): copy or make it again") from error

    def export_pt(self, path: str | Path) -> None:
        """Write the field's layout, ``{'data': [[images, labels]], 'accs_all_exps': {}}``, with plain tensors only."""
        with atomic(Path(path)) as temporary:
            torch.save({"data": [[self.images.detach().cpu(), self.labels.cpu()]], "accs_all_exps": {}}, temporary)

    @classmethod
    def import_pt(cls, path: str | Path, dataset: Dataset, entry: int = -1) -> "SyntheticSet":
        """Read the field's layout; the images must be normalised as ``dataset`` is.

        Args:
            path: a file ``{'data': [[images, labels], ...], ...}``; it is never unpickled unsafely.
            dataset: the data set the images stand for.
            entry: which of several saved sets to take. The last by default: some tools save the start first.

        Raises:
            InputError: the file could run code, is damaged, or its tensors do not fit the data set.
        """
        content = load_state(path)
        try:
            images, labels = content["data"][entry][:2]
            images, labels = torch.as_tensor(images).detach().float(), torch.as_tensor(labels).detach()
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"{path} has not the layout {{'data': [[images, labels]]}} (entry {entry}): "
                             "export it again from the tool that made it") from error
        expected = dataset.train.images.shape[1:]
        require(images.shape[1:] == expected, f"{path} holds images {list(images.shape[1:])}, but {dataset.name} has "
                                              f"{list(expected)}: load the data set with that size")
        require(len(images) == len(labels) > 0, f"{path} holds {len(images)} images and {len(labels)} labels: "
                                                "export it again from the tool that made it")
        soft = labels.ndim == 2
        order = torch.argsort(labels.argmax(1) if soft else labels, stable=True)
        images, labels = images[order], labels[order].float() if soft else labels[order].long()
        require(soft or (labels.min() >= 0 and labels.max() < len(dataset.classes)),
                f"{path} has labels outside 0..{len(dataset.classes) - 1}: it belongs to another data set")
        return cls(images, labels, images.clone(), dataset.mean, dataset.std, dataset.classes,
                   origin=_origin(dataset, "imported") | {"file": Path(path).name})

    def export_png(self, folder: str | Path) -> list[Path]:
        """Write the images, un-normalised, as ``folder/<class>/<index>.png``; returns the files."""
        from torchvision.transforms.functional import to_pil_image

        paths = []
        labels = self.labels.argmax(1) if self.soft else self.labels
        for image, label in zip(self.pixels(), labels.tolist(), strict=True):
            name = self.classes[label].replace("/", "-")
            paths.append(Path(folder) / name / f"{sum(p.parent.name == name for p in paths):03d}.png")
            with atomic(paths[-1]) as temporary:
                to_pil_image((255 * image).round().to(torch.uint8)).save(temporary, "PNG")
        return paths


def _origin(dataset: Dataset, init: str) -> dict:
    notes = {"notes": list(dataset.notes)} if dataset.notes else {}
    return {"dataset": dataset.name, "fingerprint": dataset.fingerprint, "init": init, **notes}


def check_ipc(ipc: int, dataset: Dataset) -> None:
    """Raise InputError unless every class has ``ipc`` >= 1 training images."""
    smallest = int(torch.bincount(dataset.train.labels, minlength=len(dataset.classes)).min())
    require(1 <= ipc <= smallest, f"images per class must be 1 to {smallest} for {dataset.name} (its smallest class "
                                  f"has {smallest} training images), got ipc {ipc}")
