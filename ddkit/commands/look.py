"""``python -m ddkit show`` and ``runs``: looking at what was made."""

import shlex
from pathlib import Path

from ddkit.cli.options import add_json, add_runs, show
from ddkit.foundation.errors import InputError, require
from ddkit.foundation.progress import say

FIGURES = {"images", "change", "loss", "evolution"}  # that a set may be drawn in


def add_to(add) -> None:
    drawing = add("show", _show_run, "draw a distilled set: images, change, evolution, loss")
    drawing.add_argument("run", metavar="DIR", help="folder of a distillation or coreset")
    drawing.add_argument("--out", metavar="DIR", help="where the figures go (None: DIR/figures)")
    drawing.add_argument("--png", action="store_true", help="also write every image as a PNG, a folder per class")
    drawing.add_argument("--pt", metavar="FILE", help="also export the field's .pt layout")
    add_json(drawing)

    runs = add("runs", _runs, "list the lessons' runs that come with the repository, those made here, and those that "
                              "are at work or were interrupted")
    add_runs(runs)
    add_json(runs)


def _show_run(options) -> None:
    from ddkit import plots
    from ddkit.runs import Record
    from ddkit.synthetic import formats

    record = Record.load(options.run)
    kind = record.spec["type"]
    require(kind in ("Distill", "Coreset"), f"{options.run} holds no distilled or chosen images: name the folder of "
                                            "a distillation or coreset")
    folder = Path(options.out or Path(options.run) / "figures")
    drawn = {"images": plots.image_grid(record.synthetic)}
    if kind == "Distill":
        drawn |= {"change": plots.start_end_difference(record.synthetic), "loss": plots.loss_curve({"loss": record})}
        if record.evolution:
            drawn["evolution"] = plots.evolution(record)
    formats.require_no_others(path for path in folder.glob("*.p*") if path.stem in FIGURES - drawn.keys())
    images = formats.export_png(record.synthetic, folder / "png") if options.png else []
    paths = [*(path for name, figure in drawn.items() for path in plots.save(figure, folder, name)), *images]
    if options.pt:
        formats.export_pt(record.synthetic, options.pt)
        paths.append(Path(options.pt))
    text = f"{record}\n" + "\n".join(str(path) for path in paths if path.suffix == ".png" and path.parent == folder)
    show({"record": record.as_dict(), "files": [str(p) for p in paths]}, options, text)


def _runs(options) -> None:
    from ddkit.runs import RECORD, REFERENCE, Record, runs_root

    here, found = runs_root(options.runs), {}
    require(here.is_dir() or not here.exists(), f"{here} is no folder: name one that runs are kept in")
    for path in (path for folder in (REFERENCE, here) for path in sorted(folder.glob(f"*/{RECORD}"))):
        try:
            found[path] = Record.load(path.parent)
        except InputError as error:  # one of them must not hide the others
            found[path] = error
            say(f"ddkit: {error}", quiet=not options.json)
    unfinished = _unfinished(here)
    if not options.json:
        _say_where_others_are(here, bool(unfinished) or any(path.parent.parent == here for path in found))
    lines = [*map(str, found.values()), *(f"{Path(one['folder']).name}: {one['state']}" for one in unfinished)]
    finished = [{"folder": str(r.folder), **r.as_dict()} for r in found.values() if isinstance(r, Record)]
    show(finished + unfinished, options, "\n".join(lines))


def _say_where_others_are(here: Path, any_here: bool) -> None:
    """What is not listed: runs in folders of their own, and what else comes with the repository."""
    from ddkit.runs import RECORD, REFERENCE, shelves

    if not any_here:
        say(f"no runs in {here}: of others, name the folder that theirs lie in (--runs)")
    more = {shelf.name: len([*shelf.glob(f"*/{RECORD}")]) for shelf in shelves() if shelf != REFERENCE}
    say(f"further ones of the repository are listed by --runs {shlex.quote(str(REFERENCE))}/NAME, with NAME one of "
        f"{', '.join(f'{name} ({number})' for name, number in more.items())}")


def _unfinished(here: Path) -> list[dict]:
    """The runs in a folder that are at work or were interrupted: the ``folder`` of each, and its ``state`` in words."""
    from ddkit.runs import RECORD
    from ddkit.runs.working import STARTED, at_work

    begun = [path.parent for path in sorted(here.glob(f"*/{STARTED}")) if not (path.parent / RECORD).exists()]
    workers = {place: at_work(place) for place in begun}
    return [{"folder": str(place), "state": f"being worked on by {worker}" if worker else
             "interrupted, resumes when run again"} for place, worker in workers.items()]
