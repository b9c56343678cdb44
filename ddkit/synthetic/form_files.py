"""The form of a set in its files, at the end and at the start, beside the images that it decodes."""

import torch
from torch import Tensor

from ddkit.foundation.errors import require
from ddkit.synthetic import forms
from ddkit.synthetic.forms import Form

ALIKE = 1e-3  # that another machine's rounding may change a decoded image by, in normalised pixels
ALIKE_IN_FILES = 1e-2  # less than one level of a byte; older versions decoded in TF32 on a GPU, with ten bits
_END, _START = "form.", "start_form."


def stored(end: Form | None, start: Form | None) -> tuple[dict[str, Tensor], dict]:
    """Tensors by name, and what describes them; nothing of pixels (None)."""
    if end is None or start is None:
        return {}, {}
    begun = {name: part for name, part in start.stored().items() if name not in end.fixed}
    return _named(_END, end.stored()) | _named(_START, begun), {"form": end.describe()}


def restored(described: dict, found: dict[str, Tensor], images: Tensor | None) -> dict:
    """The fields of a set that its form decides: ``form``, ``start_form`` and the ``images``, as they are decoded here;
    the ``start``, too, of a file that holds parts alone.

    Args:
        described, found: what ``stored`` gave; there may be other tensors and descriptions.
        images: those that the file holds, if it does.

    Raises:
        InputError: the form is not known, or decodes to other images.
    """
    if "form" not in described:
        return {"images": images}
    end = _unnamed(_END, found)
    form, start = (forms.restore(described["form"], tensors) for tensors in (end, end | _unnamed(_START, found)))
    decoded = forms.decoded(form)
    if images is None:
        return {"images": decoded, "start": forms.decoded(start), "form": form, "start_form": start}
    require(alike(decoded, images, ALIKE_IN_FILES), "its form decodes other images than it holds")
    return {"images": decoded, "form": form, "start_form": start}


def alike(one: Tensor, other: Tensor, within: float = ALIKE) -> bool:
    """Whether they are the same images but for rounding."""
    return one.shape == other.shape and torch.allclose(one, other, atol=within)


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _unnamed(prefix: str, found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in found.items() if name.startswith(prefix)}
