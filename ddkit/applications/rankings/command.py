"""The commands ``python -m ddkit rank``, of a set, and ``rank-league``, of those that played: options and work."""

from ddkit.applications.league.command import add_options as league_options
from ddkit.applications.league.command import asked
from ddkit.cli import sets
from ddkit.cli.options import (
    add_jobs,
    add_json,
    add_places,
    check_all,
    numbers,
    require_width_used,
    show,
    side_by_side,
    width_of,
)
from ddkit.foundation.errors import require


def add_to(add) -> None:
    parser = add("rank", _rank, "DD-Ranking's scores: what a set's images are worth apart from labels and augmentation")
    add_places(parser)
    sets.add_options(parser)
    parser.add_argument("--augmentation", default="dsa", help="that counts as the set's tricks: dsa, autoaugment, "
                                                              "randaugment, imagenet or cifar")
    parser.add_argument("--rates", default="0.001,0.005,0.01,0.05,0.1", help="learning rates to choose from on "
                                                                             "validation data, separated by commas")
    parser.add_argument("--trials", type=int, default=1, help="networks trained at each rate for the choice")
    parser.add_argument("--seeds", type=int, default=5, help="networks trained at the rate chosen")
    parser.add_argument("--epochs", type=int, help="on the set and on random images (None: 1,000 augmented, 300 plain)")
    parser.add_argument("--full-epochs", type=int, help="on the full data (None: the assignment's 20)")
    parser.add_argument("--weight", type=float, default=0.5, help="of the improvement over random in LRS, and of what "
                                                                  "is augmented in ARS")
    parser.add_argument("--network", help="network to train (None: the distillation's)")
    parser.add_argument("--width", type=int, help="width of a ConvNet (None: the distillation's, else 128)")
    add_jobs(parser, "networks")
    add_json(parser)
    league = add("rank-league", _rank_league, "DD-Ranking's scores of the sets of pixels that played in a league")
    add_places(league)
    league_options(league)
    league.add_argument("--keep", metavar="DIR", help="copy the records into this folder, in few bytes")
    league.add_argument("--markdown", action="store_true", help="print the tables as GitHub's Markdown")
    add_jobs(league, "networks")
    add_json(league)


def _rank_league(options) -> None:
    from ddkit.applications.league.at_hand import at_hand
    from ddkit.applications.league.work import play
    from ddkit.applications.rankings import of_league
    from ddkit.stored.keeping import keep

    where = {"root": options.runs, "data": options.data}
    league = at_hand(asked(options), **where)
    require(league is not None, "none of these games has been played: play them first, with python -m ddkit league")
    with side_by_side(options):
        ranked = of_league.rank(play(league, **where), **where)
    require(ranked, "only sets of pixels are ranked, and all of these are made of something else: name others with "
                    "--methods")
    text = of_league.told(ranked, "github" if options.markdown else "simple")
    if options.keep:
        text += [f"{len(keep(of_league.records(ranked), options.keep))} records were copied to {options.keep}"]
    show(of_league.as_dict(ranked), options, "\n\n".join(text))


def _rank(options) -> None:
    from ddkit.applications.rankings import report
    from ddkit.data import load
    from ddkit.runs import run
    from ddkit.training.rankings import require_weight

    require_weight(options.weight)
    sources, network, width = sets.sources(options)
    source = next(iter(sources.values()))
    network = network if options.network is None else options.network
    require_width_used(options.width, [network])
    how = report.Training(options.augmentation, network, width_of(options, width), options.seeds, options.epochs,
                          numbers(options.rates, "--rates"), options.trials, options.full_epochs)
    kept = source.open(load(source.dataset, options.data, source.size))
    at_random = report.random_beside(source, len(kept.images), len(kept.classes))
    specs = report.arms(source, at_random, kept.soft, how)
    check_all(specs.values(), options)
    with side_by_side(options):
        records = {name: run(spec, root=options.runs, data=options.data) for name, spec in specs.items()}
    show(report.as_dict(records, options.weight), options,
         f"{sets.heading(sources)}\n\n{report.table(records, options.weight)}")
