"""What sets are called, in as few words as tell them apart, and what they mean beside one another."""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from ddkit.specs import File, Full, RandomReal, Source, Start

METHOD, START, RANDOM, FULL = "method", "start", "random", "full"  # what a set stands for
# Fields that are said in other words, or beside the set.
_SAID = {"dataset", "size", "method", "preset", "ipc", "init", "plan", "options", "form", "form_options", "budget"}
_LONGEST = 24  # letters of a value


def meaning(source: Source) -> str:
    """What a source stands for in a comparison: the method's own set, its start, random real images, the full data."""
    return {Full: FULL, RandomReal: RANDOM, Start: START}.get(type(source), METHOD)


def tell_apart(sources: Iterable[Source], ipc: bool = True) -> dict[Source, str]:
    """A name for each source of a data set; those that would share one are told apart by the fields that differ.

    Args:
        ipc: name the images per class, or the bytes asked for in their place.
    """
    alike: dict[str, list[Source]] = {}
    for source in dict.fromkeys(sources):
        alike.setdefault(_base(source, ipc), []).append(source)
    names = {}
    for base, group in alike.items():
        told = [_told(source) for source in group]
        found = {name: {one.get(name) for one in told} for name in dict.fromkeys(n for one in told for n in one)}
        shown = {name: _shown(values - {None}) for name, values in found.items() if len(values) > 1}
        for source, one in zip(group, told, strict=True):
            names[source] = ", ".join([base, *(f"{name} {shown[name][one[name]]}" for name in shown if name in one)])
    return names


def _shown(values: set[str]) -> dict[str, str]:
    """Values as they are printed: cut, unless that makes two of them one."""
    cut = {value: value[:_LONGEST] for value in values}
    return cut if len({*cut.values()}) == len(values) else {value: value for value in values}


def _base(source: Source, ipc: bool) -> str:
    """The name of a source by what it is; further fields are left out."""
    if isinstance(source, Full):
        return "full data"
    if isinstance(source, File):
        return Path(source.path).name
    if isinstance(source, Start):
        if not source.drawn:
            return f"start of {_base(source.of, ipc)}"
        form = "" if source.of.form == "pixels" else f" as {source.of.form}"
        return f"start: {_sized(source.of.init + form, source.of, ipc)}"
    if isinstance(source, RandomReal):
        return _sized("random real", source, ipc)
    told = [source.method, *(words.format(getattr(source, name)) for name, words in _IN_NAME.items()
                             if getattr(source, name, None) not in (_default(source, name), "pixels"))]
    return _sized(" ".join(told), source, ipc)


# What a name says of a set, besides its method, where it is no default.
_IN_NAME = {"preset": "{}", "init": "from {}", "form": "as {}"}


def _sized(name: str, source: Source, ipc: bool) -> str:
    size = f"{source.budget:,} bytes" if images_per_class(source) is None else f"{source.ipc} per class"
    return f"{name}, {size}" if ipc else name


def images_per_class(source: Source) -> int | None:
    """How many a source asks for; None of one that does not say, or asks for bytes."""
    return getattr(source, "ipc", None) if getattr(source, "budget", None) is None else None


def _default(source: Source, field: str):
    return next((f.default for f in fields(source) if f.name == field), None)


def _told(source: Source) -> dict[str, str]:
    """Values of further fields and options, by name; what is None is left out."""
    if isinstance(source, Start) and source.drawn:
        values = {"seed": source.of.seed, **dict(source.of.form_options)}  # which decide it, beside what its name says
    else:
        inner = source.of if isinstance(source, Start) else source
        values = {f.name: getattr(inner, f.name) for f in fields(inner) if f.name not in _SAID}
        values |= dict(getattr(inner, "options", ()))
        values |= {f"form's {name}" if hasattr(inner.config, name) else name: value
                   for name, value in getattr(inner, "form_options", ())}
    return {name: str(value) for name, value in values.items() if value is not None}
