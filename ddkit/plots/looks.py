"""What a series stands for, and how that looks in all pictures: one colour, hatch, marker and line for each meaning.

A meaning is ``full`` (data), ``random`` (real images), ``start`` (of a distillation), the name of a method or of a rule
that chooses real images. It is read from the run that a score came from and, of what came from none, from its name.
Looks differ by more than hue: every meaning has a marker of its own, and a hatch of its own unless it is far darker or
lighter than all others that have the same. What begins from noise is a paler kind of its meaning.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from itertools import count

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Rectangle
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from ddkit.methods import METHODS, coresets
from ddkit.plots.style import LINES
from ddkit.runs.spec import describe_spec
from ddkit.specs import Full, RandomReal, Start
from ddkit.stored import FULL, RANDOM, START

CHANCE = {"color": "black", "linestyle": "--", "linewidth": 1}  # a line at what guessing reaches
EDGE = {"markeredgecolor": "#222222", "markeredgewidth": 0.6}
_MIXED = (0, 0.55, -0.35, 0.75, -0.6)  # of white (below 0: of black) in a colour, by the number of the variant
_LIGHTEST = 0.55  # the lightest that a line may be
_FURTHER = ("", "", "", "O", "*", "+O", "x*")  # added to the hatch


@dataclass(frozen=True)
class Look:
    """Colour and hatch of bars; marker, line style and colour (``color``, dark enough for a thin line) of curves."""

    color: str
    hatch: str
    marker: str
    line: str | tuple = "-"
    hollow: bool = False
    thin: str = ""

    @property
    def ink(self) -> str:
        """The colour of lines."""
        color = self.thin or self.color
        return _mixed(color, min(0, _LIGHTEST / lightness(color) - 1))

    @property
    def bar(self) -> dict:
        """As options of ``Axes.bar``."""
        return {"facecolor": self.color, "hatch": self.hatch, "edgecolor": "black", "linewidth": 0.8}

    @property
    def point(self) -> dict:
        """As options of ``Axes.plot`` for points alone."""
        return {"color": self.ink, "marker": self.marker, **EDGE, "linestyle": "none",
                "markerfacecolor": "white" if self.hollow else self.color}

    @property
    def series(self) -> dict:
        """As options of ``Axes.plot``."""
        return self.point | {"linestyle": self.line}

    def variant(self, number: int) -> "Look":
        """The same meaning again: other bars and other lines of the same colour; 0 is the look itself, 1 is paler."""
        if number == 0:
            return self
        further = _FURTHER[number % len(_FURTHER)] + "o" * (number // len(_FURTHER))
        return replace(self, color=_mixed(self.color, _MIXED[number % len(_MIXED)]), hatch=self.hatch + further,
                       line=LINES[(LINES.index(self.line) + number) % len(LINES)], hollow=True,
                       thin=self.color)


LOOKS = {
    FULL: Look("#14213d", "", "o"),
    RANDOM: Look("#9dbde0", "///", "^", "-."),
    START: Look("#2f9385", "...", "s", "--"),
    "datadam": Look("#a32f1a", "", "D"),
    "trajectory": Look("#e69f00", "\\\\\\", "v"),
    "gradient": Look("#4c78a8", "**", (6, 1, 0)),
    "distribution": Look("#7fcdbb", "oo..", (3, 1, 0)),
    "kip": Look("#cc79a7", "xxx", "P"),
    "robust_kip": Look("#7a3b52", "oo//", (11, 1, 0)),
    "rfad": Look("#8f7fd4", "---", "X"),
    "frepo": Look("#f3e06a", "+++", "p"),
    "unrolled": Look("#3d7a4a", "||..", (8, 1, 0)),
    "private": Look("#5c4b8a", "..//", (5, 1, 0)),
    "dp_kip": Look("#9b3f7a", "++..", (4, 1, 45)),
    "one_release": Look("#3b6e8f", "xx||", (10, 1, 0)),
    "labels": Look("#e5b8c4", "\\\\..", (7, 1, 0)),
    "translative": Look("#8c8c2e", "oo||", (9, 1, 0)),
    "herding": Look("#c7a17a", "|||", "<"),
    "k-centre": Look("#a9d18e", "oo", ">"),
    "forgetting": Look("#b5b5b5", "xx..", "h"),
}
SPARE = (Look("#b08968", "\\\\||", "d"), Look("#56b4e9", "//||", "*"), Look("#e8b4a0", "--..", "8"),
         Look("#7a8450", "\\\\++", "H"), Look("#d9d9d9", "OO", (4, 1, 0)))


def looks(named: Mapping[str, object]) -> dict[str, Look]:
    """The look of each series of a picture, by its name.

    Args:
        named: by name what it is of: a record, scores, a synthetic set, a spec or source; None where nothing but the
            name is known.
    """
    wanted = {name: meaning_of(source, name) for name, source in named.items()}
    found, taken = {}, set()
    for name, (meaning, number) in wanted.items():  # what has its own look gets it, wherever it stands
        if meaning and (meaning, number) not in taken:
            found[name] = look(meaning, number)
            taken.add((meaning, number))
    spare = iter(_spare())
    for name, (meaning, _) in wanted.items():
        if name not in found and meaning:
            number = next(n for n in count(2) if (meaning, n) not in taken)
            found[name] = look(meaning, number)
            taken.add((meaning, number))
        elif name not in found:
            found[name] = next(spare)
    return {name: found[name] for name in named}


def look(meaning: str, number: int = 0) -> Look:
    """The look of a meaning; a method that has none of its own yet takes a spare one."""
    own = LOOKS.get(meaning) or SPARE[_nameless().index(meaning) % len(SPARE)]
    return own.variant(number)


def meaning_of(source: object, name: str = "") -> tuple[str, int]:
    """What a source stands for ("" if nobody knows), and 1 if it begins from noise, else 0; as of ``looks``."""
    return _in_spec(_spec(source)) or _in_words(name)


def _spec(source: object) -> dict:
    """The spec behind a record, scores, a spec or source, or the origin of a set, as plain data; empty if there is
    none."""
    spec = getattr(source, "spec", getattr(source, "origin", source))
    return spec if isinstance(spec, dict) else describe_spec(spec) if is_dataclass(spec) else {}


def _in_spec(spec: dict) -> tuple[str, int] | None:
    inner = [value for value in spec.values() if isinstance(value, dict)]
    begins = [one.get("init") for one in (spec, *inner)]
    if "type" in spec:
        plain = {Full.__name__: FULL, RandomReal.__name__: RANDOM, Start.__name__: START}.get(spec["type"])
    else:  # a set's origin: one that no method has moved says only how it began
        plain = None if "method" in spec else {"real": RANDOM, "noise": START}.get(begins[0], begins[0])
    meaning = plain or spec.get("method")
    if meaning in _known():
        return meaning, int("noise" in begins)
    return next(filter(None, map(_in_spec, inner)), None)


def _in_words(name: str) -> tuple[str, int]:
    words = name.lower().replace(",", " ").replace(":", " ").replace("'s", " ").split()
    noise = int("noise" in words)
    for meaning in (START, FULL):
        if meaning in words:
            return meaning, noise
    said = {word: method for method, found in METHODS.items()
            for word in (method, found.__name__.lower(), *found.PRESETS)
            if sum(word in other.PRESETS for other in METHODS.values()) < 2}
    named = [said[word] for word in words if word in said] or [word for word in words if word in _known()]
    return (named[0] if named else "", noise)


def _known() -> list[str]:
    """All meanings, those with a look of their own first."""
    return [*LOOKS, *_nameless()]


def _nameless() -> list[str]:
    """Methods, and rules that choose real images, without a look of their own."""
    return sorted({*METHODS, *coresets.METHODS} - {*LOOKS})


def _spare() -> Iterator[Look]:
    """Looks that no meaning has."""
    for number in count(len(_nameless())):
        yield SPARE[number % len(SPARE)].variant(number // len(SPARE))


def lightness(color) -> float:
    """How light a colour is in grey, in [0, 1]."""
    return sum(weight * part for weight, part in zip((0.299, 0.587, 0.114), to_rgb(color), strict=True))


def _mixed(color: str, share: float) -> str:
    """The colour with a share of white in it, or of black if the share is negative."""
    return to_hex([part + abs(share) * ((share > 0) - part) for part in to_rgb(color)])


def name_rows(axes: Axes, shown: Mapping[str, Look]) -> None:
    """Name the rows of a map (the first at 0), with a piece of each row's colour and hatch beside its name."""
    axes.set_yticks(range(len(shown)), list(shown))
    axes.tick_params(axis="y", pad=20)
    inches = axes.figure.dpi_scale_trans + ScaledTranslation(0, 0, axes.transAxes)  # from the left edge of the map
    for row, look_of in enumerate(shown.values()):
        axes.add_patch(Rectangle((-0.25, row - 0.3), 0.18, 0.6, clip_on=False, **look_of.bar,
                                 transform=blended_transform_factory(inches, axes.transData)))


def band(axes: Axes, mean: float, half: float, beside: str = "") -> None:
    """A line at what networks reach on the full data (in %), ``half`` to either side of it shaded, and the number
    below; what is to be said ``beside`` it makes it longer, and it stands above, where few sets get to."""
    color = LOOKS[FULL].color
    axes.axhline(mean, color=color, linewidth=1)
    axes.axhspan(mean - half, mean + half, color=color, alpha=0.2, linewidth=0)
    said, side = f"full data {mean:.2f} %" + f" ({beside})" * bool(beside), 1 if beside else -1
    axes.annotate(said, (0.02, mean + side * half), (0, 3 * side), textcoords="offset points",
                  va="bottom" if beside else "top", xycoords=("axes fraction", "data"), size=9)
