"""Synthetic sets in the field's files, out and in: what a set means survives every door, or is asked for.

* ``.pt``: ``{'data': [[images, labels], ...], 'accs_all_exps': {...}}``, of one or more experiments. ddkit writes what
  these tensors mean under a key of its own, ``ddkit``, which other programs ignore;
* ``images_TAG.pt`` with ``labels_TAG.pt`` (MTT's, classes) and perhaps ``lr_TAG.pt`` (DATM's, logits): bare tensors;
* PNG, a folder per class, to look at.

A file says neither on which scale its pixels are nor what rows of real numbers mean as labels: its content decides
where it can, and where it cannot the reader is asked, before anything is trained.
"""

import json
from functools import partial
from itertools import count
from pathlib import Path

import torch
from torch import Tensor

from ddkit.data import Dataset
from ddkit.foundation.errors import InputError, one_of, require
from ddkit.foundation.files import atomic, save_state, sha256
from ddkit.foundation.progress import say
from ddkit.synthetic import pixel_scales
from ddkit.synthetic.synthetic_set import MEANINGS, SyntheticSet, origin_of
from ddkit.synthetic.torch_files import AGAIN, is_safetensors, load, tensor

SOFT = MEANINGS[1:]  # what rows of labels can mean
OURS = "ddkit"  # the key of what other programs do not ask for
PARTS = ("images", "labels", "lr")  # of a set in several files, which are named so
DESCRIPTION = ("mean", "std", "classes", "learning_rate", "origin", "meaning")  # of what is no tensor
LONGEST_NAME = 60  # characters of a folder made from a class's name


def open_set(path: str | Path, dataset: Dataset, *, labels: str | None = None, pixels: str | None = None,
             entry: int | None = None, quiet: bool = False) -> SyntheticSet:
    """A synthetic set from a file of ddkit or of the field, told apart by their content.

    Args:
        path: the file; of a set in several, the one of the images.
        dataset: the data set that the images stand for.
        labels: what rows of labels mean, one of ``SOFT``, where the file does not say.
        pixels: the scale of the images, one of ``pixel_scales.SCALES``, where they do not look normalised.
        entry: which of several experiments (from 0; negative ones from the end); None takes the last.
        quiet: say nothing on stderr of what was found and decided.

    Raises:
        InputError: the file could run code, is damaged, does not fit the data set, or leaves something to be asked.
    """
    path = Path(path)
    own = own_set(path)
    if own:
        return _vouched(path, own, dataset, labels, pixels, entry)
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
    return _restored(path, content) if isinstance(content, dict) and OURS in content else None


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


def require_only(path: Path, entry: int | None) -> None:
    """Raise InputError if ``entry`` is another than the one that is there."""
    require(entry in (None, 0, -1), f"{path} holds one set and has no entry {entry}: leave it out")


def export_pt(synthetic: SyntheticSet, path: str | Path, quiet: bool = False) -> None:
    """Write the field's layout, with plain tensors only, and beside them, for ddkit alone, what they mean.

    Says on stderr what other programs will take wrongly.
    """
    images, labels, start = (_plain(t) for t in (synthetic.images, synthetic.labels, synthetic.start))
    ours = json.loads(json.dumps({name: getattr(synthetic, name) for name in DESCRIPTION})) | {"start": start}
    if synthetic.start_labels is not None:
        ours["start_labels"] = _plain(synthetic.start_labels)
    save_state(Path(path), {"data": [[images, labels]], "accs_all_exps": {}, OURS: ours})
    if synthetic.meaning in ("logits", "targets"):
        rate = "" if synthetic.learning_rate is None else ", nor find the learning rate that was learned with it"
        say(f"{path}: other programs read these labels as classes or probabilities, but they are {synthetic.meaning}, "
            f"so that they cannot score this set right{rate}; ddkit can", quiet)


def import_pt(path: str | Path, dataset: Dataset, entry: int | None = None, *, labels: str | None = None,
              pixels: str | None = None, quiet: bool = False) -> SyntheticSet:
    """Read the field's layout; arguments and errors as of ``open_set``."""
    path, tell = Path(path), partial(say, quiet=quiet)
    content = load(path)
    if isinstance(content, dict) and OURS in content:
        return _vouched(path, _restored(path, content), dataset, labels, pixels, entry)
    return _imported(path, dataset, *_entry(path, content, entry, tell), labels, pixels, tell)


def export_datm(synthetic: SyntheticSet, folder: str | Path, tag: str = "best") -> None:
    """Write DATM's files: ``images_TAG.pt``, ``labels_TAG.pt`` (logits or classes) and ``lr_TAG.pt``.

    They have no place for the start, the classes' names or the data set's.

    Raises:
        InputError: the set has learned no learning rate, or its labels are neither logits nor classes.
    """
    require(synthetic.learning_rate is not None, "DATM's files hold a learned learning rate, and this set has none: "
                                                 "export it with export_pt")
    require(synthetic.meaning in ("logits", "classes"), "labels in DATM's files are logits or classes, and this set's "
                                                        f"are {synthetic.meaning}: export it with export_pt")
    rate = torch.tensor(synthetic.learning_rate, dtype=torch.float64)
    for name, part in zip(PARTS, (synthetic.images, synthetic.labels, rate), strict=True):
        save_state(Path(folder) / f"{name}_{tag}.pt", _plain(part))


def import_datm(path: str | Path, dataset: Dataset, *, labels: str | None = None, pixels: str | None = None,
                quiet: bool = False) -> SyntheticSet:
    """Read MTT's two files or DATM's three, whose rows of labels are logits; ``path`` names the images'.

    Arguments and errors as of ``open_set``.
    """
    path, tell = Path(path), partial(say, quiet=quiet)
    require(path.name.startswith("images_"), f"{path} holds a bare tensor: of a set in several files name that of the "
                                             "images, images_TAG.pt, beside labels_TAG.pt")
    content = {name: tensor(file, load(file)) for name, file in parts(path).items()}
    require("labels" in content, f"no such file: {_beside(path, 'labels')}, whose labels belong to {path}")
    found = content["labels"]
    if labels is None and _rows(found):
        require(not _distributions(found), f"the rows of {_beside(path, 'labels')} are probabilities, where DATM's are "
                                           "logits: say which with labels (--labels)")
        labels = "logits"
    made = _imported(path, dataset, content["images"], found, labels, pixels, tell)
    if "lr" in content:
        rate = content["lr"].double()
        require(rate.numel() == 1 and bool((rate > 0) & rate.isfinite()), f"{_beside(path, 'lr')} must hold one "
                                                                          f"positive learning rate: {AGAIN}")
        made.learning_rate = float(rate)
    return made


def export_png(synthetic: SyntheticSet, folder: str | Path, quiet: bool = False) -> list[Path]:
    """Write the images, un-normalised, as ``folder/<class>/<index>.png``; returns the files.

    Says on stderr what pictures cannot hold.
    """
    from torchvision.transforms.functional import to_pil_image

    names, paths = folder_names(synthetic.classes), []
    numbers = [count() for _ in names]
    for image, label in zip(synthetic.pixels(), synthetic.predicted.tolist(), strict=True):
        paths.append(Path(folder) / names[label] / f"{next(numbers[label]):03d}.png")
        with atomic(paths[-1]) as temporary:
            to_pil_image((255 * image).round().to(torch.uint8)).save(temporary, "PNG")
    lost = ["labels other than classes"] * synthetic.soft + ["pixels darker than black or brighter than white"] * bool(
        (synthetic.images.detach() - _renormalised(synthetic)).abs().max() > 1e-3)
    if lost:
        say(f"{folder}: PNGs cannot hold {' or '.join(lost)}, so that a set made from them scores otherwise", quiet)
    return paths


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


def _plain(values: Tensor) -> Tensor:
    return values.detach().cpu().clone(memory_format=torch.contiguous_format)  # without what it is a part of


def _beside(path: Path, name: str) -> Path:
    return path.with_name(path.name.replace("images", name, 1))


def _restored(path: Path, content: dict) -> SyntheticSet:
    """The set of a file that ``export_pt`` wrote."""
    try:
        [[images, labels]], ours = content["data"], content[OURS]
        tensors = {"images": images, "labels": labels, "start": ours["start"]}
        tensors |= {"start_labels": ours["start_labels"]} if "start_labels" in ours else {}
        tensors = {name: tensor(path, part) for name, part in tensors.items()}
        said = {name: tuple(ours[name]) if isinstance(ours[name], list) else ours[name] for name in DESCRIPTION}
        return SyntheticSet(**tensors, **said)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged or was changed after ddkit wrote it ({error}): export it again") from error


def _vouched(path: Path, own: SyntheticSet, dataset: Dataset, labels, pixels, entry) -> SyntheticSet:
    """A set that knows itself, once it is seen to be the data set's and to be what it was said to be."""
    require(own.origin.get("fingerprint") == dataset.fingerprint,
            f"{path} was not distilled from {dataset.name} at {dataset.size} pixels: name its data set and size")
    like = own.images.shape[1:] == dataset.train.images.shape[1:] and own.classes == dataset.classes
    require(like and (tuple(own.mean), tuple(own.std)) == (dataset.mean, dataset.std),
            f"{path} says that it is of {dataset.name}, but its images, classes or normalisation are not: make it "
            "again")
    for what, told, said in (("labels", labels, own.meaning), ("images", pixels, "normalised")):
        require(told in (None, said), f"{path} says itself that its {what} are {said}: leave '{told}' out")
    require_only(path, entry)
    _require_finite(path, "images", own.images)
    _meant(path, own.labels, len(own.classes), None if own.meaning == "classes" else own.meaning)
    return own


def _entry(path: Path, content, entry: int | None, tell) -> tuple[Tensor, Tensor]:
    """Images and labels of one of the experiments in the field's layout."""
    layout = f"{path} has not the layout {{'data': [[images, labels]]}}: {AGAIN}"
    entries = content.get("data") if isinstance(content, dict) else None
    require(isinstance(entries, list | tuple) and len(entries) > 0, layout)
    require(entry is None or -len(entries) <= entry < len(entries),
            f"{path} has no entry {entry}: choose one from 0 to {len(entries) - 1}")
    chosen = entries[-1 if entry is None else entry]
    require(isinstance(chosen, list | tuple) and len(chosen) >= 2, layout)
    if len(entries) > 1 and entry is None:
        tell(f"{path} holds {len(entries)} sets, of which the last is taken: another is chosen by its entry "
             f"(--entry 0 to {len(entries) - 1})")
    return tensor(path, chosen[0]), tensor(path, chosen[1])


def _imported(path: Path, dataset: Dataset, images: Tensor, labels: Tensor, meaning: str | None, pixels: str | None,
              tell) -> SyntheticSet:
    """A set of foreign tensors, sorted by class, once they are seen to fit the data set."""
    require(images.ndim > 0 and labels.ndim > 0 and len(images) == len(labels) > 0,
            f"{path} holds images {list(images.shape)} and labels {list(labels.shape)}, which are not equally many: "
            f"{AGAIN}")
    images = _shaped(path, images.float(), dataset, tell)
    labels, meaning = _meant(path, labels, len(dataset.classes), meaning)
    _require_finite(path, "images", images)
    _tell_missing(path, labels, meaning, dataset, tell)
    images = _scaled(path, images, pixels, dataset, tell)
    order = torch.argsort(labels if meaning == "classes" else labels.argmax(1), stable=True)
    origin = origin_of(dataset, "imported") | {"file": path.name}
    return SyntheticSet(images[order], labels[order], images[order], dataset.mean, dataset.std, dataset.classes,
                        origin=origin, meaning=meaning)


def _require_finite(path: Path, what: str, values: Tensor) -> None:
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
        raise InputError(f"{path} holds images {list(shape)}, but {dataset.name} has {list(expected)}: load the data "
                         "set with that size")
    tell(f"{path} holds images {list(shape)}, which are read as {order}")
    return images


def _meant(path: Path, labels: Tensor, classes: int, meaning: str | None) -> tuple[Tensor, str]:
    """Labels int64 [N] or float32 [N, classes], and what they mean."""
    if meaning is not None:
        one_of(meaning, SOFT, "meaning of labels")
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 < classes else labels
    _require_finite(path, "labels", labels)
    if labels.ndim == 1:
        require(meaning is None, f"{path} holds one class an image, which cannot be {meaning}: leave '{meaning}' out")
        require(bool((labels == labels.long()).all()), f"{path} has fractions for classes: {AGAIN}")
        require(bool(labels.min() >= 0) and bool(labels.max() < classes),
                f"{path} has labels outside 0..{classes - 1}: it belongs to another data set")
        return labels.long(), "classes"
    require(labels.ndim == 2 and labels.shape[1] == classes,
            f"{path} has labels {list(labels.shape)}, expected [{len(labels)}] or [{len(labels)}, {classes}]: it "
            "belongs to another data set")
    likely = _distributions(labels)
    if likely and not labels.is_floating_point() and meaning in (None, "probabilities"):
        return labels.argmax(1), "classes"
    require(likely or meaning not in (None, "probabilities"),
            f"{path} has labels that are no probabilities (rows are negative or do not sum to one): say with labels "
            "(--labels) whether they are logits or targets")
    return labels.float(), meaning or "probabilities"


def _rows(labels: Tensor) -> bool:
    """Whether labels are one row of real numbers an image."""
    return labels.ndim == 2 and labels.shape[1] > 1 and labels.is_floating_point()


def _distributions(labels: Tensor) -> bool:
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
    if pixels is not None:
        return pixel_scales.normalised(images, pixels, dataset)
    found = pixel_scales.looks(images, dataset)
    if found != "normalised":
        raise pixel_scales.refusal(path, found, dataset)
    if not pixel_scales.resembles(images, dataset):
        tell(f"{path} holds images that are bright elsewhere than those of {dataset.name}, as noise, whitened images "
             "and another data set's are; they are taken as normalised")
    return images
