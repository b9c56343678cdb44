"""The synthetic set: what a distillation starts from, changes, and leaves behind."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from ddkit.data import Dataset, Split, denormalise
from ddkit.errors import InputError, one_of, require
from ddkit.files import atomic, load_state, save_state

INITS = ("real", "noise")
MEANINGS = ("classes", "probabilities", "logits", "targets")  # of labels


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

    def save(self, path: str | Path) -> None:
        """Save as safetensors, with everything but the tensors in the metadata."""
        from safetensors.torch import save_file

        names = ("images", "labels", "start") + ("start_labels",) * (self.start_labels is not None)
        tensors = {name: getattr(self, name).detach().cpu().clone(memory_format=torch.contiguous_format)
                   for name in names}  # cloned: safetensors refuses shared memory
        description = {"mean": self.mean, "std": self.std, "classes": self.classes, "origin": self.origin,
                       "labels": self.meaning, "learning_rate": self.learning_rate}
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
                optional = {"start_labels"} & set(file.keys())
                tensors = {name: file.get_tensor(name) for name in ("images", "labels", "start", *optional)}
            statistics = {name: tuple(description[name]) for name in ("mean", "std", "classes")}
            rest = {name: description[name] for name in ("learning_rate", "origin")}
            meaning = {"hard": "classes", "soft": "probabilities"}.get(description["labels"], description["labels"])
            return cls(**tensors, **statistics, **rest, meaning=meaning)
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
            images, labels = (torch.as_tensor(part) for part in content["data"][entry][:2])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"{path} has not the layout {{'data': [[images, labels]]}} (entry {entry}): "
                             "export it again from the tool that made it") from error
        return cls._imported(path, dataset, images, labels, "probabilities")

    @classmethod
    def _imported(cls, path: Path, dataset: Dataset, images: Tensor, labels: Tensor, meaning: str) -> "SyntheticSet":
        """A set of foreign tensors, sorted by class, once they are seen to fit the data set."""
        images, labels = images.detach().float(), labels.detach()
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
        origin = _origin(dataset, "imported") | {"file": Path(path).name}
        return cls(images, labels, images.clone(), dataset.mean, dataset.std, dataset.classes, origin=origin,
                   meaning=meaning if soft else "classes")

    def export_datm(self, folder: str | Path, tag: str = "best") -> None:
        """Write DATM's files: ``images_TAG.pt``, ``labels_TAG.pt`` (logits or classes) and ``lr_TAG.pt``.

        Raises:
            InputError: the set has learned no learning rate.
        """
        require(self.learning_rate is not None, "DATM's files hold a learned learning rate, and this set has none: "
                                                "export it with export_pt")
        rate = torch.tensor(self.learning_rate)
        for name, part in (("images", self.images), ("labels", self.labels), ("lr", rate)):
            save_state(Path(folder) / f"{name}_{tag}.pt", part.detach().cpu().clone())

    @classmethod
    def import_datm(cls, path: str | Path, dataset: Dataset) -> "SyntheticSet":
        """Read DATM's files; ``path`` names the one of the images, ``images_TAG.pt``.

        Raises:
            InputError: one of them is missing, could run code, is damaged, or does not fit the data set.
        """
        path = Path(path)
        images, labels, rate = (load_state(path.with_name(path.name.replace("images", name, 1)))
                                for name in ("images", "labels", "lr"))
        require(all(isinstance(part, Tensor) for part in (images, labels, rate)) and rate.numel() == 1,
                f"{path} and its labels and lr must each hold one tensor: export them again from the tool that made "
                "them")
        made = cls._imported(path, dataset, images, labels, "logits")
        made.learning_rate = float(rate)
        return made

    def export_png(self, folder: str | Path) -> list[Path]:
        """Write the images, un-normalised, as ``folder/<class>/<index>.png``; returns the files."""
        from torchvision.transforms.functional import to_pil_image

        paths = []
        for image, label in zip(self.pixels(), self.predicted.tolist(), strict=True):
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
