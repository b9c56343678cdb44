"""A set's forms as tests walk over them: whichever are there, each at the smallest budget that it takes."""

import torch

from ddkit.data import Dataset
from ddkit.foundation.errors import InputError
from ddkit.synthetic.forms import FORMS, Canvas, Form, configure

NAMES = sorted(FORMS)
LARGEST = 64  # images per class that a form may need as its budget


def smallest_ipc(name: str, dataset: Dataset) -> int:
    """The fewest images per class whose bytes are enough for the form with its own options."""
    for ipc in range(1, LARGEST + 1):
        try:
            FORMS[name].count(configure(name, {}), Canvas.of(dataset), ipc)
            return ipc
        except InputError:
            continue
    raise AssertionError(f"{name} decodes nothing from the bytes of {LARGEST} images per class")


def begun(name: str, dataset: Dataset, init: str = "real", seed: int = 0, more: int = 0) -> Form:
    """A form that has begun, learned from: its parts gather gradients."""
    ipc = smallest_ipc(name, dataset) + more
    generator = torch.Generator().manual_seed(seed)
    form = FORMS[name].begin(configure(name, {}), dataset, ipc, init, generator)
    for part in form.parts.values():
        part.requires_grad_(True)
    return form
