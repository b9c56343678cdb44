"""What all dashboards have in common."""

import functools
import re
from collections.abc import Callable

import ipywidgets

from ddkit.foundation.errors import InputError
from ddkit.plots.style import Picture
from ddkit.widgets import controls


def telling(moved: Callable) -> Callable:
    """A method that shows what controls choose: where that cannot be shown, as its file is damaged or gone, the
    sentence why takes the place of all that was shown of what was chosen before."""
    @functools.wraps(moved)
    def told(self, *args) -> None:
        try:
            moved(self, *args)
        except InputError as error:
            self.clear(str(error))
    return told


class Dashboard:
    """A view that is moved by controls, and the same at rest as a figure.

    A subclass builds ``view`` of ``controls`` and ``pictures``, and draws both it and ``figure`` by one function of
    ``plots``. As the last line of a cell a dashboard shows itself.

    Attributes:
        view: what a notebook shows.
        says: what is to be said of what is seen; it and whatever else changes with the controls have public names.
    """

    view: ipywidgets.Widget
    says: ipywidgets.HTML
    _REST = "controls that live where this notebook runs; the figure below is the same at rest"

    def figure(self) -> Picture:
        """What is seen now, for where widgets do not live: a printed page, a repository's web view."""
        raise NotImplementedError

    def clear(self, sentence: str) -> None:
        """Show a sentence, and nothing else."""
        for name, shown in vars(self).items():
            if isinstance(shown, ipywidgets.HTML) and not name.startswith("_"):  # pictures among them
                shown.value = ""
        self.says.value = controls.sentences([sentence])

    def _ipython_display_(self) -> None:
        from IPython.display import display

        words = " ".join(re.findall("[A-Z][a-z]*", type(self).__name__)).lower()
        view = {"version_major": 2, "version_minor": 0, "model_id": self.view.model_id}
        display({"text/plain": f"({words}: {self._REST})", "application/vnd.jupyter.widget-view+json": view}, raw=True)
