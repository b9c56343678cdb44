"""``python -m ddkit robustness``."""

from dataclasses import replace
from pathlib import Path

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


def add_to(add) -> None:
    parser = add("robustness", _robustness, "are networks trained on a set easily misled? FGSM and PGD beside noise")
    add_places(parser)
    sets.add_options(parser)
    parser.add_argument("--epsilons", default="0.02,0.05,0.1,0.2,0.3", help="largest changes of a pixel, in [0, 1], "
                                                                            "separated by commas")
    parser.add_argument("--images", type=int, default=1000, help="test images attacked")
    parser.add_argument("--steps", type=int, default=20, help="of PGD")
    parser.add_argument("--protocol", default="standard", help="of the networks: assignment, standard or another")
    parser.add_argument("--epochs", type=int, help="on the set, its start and random images (None: the protocol's)")
    parser.add_argument("--full-epochs", type=int, help="on the full data (None: the assignment's 20)")
    parser.add_argument("--seeds", type=int, default=5, help="networks to train in each row")
    parser.add_argument("--network", help="network to train (None: the distillation's)")
    parser.add_argument("--width", type=int, help="width of a ConvNet (None: the distillation's, else 128)")
    add_jobs(parser, "networks")
    parser.add_argument("--figure", metavar="DIR", help="draw accuracies by epsilon into this folder")
    add_json(parser)


def _robustness(options) -> None:
    from ddkit.applications.robustness import plots, report
    from ddkit.applications.robustness.spec import Robustness
    from ddkit.plots.style import save
    from ddkit.runs import run
    from ddkit.specs import Full

    sources, network, width = sets.sources(options)
    network = network if options.network is None else options.network
    require_width_used(options.width, [network])
    first = next(iter(sources.values()))
    epsilons = numbers(options.epsilons, "--epsilons")
    common = Robustness(first, epsilons, options.images, options.steps, options.protocol, network,
                        width_of(options, width), options.seeds, options.epochs)
    specs = {name: replace(common, of=source) for name, source in sources.items()}
    specs["full data"] = replace(common, of=Full(first.dataset, first.size), protocol="assignment",
                                 epochs=options.full_epochs)
    check_all(specs.values(), options)
    with side_by_side(options):
        records = {name: run(spec, root=options.runs, data=options.data) for name, spec in specs.items()}
    text = f"{sets.heading(sources)}\n\n{report.every_table(records)}"
    if options.figure:
        text += f"\n\n{save(plots.accuracy_by_epsilon(records), Path(options.figure), 'robustness')[0]}"
    show({name: record.as_dict() for name, record in records.items()}, options, text)
