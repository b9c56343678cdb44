"""``python -m ddkit league``."""

from pathlib import Path

from ddkit.cli.options import add_jobs, add_json, add_places, numbers, require_width_used, show, side_by_side
from ddkit.foundation.errors import Incomplete, require


def add_to(add) -> None:
    league = add("league", _league, "let methods distil in the same time and score their sets alike, beside published "
                                    "numbers; resumes")
    add_places(league)
    add_options(league)
    add_jobs(league, "entrants")
    league.add_argument("--figure", metavar="DIR", help="draw accuracy beside the starts', and against minutes and "
                                                              "bytes, into this folder")
    league.add_argument("--keep", metavar="DIR", help="copy the records into this folder, in few bytes")
    league.add_argument("--markdown", action="store_true", help="print the tables as GitHub's Markdown")
    add_json(league)


def add_options(league) -> None:
    """Which league it is."""
    league.add_argument("--profile", default="laptop", help="quick (digits, seconds), laptop (MNIST, minutes) "
                                                            "or full: what the other options begin with")
    league.add_argument("--dataset", help="data set (None: the profile's)")
    league.add_argument("--size", type=int, help="side length in pixels (None: the data set's own)")
    league.add_argument("--ipc", default="1,10", help="images per class, or as many bytes, separated by commas")
    league.add_argument("--methods", help="entrants, separated by commas (None: all)")
    league.add_argument("--minutes", type=float, help="of processor time for each set (None: the profile's)")
    league.add_argument("--updates", type=int, help="of each set, in place of the minutes")
    league.add_argument("--network", default="ConvNetD3", help="network to match and to train")
    league.add_argument("--width", type=int, help="its width (None: the profile's)")
    league.add_argument("--seeds", type=int, help="networks trained on each set (None: the profile's)")
    league.add_argument("--sets", type=int, default=1, help="distillations of each entrant, with other seeds")
    league.add_argument("--epochs", type=int, help="of the standard protocol (None: the profile's)")
    league.add_argument("--precision", help="of distillation and training: float32 or bfloat16 (None: the presets')")
    league.add_argument("--no-full", action="store_true", help="leave the full data out")


def _league(options) -> None:
    from ddkit.applications.league import plots, report
    from ddkit.applications.league.work import play
    from ddkit.plots.style import save
    from ddkit.stored.keeping import keep

    league = asked(options)
    with side_by_side(options):
        played = play(league, root=options.runs, data=options.data)
    text = report.told(played, "github" if options.markdown else "simple")
    if options.figure and played.games:
        drawn = {"league-ranked": plots.ranked(played), "league-minutes": plots.against_minutes(played),
                 "league-bytes": plots.against_bytes(played)}
        text += "\n\n" + "\n".join(str(save(figure, Path(options.figure), name)[0]) for name, figure in drawn.items())
    if options.keep:
        text += f"\n\n{len(keep(played.records, options.keep))} records were copied to {options.keep}"
    show(report.as_dict(played), options, text)
    if played.failed:
        raise Incomplete(f"{len(played.failed)} of {len(league.games)} rows are missing: "
                         f"{'; '.join(played.failed.values())}")


def asked(options):
    """The league that the options name, over that of the profile."""
    from ddkit.applications.league.entrants import ENTRANTS
    from ddkit.applications.league.settings import of_profile

    given = {name: value for name in ("dataset", "size", "minutes", "updates", "width", "seeds", "epochs", "precision")
             if (value := getattr(options, name)) is not None}
    require_width_used(options.width, [options.network])
    require(options.minutes is None or options.updates is None, "--minutes and --updates are two budgets: give one")
    names = tuple(options.methods.split(",")) if options.methods else tuple(ENTRANTS)
    return of_profile(options.profile, ipcs=numbers(options.ipc, "--ipc", int), entrants=names, network=options.network,
                      sets=options.sets, full=not options.no_full, **given)
