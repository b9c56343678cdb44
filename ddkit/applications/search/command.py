"""The command ``python -m ddkit search``: its options and its work."""

from pathlib import Path

from ddkit.cli import sets
from ddkit.cli.options import add_jobs, add_json, add_places, check_all, show, side_by_side
from ddkit.foundation.errors import InputError, require


def add_to(add) -> None:
    parser = add("search", _search, "choose among many networks by training them on a distilled set; was it right?")
    add_places(parser)
    sets.add_options(parser)
    parser.add_argument("--depths", default="1,2,3,4", help="of the networks, separated by commas")
    parser.add_argument("--widths", default="32,64,128,256", help="of the networks")
    parser.add_argument("--norms", default="none,batch,layer,instance,group", help="of the networks")
    parser.add_argument("--activations", default="sigmoid,relu,leakyrelu", help="of the networks")
    parser.add_argument("--poolings", default="none,max,avg", help="of the networks")
    parser.add_argument("--number", type=int, help="networks to draw from these combinations (None: all)")
    parser.add_argument("--protocol", default="standard", help="on the set: assignment, standard or matched")
    parser.add_argument("--epochs", type=int, help="on the set, instead of the protocol's own length")
    parser.add_argument("--full-epochs", type=int, help="on the full data, instead of the assignment's 20")
    parser.add_argument("--seeds", type=int, default=1, help="networks trained for each candidate")
    add_jobs(parser, "networks")
    parser.add_argument("--no-full", action="store_true", help="only rank by the set; leave the full data out")
    add_json(parser)


def _search(options) -> None:
    sources, _, _ = sets.sources(options)
    sources.pop("start", None)
    content, text = work(sources, options)
    show(content, options, f"{sets.heading(sources)}\n\n{text}")


def work(sources: dict, options) -> tuple[dict, str]:
    """Search on every source and on the full data, and test what was chosen; returns plain data and text.

    Args:
        sources: the distilled set and what it is compared with, by name.
    """
    from ddkit.applications.search import report
    from ddkit.applications.search.ranking import FEWEST
    from ddkit.applications.search.spec import Search
    from ddkit.runs import run
    from ddkit.specs import Full, origin

    require(not options.no_full or options.full_epochs is None, "--full-epochs is of the full data, which --no-full "
                                                                "leaves out: leave it out, too")
    asked = origin(next(iter(sources.values())))
    grid, where = _grid(options), {"root": options.runs, "data": options.data}
    full = Search(Full(asked.dataset, asked.size), grid, "assignment", options.full_epochs, seeds=options.seeds)
    specs = {name: Search(source, grid, options.protocol, options.epochs, seeds=options.seeds)
             for name, source in sources.items()}
    require(options.no_full or len(grid.candidates) >= FEWEST,
            f"rankings are compared for at least {FEWEST} networks, and these are {len(grid.candidates)}: ask for "
            "more, or leave the full data out (--no-full)")
    check_all([full, *specs.values()], options)
    with side_by_side(options):
        found = {name: run(spec, **where) for name, spec in specs.items()}
        if options.no_full:
            return {name: record.as_dict() for name, record in found.items()}, report.ranked(found)
        truth = run(full, **where)
    seconds = {name: _seconds(options.run, **where) if name == "distilled" else 0.0 for name in found}
    comparisons = {name: report.compare(record, truth, seconds[name]) for name, record in found.items()}
    tested = report.finals(full, comparisons, **where)
    content = {name: report.as_dict(comparison) for name, comparison in comparisons.items()}
    content["tested"] = {name: record.scores.summary() for name, record in tested.items()}
    return content, report.tables(comparisons, tested, "simple")


def _grid(options):
    from ddkit.applications.search.spec import CHOICES, KNOWN, Grid

    values = {}
    for choice, plural in CHOICES.items():
        names = getattr(options, plural).split(",")
        try:
            values[plural] = tuple(names if choice in KNOWN else map(int, names))
        except ValueError as error:
            raise InputError(f"--{plural} takes whole numbers separated by commas, got "
                             f"'{getattr(options, plural)}'") from error
    return Grid(**values, number=options.number)


def _seconds(path: str, **where) -> float:
    """Seconds that the distillation in a folder took, its experts' training included; those of a set that came as a
    file are unknown."""
    from ddkit.applications.search.report import seconds_of
    from ddkit.runs import RECORD, Record

    return seconds_of(Record.load(path), **where) if (Path(path) / RECORD).exists() else 0.0
