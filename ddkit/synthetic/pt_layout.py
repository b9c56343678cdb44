"""The field's ``.pt`` layout, ``{'data': [[images, labels], ...], 'accs_all_exps': {...}}``: one or more experiments.

ddkit writes what these tensors mean under a key of its own, ``ddkit``, which other programs ignore.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ddkit.data import Dataset, loaded
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.files import save_state
from ddkit.foundation.progress import say
from ddkit.synthetic import form_files, pixel_scales, schedule
from ddkit.synthetic.foreign import fields_of, meant, require_finite
from ddkit.synthetic.torch_files import AGAIN, load, tensor

OURS = "ddkit"  # the key of what other programs do not ask for
DESCRIPTION = ("mean", "std", "classes", "learning_rate", "origin", "meaning")  # of what is no tensor


def require_only(path: Path, entry: int | None) -> None:
    """Raise InputError if ``entry`` is another than the one that is there."""
    require(entry in (None, 0, -1), f"{path} holds one set and has no entry {entry}: leave it out")


def export_pt(synthetic, path: str | Path, quiet: bool = False) -> None:
    """Write the field's layout, with plain tensors only, and beside them, for ddkit alone, what they mean.

    Says on stderr what other programs will take wrongly.
    """
    images, labels, start = (plain(t) for t in (synthetic.images, synthetic.labels, synthetic.start))
    ours = json.loads(json.dumps({name: getattr(synthetic, name) for name in DESCRIPTION})) | {"start": start}
    if synthetic.start_labels is not None:
        ours["start_labels"] = plain(synthetic.start_labels)
    parts, described = form_files.stored(None if synthetic.start_form is None else synthetic.form, synthetic.start_form)
    of_schedule, scheduled = schedule.stored(synthetic.schedule)
    parts, described = parts | of_schedule, described | scheduled
    if described:
        ours |= {"parts": {name: plain(part) for name, part in parts.items()}, **json.loads(json.dumps(described))}
    save_state(Path(path), {"data": [[images, labels]], "accs_all_exps": {}, OURS: ours})
    if synthetic.meaning in ("logits", "targets", "weights"):
        say(f"{path}: other programs read these labels as classes or probabilities, but they are {synthetic.meaning}, "
            "so that they cannot score this set right; ddkit can", quiet)
    if synthetic.learning_rate is not None:
        say(f"{path}: other programs do not find the learning rate that was learned with these images; ddkit does",
            quiet)
    if synthetic.schedule is not None:
        say(f"{path}: other programs train on these images as on any others, in another order and at another rate than "
            "belong to them; what belongs to them is in the file for ddkit", quiet)


def import_pt(make: Callable, path: str | Path, dataset: Dataset | str, entry: int | None = None, *,
              labels: str | None = None, pixels: str | None = None, quiet: bool = False):
    """Read the field's layout; ``make`` is ``SyntheticSet``, arguments and errors are those of ``formats.open_set``."""
    path, dataset, tell = Path(path), loaded(dataset), partial(say, quiet=quiet)
    content = load(path)
    if isinstance(content, dict) and OURS in content:
        return vouched(path, restored(make, path, content), dataset, labels, pixels, entry)
    return make(**fields_of(path, dataset, *_entry(path, content, entry, tell), labels, pixels, tell))


def plain(values: Tensor) -> Tensor:
    """A copy on the CPU, as files hold it."""
    return values.detach().cpu().clone(memory_format=torch.contiguous_format)  # without what it is a part of


def restored(make: Callable, path: Path, content: dict):
    """The set of a file that ``export_pt`` wrote."""
    try:
        [[images, labels]], ours = content["data"], content[OURS]
        tensors = {"images": images, "labels": labels, "start": ours["start"]}
        tensors |= {"start_labels": ours["start_labels"]} if "start_labels" in ours else {}
        tensors = {name: tensor(path, part) for name, part in tensors.items()}
        tensors |= form_files.restored(ours, ours.get("parts", {}), tensors["images"])
        tensors |= schedule.restored(ours, ours.get("parts", {}))
        said = {name: tuple(ours[name]) if isinstance(ours[name], list) else ours[name] for name in DESCRIPTION}
        return make(**tensors, **said)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged or was changed after ddkit wrote it ({error}): export it again") from error


def vouched(path: Path, own, dataset: Dataset, labels, pixels, entry):
    """A set that knows itself, once it is seen to be the data set's and to be what it was said to be."""
    kept = "privacy" in own.origin and own.origin.get("dataset") == dataset.name  # a private set names no fingerprint
    require(own.origin.get("fingerprint", kept and dataset.fingerprint) == dataset.fingerprint,
            f"{path} was not distilled from {dataset.name} at {dataset.size} pixels: name its data set and size")
    like = own.images.shape[1:] == dataset.train.images.shape[1:] and own.classes == dataset.classes
    require(like and (tuple(own.mean), tuple(own.std)) == (dataset.mean, dataset.std),
            f"{path} says that it is of {dataset.name}, but its images, classes or normalisation are not: make it "
            "again")
    for what, told, said in (("labels", labels, own.meaning), ("images", pixels, "normalised")):
        require(told in (None, said), f"{path} says itself that its {what} are {said}: leave '{told}' out")
    require_only(path, entry)
    require_finite(path, "images", own.images)
    pixel_scales.require_no_pixels(path, own.images, pixels, dataset)
    meant(path, own.labels, len(own.classes), None if own.meaning == "classes" else own.meaning)
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
