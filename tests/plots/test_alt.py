"""Every picture says in words what it shows, to whoever asks for it, and takes few bytes."""

import importlib
import io
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
from every_picture import PICTURES
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from PIL import Image

import ddkit.plots
from ddkit import applications, plots
from ddkit.foundation.finding import modules_in
from ddkit.plots.style import Picture

DRAWN = [cache(draw) for draw in PICTURES.values()]  # once for all tests
every = pytest.mark.parametrize("draw", DRAWN, ids=list(PICTURES))


def test_these_are_all_kinds_of_pictures():
    own = [f"{folder.__name__}.plots" for folder in modules_in(applications) if hasattr(folder, "__path__")]
    modules = [*modules_in(ddkit.plots, deep=True), *map(importlib.import_module, filter(find_spec, own))]
    drawn = {name for module in modules for name, value in vars(module).items()
             if hasattr(value, "__wrapped__") and "Picture" in str(getattr(value, "__annotations__", {}).get("return"))}
    assert drawn == set(PICTURES)


@every
def test_a_notebook_keeps_the_words_beside_the_image(draw):
    figure = draw()
    data, metadata = DisplayFormatter().format(figure)
    words = metadata["image/png"]["alt"]
    assert words == figure.alt and len(words) > 60
    assert data["image/png"].startswith(b"\x89PNG")


@every
def test_words_begin_with_the_title_and_name_what_is_along_the_axes(draw):
    figure = draw()
    titles = [figure.get_suptitle(), *(axes.get_title(loc=loc) for axes in figure.axes for loc in ("left", "center")),
              *(text.get_text() for text in figure.texts)]
    titles = [" ".join(title.split()) for title in titles if title]
    assert titles and figure.alt.startswith(tuple(titles)) and all(title in figure.alt for title in titles)
    for axes in figure.axes:
        for label in (axes.get_xlabel(), axes.get_ylabel()):
            assert " ".join(label.split()) in figure.alt


@every
def test_the_image_has_the_pixels_that_were_drawn_in_fewer_bytes(draw):
    figure, whole = draw(), io.BytesIO()
    figure.draw_without_rendering()  # a layout settles when it is drawn for the first time
    figure.savefig(whole, format="png", dpi=figure.dpi)
    small = draw()._repr_png_()
    assert len(small) < len(whole.getvalue())
    before, after = (np.asarray(Image.open(image).convert("RGB")) for image in (whole, io.BytesIO(small)))
    np.testing.assert_array_equal(before, after)


def test_words_are_kept_where_matplotlib_draws_the_figures_of_the_notebook():
    formatter, figure = DisplayFormatter(), next(iter(PICTURES.values()))()
    formatter.formatters["image/png"].for_type(Figure, lambda figure: b"\x89PNG by somebody else")  # as inline does
    data, metadata = formatter.format(figure)
    assert metadata["image/png"]["alt"] == figure.alt and data["image/png"] == b"\x89PNG by somebody else"


@pytest.mark.parametrize("kind", [Figure, Picture])
def test_a_figure_of_ones_own_is_told_by_what_is_written_in_it(kind, tmp_path):
    figure = kind()
    for axes, protocol in zip(figure.subplots(1, 2), ("assignment", "standard"), strict=True):
        axes.errorbar(range(2), [90, 95], [1, 2])
        axes.set_xticks(range(2), ["PAD", "DataDAM"])
        axes.set(title=protocol, ylabel="test accuracy (%)")
    told = "assignment. standard. Up: test accuracy (%). Along the axis: PAD, DataDAM."
    plots.save(figure, tmp_path, "mine")
    assert Image.open(tmp_path / "mine.png").info["Description"] == told
    if kind is Picture:
        assert DisplayFormatter().format(figure)[1]["image/png"]["alt"] == told


def test_saved_files_say_it_too(tmp_path):
    figure = next(iter(PICTURES.values()))()
    png, pdf = plots.save(figure, tmp_path, "one")
    assert Image.open(png).info["Description"] == figure.alt
    assert b"/Subject" in pdf.read_bytes()


def test_any_figure_can_be_saved(tmp_path):
    assert len(plots.save(Figure(), tmp_path, "empty")) == 2
