"""What all dashboards have in common."""

import re

import ipywidgets

from ddkit.plots.style import Picture


class Dashboard:
    """A view that is moved by controls, and the same at rest as a figure.

    A subclass builds ``view`` of ``controls`` and ``pictures``, and draws both it and ``figure`` by one function of
    ``plots``. As the last line of a cell a dashboard shows itself.

    Attributes:
        view: what a notebook shows.
    """

    view: ipywidgets.Widget
    _REST = "controls that live where this notebook runs; the figure below is the same at rest"

    def figure(self) -> Picture:
        """What is seen now, for where widgets do not live: a printed page, a repository's web view."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        from IPython.display import display

        words = " ".join(re.findall("[A-Z][a-z]*", type(self).__name__)).lower()
        view = {"version_major": 2, "version_minor": 0, "model_id": self.view.model_id}
        display({"text/plain": f"({words}: {self._REST})", "application/vnd.jupyter.widget-view+json": view}, raw=True)
