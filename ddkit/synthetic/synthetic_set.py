"""The synthetic set: what a distillation starts from, changes, and leaves behind."""

from copy import deepcopy
from dataclasses import InitVar, dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from ddkit.data import Dataset, Split, denormalise
from ddkit.foundation.errors import InputError, one_of, require
from ddkit.foundation.files import read_tensors, write_tensors
from ddkit.foundation.schema import NUMBER, require_fit
from ddkit.synthetic import form_files, pt_layout, schedule
from ddkit.synthetic.foreign import HELD, MEANINGS, SOFT, distributions, held, origin_of
from ddkit.synthetic.forms import Canvas, Form, Size
from ddkit.synthetic.forms.form import INITS, random_real
from ddkit.synthetic.forms.pixels import Pixels
from ddkit.synthetic.random_steps import RandomSteps
from ddkit.synthetic.schedule import Schedule
from ddkit.synthetic.torch_files import is_safetensors

_DESCRIPTION = {"mean": [NUMBER], "std": [NUMBER], "classes": [str], "origin": dict, "labels": str,
                "learning_rate": (None, NUMBER), "?form": dict, "?schedule": dict}


@dataclass
class SyntheticSet:
    """A small labelled set of images, sorted by class.

    Its images are decoded from what is stored, as its ``form`` says; pixels are stored as they are. A method takes its
    loss's gradient in ``leaf()``, ``pull``s it back to the parameters, makes a step on their ``groups`` and calls
    ``constrain``, and so drives any form.

    Attributes:
        images: float32 [N, C, H, W], normalised with ``mean`` and ``std``; where they are decoded, with a graph.
        labels: int64 [N] (hard) or float32 [N, classes] (soft).
        start: the images before distillation, same shape.
        mean, std: per-channel statistics of the normalisation.
        classes: class names.
        learning_rate: the learning rate learned with the images, if any.
        meaning: of the labels: ``classes`` (hard ones), ``probabilities``, ``logits`` (their softmax is the
            distribution), ``targets`` (values that logits are regressed on) or ``weights`` (of the classes'
            log-probabilities, of any sign and sum); None takes one of the first two.
        start_labels: the labels before distillation, if they are learned, else None.
        origin: where it came from: dataset, data fingerprint and notes, init, and later method, preset, seed, updates.
        form: how the images are made of what is stored; given as None, they are pixels.
        start_form: the form before distillation; None of pixels, whose start says it.
        schedule: of a set that owns the order, the rates, the initialisation or the length of the training on it: what
            they are.
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
    form: InitVar[Form | None] = None
    start_form: Form | None = None
    schedule: Schedule | RandomSteps | None = None

    def __post_init__(self, form: Form | None):
        for name in HELD:
            super().__setattr__(name, held(name, getattr(self, name)))
        if form is not None and not isinstance(form, Pixels):
            require(form_files.alike(self._pixels, form.decode()), "these are other images than the form decodes: "
                                                                   "leave the form out (None) for a set of pixels")
            self._pixels, self._form = None, form
        self._check()

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, held(name, value, exact=True))

    def _check(self) -> None:
        images = self.images.detach()
        require(images.ndim == 4 and len(images) > 0, f"images must be [N, C, H, W], got {list(images.shape)}")
        n = len(images)
        require(self.start.shape == images.shape, "the start must have the shape of the images")
        require(self.labels.shape in ((n,), (n, len(self.classes))),
                f"labels must be [{n}] or [{n}, {len(self.classes)}], got {list(self.labels.shape)}")
        require(len(self.mean) == len(self.std) == images.shape[1] and min(self.std) > 0,
                f"mean and std must be those of {images.shape[1]} channels, std positive, got {self.mean} and "
                f"{self.std}")
        require(self.soft or 0 <= self.labels.min() <= self.labels.max() < len(self.classes),
                f"labels must be from 0 to {len(self.classes) - 1}")
        require(self.meaning or not self.soft or distributions(self.labels.detach()), "rows of labels that are no "
                f"probabilities need a meaning: {', '.join(SOFT[1:-1])} or {SOFT[-1]}")
        self.meaning = one_of(self.meaning or MEANINGS[self.soft], MEANINGS, "meaning of labels")
        require(self.soft == (self.meaning != "classes"), f"labels {list(self.labels.shape)} cannot be {self.meaning}")
        if self.schedule is not None:
            self.schedule.check_for(n)

    @classmethod
    def from_real(cls, dataset: Dataset, ipc: int, generator: torch.Generator) -> "SyntheticSet":
        """``ipc`` random training images of each class."""
        check_ipc(ipc, dataset)
        return cls._begin(dataset, random_real(dataset, ipc, generator), ipc, "real")

    @classmethod
    def from_indices(cls, dataset: Dataset, indices: Tensor, init: str) -> "SyntheticSet":
        """Chosen training images: ``indices`` int64 [classes * ipc], sorted by class; ``init`` says how in one word."""
        made = cls._begin(dataset, dataset.train.images[indices], len(indices) // len(dataset.classes), init)
        require(made.labels.equal(dataset.train.labels[indices]), "indices must be sorted by class, as many of each")
        return made

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
    def of_form(cls, form: Form, dataset: Dataset, init: str) -> "SyntheticSet":
        """A set of that form as it is now, which began as ``init`` says in one word."""
        images, start_form = form.decode(), None if isinstance(form, Pixels) else form.copy()
        return cls(images, form.labels, images.detach().clone(), dataset.mean, dataset.std, dataset.classes,
                   origin=origin_of(dataset, init), form=form, start_form=start_form)

    @classmethod
    def _begin(cls, dataset: Dataset, images: Tensor, ipc: int, init: str) -> "SyntheticSet":
        labels = torch.arange(len(dataset.classes), device=images.device).repeat_interleave(ipc)
        return cls(images.clone(), labels, images.clone(), dataset.mean, dataset.std, dataset.classes,
                   origin=origin_of(dataset, init))

    def begin_at(self, images: Tensor, generator: torch.Generator) -> None:
        """Begin from other images [N, C, H, W], sorted by class, or from what the form makes of them."""
        if self._form is None:
            self.images, self.start = images.clone(), images.clone()
        else:
            self._form = self._form.again_at(images, generator)
            self.start, self.start_form = self._form.decode().detach(), self._form.copy()

    @property
    def ipc(self) -> int:
        """Images of each class that are decoded."""
        return len(self.start) // len(self.classes)

    @property
    def form_name(self) -> str:
        """The name of its form."""
        return self.form.name

    @property
    def size(self) -> Size:
        """What the images take, and how many they are; labels are counted by ``budget.storage``."""
        return self.form.size()

    @property
    def stored_ipc(self) -> float:
        """As many images per class, in float32, take as many bytes."""
        return self.size.bytes / self.form.canvas.budget(1)

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
        self._check()

    def parameters(self) -> list[Tensor]:
        """What a method changes: the parts that images are decoded from, and the labels if they are learned."""
        return [*self.form.parts.values(), *([] if self.start_labels is None else [self.labels])]

    def groups(self, rate: float, label_rate: float | None = None, signed: bool = False) -> list[dict]:
        """The parameters as a torch optimiser takes them, one group each.

        Args:
            rate: the learning rate that pixels would have.
            label_rate: that of learned labels (None: ``rate``).
            signed: for an optimiser whose steps do not follow the slope's length, such as Adam.
        """
        form = self.form
        rates = form.rates(rate, signed)
        groups = [{"params": [part], "lr": rates[name]} for name, part in form.parts.items()]
        if self.start_labels is not None:
            groups.append({"params": [self.labels], "lr": rate if label_rate is None else label_rate})
        return groups

    def leaf(self) -> Tensor:
        """The images [N, C, H, W] without what made them, to gather a gradient for ``pull``."""
        return self.images.detach().requires_grad_()

    def pull(self, images: Tensor, labels: Tensor | None = None, chunk: int | None = None) -> None:
        """Add to the parameters' ``grad`` what a loss's gradient in the images, and in learned labels, is in them.

        Args:
            images: the gradient [N, C, H, W]; labels: that of the labels [N, classes].
            chunk: images that are decoded at a time (None: all).
        """
        self.form.pull(images, chunk)
        if labels is not None:
            self.labels.grad = labels if self.labels.grad is None else self.labels.grad + labels

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring the parameters back to where they may be, after a step."""
        self.form.constrain()

    def state_dict(self) -> dict:
        """What a resumed run needs besides the parameters: what a form keeps fixed, and how it began. Of pixels
        nothing: these begin alike on any machine, and what is fitted to images may not."""
        if self._form is None:
            return {}
        return {"fixed": dict(self._form.fixed), "start": self.start, "start_parts": dict(self.start_form.parts)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict``; the parameters are to be restored besides."""
        if self._form is not None:
            device = self.start.device
            fixed = {name: tensor.to(device) for name, tensor in state["fixed"].items()}
            self._form.fixed = self.start_form.fixed = fixed
            self.start_form.parts = {name: part.to(device) for name, part in state["start_parts"].items()}
            self.start = state["start"].to(device)

    def training_split(self) -> Split:
        """What a network is trained on."""
        images, labels = (held(name, getattr(self, name).detach()) for name in ("images", "labels"))
        labels = labels.softmax(1) if self.meaning == "logits" else labels
        return Split(images, labels, squared=self.meaning == "targets")

    def pixels(self, images: Tensor | None = None) -> Tensor:
        """The images (or others like them) as pixels in [0, 1], [N, C, H, W]."""
        return denormalise(self.images if images is None else images, self.mean, self.std).cpu()

    def undistilled(self) -> "SyntheticSet":
        """The set as it was before distillation."""
        labels = (self.labels if self.start_labels is None else self.start_labels).clone()
        form = self.start_form and self.start_form.copy()
        images = self.start.clone() if form is None else form.decode()
        return replace(self, images=images, labels=labels, start_labels=None, learning_rate=None, form=form,
                       origin=deepcopy(self.origin), schedule=None)

    def copy(self) -> "SyntheticSet":
        """The set as it is now, on the CPU, whatever becomes of this one."""
        form, start_form = (one and one.copy("cpu") for one in (self._form, self.start_form))
        images = self.images.detach().cpu().clone() if form is None else form.decode()
        others = {name: tensor.detach().cpu().clone() for name in ("labels", "start", "start_labels")
                  if (tensor := getattr(self, name)) is not None}
        return replace(self, images=images, form=form, start_form=start_form, origin=deepcopy(self.origin), **others)

    def save(self, path: str | Path, *, packed: bool = False) -> None:
        """Save as safetensors, with everything but the tensors in the metadata.

        Args:
            packed: as for ``write_tensors``; and of images that a form decodes keep its parts alone.
        """
        of_form, described = form_files.stored(self._form, self.start_form)
        names = ("labels",) + ("start_labels",) * (self.start_labels is not None)
        names += () if packed and of_form else ("images", "start")
        of_schedule, scheduled = schedule.stored(self.schedule)
        write_tensors(Path(path), {name: held(name, getattr(self, name)) for name in names} | of_form | of_schedule, {
            "mean": self.mean, "std": self.std, "classes": self.classes, "origin": self.origin, "labels": self.meaning,
            "learning_rate": self.learning_rate} | described | scheduled, packed=packed)

    @classmethod
    def load(cls, path: str | Path) -> "SyntheticSet":
        """Load what ``save`` wrote.

        Raises:
            InputError: the file is missing, damaged, or not a synthetic set of ddkit.
        """
        require(Path(path).is_file(), f"no synthetic set at {path}: make one with 'python -m ddkit distill'")
        require(is_safetensors(Path(path)), f"{path} is no .safetensors file, which SyntheticSet.load reads: read it "
                                            "with ddkit.synthetic.formats.open_set(path, dataset)")
        found, description = read_tensors(Path(path))
        tensors = {name: tensor for name, tensor in found.items() if name in HELD}
        try:
            require_fit(description, _DESCRIPTION, "its description is not one of a set")
            statistics = {name: tuple(description[name]) for name in ("mean", "std", "classes")}
            rest = {name: description[name] for name in ("learning_rate", "origin")}
            meaning = {"hard": "classes", "soft": "probabilities"}.get(description["labels"], description["labels"])
            require(all(t.isfinite().all() for t in found.values()), "it holds numbers that are not finite")
            tensors |= form_files.restored(description, found, tensors.get("images"))
            tensors |= schedule.restored(description, found)
            return cls(**tensors, **statistics, **rest, meaning=meaning)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is damaged or no set of ddkit ({error}): copy or make it again") from error

    def export_pt(self, path: str | Path) -> None:
        """Write the field's layout: see ``pt_layout.export_pt``."""
        pt_layout.export_pt(self, path)

    @classmethod
    def import_pt(cls, path: str | Path, dataset: Dataset | str, entry: int | None = None, **told) -> "SyntheticSet":
        """Read the field's layout: see ``formats.open_set``."""
        return pt_layout.import_pt(cls, path, dataset, entry, **told)


def _images(synthetic: SyntheticSet) -> Tensor:
    return synthetic._pixels if synthetic._form is None else synthetic._form.decode()


def _set_images(synthetic: SyntheticSet, images: Tensor) -> None:
    form = getattr(synthetic, "_form", None)
    require(form is None, f"the images of this set are decoded, as form '{form and form.name}' says, and others "
                          "cannot take their place: ask for pixels where a method replaces them")
    synthetic._pixels, synthetic._form = images, None


def _form(synthetic: SyntheticSet) -> Form:
    if synthetic._form is not None:
        return synthetic._form
    images = synthetic._pixels
    canvas = Canvas(len(synthetic.classes), tuple(images.shape[1:]), synthetic.mean, synthetic.std)
    return Pixels.of(images, canvas)


# Set here, because a dataclass takes what its body has under a field's name for the field's default.
SyntheticSet.images, SyntheticSet.form = property(_images, _set_images), property(_form)


def check_ipc(ipc: int, dataset: Dataset) -> None:
    """Raise InputError unless every class has ``ipc`` >= 1 training images."""
    smallest = int(torch.bincount(dataset.train.labels, minlength=len(dataset.classes)).min())
    require(1 <= ipc <= smallest, f"images per class must be 1 to {smallest} for {dataset.name} (its smallest class "
                                  f"has {smallest} training images), got ipc {ipc}")
