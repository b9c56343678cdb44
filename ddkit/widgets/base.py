"""What all dashboards have in common."""

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

    def figure(self) -> Picture:
        """What is seen now, for where widgets do not live: a printed page, a repository's web view."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.view)
