"""Forms of a synthetic set: how its images are made of what is stored; one file each, found by the ``FORM`` in it.

``form.Form`` says what a form offers. A file's name is the form's, with hyphens for underscores.
"""

import sys
from fractions import Fraction

import torch
from torch import Tensor

from ddkit.data import Dataset
from ddkit.foundation.errors import InputError, one_of, require
from ddkit.foundation.finding import modules_in
from ddkit.foundation.knobs import Knobs, declared
from ddkit.synthetic.forms.form import Canvas, Form, Size

__all__ = ["FORMS", "Canvas", "Form", "Size", "begin", "configure", "decoded", "get", "restore"]

DAMAGES = (KeyError, TypeError, AttributeError, RuntimeError, IndexError)  # that strange content ends in

FORMS: dict[str, type[Form]] = {module.__name__.rsplit(".", 1)[1].replace("_", "-"): module.FORM
                                for module in modules_in(sys.modules[__name__]) if hasattr(module, "FORM")}


def get(name: str) -> type[Form]:
    """The form of that name.

    Raises:
        InputError: there is none.
    """
    return FORMS[one_of(name, FORMS, "form of a set")]


def configure(name: str, options: dict) -> Knobs:
    """A form's Config with these values in place of its own.

    Raises:
        InputError: an option names no knob of the form, or its value cannot work.
    """
    config = get(name).Config
    known = [knob.name for knob in declared(config)]
    require(bool(known) or not options, f"form '{name}' has no options: leave out {', '.join(options)}")
    for option in options:
        one_of(option, known, f"option of form '{name}'")
    return config(**options)


def begin(name: str, config: Knobs, dataset: Dataset, ipc: int | Fraction, init: str | Tensor,
          generator: torch.Generator) -> Form:
    """The form of that name, as ``Form.begin`` makes it, which knows the budget that it began with."""
    made = get(name).begin(config, dataset, ipc, init, generator)
    made.budget = ipc
    return made


def restore(description: dict, tensors: dict) -> Form:
    """The form that ``Form.describe`` and ``Form.stored`` told of, as files hold them.

    Raises:
        InputError: it is of a kind or version that is not known, or damaged.
    """
    try:
        kind = get(description["form"])
        require(description["version"] == kind.version, f"it is version {description['version']} of form "
                f"'{description['form']}', and this ddkit knows version {kind.version}")
        return kind.restore(description, tensors)
    except DAMAGES as error:
        raise InputError(f"its form is damaged ({error})") from error


def decoded(form: Form) -> Tensor:
    """The images of a form that was restored, normalised, [N, C, H, W].

    Raises:
        InputError: it was damaged, so that none can be decoded.
    """
    try:
        return form.decode().detach()
    except DAMAGES as error:
        raise InputError(f"its form is damaged ({error})") from error
