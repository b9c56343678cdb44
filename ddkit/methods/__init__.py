"""Distillation methods, one file each, found by the ``METHOD`` in it under the file's name; and the loop of updates.

``method.Method`` says what a method offers. Methods that belong together stand in a folder, with what they share; the
loop (``loop.distill``) knows none by name, and nothing here knows what a run is.
"""

import sys

from ddkit.foundation.errors import one_of
from ddkit.foundation.finding import modules_in
from ddkit.methods.method import Method

METHODS: dict[str, type[Method]] = {module.__name__.rsplit(".", 1)[1]: module.METHOD
                                    for module in modules_in(sys.modules[__name__], deep=True)
                                    if hasattr(module, "METHOD")}


def get(name: str) -> type[Method]:
    """The method of that name.

    Raises:
        InputError: there is none.
    """
    return METHODS[one_of(name, METHODS, "method")]
