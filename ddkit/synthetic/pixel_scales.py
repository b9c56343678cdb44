"""On which scale are the pixels of images that came from elsewhere: normalised, in [0, 1], bytes, whitened?

A network trained on images of another scale than those it is tested on loses most of its accuracy in silence, and no
file says its scale. So it is judged by what a set and its data set have in common: mean and spread, range, and where
images are bright on average. Distilled images overshoot the range of real ones, and noise has none of their pattern:
both are normalised images all the same.
"""

import math

import torch
from torch import Tensor

from ddkit.data import Dataset
from ddkit.foundation.errors import InputError, one_of, require

SCALES = ("normalised", "unit", "bytes")  # unit: in [0, 1]; bytes: in 0..255
FARTHEST = 3.0  # from a scale's mean and spread, in ``_distance``; of the sets in data/reference the farthest has 1.5
BRIGHTEST = 20.0  # of a normalised image that has been distilled; in data/reference 17
ALIKE = 0.3  # correlation with the data set's mean image; of sets that are not noise at least 0.6
TELLING = 0.75  # that correlation, as it is expected of real images, where it says something
PEAKED = 5.0  # kurtosis; of noise 3, of whitened images 6 to 900
IN_WORDS = {"normalised": "normalised pixels", "unit": "pixels in [0, 1]", "bytes": "pixels in 0..255",
            "signed": "pixels in [-1, 1]", "whitened": "whitened pixels (ZCA)", "unknown": "pixels on no known scale"}
# What mean and std of pixels in [0, 1] are on each scale.
_STRETCHES = {"normalised": lambda mean, std: (0 * mean, std / std), "unit": lambda mean, std: (mean, std),
              "bytes": lambda mean, std: (255 * mean, 255 * std), "signed": lambda mean, std: (2 * mean - 1, 2 * std)}
ASK = "say which with pixels (--pixels): normalised, unit ([0, 1]) or bytes (0..255)"


def normalised(path, images: Tensor, pixels: str, dataset: Dataset) -> Tensor:
    """Images float32 [N, C, H, W] whose ``pixels`` are said to be on that scale, normalised as the data set's are.

    Raises:
        InputError: an unknown scale, or one that images of ``path`` cannot be on.
    """
    require(not impossible(images, one_of(pixels, SCALES, "pixels"), dataset),
            f"{path} holds numbers from {float(images.min()):.4g} to {float(images.max()):.4g}, which cannot be "
            f"{IN_WORDS[pixels]} of {dataset.name}: {ASK}; what is on none of them, bring to [0, 1] first")
    if pixels == "normalised":
        return images
    mean, std = (images.new_tensor(v)[:, None, None] for v in (dataset.mean, dataset.std))
    return (images / (255 if pixels == "bytes" else 1) - mean) / std


def require_no_pixels(path, images: Tensor, told: str | None, dataset: Dataset) -> None:
    """Raise InputError if images of a file that calls them normalised have the range of pixels, which faint ones may
    have: it is enough that these are ``told`` to be normalised."""
    found = by_range(images) if dataset.pictures else None
    faint = ", or give pixels 'normalised' (--pixels normalised) if they are only faint" if found == "unit" else ""
    require(found is None or (faint and told == "normalised"),
            f"{path} says that its images are normalised, but they look like {IN_WORDS[found or 'normalised']}: save "
            f"the set with its images, not with its pixels(){faint}")


def impossible(images: Tensor, pixels: str, dataset: Dataset) -> bool:
    """Whether images cannot be on that scale, and are not only unlikely to be, as faint or overshooting ones are.

    Of data that are no pictures nothing is known: numbers of any size may be in their rows.
    """
    if not dataset.pictures:
        return False
    low, high, found = float(images.min()), float(images.max()), looks(images, dataset)
    if pixels == "normalised":  # what is that bright somewhere is as dark elsewhere
        return found == "bytes" and low > -BRIGHTEST
    if pixels == "unit":
        return found == "bytes" or max(-low, high) > BRIGHTEST
    return found in ("normalised", "unit") or high <= 1


def by_range(images: Tensor) -> str | None:
    """``unit`` or ``bytes``, where the range alone tells: normalised images are dark somewhere, and dark is
    negative."""
    low, high = float(images.min()), float(images.max())
    if low < 0 or 1 < high <= BRIGHTEST:
        return None
    return "unit" if high <= 1 else "bytes"


def looks(images: Tensor, dataset: Dataset) -> str:
    """What images float32 [N, C, H, W] look like: a name in ``SCALES``, ``signed`` ([-1, 1]), ``whitened`` or
    ``unknown``."""
    if told := by_range(images):
        return told
    low, high = float(images.min()), float(images.max())
    if abs(low + 1) < 0.01 and abs(high - 1) < 0.01:
        return "signed"
    if not resembles(images, dataset) and kurtosis(images) > PEAKED:
        return "whitened"
    distances = {scale: _distance(images, scale, dataset) for scale in _STRETCHES}
    distances["signed"] += 1  # rare, and near to what is normalised: only where nothing else comes close
    nearest = min(distances, key=distances.get)
    return nearest if distances[nearest] <= FARTHEST else "unknown"


def refusal(path, looks_like: str, dataset: Dataset) -> InputError:
    """Why images that look like that are not taken for normalised ones."""
    numbers = f"normalised with mean {_words(dataset.mean)} and std {_words(dataset.std)}"
    begin = f"{path} holds images that"
    also = "" if dataset.pictures else ", or 'normalised' if they are already"  # as rows of numbers may be
    return InputError({
        "unit": f"{begin} look like pixels in [0, 1], but {dataset.name}'s are {numbers}: give pixels 'unit' "
                "(--pixels unit) and they are normalised, or 'normalised' if they are already",
        "bytes": f"{begin} look like pixels in 0..255, but {dataset.name}'s are {numbers}: give pixels 'bytes' "
                 "(--pixels bytes) and they are normalised" + also,
        "signed": f"{begin} fill the range [-1, 1], but {dataset.name}'s are {numbers}: bring them to [0, 1] and give "
                  "pixels 'unit' (--pixels unit), or give 'normalised' if they are already",
        "whitened": f"{begin} look whitened (ZCA), but {dataset.name}'s are {numbers}: undo the whitening before "
                    "saving them, or give pixels 'normalised' (--pixels normalised) if they are no more than that",
        "unknown": f"{begin} are on no scale known of {dataset.name}, whose own are {numbers}: {ASK}",
    }[looks_like])


def resembles(images: Tensor, dataset: Dataset) -> bool:
    """Whether the images are bright where the data set's are, on average; True where so few could not tell."""
    typical, found = dataset.train.images.mean(0).cpu(), images.mean(0).cpu()
    pattern, spread = float(typical.std()), float(dataset.train.images.std())
    if pattern < TELLING * math.sqrt(pattern**2 + spread**2 / len(images)):
        return True
    return float(torch.corrcoef(torch.stack([typical.flatten(), found.flatten()]))[0, 1]) >= ALIKE


def kurtosis(images: Tensor) -> float:
    """Fourth moment over squared variance: 3 of normal noise, more where few pixels stand out."""
    centred = images.double() - images.double().mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2)


def _distance(images: Tensor, scale: str, dataset: Dataset) -> float:
    """How far mean and spread are from what they are on that scale: 0 if equal, averaged over the channels."""
    mean, std = torch.tensor(dataset.mean), torch.tensor(dataset.std)
    mean, std = _STRETCHES[scale](mean, std)
    found = images.transpose(0, 1).flatten(1).cpu()
    return float(((found.mean(1) - mean).abs() / std + (found.std(1) / std).log().abs()).mean())


def _words(values: tuple[float, ...]) -> str:
    return ", ".join(f"{v:.4g}" for v in values)
