"""What a picture shows, in words for those who do not see it: its title, its kind, what is along its axes, numbers."""

from collections.abc import Iterable

from matplotlib.figure import Figure

MANY = 12  # names of series that are read out


def described(figure: Figure, kind: str, told: str = "") -> str:
    """The words for a figure, its title first, so that pictures differ in their first words.

    Args:
        kind: what such figures show, in a sentence.
        told: its numbers, in words.
    """
    named = [*map(_axes, figure.axes), *(_sentence(text.get_text()) for text in (figure._supxlabel,) if text)]
    return " ".join(filter(None, [*_titles(figure), _sentence(kind), *dict.fromkeys(named), _series(figure),
                                  _sentence(told)]))


def words(figure: Figure) -> str:
    """What a figure shows, in words: those that it was given, else what is written in it."""
    return getattr(figure, "alt", "") or described(figure, "", ". ".join(dict.fromkeys(filter(None, map(
        _along, figure.axes)))))


def kind_of(docstring: str | None) -> str:
    """The first paragraph of a docstring in one line."""
    return " ".join((docstring or "").split("\n\n")[0].replace("``", "").split())


def _titles(figure: Figure) -> Iterable[str]:
    above = figure.get_suptitle() if hasattr(figure, "get_suptitle") else getattr(figure._suptitle, "_text", "")
    beside = (figure._supxlabel, figure._supylabel)  # which matplotlib keeps among the texts
    free = [text.get_text() for text in figure.texts if text not in beside]
    own = [axes.get_title(loc=side) for axes in figure.axes for side in ("left", "center")]
    for title in dict.fromkeys(filter(None, [above, *free, *own])):
        yield _sentence(title)


def _axes(axes) -> str:
    across, up = axes.get_xlabel(), axes.get_ylabel()
    if hasattr(axes, "_colorbar"):
        return _sentence(f"Colours: {across or up}") if across or up else ""
    return _sentence("; ".join(filter(None, [across and f"Across: {across}", up and f"Up: {up}"])))


def _along(axes) -> str:
    """The names along an axis that has names instead of numbers."""
    names = [label.get_text() for label in axes.get_xticklabels() if any(map(str.isalpha, label.get_text()))]
    return f"Along the axis: {', '.join(names)}" if names else ""


def _series(figure: Figure) -> str:
    legends = [*figure.legends, *filter(None, (axes.get_legend() for axes in figure.axes))]
    names = list(dict.fromkeys(text.get_text() for legend in legends for text in legend.get_texts()))
    more = f" and {len(names) - MANY} more" * (len(names) > MANY)
    return _sentence(f"Shown are {', '.join(names[:MANY])}{more}") if names else ""


def _sentence(words: str) -> str:
    words = " ".join(words.split())
    return words + "." * (bool(words) and words[-1] not in ".!?")
