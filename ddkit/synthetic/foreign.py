"""What tensors from elsewhere are: images of this data set? on which scale? and what do their labels mean?

A file says neither on which scale its pixels are nor what rows of real numbers mean as labels: its content decides
where it can, and where it cannot the reader is asked, before anything is trained.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddkit.data import SMALLEST, Dataset
from ddkit.foundation.errors import InputError, one_of, require
from ddkit.synthetic import pixel_scales
from ddkit.synthetic.torch_files import AGAIN

MEANINGS = ("classes", "probabilities", "logits", "targets", "weights")  # of labels
SOFT = MEANINGS[1:]  # what rows of labels can mean


def origin_of(dataset: Dataset, init: str) -> dict:
    """What a set says of where it came from: the data set, by name and fingerprint, its notes, and how it began."""
    notes = {"notes": list(dataset.notes)} if dataset.notes else {}
    return {"dataset": dataset.name, "fingerprint": dataset.fingerprint, "init": init, **notes}


def as_images(images) -> Tensor:
    """Images as float32, whatever real numbers they are: a tensor, an array or nested lists.

    Raises:
        InputError: they are whole numbers, as bytes are, or no numbers.
    """
    found = numbers("images", images)
    require(found.is_floating_point(), f"images must be real numbers, normalised as the data set's are, got "
            f"{found.dtype}: divide bytes by 255, subtract the data set's mean and divide by its std")
    return found.float()


def as_labels(labels) -> Tensor:
    """Labels as int64 [N] of classes or as float32 [N, classes] of rows: a tensor, an array or lists.

    Raises:
        InputError: there are fractions for classes, or no numbers.
    """
    found = numbers("labels", labels)
    found = found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
    require(found.ndim <= 2, f"labels are [N] or [N, classes], got {list(found.shape)}")
    if found.ndim == 2:
        return found.float()
    require(bool((found == found.long()).all()), "labels [N] are the classes' whole numbers, and some of these are "
            "fractions: give whole numbers, or a row [N, classes] for each image")
    return found.long()


HELD = {"images": as_images, "start": as_images, "labels": as_labels, "start_labels": as_labels}  # by a set


def held(name: str, value, exact: bool = False):
    """What a set holds under that name: one of ``HELD`` in its type, if it is given, and anything else as it is.

    Args:
        exact: leave a tensor of doubles, in which gradients can be checked.
    """
    doubles = isinstance(value, Tensor) and value.dtype == torch.double and value.ndim > 1
    return value if name not in HELD or value is None or (exact and doubles) else HELD[name](value)


def numbers(what: str, given) -> Tensor:
    """A tensor of what may be one, an array or nested lists of real numbers; ``what`` it is, for the sentence."""
    try:
        if isinstance(given, list | tuple) and given and all(isinstance(part, Tensor) for part in given):
            given = torch.stack(list(given))
        found = given if isinstance(given, Tensor) else torch.tensor(np.asarray(given))
    except (TypeError, ValueError, RuntimeError):
        found = None
    require(found is not None and found.ndim > 0 and not found.is_complex(),
            f"{what} must be real numbers in a tensor, an array or lists of one length, got {type(given).__name__}")
    return found


def fields_of(path: Path, dataset: Dataset, images: Tensor, labels: Tensor, meaning: str | None, pixels: str | None,
              tell) -> dict:
    """What a ``SyntheticSet`` of foreign tensors is made of, sorted by class, once they are seen to fit the data."""
    require(images.ndim > 0 and labels.ndim > 0 and len(images) == len(labels) > 0,
            f"{path} holds images {list(images.shape)} and labels {list(labels.shape)}, which are not equally many: "
            f"{AGAIN}")
    images = _shaped(path, images.float(), dataset, tell)
    labels = _renumbered(path, labels, dataset, tell)
    labels, meaning = meant(path, labels, len(dataset.classes), meaning)
    require_finite(path, "images", images)
    _tell_missing(path, labels, meaning, dataset, tell)
    images = _scaled(path, images, pixels, dataset, tell)
    order = torch.argsort(labels if meaning == "classes" else labels.argmax(1), stable=True)
    origin = origin_of(dataset, "imported") | {"file": path.name}
    return {"images": images[order], "labels": labels[order], "start": images[order], "mean": dataset.mean,
            "std": dataset.std, "classes": dataset.classes, "origin": origin, "meaning": meaning}


def require_finite(path: Path, what: str, values: Tensor) -> None:
    """Raise InputError if any of the values is NaN or infinite."""
    bad = int((~values.isfinite()).sum())
    require(bad == 0, f"{path} holds {bad} {what} values that are not finite (NaN or infinite): {AGAIN}")


def _shaped(path: Path, images: Tensor, dataset: Dataset, tell) -> Tensor:
    """The images as [N, C, H, W]; other orders are read where only one is possible."""
    channels, height, width = expected = tuple(dataset.train.images.shape[1:])
    shape = tuple(images.shape[1:])
    if shape == expected:
        return images
    flat, grey = channels * height * width, channels == 1
    require(shape != (flat,) or grey, f"{path} holds flat colour images [{flat}], in which the channels may come first "
                                      f"or last: save them as [N, {channels}, {height}, {width}]")
    if shape == (height, width, channels):
        images, order = images.permute(0, 3, 1, 2).contiguous(), "[N, H, W, C]"
    elif grey and shape in ((flat,), (height, width)):
        images, order = images.reshape(-1, *expected), "[N, H * W]" if len(shape) == 1 else "[N, H, W]"
    else:
        raise InputError(f"{path} holds images {list(shape)}, but {dataset.name} has {list(expected)}: "
                         + _other_size(shape, dataset))
    tell(f"{path} holds images {list(shape)}, which are read as {order}")
    return images


def _other_size(shape: tuple[int, ...], dataset: Dataset) -> str:
    """What to do about images of another shape."""
    side, channels = shape[1] if len(shape) in (2, 3) else 0, dataset.channels
    square = shape in ((channels, side, side), (side, side, channels)) or (shape == (side, side) and channels == 1)
    if dataset.pictures and square and side >= SMALLEST:
        return f"load the data set with that size (size={side}, or --size {side})"
    return "name the data set that they belong to, or save them in its shape"


def _renumbered(path: Path, labels: Tensor, dataset: Dataset, tell) -> Tensor:
    """Classes by their places in the data set: those of some classes of a whole, as 3 and 8 of digits-3-8, may have
    kept the whole's numbers, where these can be nothing else."""
    own = [int(part) for part in dataset.name.split("-")[1:] if part.isdecimal()]
    found = sorted(set(labels.flatten().tolist()))
    one_each = labels.ndim == 1 or labels.shape[1:] == (1,)
    if not one_each or len(own) != len(dataset.classes) or found[-1] < len(own) or not set(found) <= set(own):
        return labels
    tell(f"{path} holds labels {', '.join(str(int(label)) for label in found)}, which are read as the numbers of "
         f"{dataset.name}")
    return torch.tensor([own.index(label) for label in labels.flatten().tolist()])


def meant(path: Path, labels: Tensor, classes: int, meaning: str | None) -> tuple[Tensor, str]:
    """Labels int64 [N] or float32 [N, classes], and what they mean."""
    if meaning is not None:
        one_of(meaning, SOFT, "meaning of labels")
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 < classes else labels
    require_finite(path, "labels", labels)
    if labels.ndim == 1:
        require(meaning is None, f"{path} holds one class an image, which cannot be {meaning}: leave '{meaning}' out")
        require(bool((labels == labels.long()).all()), f"{path} has fractions for classes: {AGAIN}")
        require(bool(labels.min() >= 0) and bool(labels.max() < classes),
                f"{path} has labels outside 0..{classes - 1}: it belongs to another data set")
        return labels.long(), "classes"
    require(labels.ndim == 2 and labels.shape[1] == classes,
            f"{path} has labels {list(labels.shape)}, expected [{len(labels)}] or [{len(labels)}, {classes}]: it "
            "belongs to another data set")
    likely = distributions(labels)
    if likely and not labels.is_floating_point() and meaning in (None, "probabilities"):
        return labels.argmax(1), "classes"
    require(likely or meaning not in (None, "probabilities"),
            f"{path} has labels that are no probabilities (rows are negative or do not sum to one): say with labels "
            "(--labels) whether they are logits or targets")
    return labels.float(), meaning or "probabilities"


def distributions(labels: Tensor) -> bool:
    """Whether all rows of labels are probabilities, as far as their precision goes."""
    near = 1e-2 if labels.dtype in (torch.half, torch.bfloat16) else 1e-3
    labels = labels.double()
    return bool((labels >= 0).all()) and bool(((labels.sum(1) - 1).abs() <= near).all())


def _tell_missing(path: Path, labels: Tensor, meaning: str, dataset: Dataset, tell) -> None:
    """Say so where no label speaks of some classes: a set of five classes cannot be right about ten."""
    if meaning not in ("classes", "probabilities"):
        return
    known = labels.bincount(minlength=len(dataset.classes)) if meaning == "classes" else labels.sum(0)
    missing = [name for name, found in zip(dataset.classes, known.tolist(), strict=True) if not found]
    if missing:
        tell(f"{path} has no image of {', '.join(missing)}, but all {len(dataset.classes)} classes of {dataset.name} "
             "count in the score; some of them are a data set of their own, as mnist-0-1 is")


def _scaled(path: Path, images: Tensor, pixels: str | None, dataset: Dataset, tell) -> Tensor:
    """The images normalised as the data set's are, if they look so or as ``pixels`` says they are."""
    found = pixel_scales.looks(images, dataset)
    if pixels is not None:
        made = pixel_scales.normalised(path, images, pixels, dataset)
        if dataset.pictures and found != pixels:
            words = pixel_scales.IN_WORDS
            tell(f"{path} holds what looks like {words[found]}, and is taken for {words[pixels]}, as it was said to be")
        return made
    if found != "normalised":
        raise pixel_scales.refusal(path, found, dataset)
    if not pixel_scales.resembles(images, dataset):
        tell(f"{path} holds images that are bright elsewhere than those of {dataset.name}, as noise, whitened images "
             "and another data set's are; they are taken as normalised")
    return images
