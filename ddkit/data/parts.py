"""A training and a test part of images: that they are what their names say, and the validation part cut from one."""

import math

import numpy as np

from ddkit.foundation.errors import require

VALIDATION_SHARE = 0.1
TOLD_SHARE = 0.01  # of test images that are trained on: from here on it is said
_SPLIT_SEED = 0  # of the fixed validation split: the same for everybody, whatever a run's seed


def contradictions(name: str, train: np.ndarray, test: np.ndarray) -> list[str]:
    """Sentences on training and test images [N, C, H, W] that do not look like a training and a test part.

    Raises:
        InputError: every test image is trained on.
    """
    known = {hash(image.tobytes()) for image in train}  # hashes, since large images would fill the memory twice
    shared, notes = sum(hash(image.tobytes()) in known for image in test), []
    require(shared < len(test), f"all {len(test):,} test images of {name} are also training images, so that a score "
                                "would say nothing: copy the files of both parts again under their own names")
    if shared >= TOLD_SHARE * len(test):
        notes.append(f"{shared:,} of {len(test):,} test images are also training images")
    if len(test) > len(train):
        notes.append(f"there are more test images ({len(test):,}) than training images ({len(train):,})")
    if train.shape[2:] != test.shape[2:]:
        sizes = [f"{array.shape[3]}x{array.shape[2]}" for array in (train, test)]
        notes.append(f"training images were of {sizes[0]} pixels and test images of {sizes[1]}")
    return notes


def require_room_for_validation(name: str, labels: np.ndarray) -> None:
    """Raise InputError unless a stratified share of the training images can be held out."""
    found, counts = np.unique(labels, return_counts=True)
    rarest, number = found[counts.argmin()], len(labels)
    fewest = math.floor((len(found) - 1) / VALIDATION_SHARE) + 1
    require(counts.min() >= 2, f"the training part of {name} holds one image of class {rarest}: at least 2 of a class "
                               "are needed, as some are held out for validation")
    require(math.ceil(VALIDATION_SHARE * number) >= len(found),
            f"the training part of {name} holds {number:,} images of {len(found)} classes: at least {fewest:,} are "
            "needed, as a tenth is held out for validation and must have room for every class")


def stratified(labels: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices that stay and indices held out, every class in proportion."""
    from sklearn.model_selection import train_test_split

    kept, held = train_test_split(np.arange(len(labels)), test_size=share, stratify=labels, random_state=_SPLIT_SEED)
    return np.sort(kept), np.sort(held)
