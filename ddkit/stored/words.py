"""What sets are called, in as few words as tell them apart, and what they mean beside one another."""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from ddkit.specs import File, Full, RandomReal, Source, Start

METHOD, START, RANDOM, FULL = "method", "start", "random", "full"  # what a set stands for
# Fields that are said in other words, or beside the set.
_SAID = {"dataset", "size", "method", "preset", "ipc", "init", "plan", "options", "form", "form_options"}
_LONGEST = 24  # letters of a value


def meaning(source: Source) -> str:
    """What a source stands for in a comparison: the method's own set, its start, random real images, the full data."""
    return {Full: FULL, RandomReal: RANDOM, Start: START}.get(type(source), METHOD)


def tell_apart(sources: Iterable[Source], ipc: bool = True) -> dict[Source, str]:
    """A name for each source of a data set; those that would share one are told apart by the fields that differ.

    Args:
        ipc: name the images per class.
    """
    alike: dict[str, list[Source]] = {}
    for source in dict.fromkeys(sources):
        alike.setdefault(_base(source, ipc), []).append(source)
    names = {}
    for base, group in alike.items():
        told = [_told(source) for source in group]
        differing = [name for name in dict.fromkeys(n for one in told for n in one)
                     if len({one.get(name) for one in told}) > 1]
        for source, one in zip(group, told, strict=True):
            names[source] = ", ".join([base, *(one[name] for name in differing if one.get(name))])
    return names


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
    return f"{name}, {source.ipc} per class" if ipc else name


def _default(source: Source, field: str):
    return next((f.default for f in fields(source) if f.name == field), None)


def _told(source: Source) -> dict[str, str]:
    """What further fields and options say, by name; of a default nothing is said but in numbers."""
    if isinstance(source, Start) and source.drawn:
        options = {name: f"{name} {str(value)[:_LONGEST]}" for name, value in source.of.form_options}
        return {"seed": f"seed {source.of.seed}"} | options  # which decide it, beside what its name says
    inner = source.of if isinstance(source, Start) else source
    values = {f.name: getattr(inner, f.name) for f in fields(inner) if f.name not in _SAID}
    values |= dict(getattr(inner, "options", ())) | dict(getattr(inner, "form_options", ()))
    return {name: f"{name} {str(value)[:_LONGEST]}" for name, value in values.items() if value is not None}
