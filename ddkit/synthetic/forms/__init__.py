"""Forms of a synthetic set: how its images are made of what is stored; one file each, found by the ``FORM`` in it.

``form.Form`` says what a form offers. A file's name is the form's, with hyphens for underscores.
"""

import sys

from ddkit.foundation.errors import InputError, one_of, require
from ddkit.foundation.finding import modules_in
from ddkit.foundation.knobs import Knobs, declared
from ddkit.synthetic.forms.form import Canvas, Form, Size

__all__ = ["FORMS", "Canvas", "Form", "Size", "configure", "get", "restore"]

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
    except (KeyError, TypeError, AttributeError, RuntimeError, IndexError) as error:
        raise InputError(f"its form is damaged ({error})") from error
