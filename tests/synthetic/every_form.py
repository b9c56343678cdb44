"""A set's forms as tests walk over them: whichever are there, each at the smallest budget that it takes."""

from functools import cache

import torch

from ddkit.data import Dataset
from ddkit.foundation.errors import InputError
from ddkit.synthetic import forms
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


class Given:
    """A data set as an argument that says nothing: its name does."""

    def __init__(self, dataset: Dataset):
        self.dataset = dataset

    def __eq__(self, other) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


@cache  # some are fitted to images, which takes a second
def _begun(name: str, _dataset: str, init: str, seed: int, more: int, given: Given) -> Form:
    ipc = smallest_ipc(name, given.dataset) + more
    return forms.begin(name, configure(name, {}), given.dataset, ipc, init, torch.Generator().manual_seed(seed))


def begun(name: str, dataset: Dataset, init: str = "real", seed: int = 0, more: int = 0) -> Form:
    """A form that has begun, learned from: its parts gather gradients."""
    form = _begun(name, dataset.name, init, seed, more, Given(dataset)).copy()
    for part in form.parts.values():
        part.requires_grad_(True)
    return form
