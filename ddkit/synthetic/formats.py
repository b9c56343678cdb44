"""Synthetic sets in the field's files, out and in: what a set means survives every door, or is asked for.

* ``.pt``: see ``pt_layout``;
* ``images_TAG.pt`` with ``labels_TAG.pt`` (MTT's, classes) and perhaps ``lr_TAG.pt`` (DATM's, logits): bare tensors;
* PNG, a folder per class, to look at.
"""

from collections.abc import Iterable
from functools import partial
from itertools import count
from pathlib import Path

import torch
from torch import Tensor

from ddkit.data import Dataset, loaded
from ddkit.foundation.errors import require
from ddkit.foundation.files import atomic, save_state, sha256
from ddkit.foundation.progress import say
from ddkit.synthetic.foreign import distributions, fields_of
from ddkit.synthetic.pt_layout import OURS, export_pt, plain, require_only, restored, vouched
from ddkit.synthetic.synthetic_set import SyntheticSet
from ddkit.synthetic.torch_files import AGAIN, is_safetensors, load, tensor

__all__ = ["digest", "export_datm", "export_png", "export_pt", "folder_names", "import_datm", "import_pt", "open_set",
           "own_set", "parts", "require_no_others", "require_only"]

PARTS = ("images", "labels", "lr")  # of a set in several files, which are named so
_STEPS = "the steps that belong to the set"
LONGEST_NAME = 60  # characters of a folder made from a class's name


def open_set(path: str | Path, dataset: Dataset | str, *, labels: str | None = None, pixels: str | None = None,
             entry: int | None = None, quiet: bool = False) -> SyntheticSet:
    """A synthetic set from a file of ddkit or of the field, told apart by their content.

    Args:
        path: the file; of a set in several, the one of the images.
        dataset: the data set that the images stand for, or its name.
        labels: what rows of labels mean, one of ``foreign.SOFT``, where the file does not say.
        pixels: the scale of the images, one of ``pixel_scales.SCALES``, where they do not look normalised.
        entry: which of several experiments (from 0; negative ones from the end); None takes the last.
        quiet: say nothing on stderr of what was found and decided.

    Raises:
        InputError: the file could run code, is damaged, does not fit the data set, or leaves something to be asked.
    """
    path, dataset = Path(path), loaded(dataset)
    own = own_set(path)
    if own:
        return vouched(path, own, dataset, labels, pixels, entry)
    if path.name.startswith("images_") and not isinstance(load(path), dict):
        require_only(path, entry)
        return import_datm(path, dataset, labels=labels, pixels=pixels, quiet=quiet)
    return import_pt(path, dataset, entry, labels=labels, pixels=pixels, quiet=quiet)


def own_set(path: str | Path) -> SyntheticSet | None:
    """The set of a file that ddkit wrote, which knows its data set and what its labels mean; None of another's file."""
    path = Path(path)
    if is_safetensors(path):
        return SyntheticSet.load(path)
    content = load(path)
    return restored(SyntheticSet, path, content) if isinstance(content, dict) and OURS in content else None


def parts(path: str | Path) -> dict[str, Path]:
    """The files that a set lies in, by what they hold: one, or those beside the ``images_…`` that ``path`` names."""
    path = Path(path)
    require(path.is_file(), f"no such file: {path}")
    beside = {name: _beside(path, name) for name in PARTS[1:]} if path.name.startswith("images_") else {}
    return {"images": path} | {name: file for name, file in beside.items() if file.is_file()}


def digest(path: str | Path) -> str:
    """What a set is known by: the sha256 of its file, or of those of all its files."""
    digests = {name: sha256(file.read_bytes()) for name, file in parts(path).items()}
    if len(digests) == 1:
        return digests["images"]
    return sha256(*(f"{name} {found}\n".encode() for name, found in digests.items()))


def import_pt(path: str | Path, dataset: Dataset | str, entry: int | None = None, **told) -> SyntheticSet:
    """Read the field's layout; arguments and errors as of ``open_set``."""
    return SyntheticSet.import_pt(path, dataset, entry, **told)


def export_datm(synthetic: SyntheticSet, folder: str | Path, tag: str = "best", quiet: bool = False) -> None:
    """Write DATM's files: ``images_TAG.pt``, ``labels_TAG.pt`` (logits or classes) and ``lr_TAG.pt``.

    They have no place for the start, the classes' names or the data set's; says on stderr if a schedule is lost.

    Raises:
        InputError: the set has learned no learning rate, or its labels are neither logits nor classes.
    """
    require(synthetic.learning_rate is not None, "DATM's files hold a learned learning rate, and this set has none: "
                                                 "export it with export_pt")
    require(synthetic.meaning in ("logits", "classes"), "labels in DATM's files are logits or classes, and this set's "
                                                        f"are {synthetic.meaning}: export it with export_pt")
    rate = torch.tensor(synthetic.learning_rate, dtype=torch.float64)
    for name, part in zip(PARTS, (synthetic.images, synthetic.labels, rate), strict=True):
        save_state(Path(folder) / f"{name}_{tag}.pt", plain(part))
    if synthetic.schedule is not None:
        say(f"{folder}: DATM's files cannot hold {_STEPS}, so that a set read from them is trained on otherwise", quiet)


def import_datm(path: str | Path, dataset: Dataset | str, *, labels: str | None = None, pixels: str | None = None,
                quiet: bool = False) -> SyntheticSet:
    """Read MTT's two files or DATM's three, whose rows of labels are logits; ``path`` names the images'.

    Arguments and errors as of ``open_set``.
    """
    path, dataset, tell = Path(path), loaded(dataset), partial(say, quiet=quiet)
    require(path.name.startswith("images_"), f"{path} holds a bare tensor: of a set in several files name that of the "
                                             "images, images_TAG.pt, beside labels_TAG.pt")
    content = {name: tensor(file, load(file)) for name, file in parts(path).items()}
    require("labels" in content, f"no such file: {_beside(path, 'labels')}, whose labels belong to {path}")
    found = content["labels"]
    if labels is None and _rows(found):
        require(not distributions(found), f"the rows of {_beside(path, 'labels')} are probabilities, where DATM's are "
                                           "logits: say which with labels (--labels)")
        labels = "logits"
    made = SyntheticSet(**fields_of(path, dataset, content["images"], found, labels, pixels, tell))
    if "lr" in content:
        rate = content["lr"].double()
        require(rate.numel() == 1 and bool((rate > 0) & rate.isfinite()), f"{_beside(path, 'lr')} must hold one "
                                                                          f"positive learning rate: {AGAIN}")
        made.learning_rate = float(rate)
    return made


def export_png(synthetic: SyntheticSet, folder: str | Path, quiet: bool = False) -> list[Path]:
    """Write the images, un-normalised, as ``folder/<class>/<index>.png``; returns the files.

    Says on stderr what pictures cannot hold.

    Raises:
        InputError: there are other pictures in the folder.
    """
    from torchvision.transforms.functional import to_pil_image

    names = folder_names(synthetic.classes)
    numbers = [count() for _ in names]
    paths = [Path(folder) / names[label] / f"{next(numbers[label]):03d}.png" for label in synthetic.predicted.tolist()]
    require_no_others(set(Path(folder).glob("*/*.png")) - set(paths))
    for path, image in zip(paths, synthetic.pixels(), strict=True):
        with atomic(path) as temporary:
            to_pil_image((255 * image).round().to(torch.uint8)).save(temporary, "PNG")
    beyond = bool((synthetic.images.detach() - _renormalised(synthetic)).abs().max() > 1e-3)
    held = {"labels other than classes": synthetic.soft, "pixels darker than black or brighter than white": beyond,
            "the learning rate that was learned": synthetic.learning_rate is not None,
            _STEPS: synthetic.schedule is not None}
    lost = [what for what, there in held.items() if there]
    if lost:
        say(f"{folder}: PNGs cannot hold {' or '.join(lost)}, so that a set made from them scores otherwise", quiet)
    return paths


def require_no_others(pictures: Iterable[Path]) -> None:
    """Raise InputError if there are any pictures that were not made of a set, where its own are to lie."""
    other = min(pictures, default=None)
    require(other is None, f"{other} is no picture of this set and would lie among them: name another folder, or "
                           "delete it")


def folder_names(classes: tuple[str, ...]) -> list[str]:
    """A folder's name for each class: its own, but no path, none empty, hidden or too long, and none twice."""
    names = []
    for label, name in enumerate(classes):
        kept = "".join(c if c.isalnum() or c in " -_.()" else "-" for c in str(name))[:LONGEST_NAME].strip(" .")
        taken = {known.casefold() for known in names}
        names.append(kept if kept and kept.casefold() not in taken else f"{kept}-{label}".strip("-"))
    return names


def _renormalised(synthetic: SyntheticSet) -> Tensor:
    """The images as their pixels in [0, 1] give them back."""
    mean, std = (torch.tensor(v)[:, None, None] for v in (synthetic.mean, synthetic.std))
    return ((synthetic.pixels() - mean) / std).to(synthetic.images.device)


def _beside(path: Path, name: str) -> Path:
    return path.with_name(path.name.replace("images", name, 1))


def _rows(labels: Tensor) -> bool:
    """Whether labels are one row of real numbers an image."""
    return labels.ndim == 2 and labels.shape[1] > 1 and labels.is_floating_point()

